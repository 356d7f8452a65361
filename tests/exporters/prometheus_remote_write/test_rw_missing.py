"""What is missing in columns, and that saying so builds no series."""

import random
import tracemalloc
import weakref
from array import array
from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st
from rw_families import at_any_pace

from otel_kubecost.exporters.prometheus_remote_write.missing import Comparison
from otel_kubecost.exporters.prometheus_remote_write.staleness import StaleMarkers
from otel_kubecost.exporters.series.model import (
    ColumnChunks,
    ColumnSeries,
    Family,
    ScopeFamilies,
    Type,
    chunks_of,
)
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
    return names_of(Comparison().missing(before, now))


def names_of(series):
    """Of what is missing, which has to be columns where there is any."""
    assert not series or chunks_of(series)
    return [tuple(value for _, value in one.labels[1:]) for one in series]


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("stuvwxyz")), unique=True)


@at_any_pace
@given(ROWS, ROWS)
def test_what_is_missing_is_the_difference(old, new):
    """Whatever the order of rows; those missing come in that of the old ones."""
    assert missing(old, new) == [row for row in old if row not in new]


def in_pieces(rows, cuts):
    """One family, over a table for each piece of ``rows``."""
    places = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    pieces = [families(rows[start:stop])[0] for start, stop in pairwise(places)]
    return replace(families([])[0], series=ColumnChunks(one.series for one in pieces))


CUTS = st.lists(st.integers(0, 20), max_size=3)


@at_any_pace
@given(ROWS, ROWS, CUTS, CUTS)
def test_what_is_missing_does_not_depend_on_pieces(old, new, old_cuts, new_cuts):
    """Rows may move from one to the next."""
    assume(old and new)
    before, now = in_pieces(old, old_cuts), in_pieces(new, new_cuts)
    (whole,) = families(new)
    gone = [row for row in old if row not in new]
    for other in (now, whole, replace(now, series=[*now.series])):
        found = Comparison().missing(before, other)
        assert sorted(tuple(value for _, value in one.labels[1:]) for one in found) == sorted(gone)
    assert names_of(Comparison().missing(before, now)) == gone


def test_pieces_may_differ_in_what_is_constant():
    """What all rows of a piece have in common is no column of its table."""
    one, two = (families([("n", "a"), ("n", "b")])[0] for _ in "ab")
    constant = one.series.points.with_constant({})
    labels = [("__name__", "m0"), ("namespace", "n"), ("pod", one.series.labels[2][1])]
    other = replace(one, series=ColumnSeries(labels, constant))
    assert names_of(Comparison().missing(one, other)) == []
    moved = replace(other, series=other.series.select([1]))
    assert names_of(Comparison().missing(two, moved)) == [("n", "a")]
    assert names_of(Comparison().missing(other, replace(two, series=two.series.select([0])))) == [
        ("n", "b")
    ]


@at_any_pace
@given(st.lists(st.tuples(ROWS, CUTS), max_size=4))
def test_markers_do_not_depend_on_pieces(batches):
    """From batch to batch those of families in pieces are those of the same families whole."""
    whole, pieces = StaleMarkers(), StaleMarkers()
    for time, (rows, cuts) in enumerate(batches, 1):
        (one,) = families(rows, time=time)
        some = [replace(in_pieces(rows, cuts), series=_at(in_pieces(rows, cuts), time))]
        expected = whole.departed(scope([one] if rows else [], time))
        found = pieces.departed(scope(some if rows else [], time))
        assert ended(found) == ended(expected)


def _at(family, time):
    nanoseconds = time * 60_000_000_000
    return ColumnChunks(
        ColumnSeries(one.labels, one.points.at(nanoseconds)) for one in family.chunks
    )


def ended(markers):
    return sorted(
        (one.labels, one.samples[0].timestamp) for family in markers for one in family.series
    )


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


def scope(some, minutes=2):
    newest = max((one.newest for one in some), default=minutes * 60_000)
    return [ScopeFamilies(("r", "s"), some, newest)]


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
