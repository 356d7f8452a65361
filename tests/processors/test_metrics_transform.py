"""Renamed metrics, labels and values; and names that are there already."""

import pytest
from editing_batches import (
    NAMESPACE,
    POD,
    attributes_in,
    batch,
    costs,
    each_points,
    foreign,
    values,
)
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.errors import ConfigError
from otel_kubecost.pdata import PointColumns
from otel_kubecost.processors.metrics_transform import MetricsTransform

PODS = {("shop", "web"): 1.0, ("kube-system", "dns"): 2.0}
DATA = batch(
    costs("pod_total_cost", PODS, currency="USD"),
    costs("pod_cpu_cost", PODS, currency="USD"),
    costs("pod_ram_cost", PODS, currency="USD"),
)
SUM = {"pod_total_cost": 3.0, "pod_cpu_cost": 3.0, "pod_ram_cost": 3.0}


def transform(include, *operations, action="update", **options):
    return {"include": include, "action": action, "operations": operations, **options}


def transformed(*transforms, data=DATA):
    return MetricsTransform(transforms=transforms)(data)


def total(data):
    return {name: sum(points.values()) for name, points in values(data).items()}


def names(data):
    return [*values(data)]


@pytest.mark.parametrize(
    ("include", "new_name", "options", "expected"),
    [
        ("pod_cpu_cost", "cpu", {}, ["pod_total_cost", "cpu", "pod_ram_cost"]),
        ("pod_cpu_cost", "$1", {}, ["pod_total_cost", "$1", "pod_ram_cost"]),
        ("pod_(.*)", "kubecost_$1", {"match_type": "regexp"},
         ["kubecost_total_cost", "kubecost_cpu_cost", "kubecost_ram_cost"]),
        ("pod_(?P<part>cpu|ram)_cost", "${part}_of_pod", {"match_type": "regexp"},
         ["pod_total_cost", "cpu_of_pod", "ram_of_pod"]),
        ("_cpu_", "cpu", {"match_type": "regexp"}, [*SUM]),
        ("pod_cpu_cost()", "$1", {"match_type": "regexp"}, [*SUM]),
        ("pod_.*", "pod_cpu_cost_and_more", {}, [*SUM]),
    ],
)  # fmt: skip
def test_metrics_are_renamed(include, new_name, options, expected):
    """A pattern is for the whole name, its groups fill in; a name that would be empty is none."""
    assert names(transformed(transform(include, new_name=new_name, **options))) == expected


def test_a_renamed_metric_has_its_columns():
    """Of 20,000 pods only the name is made anew."""
    found = transformed(transform("pod_(.*)", match_type="regexp", new_name="$1"))
    for before, after in zip(each_points(DATA), each_points(found), strict=True):
        assert after is before


def test_labels_and_values_are_renamed():
    """A label that is not there stays away, and one that is there is not added again."""
    system = {"value": "kube-system", "new_value": "system"}
    operations = [
        {"action": "update_label", "label": NAMESPACE, "new_label": "team",
         "value_actions": [system]},
        {"action": "update_label", "label": "no.such", "new_label": "other"},
        {"action": "add_label", "new_label": "env", "new_value": "prod"},
        {"action": "add_label", "new_label": "currency", "new_value": "EUR"},
    ]  # fmt: skip
    found = transformed(transform("pod_cpu_cost", *operations))
    about = {"currency": "USD", "env": "prod"}
    assert attributes_in(found)[2:4] == [
        {POD: "web", "team": "shop", **about},
        {POD: "dns", "team": "system", **about},
    ]
    assert attributes_in(found)[:2] == attributes_in(DATA)[:2]


def test_labels_of_foreign_points_are_renamed():
    """Of every type; a value that is no text is no value that could be renamed."""
    operation = {"action": "update_label", "label": "port", "new_label": "server.port",
                 "value_actions": [{"value": "8080", "new_value": "http"}]}  # fmt: skip
    every = transform(".*", operation, match_type="regexp")
    assert (
        attributes_in(transformed(every, data=batch(*foreign(port=8080))))
        == [{"server.port": 8080}] * 4
    )
    assert (
        attributes_in(transformed(every, data=batch(*foreign(port="8080"))))
        == [{"server.port": "http"}] * 4
    )


def test_metrics_over_one_table_are_over_one_table_afterwards():
    """Requests are made row by row of a table, which is worth nothing where each has its own."""
    table = each_points(DATA)[0].table
    for points in each_points(DATA):
        points.table = table
    rename = {"action": "update_label", "label": POD, "new_label": "pod",
              "value_actions": [{"value": "web", "new_value": "www"}]}  # fmt: skip
    found = each_points(transformed(transform("pod_.*", rename, match_type="regexp")))
    assert len({id(points.table) for points in found}) == 1


def test_values_that_become_one_are_added_up(caplog):
    """As in the processor attributes: costs are, and of efficiencies none is left."""
    both = [{"value": "web", "new_value": "x"}, {"value": "db", "new_value": "x"}]
    rename = {"action": "update_label", "label": POD, "value_actions": both}
    pods = {("shop", "web"): 0.5, ("shop", "db"): 0.25}
    data = batch(costs("cost", pods, currency="USD"), costs("efficiency", pods))
    found = values(transformed(transform(".*", rename, match_type="regexp"), data=data))
    assert found == {"cost": {("shop", "x", "USD"): 0.75}}
    assert "Left out series of efficiency" in caplog.text


def test_a_copy_is_inserted_behind_the_others():
    """The metric itself stays as it is."""
    env = {"action": "add_label", "new_label": "env", "new_value": "prod"}
    found = transformed(transform("pod_cpu_cost", env, action="insert", new_name="cpu"))
    assert total(found) == SUM | {"cpu": 3.0}
    assert [one.get("env") for one in attributes_in(found)] == [None] * 6 + ["prod"] * 2


def label(value):
    return {"action": "add_label", "new_label": "part", "new_value": value}


def test_metrics_told_apart_by_a_label_become_one():
    """Its points are columns still, and all that there were."""
    found = transformed(
        transform("pod_cpu_cost", label("cpu")),
        transform("pod_ram_cost", label("ram")),
        transform("pod_(cpu|ram)_cost", match_type="regexp", new_name="pod_cost"),
    )
    assert total(found) == {"pod_total_cost": 3.0, "pod_cost": 6.0}
    points = each_points(found)[1]
    assert isinstance(points, PointColumns)
    assert {(point.attributes["part"], point.value) for point in points} == {
        ("cpu", 1.0), ("cpu", 2.0), ("ram", 1.0), ("ram", 2.0),
    }  # fmt: skip


@pytest.mark.parametrize("action", ["update", "insert"])
def test_a_name_whose_series_are_there_already_is_refused(action, caplog):
    """Nothing says that two metrics add up, so none is lost and none doubled; one line says it."""
    processor = MetricsTransform(
        transforms=[transform("pod_cpu_cost", action=action, new_name="pod_ram_cost")]
    )
    for _ in range(2):
        assert total(processor(DATA)) == SUM
        processor(MetricsData([]))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        {"update": "pod_cpu_cost keeps its name: ", "insert": "No copy of pod_cpu_cost is made: "}[
            action
        ]
    )


@pytest.mark.parametrize("new_name", ["sum", "histogram", "exponential"])
def test_metrics_of_two_types_do_not_become_one(new_name, caplog):
    """Also where no series of theirs is the same."""
    found = transformed(
        transform("gauge", label("a"), new_name=new_name), data=batch(*foreign(host="x"))
    )
    assert names_in(found) == ["gauge", "sum", "histogram", "exponential"]
    assert "gauge keeps its name" in caplog.text


def names_in(data):
    return [one.name for one in data.resource_metrics[0].scope_metrics[0].metrics]


def test_a_copy_of_the_same_name_is_none():
    """It could only repeat the series that are there."""
    assert transformed(transform("pod_cpu_cost", action="insert", new_name="pod_cpu_cost")) == DATA


def test_names_move_up_at_once():
    """A name that is given up is free, and one that is kept is not, whoever comes first."""
    data = batch(*(costs(name, PODS) for name in ("xxa", "xa", "b")))
    shorter = transform("x(.*)", match_type="regexp", new_name="$1")
    assert names_in(transformed(shorter, data=data)) == ["xa", "a", "b"]
    taken = batch(*(costs(name, PODS) for name in ("xxa", "xa", "a")))
    assert names_in(transformed(shorter, data=taken)) == ["xxa", "xa", "a"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (transform("a"), "changes nothing; add new_name or operations"),
        (transform("a", action="insert"), "insert needs new_name; add the name of the copy"),
        (transform("(", match_type="regexp", new_name="b"), r"'\(' is not an RE2 pattern"),
        (transform("a", action="combine"), "must be 'update' or 'insert', not \"combine\""),
        (transform("a", {"action": "update_label", "new_label": "b"}),
         "update_label needs label; add what is missing"),
        (transform("a", {"action": "update_label", "label": "b"}),
         "update_label changes nothing; add new_label or value_actions"),
        (transform("a", {"action": "add_label", "new_label": "b"}), "add_label needs new_value"),
        (transform("a", {**label("b"), "label": "c"}), "add_label has no use for label; leave it"),
        (transform("a", {"action": "aggregate_labels"}),
         "must be 'update_label' or 'add_label', not \"aggregate_labels\""),
    ],
)  # fmt: skip
def test_a_transform_that_cannot_be_meant_is_refused(block, message):
    """The message has the words of the transform."""
    with pytest.raises(ConfigError, match=rf"transforms\[0\].*: {message}"):
        MetricsTransform(transforms=[block])
