"""The text exposition format."""

import math
import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_data import (
    TIME,
    batch,
    counter,
    gauge,
    histogram,
    histogram_point,
    point,
)
from test_series_columns import as_lists, batches

from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.floats import format_float
from otel_kubecost.exporters.series.model import Family, Sample, Series, Type
from otel_kubecost.exporters.series.translate import Translator


def page(data, **options):
    return render(Translator().translate(data), **options).decode()


def test_a_page_has_help_type_and_series():
    """A family is its help, its type and a line a series, without time."""
    data = batch(
        gauge("cost", point(1.5, {"ns": "a", "b": "c"}), description="Cost per hour."),
        counter("errors", point(3)),
    )
    assert page(data) == (
        "# HELP cost Cost per hour.\n"
        "# TYPE cost gauge\n"
        'cost{b="c",ns="a"} 1.5\n'
        "# TYPE errors_total counter\n"
        "errors_total 3\n"
    )


def test_a_histogram_is_written_bucket_by_bucket():
    """Buckets ascend in le, not in the text of le; sum and count follow; histograms keep apart."""
    points = [histogram_point([1, 2, 3], [9.0, 10.0], attributes={"h": host}) for host in "ba"]
    assert page(batch(histogram("m", *points))).splitlines()[:7] == [
        "# TYPE m histogram",
        'm_bucket{h="a",le="9"} 1',
        'm_bucket{h="a",le="10"} 3',
        'm_bucket{h="a",le="+Inf"} 6',
        'm_sum{h="a"} 10',
        'm_count{h="a"} 6',
        'm_bucket{h="b",le="9"} 1',
    ]


def test_times_are_written_on_request():
    """With timestamps every sample has its own; without, a series is its newest sample."""
    data = batch(gauge("m", point(2, time=TIME + 1), point(1)))
    assert page(data) == "# TYPE m gauge\nm 2\n"
    assert page(data, timestamps=True) == f"# TYPE m gauge\nm 1 {TIME}\nm 2 {TIME + 1}\n"


def test_the_order_of_data_does_not_matter():
    """Families are sorted by name and series by labels: the same data is the same page."""
    metrics = [gauge(name, point(1, {"le": "b"}), point(2, {"le": "a"})) for name in "zab"]
    backwards = [gauge(name, point(2, {"le": "a"}), point(1, {"le": "b"})) for name in "baz"]
    assert page(batch(*metrics)) == page(batch(*backwards))
    assert page(batch(*metrics)).startswith('# TYPE a gauge\na{le="a"} 2\na{le="b"} 1\n# TYPE b')


@pytest.mark.parametrize("name", ["series_count", "a_sum", "a_bucket"])
def test_a_gauge_with_a_histograms_suffix_is_untyped(name):
    """Such a gauge is declared untyped; a histogram and a counter keep their types."""
    assert page(batch(gauge(name))) == f"# TYPE {name} untyped\n{name} 1\n"


def test_help_is_escaped():
    """Line breaks and backslashes of a description do not end its line; quotes stay."""
    data = batch(gauge("m", description='a\nb\\c "d"'))
    assert page(data).startswith('# HELP m a\\nb\\\\c "d"\n')


def test_a_histogram_keeps_its_type_whatever_its_name():
    """A histogram called sum is a histogram."""
    data = batch(histogram("a_sum", histogram_point([1], [])))
    assert page(data).startswith("# TYPE a_sum histogram\na_sum_bucket{")


@given(st.floats())
def test_values_read_back_as_they_were(value):
    """Every value's text is the same float, NaN included."""
    text = format_float(value)
    assert struct.pack("d", float(text)) == struct.pack("d", value) or math.isnan(value)
    assert math.isnan(float(text)) == math.isnan(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.5, "0.5"), (1e16, "1e+16"), (math.inf, "+Inf"), (-math.inf, "-Inf"),
     (math.nan, "NaN"), (-0.0, "-0"), (1e-9, "1e-09")],
)  # fmt: skip
def test_values_are_written_as_go_writes_them(value, text):
    """Whole numbers without a fraction, infinities with their sign."""
    assert format_float(value) == text


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text(
    '\\"\n{},= é', min_size=1, max_size=5
)
LABELS = st.dictionaries(st.sampled_from(["a", "b_1", "le", "Z"]), TEXT, max_size=3)


@settings(deadline=None)
@given(st.lists(LABELS, unique_by=lambda labels: tuple(sorted(labels.items())), max_size=5), TEXT)
def test_any_label_text_reads_back(label_sets, help_text):
    """A parser written from the format's description finds every label and value again."""
    series = [
        Series(tuple(sorted({**labels, "__name__": "m"}.items())), (Sample(TIME, float(at)),))
        for at, labels in enumerate(label_sets)
    ]
    family = Family("m", Type.GAUGE, series, help_text)
    got = parse(render([family], timestamps=True).decode())
    assert got.pop("help") == help_text
    assert got == {one.labels: (one.samples[0].value, TIME) for one in series}


LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+) (\d+)')
PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')


def parse(text):
    """Series of a page by their labels, and its help; lines end at line feeds alone."""
    found = {}
    *lines, last = text.split("\n")
    assert last == ""
    for line in lines:
        if line.startswith("# HELP m "):
            found["help"] = unescape(line.removeprefix("# HELP m "))
        if line.startswith("#"):
            continue
        name, labels, value, time = LINE.fullmatch(line).groups()
        pairs = [(key, unescape(text)) for key, text in PAIR.findall(labels or "")]
        assert PAIR.sub("", labels or "") == ""
        found[tuple(sorted([*pairs, ("__name__", name)]))] = (float(value), int(time))
    return found


def unescape(text):
    return re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), text)


@settings(deadline=None, max_examples=200)
@given(batches(), st.booleans())
def test_columns_and_lists_are_written_alike(data, timestamps):
    """The page of columns, made from ready label texts, is the page of the same data as lists."""
    assert page(data, timestamps=timestamps) == page(as_lists(data), timestamps=timestamps)
