"""What processors do with scraped metrics is what was asked of each row, and of nothing else."""

import math
from array import array
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData, Sum
from scraped_batches import (
    ExpositionType,
    histogram,
    pages,
    rows_of,
    scraped,
    sparse,
    summary,
    target,
    waits,
)

from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import PointDetails, StringColumn, each_metric, emptied
from otel_kubecost.processors.attributes import PointAttributes
from otel_kubecost.processors.batch import Batch
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.processors.editing.actions import Action, applied
from otel_kubecost.processors.filter import Filter
from otel_kubecost.processors.memory_limiter import MemoryLimiter
from otel_kubecost.processors.metrics_transform import MetricsTransform
from otel_kubecost.processors.pricing import Pricing
from otel_kubecost.processors.resource import ResourceAttributes

KEYS = st.sampled_from(["a", "b", "zone", "team", "le", "quantile"])
TEXTS = st.sampled_from(["x", "y", "one"])
FINITE = st.sampled_from([0.0, 1.0, 2.5, -4.0])
OWN = {"_bucket": "le", "": "quantile"}


@st.composite
def actions(draw):
    key, what = draw(KEYS), draw(st.sampled_from(["insert", "update", "upsert", "delete"]))
    if what == "delete":
        return {"key": key, "action": what}
    source = draw(st.fixed_dictionaries({"value": TEXTS}) |
                  st.fixed_dictionaries({"from_attribute": KEYS}))  # fmt: skip
    return {"key": key, "action": what, **source}


def edited(attributes, operation):
    """What an operation of metrics_transform makes of attributes."""
    found = dict(attributes)
    if operation["action"] == "add_label":
        found.setdefault(operation["new_label"], operation["new_value"])
    elif operation["label"] in found:
        text = found.pop(operation["label"])
        found[operation["new_label"]] = operation["values"].get(text, text)
    return found


@st.composite
def operations(draw):
    if draw(st.booleans()):
        return {"action": "add_label", "new_label": draw(KEYS), "new_value": draw(TEXTS)}
    return {
        "action": "update_label",
        "label": draw(KEYS),
        "new_label": draw(KEYS),
        "values": draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
    }


def metrics_in(data):
    return [metric for _, _, metric in each_metric(data)]


def rows_apart(metric, change):
    """As ``rows_of``, after ``change`` of the attributes of each row, and whether one was lost."""
    points = metric.data.data_points
    parts = getattr(points, "by_suffix", None)
    found, lost = [], False
    for suffix, part in ({"": points} if parts is None else parts).items():
        own = "" if parts is None else OWN.get(suffix, "")
        groups = {}
        for point in part:
            attributes = dict(point.attributes)
            kept = {own: attributes.pop(own)} if own in attributes else {}
            after = {key: text for key, text in change(attributes).items() if key != own} | kept
            groups.setdefault(frozenset(after.items()), []).append(replace(point, attributes=after))
        for group in groups.values():
            adds = len(group) == 1 or isinstance(metric.data, Sum)
            lost = lost or not adds
            found += [_total(suffix, group)] if adds else []
    return sorted(found), lost


def _total(suffix, group):
    return (
        suffix,
        sorted(group[0].attributes.items()),
        math.fsum(point.value for point in group),
        max(point.time_unix_nano for point in group),
        min(point.start_time_unix_nano for point in group),
        str([one for point in group for one in point.exemplars]),
    )


def check_rows(data, processor, change):
    """Each metric has the rows that it should, or is gone with them; its class and more is kept."""
    after = iter(metrics_in(processor(data)))
    for metric in metrics_in(data):
        expected, lost = rows_apart(metric, change)
        if not expected and lost:
            continue
        found = next(after)
        assert rows_of(found) == expected
        assert replace(found, data=None) == replace(metric, data=None)
    assert list(after) == []


@given(pages(values=FINITE), st.lists(actions(), min_size=1, max_size=3))
def test_actions_are_of_the_labels_that_a_row_has(data, given_actions):
    """Times, starts and exemplars stay with their rows; le and quantile are no attributes."""
    change = partial(applied, [Action(**one) for one in given_actions])
    check_rows(data, PointAttributes(actions=given_actions), change)


@given(pages(values=FINITE), st.lists(operations(), min_size=1, max_size=2))
def test_operations_are_of_the_labels_that_a_row_has(data, given_operations):
    """Renamed, given other values and added where they are missing."""
    written = [
        {key: value for key, value in one.items() if key != "values"}
        | {"value_actions": [{"value": old, "new_value": new} for old, new in values.items()]}
        if (values := one.get("values"))
        else {key: value for key, value in one.items() if key != "values"}
        for one in given_operations
    ]

    def change(attributes):
        for one in given_operations:
            attributes = edited(attributes, one)
        return attributes

    transform = {"match_type": "regexp", "include": ".*", "action": "update", "operations": written}
    check_rows(data, MetricsTransform(transforms=[transform]), change)


@pytest.mark.parametrize("block", ["include", "exclude"])
@given(data=pages(values=FINITE), key=KEYS, pattern=st.sampled_from([None, "x", ".*", "x|y"]))
def test_rows_pass_by_the_labels_that_they_have(block, data, key, pattern):
    """A label that a row lacks matches nothing; nor do le and quantile."""
    wanted = {"key": key} if pattern is None else {"key": key, "value": pattern}
    found = Filter(metrics={block: {"match_type": "regexp", "attributes": [wanted]}})(data)
    after = {id(metric): metric for metric in metrics_in(found)}
    expected = []
    for metric in metrics_in(data):
        is_parts = hasattr(metric.data.data_points, "by_suffix")
        left = [row for row in rows_of(metric)
                if meant(row, key, pattern, is_parts=is_parts) is (block == "include")]  # fmt: skip
        if left or not rows_of(metric):
            expected.append(left)
        if left == rows_of(metric):
            assert after.get(id(metric)) is metric or not left
    assert [rows for metric in metrics_in(found) if (rows := rows_of(metric))] == [
        rows for rows in expected if rows
    ]


def meant(row, key, pattern, *, is_parts):
    suffix, attributes, *_ = row
    text = dict(attributes).get(key)
    if text is None or (is_parts and OWN.get(suffix) == key):
        return False
    return pattern in {None, ".*"} or text in pattern.split("|")


KEEPING = [
    Batch(),
    MemoryLimiter(limit_mib=100_000),
    Pricing(CPU=28.0),
    CardinalityLimit(top_n_pods=0, max_series=100),
    Filter(metrics={"exclude": {"match_type": "strict", "metric_names": ["other"]}}),
    PointAttributes(actions=[{"key": "other", "action": "delete"}]),
    PointAttributes(actions=[{"key": "le", "action": "upsert", "value": "1"}],
                    include={"match_type": "strict", "metric_names": ["other"]}),
    ResourceAttributes(attributes=[{"key": "team", "action": "upsert", "value": "a"}]),
    MetricsTransform(transforms=[{"include": "other", "action": "update", "new_name": "more"}]),
]  # fmt: skip


@given(pages())
def test_what_a_processor_does_not_touch_stays_the_same_object(data):
    """Each metric with its columns, whatever its type and however few rows it has."""
    before = metrics_in(data)
    for processor in KEEPING:
        assert [id(one) for one in metrics_in(processor(data))] == [id(one) for one in before]


@pytest.mark.parametrize("processor", KEEPING, ids=lambda one: type(one).__name__)
def test_a_batch_that_is_offered_again_is_the_same(processor):
    """A refused batch comes twice; the times that its points have for themselves are not lost."""
    times = PointDetails(times=array("q", [7]))
    data = target(scraped("seen", sparse((), [()], details=times), is_tracked=False))
    for _ in range(2):
        (metric,) = metrics_in(processor(data))
        assert metric.data.data_points[0].time_unix_nano == 7


@pytest.mark.parametrize("name", ["wait", "wa.*"])
def test_a_histogram_is_meant_by_the_name_of_its_family(name):
    """As in the Collector: wait_bucket is the name of no metric."""
    data = target(waits(), scraped("up", sparse((), [()])))
    excluded = Filter(metrics={"exclude": {"match_type": "regexp", "metric_names": [name]}})
    assert [one.name for one in metrics_in(excluded(data))] == ["up"]
    series = Filter(metrics={"exclude": {"match_type": "regexp", "metric_names": ["wait_.*"]}})
    assert series(data) == data


def series_in(data):
    return {
        one.labels
        for family in Translator().translate(data)
        for one in family.series
    }  # fmt: skip


def test_the_series_of_a_filtered_histogram_are_the_series_that_it_had():
    """Whole, with bounds as the page has them: 1.0 is not written as 1."""
    only_a = {"match_type": "strict", "attributes": [{"key": "queue", "value": "a"}]}
    found = Filter(metrics={"include": only_a})(target(waits()))
    assert series_in(found) == series_in(target(waits(queues=["a"])))
    assert len(series_in(found)) == 4
    assert ("le", "1.0") in {pair for labels in series_in(found) for pair in labels}


def test_a_histogram_that_loses_a_label_is_lost_where_two_become_one(caplog):
    """Nothing says that their buckets can be added; the line names it."""
    delete = PointAttributes(actions=[{"key": "queue", "action": "delete"}])
    assert metrics_in(delete(target(waits()))) == []
    assert "Left out series of wait" in caplog.text
    (alone,) = metrics_in(delete(target(waits(queues=["a"]))))
    assert [row[:3] for row in rows_of(alone)] == [
        ("_bucket", [("le", "+Inf")], 3.0),
        ("_bucket", [("le", "1.0")], 2.0),
        ("_count", [], 3.0),
        ("_sum", [], 1.5),
    ]


def test_counters_with_times_of_their_own_are_added_up():
    """The sum is as new as the newest, and as old as the oldest."""
    details = PointDetails(times=array("q", [7, 9]), starts=array("q", [3, 2]))
    points = sparse(("id",), [("x",), ("y",)], [1.0, 2.0], details)
    data = target(scraped("cpu_total", points, ExpositionType.COUNTER))
    (metric,) = metrics_in(PointAttributes(actions=[{"key": "id", "action": "delete"}])(data))
    (point,) = metric.data.data_points
    assert (point.value, point.time_unix_nano, point.start_time_unix_nano) == (3.0, 9, 2)


def test_an_edit_of_tables_that_are_one_leaves_them_one():
    """Sum and count of a histogram stand over one table, and so they do afterwards."""
    each = sparse(("queue",), [("",), ("a",)])
    data = target(histogram("wait", sum=each, count=each))
    insert = PointAttributes(actions=[{"key": "queue", "action": "insert", "value": "none"}])
    (metric,) = metrics_in(insert(data))
    total, count = metric.data.data_points.by_suffix.values()
    assert total.table is count.table
    assert [point.attributes["queue"] for point in total] == ["none", "a"]
    assert isinstance(total.table.columns[0], StringColumn)


def renamed(data, include, new_name, **more):
    transform = {"match_type": "regexp", "include": include, "action": "update", **more}
    return metrics_in(MetricsTransform(transforms=[{**transform, "new_name": new_name}])(data))


@pytest.mark.parametrize(
    ("new_name", "family"),
    [("bar_total", "bar"), ("bar", ""), ("my_foo_total", "my_foo"), ("_total", "")],
)
def test_a_family_is_renamed_as_its_metric_is(new_name, family):
    """What describes the series is found under the new name."""
    points = sparse((), [()])
    data = target(scraped("foo_total", points, ExpositionType.COUNTER, family="foo"))
    (metric,) = renamed(data, "foo_total", new_name)
    assert (metric.name, metric.family, metric.type) == (new_name, family, "counter")


def test_what_cannot_have_a_name_has_its_own_family_again(caplog):
    """Another type has the name: both are as they were."""
    points = sparse((), [()])
    counter = scraped("foo_total", points, ExpositionType.COUNTER, family="foo")
    data = target(counter, scraped("bar", points))
    assert renamed(data, "foo_total", "bar") == [replace(counter, name="bar", family=""),
                                                 metrics_in(data)[1]]  # fmt: skip
    twin = scraped("bar", points, ExpositionType.COUNTER)
    assert renamed(target(counter, twin), "foo_total", "bar") == [counter, twin]
    assert "foo_total keeps its name" in caplog.text


def test_rows_of_one_name_that_are_two_metrics_are_renamed_together():
    """Some have times that the page says, some labels that are another target's."""
    points = sparse(("a",), [("x",)])
    data = target(
        scraped("foo", points),
        scraped("foo", points, is_tracked=False),
        scraped("foo", points, without=frozenset({"job", "instance"})),
    )
    assert [one.name for one in renamed(data, "foo", "bar")] == ["bar"] * 3


def test_histograms_that_get_one_name_are_one():
    """Their rows side by side, each with its time; one that has another's series stays apart."""
    later = PointDetails(times=array("q", [5] * 2))
    bounds = [("b", "1.0"), ("b", "+Inf")]
    second = histogram(
        "second",
        bucket=sparse(("queue", "le"), bounds, [1.0, 1.0], later),
        count=sparse(("queue", "host"), [("b", "h")], [1.0]),
    )
    data = target(waits("first", ["a"], zone="z"), second)
    (one,) = renamed(data, "first|second", "wait")
    apart = [row for metric in metrics_in(data) for row in rows_of(metric)]
    assert rows_of(one) == sorted(apart)
    both = target(waits("first"), waits("second"))
    assert [metric.name for metric in renamed(both, "second", "first")] == ["first", "second"]


def test_targets_whose_resources_become_the_same_stay_apart():
    """Each of them lacks the other's series, which have not ended for that."""
    delete = ResourceAttributes(attributes=[{"key": "service.instance.id", "action": "delete"}])
    data = MetricsData(
        [
            of_resource
            for host in ("one", "two")
            for of_resource in target(
                waits(), address=host, **{"service.instance.id": host}
            ).resource_metrics
        ]
    )
    (of_resource,) = delete(data).resource_metrics
    assert [one.scope.target for one in of_resource.scope_metrics] == ["one", "two"]


def test_two_pages_of_one_scope_become_one():
    """Counters are added up, as they are where points become one series."""
    half = scraped("foo_total", sparse(("a",), [("x",), ("y",)]), ExpositionType.COUNTER)
    other = scraped("foo_total", sparse(("b",), [("z",)], [5.0]), ExpositionType.COUNTER)
    pages = [target(half, region=region) for region in ("one", "two")]
    data = MetricsData([one for page in (*pages, target(other)) for one in page.resource_metrics])
    (metric,) = metrics_in(
        ResourceAttributes(attributes=[{"key": "region", "action": "delete"}])(data)
    )
    assert [row[1:3] for row in rows_of(metric)] == [
        ([("a", "x")], 0.0),
        ([("a", "y")], 2.0),
        ([("b", "z")], 5.0),
    ]


def test_nothing_scraped_is_folded_as_a_pod():
    """Though its labels be named as the attributes of our pods."""
    pods = sparse(("k8s.namespace.name", "k8s.pod.name"), [("a", "p"), ("a", "q"), ("b", "r")])
    data = target(scraped("pod_total_cost", pods), waits())
    assert CardinalityLimit(top_n_pods=1)(data) == data


def test_a_histogram_is_allowed_or_dropped_whole():
    """By the name of its family."""
    data = target(waits(), scraped("up", sparse((), [()])))
    for allowed, left in (("wait", ["wait"]), ("wait_bucket", []), ("up|wa.*", ["wait", "up"])):
        limit = CardinalityLimit(metric_allowlist=[allowed])
        assert [one.name for one in metrics_in(limit(data))] == left


def test_the_series_of_a_histogram_are_counted_one_by_one():
    """Four of each queue; where there is no room for all of them there is none of it."""
    timed = PointDetails(times=array("q", [1, 2, 3]))
    points = sparse(("a",), [("x",), ("y",), ("z",)], details=timed)
    data = target(waits(), scraped("seen", points))
    assert CardinalityLimit(max_series=11)(data) == data
    whole, part = metrics_in(CardinalityLimit(max_series=10)(data))
    assert rows_of(whole) == rows_of(waits())
    assert [point.time_unix_nano for point in part.data.data_points] == [1, 2]
    assert metrics_in(CardinalityLimit(max_series=7)(data)) == []


def test_targets_that_take_turns_are_reported_once_each(caplog):
    """A small one after a large one does not say that the large one is small again."""
    caplog.set_level("INFO")
    limit = CardinalityLimit(max_series=3)
    for _ in range(2):
        limit(target(waits(), address="large"))
        limit(target(scraped("up", sparse((), [()])), address="small"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    limit(target(scraped("up", sparse((), [()])), address="large"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_costs_that_were_scraped_keep_their_prices():
    """Another agent, whose page it is, has priced them already."""
    costs = scraped("cloudtuner_kubecost_namespace_total_cost", sparse(("namespace",), [("a",)]))
    usage = scraped("cloudtuner_kubecost_namespace_cpu_cores", sparse(("namespace",), [("a",)]))
    data = target(costs, usage)
    assert Pricing(CPU=28.0)(data) is data


def test_the_end_of_a_target_passes():
    """A metric without rows says that its series have ended, whatever its type."""
    quantiles = sparse(("quantile",), [("0.5",)])
    data = emptied(target(waits(), summary("took", quantiles), scraped("up", sparse((), [()]))))
    assert [rows_of(one) for one in metrics_in(data)] == [[]] * 3
    insert = PointAttributes(actions=[{"key": "team", "action": "upsert", "value": "a"}])
    for processor in (*KEEPING, insert):
        names = [one.name for one in metrics_in(processor(data))]
        assert names == ["wait", "took", "up"]
