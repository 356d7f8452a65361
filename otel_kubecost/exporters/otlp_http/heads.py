"""What is said of a resource, a scope and a metric, once for all its points."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.sdk.metrics.export import (
    DataT,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.encoding.protobuf import field, string, varint
from otel_kubecost.exporters.otlp_http.message import (
    EXPONENTIAL,
    GAUGE,
    HISTOGRAM,
    SUM,
    SUMMARY,
    Head,
)
from otel_kubecost.exporters.otlp_http.values import attributes
from otel_kubecost.pdata import Summary, metadata_of


def heads_by_scope(data: MetricsData) -> Iterator[list[tuple[Head, Metric]]]:
    """The metrics of each scope. No two resources, or scopes of one, may be equal."""
    for at, of_resource in enumerate(data.resource_metrics):
        resource = _resource(of_resource.resource)
        for within, of_scope in enumerate(of_resource.scope_metrics):
            scope = _scope(of_scope.scope)
            yield [
                (_head((at, within, place), resource, scope, metric), metric)
                for place, metric in enumerate(of_scope.metrics)
            ]


def _head(place: tuple[int, int, int], resource: bytes, scope: bytes, metric: Metric) -> Head:
    described = _text(0x12, metric.description) + _text(0x1A, metric.unit)
    about = _text(0x0A, metric.name) + described + attributes(0x62, metadata_of(metric))
    return Head(place, resource, scope, about, *_kind(metric.data))


def _resource(resource: Resource) -> bytes:
    return field(0x0A, attributes(0x0A, resource.attributes)) + _text(0x1A, resource.schema_url)


def _scope(scope: InstrumentationScope) -> bytes:
    about = _text(0x0A, scope.name) + _text(0x12, scope.version)
    return field(0x0A, about + attributes(0x1A, scope.attributes)) + _text(0x1A, scope.schema_url)


def _kind(data: DataT | Summary) -> tuple[int, bytes]:
    match data:
        case Gauge():
            return GAUGE, b""
        case Sum():
            return SUM, _temporality(data) + b"\x18" + varint(data.is_monotonic)
        case Histogram():
            return HISTOGRAM, _temporality(data)
        case ExponentialHistogram():
            return EXPONENTIAL, _temporality(data)
        case Summary():
            return SUMMARY, b""


def _temporality(data: Sum | Histogram | ExponentialHistogram) -> bytes:
    return b"\x10" + varint(data.aggregation_temporality)


def _text(tag: int, text: str | None) -> bytes:
    return string(tag, text) if text else b""
