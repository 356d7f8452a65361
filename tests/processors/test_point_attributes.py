"""Actions on the attributes of data points, and what happens to points that become one."""

import pytest
from editing_batches import (
    CURRENCY,
    NAMESPACE,
    POD,
    SCOPES,
    attributes_in,
    batch,
    costs,
    each_points,
    foreign,
    values,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)

from otel_kubecost.errors import ConfigError
from otel_kubecost.pdata import metrics_of
from otel_kubecost.processors.attributes import PointAttributes

PODS = {("shop", "web"): 0.1, ("shop", "db"): 0.2, ("kube-system", "dns"): 0.3}
DATA = batch(
    costs("pod_cpu_cost", PODS, currency="USD"),
    costs("pod_ram_cost", dict(list(PODS.items())[1:]), currency="USD"),
    costs("pod_cpu_efficiency", PODS),
)


def acted(data, *actions, **blocks):
    return PointAttributes(actions=actions, **blocks)(data)


def action(what, key, **source):
    return {"action": what, "key": key, **source}


WITHOUT_POD = action("delete", POD)


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        ("insert", {}, {"team": "x"}),
        ("insert", {"team": "y"}, {"team": "y"}),
        ("update", {}, {}),
        ("update", {"team": "y"}, {"team": "x"}),
        ("upsert", {}, {"team": "x"}),
        ("upsert", {"team": "y"}, {"team": "x"}),
    ],
)
def test_an_action_does_what_it_does_in_the_collector(what, before, after):
    """Of points of every type."""
    data = batch(*foreign(**before))
    assert attributes_in(acted(data, action(what, "team", value="x"))) == [after] * 4


def test_a_value_of_another_attribute_keeps_its_type():
    """Where that attribute is missing nothing happens."""
    data = batch(*foreign(port=8080))
    copied = action("insert", "server.port", from_attribute="port")
    nothing = action("upsert", "port", from_attribute="no.such")
    found = attributes_in(acted(data, nothing, copied))
    assert found == [{"port": 8080, "server.port": 8080}] * 4
    assert {type(one["server.port"]) for one in found} == {int}


def test_actions_are_done_one_after_the_other():
    """An attribute is renamed by a copy and a deletion."""
    renamed = action("insert", "namespace", from_attribute=NAMESPACE), action("delete", NAMESPACE)
    data = batch(costs("pod_cost", PODS))
    assert attributes_in(acted(data, *renamed))[0] == {POD: "web", "namespace": "shop"}


def test_only_metrics_that_are_meant_are_changed():
    """include is before exclude; what neither means is the very same metric."""
    cpu = {"match_type": "regexp", "metric_names": [".*_cpu_.*"]}
    efficiency = {"match_type": "regexp", "metric_names": [".*_efficiency"]}
    env = action("insert", "env", value="prod")
    found = acted(DATA, env, include=cpu, exclude=efficiency)
    metrics = found.resource_metrics[0].scope_metrics[0].metrics
    before = DATA.resource_metrics[0].scope_metrics[0].metrics
    assert [one is other for one, other in zip(metrics, before, strict=True)] == [
        False, True, True,
    ]  # fmt: skip


def test_what_is_the_same_for_all_points_costs_no_column():
    """Values and tables are shared; what is copied from a column is that column."""
    env = action("insert", "env", value="prod")
    for before, after in zip(each_points(DATA), each_points(acted(DATA, env)), strict=True):
        assert after.table is before.table
        assert after.values is before.values
    team = action("insert", "team", from_attribute=NAMESPACE)
    cpu, ram, efficiency = each_points(acted(DATA, team))
    assert cpu.table.columns[-1] is each_points(DATA)[0].table.columns[0]
    assert len({id(points.table) for points in (cpu, ram, efficiency)}) == 3
    one_table = batch(*(costs_over(each_points(DATA)[0].table, name) for name in ("a", "b")))
    a, b = each_points(acted(one_table, team))
    assert a.table is b.table


def costs_over(table, name):
    metric = costs(name, PODS)
    metric.data.data_points.table = table
    return metric


def test_costs_add_up_and_efficiencies_are_left_out(caplog):
    """Of pods without their names the namespaces' costs are left, exactly; one line says it."""
    processor = PointAttributes(actions=[WITHOUT_POD])
    found = processor(DATA)
    assert values(found) == {
        "pod_cpu_cost": {("shop", "USD"): 0.1 + 0.2, ("kube-system", "USD"): 0.3},
        "pod_ram_cost": {("shop", "USD"): 0.2, ("kube-system", "USD"): 0.3},
        "pod_cpu_efficiency": {("kube-system",): 0.3},
    }
    processor(batch(costs("pod_cpu_efficiency", PODS)))
    (said,) = caplog.messages
    assert said.startswith("Left out series of pod_cpu_efficiency: without what told them apart")


@pytest.mark.parametrize("currencies", [("USD", "EUR"), ("USD", ""), ("", "")])
def test_amounts_of_several_currencies_are_not_added(currencies):
    """Nor where the currency is taken away as well, or is not known."""
    one, other = currencies
    pods = {("shop", "web", one): 1.0, ("shop", "db", other): 2.0, ("a", "b", one): 3.0}
    data = batch(costs("pod_cost", pods, keys=[NAMESPACE, POD, CURRENCY]))
    found = values(acted(data, WITHOUT_POD, action("delete", CURRENCY)))
    assert found == {"pod_cost": {("a",): 3.0}}


def test_a_metric_without_a_point_left_is_dropped_and_its_scope_stays():
    """What has lost all its series has no metric; the scope says that they are gone."""
    data = batch(costs("pod_cpu_efficiency", {("shop", "web"): 0.1, ("shop", "db"): 0.2}))
    found = acted(data, WITHOUT_POD)
    assert [scope.metrics for scope in found.resource_metrics[0].scope_metrics] == [[]]


def test_sums_are_added_up():
    """Integers stay integers, what was counted since the oldest of them; no exemplar is lost."""
    points = [
        NumberDataPoint({"kind": "a", "host": "x"}, 5, 60, 2**60, ["one"]),
        NumberDataPoint({"kind": "b", "host": "x"}, 3, 60, 1, ["two"]),
        NumberDataPoint({"kind": "b", "host": "x"}, 3, 120, 7),
    ]
    total = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    found = acted(batch(Metric("errors", "", "", total)), action("delete", "kind"))
    assert each_points(found) == [
        [
            NumberDataPoint({"host": "x"}, 3, 60, 2**60 + 1, ["one", "two"]),
            NumberDataPoint({"host": "x"}, 3, 120, 7),
        ]
    ]


@pytest.mark.parametrize(("values", "total"), [([1e308, 1e308], "inf"), ([9e999, -9e999], "nan")])
def test_sums_that_are_not_finite_are_what_floats_say(values, total):
    """What foreign data holds raises nothing here."""
    points = [NumberDataPoint({"at": str(at)}, 0, 60, one) for at, one in enumerate(values)]
    data = batch(Metric("a", "", "", Sum(points, AggregationTemporality.DELTA, is_monotonic=False)))
    [[point]] = each_points(acted(data, action("delete", "at")))
    assert str(point.value) == total


def test_histograms_that_become_one_are_left_out():
    """Those of other attributes stay."""
    histogram, exponential = foreign(kind="a")[2:]
    others = foreign(kind="b")[2:]
    for one, other in zip((histogram, exponential), others, strict=True):
        one.data.data_points.extend(other.data.data_points)
    kept = foreign(kind="a", host="y")[2]
    histogram.data.data_points.extend(kept.data.data_points)
    found = acted(batch(histogram, exponential), action("delete", "kind"))
    assert attributes_in(found) == [{"host": "y"}]


def test_points_that_nothing_changed_are_left_as_they_are():
    """Also where they have the same attributes, which is for whoever made them."""
    twice = Metric("a", "", "", Gauge([NumberDataPoint({"b": "c"}, 0, 60, 1.0)] * 2))
    data = batch(twice)
    assert acted(data, action("delete", "d")) == data


def test_several_receivers_take_turns():
    """The last batch of each is remembered by its scopes."""
    processor = PointAttributes(actions=[WITHOUT_POD])
    one, other = (batch(costs("a", PODS, currency="USD"), scope=scope) for scope in SCOPES)
    first, second = processor(one), processor(other)
    assert each_points(processor(one))[0].shares(each_points(first)[0])
    assert each_points(processor(other))[0].shares(each_points(second)[0])
    both = batch()
    both.resource_metrics.clear()
    scopes = [(scope, [costs("b", PODS)]) for scope in SCOPES]
    both.resource_metrics.append(metrics_of({}, scopes))
    processor(both)
    assert not each_points(processor(one))[0].shares(each_points(first)[0])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (action("delete", "a", value="b"), "delete has no use for value; leave it out"),
        (action("insert", "a"), "insert needs one of value and from_attribute; write one"),
        (
            action("update", "a", value="b", from_attribute="c"),
            "update needs one of value and from",
        ),
        (action("hash", "a"), "must be 'insert', 'update', 'upsert' or 'delete', not \"hash\""),
    ],
)
def test_an_action_that_says_too_little_or_too_much_is_refused(block, message):
    """The message has the words of the action."""
    with pytest.raises(ConfigError, match=rf"actions\[0\].*: {message}"):
        PointAttributes(actions=[block])
