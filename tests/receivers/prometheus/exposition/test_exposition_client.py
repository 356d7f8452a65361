"""The same as prometheus_client's parsers find, where those are right.

They are not of times in text with an exponent, of blanks and commas where Prometheus needs none,
of blanks at the ends of help, of quotes in the labels of exemplars, and of counters in OpenMetrics
without ``_total``: of such there is nothing here.
"""

import math

from exposition_pages import PlainPage
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families
from test_exposition_lines import ANY_TEXT, LABEL_NAMES, in_quotes, key

from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, TEXT

VALUES = st.floats()
NAMES = LABEL_NAMES.filter(lambda name: not name.startswith("__"))
"""The library refuses all names that are reserved."""
LABEL_SETS = st.dictionaries(NAMES, ANY_TEXT, max_size=3)
"""Maps: repeated labels are for others to refuse."""


def same(ours, theirs):
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def their_samples(families):
    return [sample for family in families for sample in family.samples]


def check_samples(ours, theirs):
    """Names, labels and values, in the order of the page, and times that were written."""
    assert len(ours) == len(theirs)
    for (name, labels, value, time, exemplar), sample in zip(ours, theirs, strict=True):
        assert (name, dict(labels)) == (sample.name, sample.labels)
        assert same(value, sample.value)
        assert (time is None) == (sample.timestamp is None)
        if time is not None:
            assert abs(time - float(sample.timestamp) * 1000) <= 1
        assert (exemplar is None) == (sample.exemplar is None)
        if exemplar is not None:
            assert (dict(exemplar.labels), exemplar.value) == sample.exemplar[:2]


NOW_MS = st.integers(0, 2**42)


@given(st.lists(st.tuples(LABEL_SETS, VALUES, st.one_of(st.none(), NOW_MS)), max_size=4))
def test_samples_of_text(rows):
    """Any labels and values, with times and without."""
    lines = [
        f"{key('foo', labels.items())} {value!r}{'' if time is None else f' {time}'}\n"
        for labels, value, time in rows
    ]
    page = "".join(lines)
    ours = PlainPage(page.encode(), TEXT).samples
    check_samples(ours, their_samples(text_string_to_metric_families(page)))


SECONDS = st.integers(0, 2**42).map(lambda time: time / 1000)
WITHOUT_QUOTES = st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=10)
SHORT = st.dictionaries(NAMES, WITHOUT_QUOTES, max_size=2)
EXEMPLARS = st.tuples(SHORT, VALUES.filter(math.isfinite), st.one_of(st.none(), SECONDS)).filter(
    lambda exemplar: len("".join(map("".join, exemplar[0].items()))) <= 128
)


def exemplar_text(labels, value, time):
    pairs = ",".join(f"{name}={in_quotes(text)}" for name, text in labels.items())
    return f" # {{{pairs}}} {value!r}{'' if time is None else f' {time!r}'}"


@given(
    LABEL_SETS,
    st.floats(0, allow_nan=False),
    st.one_of(st.none(), SECONDS),
    st.one_of(st.none(), EXEMPLARS),
)
def test_a_counter_of_openmetrics(labels, value, time, exemplar):
    """Any labels, any total, with and without a time and an exemplar."""
    line = f"{key('foo_total', labels.items())} {value!r}{'' if time is None else f' {time!r}'}"
    line += exemplar_text(*exemplar) if exemplar else ""
    page = f"# TYPE foo counter\n{line}\n# EOF\n"
    ours = PlainPage(page.encode(), OPENMETRICS).samples
    check_samples(ours, their_samples(parser.text_string_to_metric_families(page)))


@given(LABEL_SETS, VALUES)
def test_a_gauge_of_openmetrics(labels, value):
    """Any labels and values, NaN and infinities too."""
    page = f"# TYPE foo gauge\n{key('foo', labels.items())} {value!r}\n# EOF\n"
    ours = PlainPage(page.encode(), OPENMETRICS).samples
    check_samples(ours, their_samples(parser.text_string_to_metric_families(page)))


HELP = ANY_TEXT.map(lambda text: text.strip().replace("\\", "\\\\").replace("\n", "\\n"))


@given(HELP, st.sampled_from(["gauge", "summary", "histogram", "untyped"]))
def test_descriptions_of_text(text, kind):
    """Help with its escapes undone, and the type."""
    page = f"# HELP foo {text}\n# TYPE foo {kind}\n"
    about, of_type = PlainPage(page.encode(), TEXT).comments
    (family,) = text_string_to_metric_families(page)
    assert (about.text, of_type.text) == (
        family.documentation,
        family.type.replace("known", "typed"),
    )


@given(HELP.map(lambda text: text.replace('"', '\\"')))
def test_descriptions_of_openmetrics(text):
    """Help, type and unit."""
    page = f"# HELP foo_bytes {text}\n# TYPE foo_bytes gauge\n# UNIT foo_bytes bytes\n# EOF\n"
    comments = PlainPage(page.encode(), OPENMETRICS).comments
    (family,) = parser.text_string_to_metric_families(page)
    found = [comment.text for comment in comments]
    assert found == [family.documentation, family.type, family.unit]
