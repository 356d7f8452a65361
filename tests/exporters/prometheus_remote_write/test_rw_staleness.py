"""Stale markers: which series have left, and when."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rw_families import at_any_pace

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


def columns(name, pods, time, table=None, tenant="t"):
    """A family over columns with one series a pod, at ``time`` milliseconds."""
    rows = sorted(pods)
    table = table or AttributeTable.of(["pod"], [(pod,) for pod in rows])
    points = PointColumns.of(table, [1.0] * len(rows), time_unix_nano=time * 1_000_000)
    labels = [("__name__", name), ("pod", table.columns[0]), ("tenant_id", tenant)]
    return Family(name, Type.GAUGE, ColumnSeries(labels, points))


def plain(name, pods, time):
    """The same family, its series built."""
    return Family(name, Type.GAUGE, list(columns(name, pods, time).series))


def histogram(name, pods, time):
    """As much of one as tells its series apart."""
    series = [
        Series((("__name__", f"{name}_{end}"), *extra, ("pod", pod), ("tenant_id", "t")), samples)
        for samples in [(Sample(time, 1.0),)]
        for end, extra in (("bucket", (("le", "+Inf"),)), ("sum", ()), ("count", ()))
        for pod in sorted(pods)
    ]
    return Family(name, Type.HISTOGRAM, series)


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


@at_any_pace
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

    def strings_at(self, rows):
        self.reads = getattr(self, "reads", 0) + len(rows)
        return super().strings_at(rows)


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


# The same series elsewhere.


KINDS = st.sampled_from([("m", columns), ("m", plain), ("m", histogram), ("m_count", columns),
                         ("m_count", plain), ("m_sum", plain)])  # fmt: skip
ORIGINS = st.sampled_from([(stream, name) for stream in "12" for name in ("one", "other")])
SCOPES = st.dictionaries(ORIGINS, st.lists(st.tuples(KINDS, PODS), max_size=3), max_size=3)


def families_at(time, kinds):
    """Of each name the first: a scope's names are distinct."""
    made = {name: make(name, pods, time) for (name, make), pods in reversed(kinds)}
    return [family for family in made.values() if family.series]


def labels_in(families):
    return {series.labels for family in families for series in family.series}


@at_any_pace
@given(st.lists(SCOPES, min_size=1, max_size=8))
def test_a_marker_stands_for_what_is_nowhere_any_more(history):
    """Whichever streams, scopes and metrics a series goes through: one marker when the last that
    had it has come without it, after all samples of it; none as long as any has it.
    """
    markers, present, newest = StaleMarkers(), {}, {}
    for at, batch in enumerate(history, 1):
        families = {origin: families_at(at * MINUTE, kinds) for origin, kinds in batch.items()}
        scopes = [ScopeFamilies(one, found, at * MINUTE) for one, found in families.items()]
        before = set().union(*(present.get(origin, set()) for origin in batch))
        new = {origin: labels_in(found) for origin, found in families.items()}
        present |= new
        newest |= dict.fromkeys(set().union(*new.values()), at * MINUTE)
        ended = [series for family in markers.departed(scopes) for series in family.series]
        gone = before - set().union(*present.values())
        assert sorted(series.labels for series in ended) == sorted(gone)
        assert all(newest[series.labels] < series.samples[0].timestamp for series in ended)


@pytest.mark.parametrize(("before", "after"), [(histogram, plain), (plain, histogram)])
def test_a_series_that_goes_on_as_another_metric_has_not_ended(before, after):
    """``m_count`` of a histogram may be a counter's in the next batch: a marker beside its sample
    would be two values of one time."""
    markers = StaleMarkers()
    names = {histogram: "m", plain: "m_count"}
    departed(markers, scope(before(names[before], "ab", 1)))
    gone = departed(markers, scope(after(names[after], "a", 2)))
    assert gone.pop(("m_count", "b")) == 2
    assert ("m_count", "a") not in gone
    assert {name for name, _ in gone} == ({"m_bucket", "m_sum"} if before is histogram else set())


def test_a_metric_that_changes_its_type_goes_on():
    """Its series are the same: to the receiver nothing has happened."""
    markers = StaleMarkers()
    departed(markers, scope(plain("m_total", "ab", 1)))
    counter = replace(plain("m_total", "a", 2), type=Type.COUNTER)
    assert departed(markers, scope(counter)) == {("m_total", "b"): 2}


def test_a_series_that_comes_back_can_leave_again():
    """Each time it leaves it has a marker, and none in between."""
    markers = StaleMarkers()
    found = [
        departed(markers, scope(columns("m", pods, at), columns("n", "x", at)))
        for at, pods in enumerate(["ab", "a", "ab", "ab", "a"], 1)
    ]
    assert found == [{}, {("m", "b"): 2}, {}, {}, {("m", "b"): 5}]


def test_a_scope_that_stays_empty_ends_nothing_twice():
    """And what it brings later is new."""
    markers = StaleMarkers()
    departed(markers, scope(columns("m", "a", 1)))
    assert departed(markers, ScopeFamilies(("resource", "scope"), [], time=2)) == {("m", "a"): 2}
    assert departed(markers, ScopeFamilies(("resource", "scope"), [], time=3)) == {}
    assert departed(markers, scope(columns("m", "b", 4))) == {}
    assert departed(markers, ScopeFamilies(("resource", "scope"), [], time=5)) == {("m", "b"): 5}


def test_a_series_that_moves_to_another_scope_goes_on():
    """In one batch it leaves the one and comes in the other."""
    markers = StaleMarkers()
    one, other = ("stream", "one"), ("stream", "other")
    departed(markers, scope(columns("m", "a", 1), origin=one), scope(origin=other))
    assert departed(markers, scope(origin=one), scope(plain("m", "a", 2), origin=other)) == {}
    assert departed(markers, scope(origin=one), ScopeFamilies(other, [], 3)) == {("m", "a"): 3}


def test_the_columns_of_another_cluster_are_not_searched():
    """A constant label tells all their series apart, however many they are."""
    markers, theirs = StaleMarkers(), counted("abc")
    here, there = ("stream", "here"), ("stream", "there")
    elsewhere = columns("m", "abc", 1, theirs, tenant="u")
    departed(markers, scope(columns("m", "ab", 1), origin=here), scope(elsewhere, origin=there))
    assert departed(markers, scope(columns("m", "b", 2), origin=here)) == {("m", "a"): 2}
    assert getattr(theirs.columns[0], "reads", 0) == 0


# A new configuration.


def test_what_a_new_configuration_does_not_renew_has_ended_with_its_first_mark():
    """A receiver that is gone never says so. It is known at the second mark, and right after the
    first is a time that no mark has: a receiver that is only slower brings a sample at the second.
    """
    markers = StaleMarkers()
    fast, slow, gone = (("stream", name) for name in ("fast", "slow", "gone"))
    for pod, origin in (("a", fast), ("b", slow), ("c", gone)):
        departed(markers, scope(columns("m", pod, 1), origin=origin))
    markers.outlive()
    assert departed(markers, scope(columns("m", "a", MINUTE), origin=fast)) == {}
    assert departed(markers, scope(columns("m", "a", 2 * MINUTE), origin=fast)) == {
        ("m", "b"): MINUTE + 1,
        ("m", "c"): MINUTE + 1,
    }
    assert departed(markers, scope(columns("m", "b", 2 * MINUTE), origin=slow)) == {}
    assert departed(markers, scope(columns("m", "a", 3 * MINUTE), origin=fast)) == {}


def test_what_is_renewed_under_another_name_has_not_ended():
    """A pipeline that is called something else brings the same series."""
    markers = StaleMarkers()
    departed(markers, scope(columns("m", "ab", 1), origin=("old", "scope")))
    markers.outlive()
    found = [
        departed(markers, scope(plain("m", "a", at), origin=("new", "scope"))) for at in (2, 3, 4)
    ]
    assert found == [{}, {("m", "b"): 3}, {}]


def test_a_second_configuration_before_the_first_mark_changes_nothing():
    """What was inherited is inherited again."""
    markers = StaleMarkers()
    departed(markers, scope(columns("m", "a", 1)))
    markers.outlive()
    markers.outlive()
    other = ("resource", "other")
    assert departed(markers, scope(columns("n", "x", 5), origin=other)) == {}
    assert departed(markers, scope(columns("n", "x", 9), origin=other)) == {("m", "a"): 6}
