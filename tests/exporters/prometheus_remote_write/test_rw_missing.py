"""What is missing in columns, and that saying so builds no series."""

import random
import tracemalloc
import weakref
from array import array

from hypothesis import given
from hypothesis import strategies as st
from rw_families import at_any_pace

from otel_kubecost.exporters.prometheus_remote_write.missing import Comparison
from otel_kubecost.exporters.prometheus_remote_write.staleness import StaleMarkers
from otel_kubecost.exporters.series.model import ColumnSeries, Family, ScopeFamilies, Type
from otel_kubecost.pdata import AttributeTable, PointColumns


def families(rows, metrics=1, time=1, keys=("namespace", "pod")):
    table = AttributeTable.of(keys, rows)
    values = [array("d", [0.5] * len(rows)) for _ in range(metrics)]
    return [
        Family(f"m{at}", Type.GAUGE, ColumnSeries(
            [("__name__", f"m{at}"), *zip(keys, table.columns, strict=True)],
            PointColumns(table, column, time_unix_nano=time * 60_000_000_000),
        ))
        for at, column in enumerate(values)
    ]  # fmt: skip


def missing(old, new):
    (before,), (now,) = families(old), families(new)
    series = Comparison().missing(before, now)
    assert isinstance(series, ColumnSeries)
    return [tuple(value for _, value in one.labels[1:]) for one in series]


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("stuvwxyz")), unique=True)


@at_any_pace
@given(ROWS, ROWS)
def test_what_is_missing_is_the_difference(old, new):
    """Whatever the order of rows; those missing come in that of the old ones."""
    assert missing(old, new) == [row for row in old if row not in new]


def test_more_rows_than_are_compared_at_once_are_none_other():
    """In another order altogether, and with a part that moved by thousands of rows."""
    old = [(f"n{at % 7}", f"p{at}") for at in range(5000)]
    shuffled = random.Random(7).sample(old, 4990)
    gone = [row for row in old if row not in set(shuffled)]
    assert missing(old, [*shuffled, ("n9", "new")]) == gone
    assert missing(old, old[2500:] + old[:2400]) == old[2400:2500]
    assert missing(old, [("n8", pod) for _, pod in old]) == old


def test_a_table_without_columns_has_rows_all_the_same():
    """The cluster itself is one, or is not there."""
    (one,), (none,) = families([()], keys=()), families([], keys=())
    assert list(Comparison().missing(one, one)) == []
    assert len(Comparison().missing(one, none)) == 1


def scope(some):
    return [ScopeFamilies(("r", "s"), some, max((one.newest for one in some), default=120_000))]


def test_what_leaves_columns_is_marked_in_columns():
    """Markers of any number of series cost what the series cost."""
    markers = StaleMarkers()
    markers.departed(scope(families([("n", "a"), ("n", "b")], 2)))
    ended = markers.departed(scope(families([("n", "b")], 2, time=2)))
    assert [type(family.series) for family in ended] == [ColumnSeries] * 2
    assert [one.labels[2] for family in ended for one in family.series] == [("pod", "a")] * 2
    assert {family.newest for family in ended} == {120_000}


def test_a_cluster_that_goes_takes_no_memory_along():
    """60,000 markers; as series they would be a hundred times as large."""
    markers = StaleMarkers()
    markers.departed(scope(families([("n", f"p{at}") for at in range(20_000)], 3)))
    tracemalloc.start()
    try:
        ended = markers.departed(scope([]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(family.series) for family in ended) == 60_000
    assert peak < 1 << 20


def test_values_are_not_remembered():
    """Who there was is what a marker takes; each metric's values may go when they are sent."""
    markers, some = StaleMarkers(), families([("n", "a")], 2)
    values = [weakref.ref(one.series.points.values) for one in some]
    markers.departed(scope(some))
    del some
    assert [one() for one in values] == [None, None]
    assert len(markers.departed(scope([]))) == 2
