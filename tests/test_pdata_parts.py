"""Batches for exporters that others wrote: joined as these rely on, in parts that they can take."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from metric_batches import BATCHES, columns, number, points_of
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import MOST, PointColumns, chunks, coalesced, count_points, each_metric


def batch(*points, tenant="t", scope="s", name="cost"):
    metrics = [Metric(name, "", "", Gauge(one)) for one in points]
    of_scope = ScopeMetrics(InstrumentationScope(scope), metrics, "")
    return ResourceMetrics(Resource({"tenant.id": tenant}), [of_scope], "")


def encoded(data):
    """The value of each point that the stock OTLP encoder sends, by resource and scope."""
    return [
        (
            sorted((one.key, one.value.string_value) for one in of_resource.resource.attributes),
            of_scope.scope.name,
            metric.name,
            point.as_double,
        )
        for of_resource in encode_metrics(data).resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        for point in metric.gauge.data_points
    ]


TWICE = MetricsData([batch([number(1)]), batch([number(2)])])


def test_the_stock_otlp_encoder_loses_one_of_two_equal_resources():
    """Why batches are joined: its dict keeps the last; of two metrics of one name it keeps both."""
    assert [value for *_, value in encoded(TWICE)] == [2.0]
    assert [value for *_, value in encoded(MetricsData([batch([number(1)], [number(2)])]))] == [
        1,
        2,
    ]


def test_nothing_is_lost_in_the_stock_otlp_encoder_once_joined():
    """Both points of the two equal resources, of the two equal scopes."""
    assert [value for *_, value in encoded(coalesced(TWICE))] == [1.0, 2.0]


@given(BATCHES)
@example(TWICE)
def test_joining_conserves_every_point_and_its_order(data):
    """Resources, and scopes within them, in the order in which they come first; then the points."""
    before = points_of(data)
    heads = dict.fromkeys(
        (of_resource.resource, of_scope.scope)
        for first in data.resource_metrics
        for of_resource in data.resource_metrics
        if of_resource.resource == first.resource
        for of_scope in of_resource.scope_metrics
    )
    expected = [point for head in heads for point in before if point[:2] == head]
    assert points_of(coalesced(data)) == expected
    assert len(expected) == len(before)


@given(BATCHES)
def test_joined_data_has_each_resource_and_scope_once_and_nothing_empty(data):
    """What a reader of the SDK guarantees to exporters holds for us, too."""
    found = coalesced(data).resource_metrics
    resources = [one.resource for one in found]
    assert len(set(resources)) == len(resources)
    for of_resource in found:
        scopes = [one.scope for one in of_resource.scope_metrics]
        assert 0 < len(set(scopes)) == len(scopes)
        assert all(of_scope.metrics for of_scope in of_resource.scope_metrics)
    assert all(len(metric.data.data_points) for _, _, metric in each_metric(coalesced(data)))


@given(BATCHES)
def test_joining_shares_the_points(data):
    """No metric is made anew: columns stay the columns that they were, and lists the lists."""
    before = {id(metric) for _, _, metric in each_metric(data)}
    assert {id(metric) for _, _, metric in each_metric(coalesced(data))} <= before


@given(BATCHES, st.integers(1, 9))
def test_chunks_conserve_every_point_in_its_order(data, most):
    """One after the other they are the batch: resource, scope, unit, temporality and all."""
    parts = list(chunks(data, most))
    assert [point for part in parts for point in points_of(part)] == points_of(data)


@given(BATCHES, st.integers(1, 9))
def test_chunks_are_as_few_as_the_bound_allows_and_never_empty(data, most):
    """All but the last are full."""
    sizes = [count_points(part) for part in chunks(data, most)]
    assert len(sizes) == math.ceil(count_points(data) / most)
    assert all(size == most for size in sizes[:-1])
    assert all(0 < size <= most for size in sizes)


@given(BATCHES, st.integers(1, 9))
def test_chunks_of_joined_data_are_joined(data, most):
    """Cutting makes no second resource or scope, which an encoder would lose."""
    for part in chunks(coalesced(data), most):
        assert points_of(coalesced(part)) == points_of(part)
        assert len(coalesced(part).resource_metrics) == len(part.resource_metrics)


def test_a_batch_that_fits_is_passed_on_as_it_is():
    """Nothing is copied; the usual bound is ten thousand points."""
    fits = MetricsData([batch(columns(MOST))])
    assert [id(part) for part in chunks(fits)] == [id(fits)]
    assert MOST == 10_000


@pytest.mark.parametrize("make", [columns, lambda count: [number(at) for at in range(count)]])
def test_one_metric_larger_than_a_chunk_is_cut(make):
    """Columns stay columns over the same table; a list is a part of the list."""
    points = make(25)
    parts = list(chunks(MetricsData([batch(points)]), 10))
    cut = [metric.data.data_points for part in parts for _, _, metric in each_metric(part)]
    assert [len(one) for one in cut] == [10, 10, 5]
    assert [point for one in cut for point in one] == list(points)
    if isinstance(points, PointColumns):
        assert all(one.table is points.table for one in cut)
