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
    stamped,
    time_if_restamped,
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


@given(columns(), st.data())
def test_selected_points_are_those_at_their_places(case, draw):
    """A selection is the list of its points, over the same table."""
    points = case[0]
    places = sorted(draw.draw(st.sets(st.sampled_from(range(len(points)))))) if points else []
    selected = points.select(places)
    assert selected == [points[place] for place in places]
    assert selected.table is points.table


def test_a_selection_of_everything_is_the_same_columns():
    """Whoever compares columns by identity sees no change where nothing was left out."""
    points = cost([1.0, None, 3.0]).data.data_points
    assert points.select(range(2)) is points


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


def test_a_restamped_batch_is_recognised_by_its_columns():
    """The same columns at another time are the same batch; equal ones of another scrape are not."""
    before = data(cost([1.0, 2.0]), cost([3.0]))
    assert time_if_restamped(restamp(before, 60.0), before) == nanoseconds(60.0)
    assert time_if_restamped(stamped(before, 7), restamp(before, 60.0)) == 7
    assert time_if_restamped(data(cost([1.0, 2.0]), cost([3.0])), before) is None


POINTS = cost([1.0, 2.0]).data.data_points
EQUAL = cost([1.0, 2.0]).data.data_points
ROWS = array("I", [0, 1])


def known(points=POINTS, name="cost", unit="", cluster="prod"):
    return data(gauge(name, "", unit, points), cluster=cluster)


@pytest.mark.parametrize(
    "other",
    [
        known(PointColumns(EQUAL.table, POINTS.values)),
        known(PointColumns(POINTS.table, EQUAL.values)),
        known(PointColumns(POINTS.table, POINTS.values, rows=ROWS)),
        known(PointColumns(POINTS.table, POINTS.values, constant={"currency": "USD"})),
        known(PointColumns(POINTS.table, POINTS.values, start_time_unix_nano=1)),
        known(list(POINTS)),
        known(name="cost2"),
        known(unit="1"),
        known(cluster="b"),
        data(*known().resource_metrics[0].scope_metrics[0].metrics * 2),
        data(),
        MetricsData(known().resource_metrics * 2),
        MetricsData([metrics_of({"k8s.cluster.name": "prod"}, [(InstrumentationScope("b"), [])])]),
    ],
    ids=[
        "table", "values", "rows", "constant", "start", "plain", "name", "unit", "resource",
        "metric twice", "no metric", "resource twice", "scope",
    ],
)  # fmt: skip
def test_a_batch_that_differs_in_more_than_its_time_is_another(other):
    """Each part counts, however equal it is: columns, constants, names, units, where it is from."""
    assert time_if_restamped(restamp(known(), 1.0), known()) == nanoseconds(1.0)
    assert time_if_restamped(restamp(other, 1.0), known()) is None


def test_a_batch_of_several_times_is_never_the_same():
    """One time is given back, so there has to be one."""
    mixed = data(cost([1.0], time=1), cost([1.0], time=2))
    assert time_if_restamped(mixed, mixed) is None
    assert time_if_restamped(data(), data()) is None


def test_nanoseconds_are_exact_to_the_millisecond():
    """Times in floating seconds do not leave stray nanoseconds behind."""
    assert nanoseconds(1_700_000_000.123) == 1_700_000_000_123_000_000


def test_emptied_data_keeps_its_metrics_without_points():
    """The metrics stay, for their time and their names: they tell an exporter what has ended."""
    empty = emptied(data(cost([1.0, 2.0])))
    assert count_points(empty) == 0
    assert empty.resource_metrics[0].scope_metrics[0].metrics[0].name == "cost"


def test_emptied_data_has_the_time_of_its_mark():
    """The mark at which series end is said by columns without points."""
    empty = restamp(emptied(data(cost([1.0, 2.0]))), 60.0)
    points = empty.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert points.time_unix_nano == nanoseconds(60.0)


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


def test_attributes_that_are_lists_make_no_columns():
    """What cannot be compared by its hash either."""
    tagged = NumberDataPoint({"tags": ["a", "b"]}, 0, 5, 1.0)
    assert columns_of([tagged]) is None
