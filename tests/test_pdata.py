"""Columns of data points: a list of NumberDataPoint to whoever iterates."""

import copy
import io
import pickle
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData, NumberDataPoint
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    columns_of,
    count_points,
    emptied,
    gauge,
    metrics_of,
    nanoseconds,
    restamp,
    with_ended,
)

SCOPE = InstrumentationScope("test")
NAMES = ["default", "kube-system", "shop"]


@st.composite
def columns(draw):
    keys = draw(st.lists(st.text("ab.", min_size=1, max_size=3), unique=True, max_size=3))
    rows = draw(st.lists(st.tuples(*[st.text("xyz", max_size=2)] * len(keys)), unique=True))
    values = draw(st.lists(st.none() | st.floats(allow_nan=False), min_size=len(rows),
                           max_size=len(rows)))  # fmt: skip
    constant = draw(st.sampled_from([{}, {"currency": "USD"}]))
    table = AttributeTable.of(keys, rows)
    return PointColumns.of(table, values, constant=constant, time_unix_nano=5), rows, values


@given(columns())
def test_columns_are_the_list_of_their_known_values(case):
    """Each value that is known is one point, in the order of the rows; None is no point."""
    points, rows, values = case
    expected = [
        NumberDataPoint(
            dict(zip(points.table.keys, row, strict=True)) | points.constant, 0, 5, value
        )
        for row, value in zip(rows, values, strict=True)
        if value is not None
    ]
    assert list(points) == expected
    assert points == expected
    assert len(points) == len(expected)


@given(columns(), st.integers(-5, 5), st.integers(-5, 5))
def test_columns_index_and_slice_as_a_list_does(case, start, stop):
    """Negative indices, slices and IndexError included (GCP's exporter takes points[0])."""
    points = case[0]
    reference = list(points)
    assert points[start:stop] == reference[start:stop]
    try:
        expected = reference[start]
    except IndexError:
        with pytest.raises(IndexError):
            points[start]
    else:
        assert points[start] == expected


def cost(values, time=0):
    table = AttributeTable.of(["k8s.namespace.name"], [(name,) for name in NAMES[: len(values)]])
    points = PointColumns.of(table, values, time_unix_nano=time)
    return gauge("cost", "What it costs.", "{USD/h}", points)


def data(*metrics, cluster="prod"):
    return MetricsData([metrics_of({"k8s.cluster.name": cluster}, [(SCOPE, metrics)])])


def test_columns_survive_copying_and_pickling():
    """Processes that hand batches on keep them equal."""
    points = cost([1.0, None, 3.0]).data.data_points
    assert copy.deepcopy(points) == points
    assert pickle.loads(pickle.dumps(points)) == points
    assert points != list(points)[:1]
    assert points != "not a sequence of points"


def test_columns_refuse_values_that_do_not_fit_their_rows():
    """A column too short would move every later value to the wrong pod."""
    table = AttributeTable.of(["k"], [("a",), ("b",)])
    with pytest.raises(ValueError, match="1 values for 2 rows"):
        PointColumns(table, array("d", [1.0]))


def test_an_sdk_exporter_reads_columns_as_points():
    """The console exporter of the SDK prints them like any other data."""
    printed = io.StringIO()
    ConsoleMetricExporter(out=printed).export(data(cost([0.25])))
    assert '"k8s.namespace.name": "default"' in printed.getvalue()


def test_restamping_shares_the_columns():
    """A mark costs a few objects a metric, however many points it has."""
    before = data(cost([1.0, 2.0]))
    after = restamp(before, 1_700_000_060.0)
    old, new = (one.resource_metrics[0].scope_metrics[0].metrics[0] for one in (before, after))
    assert [point.time_unix_nano for point in new.data.data_points] == [1_700_000_060 * 10**9] * 2
    assert new.data.data_points.table is old.data.data_points.table
    assert new.data.data_points.values is old.data.data_points.values
    assert next(iter(old.data.data_points)).time_unix_nano == 0


def test_nanoseconds_are_exact_to_the_millisecond():
    """Times in floating seconds do not leave stray nanoseconds behind."""
    assert nanoseconds(1_700_000_000.123) == 1_700_000_000_123_000_000


def test_emptied_data_keeps_its_metrics_without_points():
    """The metrics stay, for their time and their names: they tell an exporter what has ended."""
    empty = emptied(data(cost([1.0, 2.0])))
    assert count_points(empty) == 0
    assert empty.resource_metrics[0].scope_metrics[0].metrics[0].name == "cost"


def test_resources_that_vanish_are_ended_once():
    """A cluster that left the answer comes once more, emptied, and then no more."""
    both = MetricsData(
        [*data(cost([1.0])).resource_metrics, *data(cost([2.0]), cluster="b").resource_metrics]
    )
    ended = with_ended(data(cost([1.0])), both)
    assert [
        len(r.scope_metrics[0].metrics[0].data.data_points) for r in ended.resource_metrics
    ] == [1, 0]
    assert len(with_ended(data(cost([1.0])), ended).resource_metrics) == 1


def test_points_that_are_alike_become_columns():
    """A processor that builds plain points loses nothing but speed."""
    points = cost([1.0, 2.0, 3.0]).data.data_points
    again = columns_of(list(points))
    assert isinstance(again, PointColumns)
    assert again == points
    assert columns_of(points) is points


@pytest.mark.parametrize(
    "other",
    [
        NumberDataPoint({"k8s.namespace.name": "x", "more": "y"}, 0, 0, 1.0),
        NumberDataPoint({"k8s.namespace.name": 7}, 0, 0, 1.0),
        NumberDataPoint({"k8s.namespace.name": "default"}, 0, 0, 1.0),
        NumberDataPoint({"k8s.namespace.name": "x"}, 0, 1, 1.0),
        NumberDataPoint(None, 0, 0, 1.0),
    ],
    ids=["other keys", "not a string", "repeated", "other time", "no attributes"],
)
def test_points_that_are_not_alike_do_not(other):
    """Columns hold what is uniform; everything else stays a list."""
    assert columns_of([*cost([1.0]).data.data_points, other]) is None
