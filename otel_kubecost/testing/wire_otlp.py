"""The points of an OTLP request as series, for who holds a spool against a receiver. Pure.

Source: opentelemetry-proto 1.x, ``collector/metrics/v1``. Of its messages there is what a series
is known by; how this package writes requests is not used to read them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError

from otel_kubecost.testing.message_classes import class_of
from otel_kubecost.testing.wire import Message, SentSeries

PACKAGE = "opentelemetry.proto.collector.metrics.v1"
MESSAGE = f"{PACKAGE}.ExportMetricsServiceRequest"

_POINT = "time_unix_nano=3:fixed64"
_FIELDS = {
    "ExportMetricsServiceRequest": "resource_metrics=1:ResourceMetrics*",
    "ResourceMetrics": "resource=1:Resource scope_metrics=2:ScopeMetrics*",
    "Resource": "attributes=1:KeyValue*",
    "ScopeMetrics": "metrics=2:Metric*",
    "Metric": "name=1:string gauge=5:Numbers sum=7:Numbers histogram=9:Histogram "
    "exponential_histogram=10:Exponential summary=11:Summary",
    "Numbers": "data_points=1:Number*",
    "Histogram": "data_points=1:HistogramPoint*",
    "Exponential": "data_points=1:ExponentialPoint*",
    "Summary": "data_points=1:SummaryPoint*",
    "Number": f"{_POINT} as_double=4:double as_int=6:sfixed64 attributes=7:KeyValue*",
    "HistogramPoint": f"{_POINT} count=4:fixed64 attributes=9:KeyValue*",
    "ExponentialPoint": f"{_POINT} count=4:fixed64 attributes=1:KeyValue*",
    "SummaryPoint": f"{_POINT} count=4:fixed64 attributes=7:KeyValue*",
    "KeyValue": "key=1:string value=2:AnyValue",
    "AnyValue": "string_value=1:string bool_value=2:bool int_value=3:int64 double_value=4:double "
    "array_value=5:bytes kvlist_value=6:bytes bytes_value=7:bytes",
}

_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def decode_otlp(body: bytes) -> Message:
    """The message of a body, a point a series. Raises ValueError, saying what it is not.

    A series has the attributes of its resource and its own. The value of a histogram or a summary
    is its count.
    """
    try:
        request = _request_class().FromString(body)
    except DecodeError as error:
        raise ValueError(f"body is not an {MESSAGE}: {error}") from None
    return Message(tuple(_series(request)))


def decode_gzipped_otlp(body: bytes) -> Message:
    """As ``decode_otlp``."""
    try:
        return decode_otlp(zlib.decompress(body, 16 + zlib.MAX_WBITS))
    except zlib.error as error:
        raise ValueError(f"body is not gzip: {error}") from None


@cache
def _request_class() -> Any:
    return class_of(PACKAGE, "ExportMetricsServiceRequest", _FIELDS)


def _series(request: Any) -> Iterator[SentSeries]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                named = {"__name__": metric.name, **_texts(of_resource.resource.attributes)}
                for kind in _KINDS:
                    points = getattr(metric, kind).data_points
                    yield from (_one(named, point) for point in points)


def _one(named: dict[str, str], point: Any) -> SentSeries:
    labels = sorted({**named, **_texts(point.attributes)}.items())
    value = point.count if hasattr(point, "count") else point.as_double or point.as_int
    return SentSeries(tuple(labels), ((point.time_unix_nano // 1_000_000, float(value)),))


def _texts(attributes: Any) -> dict[str, str]:
    return {one.key: _text(one.value) for one in attributes}


def _text(value: Any) -> str:
    return str(next((content for _, content in value.ListFields()), ""))
