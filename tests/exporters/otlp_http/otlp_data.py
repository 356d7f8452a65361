"""Short ways to say MetricsData, and a receiver of OTLP over HTTP."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import AttributeTable, PointColumns, metrics_of
from otel_kubecost.testing import HttpServer, LabelPairs, Point, Reply, Request
from otel_kubecost.testing.wire import show

NOW = time.time_ns() // 1_000_000 - 60_000
"""Milliseconds: a minute ago."""

PROTOBUF = "application/x-protobuf"


def point(attributes=None, value=1.0, at=NOW):
    return NumberDataPoint(attributes, 0, at * 1_000_000, value)


def gauge(name, *points, unit="{USD}"):
    return Metric(name, f"About {name}", unit, Gauge(points or [point({})]))


def columns(name, pods, at=NOW, **constant):
    """A metric over columns, the value of a pod its place in the list."""
    table = AttributeTable.of(["k8s.pod.name"], [(pod,) for pod in pods])
    values = [float(place) for place in range(len(pods))]
    at_ns = at * 1_000_000
    return Metric(
        name,
        "",
        "{USD}",
        Gauge(PointColumns.of(table, values, constant=constant, time_unix_nano=at_ns)),
    )


def batch(*metrics, resource=None, scope="test"):
    return MetricsData([metrics_of(resource or {}, [(InstrumentationScope(scope), metrics)])])


def series(count, at=NOW):
    """A batch of one gauge with ``count`` points."""
    return batch(gauge("many", *(point({"n": str(n)}, float(n), at) for n in range(count))))


def decoded(body: bytes, encoding: str = "") -> ExportMetricsServiceRequest:
    content = gzip.decompress(body) if encoding == "gzip" else body
    return ExportMetricsServiceRequest.FromString(content)


def refusing(count, message="", status=200):
    """An answer that says so of ``count`` points."""
    partial = ExportMetricsPartialSuccess(rejected_data_points=count, error_message=message)
    body = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    return Reply(status, body, PROTOBUF)


class OtlpReceiver(HttpServer):
    """Takes number points and keeps them by series, as ``Audit`` wants to see them.

    What no receiver of OTLP would take, and points that come too late or again with another value,
    are violations.
    """

    def __init__(self, *faults, tls=None) -> None:
        super().__init__(self._handle, tls=tls)
        self.series: dict[LabelPairs, list[Point]] = {}
        self.violations: list[str] = []
        self.poison = lambda _: False
        """Of labels: whether a request with such a point is refused as a whole."""
        self._lock = threading.Lock()
        self.script(faults)

    @property
    def messages(self) -> list[ExportMetricsServiceRequest]:
        return [decoded(one.body, one.headers.get("Content-Encoding", "")) for one in self.requests]

    def _handle(self, request: Request) -> Reply:
        if request.path != "/v1/metrics":
            return Reply(404, b"404 page not found\n")
        if request.headers.get("Content-Type") != PROTOBUF:
            return Reply(415, b"unsupported media type")
        try:
            message = decoded(request.body, request.headers.get("Content-Encoding", ""))
        except (DecodeError, OSError) as error:
            self.violations.append(str(error))
            return Reply(400, str(error).encode())
        with self._lock:
            points = list(flat(message))
            if any(self.poison(labels) for labels, _ in points):
                return Reply(400, b"bad point\n")
            for labels, one in points:
                self._store(labels, one)
        return Reply(200, b"", PROTOBUF)

    def _store(self, labels: LabelPairs, one: Point) -> None:
        stored = self.series.setdefault(labels, [])
        if stored and one[0] < stored[-1][0]:
            self.violations.append(f"out of order sample {one} in {show(labels)}")
        elif stored and one[0] == stored[-1][0]:
            if one != stored[-1]:
                self.violations.append(f"duplicate sample {one} in {show(labels)}")
        else:
            stored.append(one)


def flat(message: ExportMetricsServiceRequest) -> Iterator[tuple[LabelPairs, Point]]:
    """Each number point with the attributes of its resource and its own."""
    for of_resource in message.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                for one in metric.gauge.data_points:
                    pairs = [*of_resource.resource.attributes, *one.attributes]
                    found = {pair.key: pair.value.string_value for pair in pairs}
                    labels = tuple(sorted({**found, "__name__": metric.name}.items()))
                    yield labels, (one.time_unix_nano // 1_000_000, one.as_double)
