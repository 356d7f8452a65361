"""Filters and edits of columns give what the plain ones of lists give, and columns."""

import copy
import re
from dataclasses import replace

from editing_batches import (
    CURRENCY,
    NAMES,
    NAMESPACE,
    POD,
    batches,
    each_points,
    edited_batch,
    in_words,
    plain,
)
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.pdata import PointColumns, map_scopes, restamp, time_if_restamped
from otel_kubecost.processors.attributes import PointAttributes
from otel_kubecost.processors.filter import Filter
from otel_kubecost.processors.metrics_transform import MetricsTransform
from otel_kubecost.processors.resource import ResourceAttributes

MARK = 120 * 10**9
KEYS = st.sampled_from([NAMESPACE, POD, CURRENCY, "env", "team"])
VALUES = st.sampled_from(["a", "b", "p", "USD", ""])
PATTERNS = st.sampled_from(["a", "a|b", ".*", "U.*", ".+"])


@st.composite
def actions(draw):
    key, what = draw(KEYS), draw(st.sampled_from(["insert", "update", "upsert", "delete"]))
    if what == "delete":
        return {"key": key, "action": what}
    source = draw(st.fixed_dictionaries({"value": VALUES}) |
                  st.fixed_dictionaries({"from_attribute": KEYS}))  # fmt: skip
    return {"key": key, "action": what, **source}


@st.composite
def operations(draw):
    if draw(st.booleans()):
        return {"action": "add_label", "new_label": draw(KEYS), "new_value": draw(VALUES)}
    values = draw(st.dictionaries(VALUES, VALUES, min_size=1))
    renamed = [{"value": old, "new_value": new} for old, new in values.items()]
    new_label = draw(st.fixed_dictionaries({}, optional={"new_label": KEYS}))
    operation = {"action": "update_label", "label": draw(KEYS), "value_actions": renamed}
    return operation | new_label


def matches(*optional):
    attributes = st.lists(st.fixed_dictionaries({"key": KEYS}, optional={"value": PATTERNS}),
                          min_size=1, max_size=2)  # fmt: skip
    resources = st.just([{"key": "k8s.cluster.name", "value": "c"}])
    names = st.lists(st.sampled_from([*NAMES, "pod_.*", ".*_cost"]), min_size=1, max_size=2)
    every = {"metric_names": names, "resource_attributes": resources, "attributes": attributes}
    some = {name: every[name] for name in optional}
    blocks = st.fixed_dictionaries(
        {"match_type": st.sampled_from(["strict", "regexp"])}, optional=some
    )
    return blocks.filter(lambda block: len(block) > 1)


METRICS = matches("metric_names", "resource_attributes")
POINTS = matches("metric_names", "resource_attributes", "attributes")


def fits(block, text, value):
    return (
        re.fullmatch(text, value) is not None if block["match_type"] == "regexp" else text == value
    )


def have(block, wanted, attributes):
    return all(
        one["key"] in attributes
        and ("value" not in one or fits(block, one["value"], attributes[one["key"]]))
        for one in wanted
    )


def is_meant(block, resource, name, attributes):
    names = block.get("metric_names")
    return (
        (names is None or any(fits(block, one, name) for one in names))
        and have(block, block.get("resource_attributes", ()), resource.attributes)
        and have(block, block.get("attributes", ()), attributes)
    )


def filtered(data, include, exclude):
    """A metric is left with the points that pass; one that has none passes by its name."""

    def passes(resource, name, attributes):
        included = include is None or is_meant(include, resource, name, attributes)
        return included and not (exclude and is_meant(exclude, resource, name, attributes))

    def passes_empty(resource, name):
        named = {key: value for key, value in (include or {}).items() if key != "attributes"}
        included = is_meant(named, resource, name, {})
        dropped = exclude and "attributes" not in exclude
        return included and not (dropped and is_meant(exclude, resource, name, {}))

    def change(resource, metrics):
        for one in metrics:
            points = one.data.data_points
            left = [point for point in points if passes(resource, one.name, point.attributes)]
            if left or (not points and passes_empty(resource, one.name)):
                yield replace(one, data=replace(one.data, data_points=left))

    return map_scopes(data, lambda resource, metrics: list(change(resource, metrics)))


def acted(actions):
    """One action after the other, as the Collector describes them."""

    def edit(attributes):
        for one in actions:
            key, what, source = one["key"], one["action"], one.get("from_attribute")
            if what == "delete":
                attributes.pop(key, None)
            elif source and source not in attributes:
                continue
            elif {"insert": key not in attributes, "update": key in attributes}.get(what, True):
                attributes[key] = attributes[source] if source else one["value"]
        return attributes

    return edit


def operated(operations):
    """One operation after the other, as the Collector describes them."""

    def edit(attributes):
        for one in operations:
            if one["action"] == "add_label":
                attributes.setdefault(one["new_label"], one["new_value"])
            elif one["label"] in attributes:
                new = {pair["value"]: pair["new_value"] for pair in one["value_actions"]}
                value = attributes.pop(one["label"])
                attributes[one.get("new_label", one["label"])] = new.get(value, value)
        return attributes

    return edit


def check(processor, data, expected):
    """The result for columns and for lists is ``expected``, and the former are columns."""
    before = copy.deepcopy(data)
    found = processor(data)
    assert in_words(found) == in_words(expected)
    assert in_words(processor(plain(data))) == in_words(expected)
    assert data == before
    for points in each_points(found):
        assert isinstance(points, PointColumns)
        are_valid(points)


def are_valid(points):
    """What the classes of columns promise, and others rely on."""
    table = points.table
    rows = [tuple(table.row(at).items()) for at in range(len(table))]
    assert len(set(rows)) == len(rows) == len(table)
    assert list(points.row_numbers()) == sorted(set(points.row_numbers()))
    assert not set(table.keys) & points.constant.keys()
    for column in table.columns:
        assert len(column) == len(table)
        assert len(column.values) in {len(set(column.values)), len(table)}


@given(batches(), st.none() | POINTS, POINTS)
def test_columns_are_filtered_as_lists_are(data, include, exclude):
    """What include matches and exclude does not is left, point by point."""
    metrics = {"exclude": exclude} | ({"include": include} if include else {})
    check(Filter(metrics=metrics), data, filtered(data, include, exclude))
    if include:
        check(Filter(metrics={"include": include}), data, filtered(data, include, None))


@given(batches(), st.lists(actions(), min_size=1, max_size=4), st.none() | METRICS)
def test_columns_are_acted_on_as_lists_are(data, actions, include):
    """Attributes change point by point; what became one series is added up or left out."""
    block = {"include": include} if include else {}
    expected = edited_batch(
        data,
        acted(actions),
        lambda resource, one: not include or is_meant(include, resource, one.name, {}),
    )
    check(PointAttributes(actions=actions, **block), data, expected)


@given(batches(), st.lists(operations(), min_size=1, max_size=3))
def test_labels_of_columns_are_renamed_as_those_of_lists_are(data, operations):
    """Labels and values change point by point, as attributes do."""
    transform = {"include": ".*", "match_type": "regexp", "action": "update"}
    processor = MetricsTransform(transforms=[transform | {"operations": operations}])
    check(processor, data, edited_batch(data, operated(operations)))


@given(batches(), st.sampled_from(["pod_$1", "pod_$2", "$2", "other"]), st.booleans())
def test_a_rename_loses_no_series_and_doubles_none(data, new_name, inserts):
    """Names are those that were asked for or those that were; each scope has all its points."""
    transform = {
        "include": "pod_(cpu|ram)_(.*)", "match_type": "regexp", "new_name": new_name,
        "action": "insert" if inserts else "update",
    }  # fmt: skip
    processor = MetricsTransform(transforms=[transform])
    for batch in (data, plain(data)):
        for before, after in zip(scopes_of(batch), scopes_of(processor(batch)), strict=True):
            names = [one.name for one in after]
            assert len(set(names)) == len(names)
            was, is_now = (sum(points_of(one) for one in metrics) for metrics in (before, after))
            assert is_now == was if not inserts else was <= is_now <= 2 * was
            for one in after:
                series = [point.attributes for point in one.data.data_points]
                assert all(series.count(one) == 1 for one in series)
    assert in_words(processor(plain(data))) == in_words(processor(data))


def scopes_of(data):
    return [scope.metrics for resource in data.resource_metrics for scope in resource.scope_metrics]


def points_of(metric):
    return len(metric.data.data_points)


@given(batches(), st.lists(actions(), min_size=1, max_size=2))
def test_resources_are_joined_alike_from_columns_and_lists(data, actions):
    """Of resources that became the same each scope and each metric is there once."""
    cluster = {"key": "k8s.cluster.name", "action": "delete"}
    processor = ResourceAttributes(attributes=[*actions, cluster])
    found = processor(data)
    assert in_words(processor(plain(data))) == in_words(found)
    [resource] = found.resource_metrics
    names = [scope.scope.name for scope in resource.scope_metrics]
    assert len(set(names)) == len(names)
    metrics = [(scope.scope.name, one.name) for scope in resource.scope_metrics
               for one in scope.metrics]  # fmt: skip
    assert len(set(metrics)) == len(metrics)
    for points in each_points(found):
        if isinstance(points, PointColumns):
            are_valid(points)


@given(batches(), st.lists(actions(), min_size=1, max_size=3))
def test_the_same_batch_again_gives_the_same_columns_again(data, actions):
    """Downstream a batch is known again by its columns, whatever the processor did to them."""
    blocks = {"include": ".*", "match_type": "regexp", "action": "update"}
    label = {"action": "update_label", "label": POD, "new_label": "pod"}
    for processor in (
        PointAttributes(actions=actions),
        ResourceAttributes(attributes=actions),
        MetricsTransform(transforms=[{**blocks, "operations": [label]}]),
        Filter(metrics={"exclude": {"match_type": "strict",
                                    "attributes": [{"key": POD, "value": "p"}]}}),
    ):  # fmt: skip
        found = processor(data)
        again = processor(restamp(data, 120.0))
        assert {point.time_unix_nano for points in each_points(again) for point in points} <= {MARK}
        if all(isinstance(points, PointColumns) for points in each_points(found)):
            assert in_words(again) == in_words(restamp(found, 120.0))
            assert time_if_restamped(again, found) == (MARK if each_points(found) else None)
