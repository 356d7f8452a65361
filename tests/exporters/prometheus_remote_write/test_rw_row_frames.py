"""Columns to frames row by row: the same bytes as series by series, in requests as full as can be.

The plain path, which builds each series, is the oracle of the fast one.
"""

import tracemalloc
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rw_families import at_any_pace, column_families

from otel_kubecost.exporters.prometheus_remote_write.codec import (
    compressed,
    decompressed,
    encode,
)
from otel_kubecost.exporters.prometheus_remote_write.frames import frames_in, series_frame
from otel_kubecost.exporters.prometheus_remote_write.rows import by_rows
from otel_kubecost.exporters.series.model import ColumnSeries, Family, Type
from otel_kubecost.pdata import AttributeTable, PointColumns

MINUTE = 60_000_000_000


def frames(requests):
    return [frame for request in requests for frame in frames_in(decompressed(request.body))]


def one_by_one(families):
    """The frames of the plain path, in the order of requests."""
    for group in by_rows(families):
        if isinstance(group[0].series, ColumnSeries):
            for row in zip(*(family.series for family in group), strict=True):
                yield from map(series_frame, row)
        else:
            yield from (series_frame(one) for family in group for one in family.series)


@at_any_pace
@given(column_families(), st.integers(1, 9), st.integers(1, 900))
def test_rows_are_what_their_series_are_one_by_one(families, max_samples, max_bytes):
    """Any labels, values, times and limits: byte for byte, counted alike, and no request too
    large or with room for another series."""
    requests = list(encode(families, max_samples, max_bytes))
    expected = list(one_by_one(families))
    assert frames(requests) == expected
    assert sorted(expected) == sorted(
        series_frame(series) for family in families for series in family.series
    )
    for request in requests:
        within = frames([request])
        size = sum(len(data) for data, _, _ in within)
        assert size <= max_bytes or len(within) == 1
        assert len(within) == request.series == request.samples <= max_samples
        assert request.newest == max(newest for _, _, newest in within)
    for one, following in pairwise(requests):
        data, _, _ = frames([following])[0]
        full = one.samples == max_samples
        assert full or len(decompressed(one.body)) + len(data) > max_bytes


def wide(pods, metrics, name="p{}"):
    """Metrics over as many pods, in few namespaces, as there are in a large cluster."""
    rows = [(f"team-{at // 50}", name.format(at)) for at in range(pods)]
    table = AttributeTable.of(["namespace", "pod"], rows)
    namespace, pod = table.columns
    families = []
    for number in range(metrics):
        labels = [("__name__", f"m{number}"), ("namespace", namespace), ("pod", pod), ("z", "t")]
        values = array("d", (at * number / 8 for at in range(pods)))
        series = ColumnSeries(labels, PointColumns(table, values, time_unix_nano=MINUTE))
        families.append(Family(f"m{number}", Type.GAUGE, series))
    return families


@pytest.mark.parametrize("name", ["p{}", "é" * 70 + "{}", "n" * 300 + "{}"])
@pytest.mark.parametrize("max_samples", [2000, 100_000])
def test_more_rows_than_are_encoded_at_once_are_none_other(name, max_samples):
    """Lengths beyond a byte and beyond seven bits, in requests smaller and larger than what is
    encoded together."""
    families = wide(2500, 3, name)
    requests = list(encode(families, max_samples))
    assert frames(requests) == list(one_by_one(families))
    assert [one.samples for one in requests[:-1]] == [max_samples] * (len(requests) - 1)


def test_a_value_that_many_rows_lack_is_no_label():
    """Nor is it one where few lack it."""
    rows = [("" if at % 3 else "shop", f"p{at}" if at else "") for at in range(30)]
    table = AttributeTable.of(["namespace", "pod"], rows)
    labels = [("__name__", "m"), *zip(table.keys, table.columns, strict=True)]
    series = ColumnSeries(labels, PointColumns(table, array("d", [1.0] * 30)))
    families = [Family("m", Type.GAUGE, series)]
    assert frames(encode(families, 100)) == list(one_by_one(families))


def test_more_metrics_than_samples_in_a_request():
    """A row is cut where it has to be."""
    families = wide(20, 7)
    requests = list(encode(families, 3))
    assert frames(requests) == list(one_by_one(families))
    assert [one.samples for one in requests] == [3] * 46 + [2]


def test_a_request_compressed_in_parts_is_that_compressed_at_once():
    """Receivers see one block, and agents that cut the parts otherwise have the same bytes."""
    requests = list(encode(wide(9000, 3), 11_000))
    assert min(len(decompressed(one.body)) for one in requests) > 300_000
    assert [one.body for one in requests] == [
        compressed(decompressed(one.body)) for one in requests
    ]


def test_pods_take_no_memory_while_they_are_encoded():
    """What is there at a time are a few thousand series, and the request that they go into."""
    families = wide(20_000, 3)
    tracemalloc.start()
    try:
        count = sum(one.samples for one in encode(families, 2000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60_000
    assert peak < 2 << 20


# Which families go side by side.


def names(families):
    return [[family.name for family in group] for group in by_rows(families)]


def changed(family, **points):
    known = family.series.points
    parts = {"rows": known.rows, "time_unix_nano": known.time_unix_nano} | points
    return Family(
        family.name,
        family.type,
        ColumnSeries(family.series.labels, PointColumns(known.table, known.values, **parts)),
    )


def test_families_with_the_same_rows_go_together():
    """Rows are the same if they are equal: each processor may have chosen its own."""
    families = wide(3, 4)
    assert names(families) == [["m0", "m1", "m2", "m3"]]
    rows = [array("I", [0, 2, 3]), array("I", [0, 1, 2])]
    table = AttributeTable.of(["pod"], [(pod,) for pod in "abcd"])
    some = [
        Family(name, Type.GAUGE, ColumnSeries(
            [("__name__", name), ("pod", table.columns[0])],
            PointColumns(table, array("d", [1.0] * 3), rows=rows[at % 2][:]),
        ))
        for at, name in enumerate("vwxyz")
    ]  # fmt: skip
    assert names([*families, *some]) == [["m0", "m1", "m2", "m3"], ["v", "x", "z"], ["w", "y"]]


def test_a_family_of_another_time_goes_for_itself():
    """Those before and after it go together."""
    first, other, last = wide(3, 3)
    assert names([first, changed(other, time_unix_nano=2 * MINUTE), last]) == [["m0", "m2"], ["m1"]]


def test_labels_behind_a_columns_have_to_be_the_same():
    """What differs before the first of them does not matter."""
    first, second, third = wide(3, 3)
    before = [("A", "1"), *second.series.labels]
    behind = [*third.series.labels[:-1], ("z", "u")]
    families = [
        first,
        Family("m1", Type.GAUGE, ColumnSeries(before, second.series.points)),
        Family("m2", Type.GAUGE, ColumnSeries(behind, third.series.points)),
    ]
    assert names(families) == [["m0", "m1"], ["m2"]]
    assert frames(encode(families, 100)) == list(one_by_one(families))


def test_tables_of_equal_content_are_two():
    """Their families are not held against each other, nor do they change places."""
    assert names([*wide(3, 1), *wide(3, 1)]) == [["m0"], ["m0"]]


def test_targets_that_share_a_table_are_grouped_by_their_times():
    """All that have no label share a table of one row: a scrape's are a group, no other's."""
    table = AttributeTable((), (), 1)
    families = [
        Family(
            name,
            Type.GAUGE,
            ColumnSeries(
                [("__name__", name), ("instance", f"{target}")],
                PointColumns.of(table, [1.0], time_unix_nano=target * MINUTE),
            ),
        )
        for target in range(3)
        for name in ("up", "scrape_duration_seconds")
    ]
    groups = list(by_rows(families))
    assert [[one.name for one in group] for group in groups] == [
        ["up", "scrape_duration_seconds"]
    ] * 3


def test_what_is_in_no_table_is_not_waited_for():
    """Series that were built one by one go while the next are built."""

    def families():
        yield Family("first", Type.GAUGE, [])
        pytest.fail("asked for the second before the first is out")

    assert next(by_rows(families()))[0].name == "first"
