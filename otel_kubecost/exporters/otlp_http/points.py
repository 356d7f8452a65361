"""Data points one by one to the bytes of OTLP: any attributes, any kind, exemplars (metrics/v1).

The plain way. What came as columns goes another (``column_points``) and means the same.

    NumberDataPoint                  HistogramDataPoint            ExponentialHistogramDataPoint
    11 start   19 time               11 start   19 time            11 start   19 time
    21 float64   or 31 int64         21 count   29 sum             21 count   29 sum   30 scale
    2a len Exemplar                  32 len counts                 39 count of zero
    3a len KeyValue                  3a len bounds                 42, 4a len Buckets: 08 offset,
                                     42 len Exemplar                                   12 len counts
                                     4a len KeyValue               5a len Exemplar   0a len KeyValue
                                     59 min   61 max               50 flags   61 min   69 max

    SummaryDataPoint
    11 start   19 time   21 count   29 sum   32 len ValueAtQuantile: 09 quantile   11 value
    3a len KeyValue
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataT,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    NumberDataPoint,
    Sum,
)

from otel_kubecost.exporters.encoding.protobuf import field, pack_double, pack_fixed64, varint
from otel_kubecost.exporters.otlp_http.values import attributes
from otel_kubecost.pdata import Summary, SummaryDataPoint, ValueAtQuantile


def points_of(data: DataT | Summary) -> list[bytes]:
    """The points of a metric, each with its tag and length."""
    return [field(0x0A, point) for point in _points(data)]


def times(start: int | None, time: int) -> bytes:
    """In nanoseconds; 0 and None are not known."""
    return _number(0x11, start) + _number(0x19, time)


def _points(data: DataT | Summary) -> list[bytes]:
    match data:
        case Gauge():
            return [_of_number(one, None) for one in data.data_points]
        case Sum():
            return [_of_number(one, one.start_time_unix_nano) for one in data.data_points]
        case Histogram():
            return [_of_histogram(one) for one in data.data_points]
        case ExponentialHistogram():
            return [_of_exponential(one) for one in data.data_points]
        case Summary():
            return [_of_summary(one) for one in data.data_points]


def _of_number(point: NumberDataPoint, start: int | None) -> bytes:
    return (
        times(start, point.time_unix_nano)
        + _value(b"\x21", b"\x31", point.value)
        + _exemplars(0x2A, point.exemplars)
        + attributes(0x3A, point.attributes)
    )


def _of_histogram(point: HistogramDataPoint) -> bytes:
    counts, bounds = point.bucket_counts, point.explicit_bounds
    return (
        times(point.start_time_unix_nano, point.time_unix_nano)
        + _number(0x21, point.count)
        + _double(0x29, point.sum)
        + (field(0x32, struct.pack(f"<{len(counts)}Q", *counts)) if counts else b"")
        + (field(0x3A, struct.pack(f"<{len(bounds)}d", *bounds)) if bounds else b"")
        + _exemplars(0x42, point.exemplars)
        + attributes(0x4A, point.attributes)
        + _double(0x59, point.min)
        + _double(0x61, point.max)
    )


def _of_exponential(point: ExponentialHistogramDataPoint) -> bytes:
    return (
        times(point.start_time_unix_nano, point.time_unix_nano)
        + _number(0x21, point.count)
        + _double(0x29, point.sum)
        + (b"\x30" + _zigzag(point.scale))
        + _number(0x39, point.zero_count)
        + _buckets(0x42, point.positive)
        + _buckets(0x4A, point.negative)
        + (b"\x50" + varint(point.flags))
        + _exemplars(0x5A, point.exemplars)
        + attributes(0x0A, point.attributes)
        + _double(0x61, point.min)
        + _double(0x69, point.max)
    )


def _of_summary(point: SummaryDataPoint) -> bytes:
    return (
        times(point.start_time_unix_nano, point.time_unix_nano)
        + _number(0x21, point.count)
        + _double(0x29, point.sum)
        + b"".join([field(0x32, _at_quantile(one)) for one in point.quantile_values])
        + attributes(0x3A, point.attributes)
    )


def _at_quantile(one: ValueAtQuantile) -> bytes:
    return _double(0x09, one.quantile) + _double(0x11, one.value)


def _buckets(tag: int, buckets: Buckets) -> bytes:
    if not buckets.bucket_counts:
        return b""
    counts = b"".join(map(varint, buckets.bucket_counts))
    return field(tag, b"\x08" + _zigzag(buckets.offset) + field(0x12, counts))


def _exemplars(tag: int, exemplars: Sequence[Exemplar]) -> bytes:
    return b"".join([field(tag, _exemplar(one)) for one in exemplars])


def _exemplar(exemplar: Exemplar) -> bytes:
    return (
        _number(0x11, exemplar.time_unix_nano)
        + _value(b"\x19", b"\x31", exemplar.value)
        + _id(0x22, exemplar.span_id, 8)
        + _id(0x2A, exemplar.trace_id, 16)
        + attributes(0x3A, exemplar.filtered_attributes)
    )


def _id(tag: int, number: int | None, size: int) -> bytes:
    """What was scraped often has a trace and no span; OpenTelemetry's encoder drops both then."""
    return b"" if number is None else field(tag, number.to_bytes(size))


def _value(as_double: bytes, as_int: bytes, value: float) -> bytes:
    """Written out where it is 0, too: without it there is no value. A sum may outgrow int64."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return as_int + struct.pack("<q", value)
    return as_double + pack_double(value)


def _number(tag: int, value: int | None) -> bytes:
    return bytes((tag,)) + pack_fixed64(value) if value else b""


def _double(tag: int, value: float | None) -> bytes:
    return b"" if value is None else bytes((tag,)) + pack_double(value)


def _zigzag(number: int) -> bytes:
    return varint(2 * number if number >= 0 else -2 * number - 1)
