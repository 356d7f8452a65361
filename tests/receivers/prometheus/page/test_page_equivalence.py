"""A reader that remembers says what one says that does not, whatever pages come one after another.

Series come and go, move and are repeated; lines get times and exemplars and lose them; blocks are
divided by comments and longer than those that are read at once; pages fail and recover.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from page_reading import NOW, SECOND, TARGET, points, reader
from plain_pages import PlainReader

from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, TEXT, ExpositionError
from otel_kubecost.receivers.prometheus.page import Labelling
from otel_kubecost.relabel.rule import RelabelRule

RULES = [
    {"source_labels": ["x"], "regex": "4", "action": "drop"},
    {"source_labels": ["x"], "regex": "3", "target_label": "job", "replacement": "other"},
    {"source_labels": ["x"], "regex": "(5)", "target_label": "z"},
]
LABELS = ["", "{}", '{x=""}', *(f'{{x="{x}"}}' for x in range(6)), '{y="a b",x="1"}', '{y=" # "}']
NUMBERS = ["1", "2", "NaN", "-Inf", "1e3"]
TIMES = ["", "", "", *(str(NOW + offset) for offset in (-1, 0, 1, 700_000))]
EXEMPLARS = ["", "", ' # {id="1"} 1', ' # {id=" # "} 2 1.5']

KEYS = st.sampled_from(LABELS)
ENDS = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(TIMES), st.sampled_from(EXEMPLARS))
ROWS = st.lists(st.tuples(KEYS, ENDS), max_size=8)
BAD = st.sampled_from([None] * 6 + ["bad", '{x="1",x="2"} 1'])
PAGES = st.lists(st.tuples(ROWS, ROWS, BAD, st.booleans()), min_size=2, max_size=5)


def without_times(rows):
    return [(labels, (value, "", exemplar)) for labels, (value, _, exemplar) in rows]


def text_of(page, page_format):
    """Two families, the second one with a comment within where the page says so."""
    first, second, bad, is_divided = page
    lines = [*_lines("a", first, page_format), "# HELP b B."]
    # How far a series has come is known by block: those with times stand in one.
    of_second = [*_lines("b", without_times(second), page_format)]
    middle = len(of_second) // 2 if is_divided else 0
    lines += of_second[:middle] + (["# TYPE b gauge"] if is_divided else []) + of_second[middle:]
    if bad:
        lines.append(f"c{bad}")
    end = ["# EOF"] if page_format is OPENMETRICS else []
    return "".join(f"{line}\n" for line in (*lines, *end)).encode()


def _lines(name, rows, page_format):
    for labels, (value, time, exemplar) in rows:
        if page_format is OPENMETRICS:
            shown = f" {int(time) / 1000}" if time else ""
            yield f"{name}{labels} {value}{shown}{exemplar}"
        else:
            yield f"{name}{labels} {value} {time}".rstrip(" ")


def remembered(by, body, page_format, now):
    """As ``PlainReader.read``."""
    try:
        page = by.read([body], page_format, now)
    except ExpositionError:
        return None, (by.last.scraped, by.last.kept, by.last.added)
    return points(page.metrics), page[1:]


@settings(max_examples=80, deadline=None)
@given(PAGES, st.sampled_from([TEXT, OPENMETRICS]), st.booleans(), st.booleans())
def test_what_is_remembered_changes_nothing(pages, page_format, honor_labels, honor_timestamps):
    """The same samples are sent, and the same ones counted, as by the reader of lines."""
    options = {"honor_labels": honor_labels, "honor_timestamps": honor_timestamps}
    by = reader(rules=RULES, **options)
    rules = [RelabelRule.model_validate(rule) for rule in RULES]
    plain = PlainReader(Labelling(TARGET, honor_labels, rules), honor_timestamps)
    for number, page in enumerate(pages):
        now, body = NOW + number * SECOND, text_of(page, page_format)
        sent, counts = remembered(by, body, page_format, now)
        expected, plain_counts = plain.read(body, page_format, now)
        # A value that differs within its own block is counted there, whatever stands above.
        compared = slice(0, 3) if page[-1] else slice(None)
        assert counts[compared] == plain_counts[compared]
        assert (sent is None) == (expected is None)
        assert sorted(map(repr, sent or ())) == sorted(map(repr, expected or ()))


@settings(max_examples=80, deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=4))
def test_tables_that_were_changed_are_as_those_made_anew(pages):
    """Same keys, same numbers, same strings, in the same order."""
    by = reader()
    for number, rows in enumerate(pages):
        lines = _lines("a", without_times(rows), TEXT)
        body = "".join(f"{line}\n" for line in lines).encode()
        found = by.read([body], TEXT, NOW + number)
        anew = reader().read([body], TEXT, NOW + number)
        assert [*map(drawn, found.metrics)] == [*map(drawn, anew.metrics)]


def drawn(metric):
    columns = metric.data.data_points
    return (
        metric.name,
        columns.constant,
        columns.table.keys,
        [(list(one.codes), list(one.values)) for one in columns.table.columns],
        columns.rows,
        list(map(repr, columns.values)),
    )
