"""A batch as lines, each an ExportMetricsServiceRequest of OTLP in JSON.

What reads them, the Collector's otlp_json_file receiver, decides two things:

- It splits a line that is longer than its ``max_log_size``, 1 MiB unless configured, and then
  understands no part of it (contrib#44371). So a batch of any size is lines of that at most.
- It knows a file by its first 1000 bytes and takes one that begins as another for that one again
  (contrib#19765). So what is the same in all lines, the resource before all, stands at the end,
  and a line begins with a name, a time, a value.

Pure, and never more than a line in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)

from otel_kubecost.exporters.otlp_json_file.columns import texts_of
from otel_kubecost.exporters.otlp_json_file.objects import (
    JsonObject,
    as_bytes,
    attributes_of,
    kind_of,
    points_of,
)
from otel_kubecost.pdata import PointColumns, each_scope, in_otlp_terms, metadata_of

LONGEST = 2**20
"""Bytes of a line; a point that is larger has a line of its own."""
OPENING = b'{"resourceMetrics":['
_CLOSING = b"]}\n"
_DEPTH = 3


class _Frame(NamedTuple):
    """What stands around a list: of a resource's scopes, a scope's metrics, a metric's points."""

    opening: bytes
    closing: bytes


class _Point(NamedTuple):
    frames: tuple[_Frame, ...]
    """``_DEPTH`` of them: of its resource, of its scope and of its metric."""
    text: bytes

    def size(self, before: _Point | None) -> int:
        """Bytes that it adds at most to a line that ends with ``before``."""
        known = _same(before.frames, self.frames) if before else 0
        frames = (len(one.opening) + len(one.closing) + 1 for one in self.frames[known:])
        return len(self.text) + 1 + sum(frames)


def lines(data: MetricsData, longest: int = LONGEST) -> Iterator[bytes]:
    """Each with its newline; none of a batch without points. What is empty is not written.

    What was scraped is as ``in_otlp_terms`` has it.
    """
    around = len(OPENING) + len(_CLOSING)
    held: list[_Point] = []
    size = around
    for point in _points(data):
        added = point.size(held[-1] if held else None)
        if held and size + added > longest:
            yield _line(held)
            held, size, added = [], around, point.size(None)
        held.append(point)
        size += added
    if held:
        yield _line(held)


def _line(points: Sequence[_Point]) -> bytes:
    return OPENING + _nested(points) + _CLOSING


def _nested(points: Iterable[_Point], depth: int = 0) -> bytes:
    """Points that have a frame in common and stand side by side are in it together."""
    if depth == _DEPTH:
        return b",".join(point.text for point in points)
    groups = groupby(points, key=lambda point: point.frames[depth])
    return b",".join(
        frame.opening + _nested(same, depth + 1) + frame.closing for frame, same in groups
    )


def _points(data: MetricsData) -> Iterator[_Point]:
    for of_resource, of_scope in each_scope(in_otlp_terms(data)):
        outer = (_of_resource(of_resource), _of_scope(of_scope))
        for metric in of_scope.metrics:
            frames = (*outer, _of_metric(metric))
            for text in _texts(metric):
                yield _Point(frames, text)


def _texts(metric: Metric) -> Iterator[bytes]:
    points = metric.data.data_points
    if not (isinstance(metric.data, Gauge) and isinstance(points, PointColumns)):
        return map(as_bytes, points_of(metric.data))
    has_exemplars = points.details and points.details.exemplars
    return map(as_bytes, points_of(metric.data)) if has_exemplars else texts_of(points)


def _of_resource(of_resource: ResourceMetrics) -> _Frame:
    resource = of_resource.resource
    about = {
        "resource": {"attributes": attributes_of(resource.attributes)},
        **_said(schemaUrl=of_resource.schema_url or resource.schema_url),
    }
    return _Frame(b'{"scopeMetrics":[', b"]" + _rest(about))


def _of_scope(of_scope: ScopeMetrics) -> _Frame:
    scope = of_scope.scope
    about = {
        "scope": {
            **_said(name=scope.name, version=scope.version),
            "attributes": attributes_of(scope.attributes),
        },
        **_said(schemaUrl=of_scope.schema_url or scope.schema_url),
    }
    return _Frame(b'{"metrics":[', b"]" + _rest(about))


def _of_metric(metric: Metric) -> _Frame:
    kind, of_points = kind_of(metric.data)
    about = _said(unit=metric.unit, description=metric.description)
    metadata = attributes_of(metadata_of(metric))
    about |= {"metadata": metadata} if metadata else {}
    name = as_bytes({"name": metric.name}).removesuffix(b"}")
    opening = name + f',"{kind}":{{"dataPoints":['.encode()
    return _Frame(opening, b"]" + _rest(of_points) + _rest(about))


def _said(**texts: str | None) -> JsonObject:
    return {key: text for key, text in texts.items() if text}


def _rest(fields: JsonObject) -> bytes:
    """The end of an object that has other fields before these."""
    return b"," + as_bytes(fields)[1:] if fields else b"}"


def _same(first: Sequence[_Frame], second: Sequence[_Frame]) -> int:
    """How many frames they have in common, from the outermost on."""
    pairs = zip(first, second, strict=True)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))
