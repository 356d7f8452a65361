"""What stands in a batch, as the objects of OTLP's JSON.

By "JSON Protobuf Encoding" in the specification of OTLP: integers of 64 bits are decimal text,
enumerations are numbers, ids hexadecimal, other bytes base64, and a float that is not finite is its
name. Pure.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataPointT,
    DataT,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    NumberDataPoint,
    Sum,
)

from otel_kubecost.pdata import Summary, SummaryDataPoint

JsonObject: TypeAlias = dict[str, Any]

as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""The text of a value, without a blank; ValueError for a float that is not finite."""


def as_bytes(value: Any) -> bytes:
    return in_utf8(as_json(value))


def in_utf8(text: str) -> bytes:
    """Half a surrogate pair, which is no text, becomes a question mark."""
    return text.encode(errors="replace")


def kind_of(data: DataT | Summary) -> tuple[str, JsonObject]:
    """The key of a metric's data, and what that says of its points."""
    match data:
        case Gauge():
            return "gauge", {}
        case Sum():
            monotonic = {"isMonotonic": True} if data.is_monotonic else {}
            return "sum", {**_temporality(data), **monotonic}
        case Histogram():
            return "histogram", _temporality(data)
        case ExponentialHistogram():
            return "exponentialHistogram", _temporality(data)
        case Summary():
            return "summary", {}


def points_of(data: DataT | Summary) -> Iterator[JsonObject]:
    """One by one. A gauge has no start, as in the encoder of OpenTelemetry."""
    match data:
        case Gauge():
            yield from map(_number, data.data_points)
        case Sum():
            yield from ({**_number(one), **_start(one)} for one in data.data_points)
        case Histogram():
            yield from map(_histogram, data.data_points)
        case ExponentialHistogram():
            yield from map(_exponential, data.data_points)
        case Summary():
            yield from map(_summary, data.data_points)


def attributes_of(attributes: Mapping[str, Any] | None) -> list[JsonObject]:
    return [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()]


def _number(point: NumberDataPoint) -> JsonObject:
    return {
        "timeUnixNano": str(point.time_unix_nano),
        **_measured(point.value),
        **_about(point),
    }


def _histogram(point: HistogramDataPoint) -> JsonObject:
    return {
        **_observed(point),
        **_extremes(point),
        "bucketCounts": _texts(point.bucket_counts),
        "explicitBounds": [double_of(bound) for bound in point.explicit_bounds],
        **_about(point),
    }


def _exponential(point: ExponentialHistogramDataPoint) -> JsonObject:
    return {
        **_observed(point),
        **_extremes(point),
        "scale": point.scale,
        "zeroCount": str(point.zero_count),
        **({"positive": _buckets(point.positive)} if point.positive.bucket_counts else {}),
        **({"negative": _buckets(point.negative)} if point.negative.bucket_counts else {}),
        "flags": point.flags,
        **_about(point),
    }


def _summary(point: SummaryDataPoint) -> JsonObject:
    quantiles = [
        {"quantile": double_of(one.quantile), "value": double_of(one.value)}
        for one in point.quantile_values
    ]
    return {
        **_observed(point),
        "quantileValues": quantiles,
        "attributes": attributes_of(point.attributes),
    }


def _observed(
    point: HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint,
) -> JsonObject:
    return {
        "timeUnixNano": str(point.time_unix_nano),
        **_start(point),
        "count": str(point.count),
        **_known(sum=point.sum),
    }


def _extremes(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> JsonObject:
    return _known(min=point.min, max=point.max)


def _known(**values: float | None) -> JsonObject:
    return {key: double_of(value) for key, value in values.items() if value is not None}


def _start(
    point: DataPointT | SummaryDataPoint,
) -> JsonObject:
    start = point.start_time_unix_nano
    return {"startTimeUnixNano": str(start)} if start else {}


def _about(
    point: DataPointT,
) -> JsonObject:
    exemplars = [_exemplar(one) for one in point.exemplars]
    return {
        "attributes": attributes_of(point.attributes),
        **({"exemplars": exemplars} if exemplars else {}),
    }


def _exemplar(exemplar: Exemplar) -> JsonObject:
    """What was scraped often has a trace and no span; OpenTelemetry's encoder drops both then."""
    span, trace = exemplar.span_id, exemplar.trace_id
    return {
        "timeUnixNano": str(exemplar.time_unix_nano),
        **_measured(exemplar.value),
        **({} if span is None else {"spanId": f"{span:016x}"}),
        **({} if trace is None else {"traceId": f"{trace:032x}"}),
        "filteredAttributes": attributes_of(exemplar.filtered_attributes),
    }


def _measured(value: float) -> JsonObject:
    """A sum may outgrow int64."""
    is_integer = isinstance(value, int) and _fits(value)
    return {"asInt": str(int(value))} if is_integer else {"asDouble": double_of(value)}


def _buckets(buckets: Buckets) -> JsonObject:
    return {"offset": buckets.offset, "bucketCounts": _texts(buckets.bucket_counts)}


def _temporality(data: Sum | Histogram | ExponentialHistogram) -> JsonObject:
    return {"aggregationTemporality": data.aggregation_temporality.value}


def _texts(counts: Iterable[int]) -> list[str]:
    return [str(count) for count in counts]


def double_of(value: float) -> float | str:
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _fits(number: int) -> bool:
    """A reader refuses a whole line for an integer of more than 64 bits."""
    return -(2**63) <= number < 2**63


def _value(value: Any) -> JsonObject:  # noqa: PLR0911  one line for each kind of value
    """Of an attribute. What OTLP has no word for is its text."""
    match value:
        case None:
            return {}
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int() if _fits(value):
            return {"intValue": str(int(value))}
        case float():
            return {"doubleValue": double_of(value)}
        case bytes():
            return {"bytesValue": b64encode(value).decode()}
        case Mapping():
            named = {str(key): one for key, one in value.items()}
            return {"kvlistValue": {"values": attributes_of(named)}}
        case Sequence():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}
