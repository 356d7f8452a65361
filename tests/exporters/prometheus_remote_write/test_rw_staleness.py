"""Stale markers: which series have left, and when."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.prometheus_remote_write.staleness import STALE_NAN, StaleMarkers
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn

MINUTE = 60_000


def columns(name, pods, time, table=None):
    """A family over columns with one series a pod, at ``time`` milliseconds."""
    rows = sorted(pods)
    table = table or AttributeTable.of(["pod"], [(pod,) for pod in rows])
    points = PointColumns.of(table, [1.0] * len(rows), time_unix_nano=time * 1_000_000)
    labels = [("__name__", name), ("pod", table.columns[0]), ("tenant_id", "t")]
    return Family(name, Type.GAUGE, ColumnSeries(labels, points))


def plain(name, pods, time):
    """The same family, its series built."""
    return Family(name, Type.GAUGE, list(columns(name, pods, time).series))


def scope(*families, origin=("resource", "scope")):
    return ScopeFamilies(origin, list(families), max((one.newest for one in families), default=0))


def departed(markers, *scopes):
    """Names and pods with the time of their marker; checks that each is a marker."""
    found = {}
    for family in markers.departed(scopes):
        for series in family.series:
            ((time, value),) = series.samples
            assert struct.pack("<d", value) == (0x7FF0000000000002).to_bytes(8, "little")
            labels = dict(series.labels)
            found[labels["__name__"], labels.get("pod")] = time
    return found


PODS = st.frozensets(st.sampled_from("abcdefg"))
SHAPES = st.sampled_from([columns, plain])


@given(st.lists(st.tuples(SHAPES, PODS), min_size=1, max_size=6))
def test_exactly_the_series_that_left_are_marked(history):
    """Whatever comes and goes, in columns or not, a marker stands for what was there before and
    is not now, once, at the time of the batch that lacks it.
    """
    markers, before = StaleMarkers(), frozenset()
    for at, (shape, pods) in enumerate(history):
        time = (at + 1) * MINUTE
        gone = departed(markers, scope(shape("m", pods, time), plain("always", "x", time)))
        assert gone == {("m", pod): time for pod in before - pods}
        before = pods


class CountedColumn(StringColumn):
    """Counts how often a row is read."""

    __slots__ = ("reads",)

    def __getitem__(self, row):
        self.reads = getattr(self, "reads", 0) + 1
        return super().__getitem__(row)


def counted(pods):
    column = StringColumn.of(sorted(pods))
    return AttributeTable(["pod"], [CountedColumn(column.codes, column.values)], len(pods))


def test_a_table_is_compared_once_for_all_metrics_over_it():
    """A new scrape brings a new table: each of its rows is read once, not once a metric."""
    markers, old, new = StaleMarkers(), counted("abc"), counted("bcd")
    departed(markers, scope(*(columns(name, "abc", 1, old) for name in "xyz")))
    gone = departed(markers, scope(*(columns(name, "bcd", 2, new) for name in "xyz")))
    assert gone == {(name, "a"): 2 for name in "xyz"}
    assert new.columns[0].reads == 3


def test_metrics_over_one_table_may_have_other_rows_of_it():
    """What has left is told by the rows of each metric, not by the table alone."""
    markers = StaleMarkers()
    old, new = (AttributeTable.of(["pod"], [(pod,) for pod in "abc"]) for _ in range(2))
    departed(markers, scope(columns("x", "abc", 1, old), columns("y", "abc", 1, old)))
    fewer = columns("y", "abc", 2, new)
    points = fewer.series.points.select([0, 2])
    fewer = Family("y", Type.GAUGE, ColumnSeries(fewer.series.labels, points))
    assert departed(markers, scope(columns("x", "abc", 2, new), fewer)) == {("y", "b"): 2}


def test_a_metric_that_vanishes_takes_all_its_series_along():
    """A GPU cost that is no longer reported ends for every namespace."""
    markers = StaleMarkers()
    departed(markers, scope(columns("gpu", "ab", 1), columns("cpu", "ab", 1)))
    assert departed(markers, scope(columns("cpu", "ab", 2))) == {("gpu", "a"): 2, ("gpu", "b"): 2}


def test_an_emptied_scope_says_when_its_series_ended():
    """Data that became too old is ended at a mark of the grid, so that two agents agree."""
    markers = StaleMarkers()
    departed(markers, scope(columns("m", "a", MINUTE)))
    emptied = ScopeFamilies(("resource", "scope"), [], time=2 * MINUTE)
    assert departed(markers, emptied) == {("m", "a"): 2 * MINUTE}


def test_a_scope_that_says_no_time_ends_right_after_its_last_sample():
    """A marker is never older than what it ends, and never from the future."""
    markers = StaleMarkers()
    departed(markers, scope(columns("m", "a", MINUTE)))
    assert departed(markers, scope()) == {("m", "a"): MINUTE + 1}


def test_scopes_do_not_end_each_others_series():
    """Two receivers on one exporter: the batch of one says nothing of the other's series."""
    markers = StaleMarkers()
    one, other = ("resource", "one"), ("resource", "other")
    departed(markers, scope(columns("m", "a", 1), origin=one))
    assert departed(markers, scope(columns("m", "b", 2), origin=other)) == {}
    assert departed(markers, scope(origin=one)) == {("m", "a"): 2}


def test_a_changed_label_ends_the_old_series():
    """A new currency is a new series, and the old one is over."""
    markers = StaleMarkers()
    old = Family("m", Type.GAUGE, [Series((("__name__", "m"), ("pod", "a")), [Sample(1, 1.0)])])
    new = Family("m", Type.GAUGE, [Series((("__name__", "m"), ("pod", "b")), [Sample(2, 1.0)])])
    departed(markers, scope(old))
    assert departed(markers, scope(new)) == {("m", "a"): 2}


def test_the_marker_is_not_an_ordinary_nan():
    """Its bits are what tells it apart; arithmetic on it would lose them."""
    ordinary = struct.pack("<d", float("nan"))
    assert struct.pack("<d", STALE_NAN) != ordinary


def test_a_series_that_two_scopes_share_ends_with_the_last_of_them():
    """Relabelling makes one series of two; a marker beside its sample would be refused."""
    markers = StaleMarkers()
    one, other = ("stream", "one"), ("stream", "other")
    departed(
        markers, scope(columns("m", "a", 1), origin=one), scope(columns("m", "a", 1), origin=other)
    )
    went = scope(columns("x", "a", 2), origin=one)
    assert departed(markers, went, scope(columns("m", "a", 2), origin=other)) == {}
    assert departed(markers, went, scope(columns("x", "b", 3), origin=other)) == {("m", "a"): 3}


def test_a_series_that_leaves_two_scopes_at_once_is_marked_once():
    """The same series and time twice in one request is against the protocol."""
    markers = StaleMarkers()
    scopes = [scope(columns("m", "a", 1), origin=("stream", name)) for name in ("one", "other")]
    departed(markers, *scopes)
    gone = [scope(columns("x", name, 2), origin=("stream", name)) for name in ("one", "other")]
    families = markers.departed(gone)
    assert [len(family.series) for family in families] == [1]


def test_a_marker_is_described_as_its_series_was():
    """Remote write 2.0 describes each series: a marker without help would take it away."""
    markers = StaleMarkers()
    old = Family("m", Type.COUNTER, list(plain("m", "a", 1).series), "About m.", "By")
    departed(markers, scope(old))
    (family,) = markers.departed([scope(plain("x", "a", 2))])
    assert (family.type, family.help, family.unit) == (Type.COUNTER, "About m.", "By")
