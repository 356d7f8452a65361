"""Short ways to say MetricsData and to see what was sent, for the tests of remote write."""

from __future__ import annotations

import time

import cramjam
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import metrics_of
from otel_kubecost.testing import FakeClock, Fault, HttpServer, Reply

NOW = time.time_ns() // 1_000_000 - 60_000
"""Milliseconds: a minute ago, so that no sample lies ahead of a receiver."""

PATH = "/api/v1/write"


def point(attributes=None, value=1.0, at=NOW, exemplars=()):
    return NumberDataPoint(attributes, 0, at * 1_000_000, value, exemplars)


def gauge(name, *points, unit=""):
    return Metric(name, f"About {name}", unit, Gauge(points or [point({})]))


def counter(name, *points, unit="", temporality=AggregationTemporality.CUMULATIVE):
    return Metric(name, "", unit, Sum(points or [point({})], temporality, is_monotonic=True))


def histogram(name, bounds, counts, total):
    at = NOW * 1_000_000
    data = HistogramDataPoint({}, 0, at, sum(counts), total, counts, bounds, 0.0, 9.0)
    return Metric(name, "", "", Histogram([data], AggregationTemporality.CUMULATIVE))


def batch(*metrics, resource=None, scope="test"):
    return MetricsData([metrics_of(resource or {}, [(InstrumentationScope(scope), metrics)])])


def joined(*batches):
    """One batch with the resources of all."""
    return MetricsData([one for data in batches for one in data.resource_metrics])


def series(count, name="many", at=NOW):
    """A batch of one gauge with ``count`` series."""
    return batch(gauge(name, *(point({"n": str(n)}, float(n), at) for n in range(count))))


class InstantClock(FakeClock):
    """A clock for which every wait is over at once; it shows how long was waited."""

    def wait(self, stop, seconds):
        self.advance(seconds)
        return stop.is_set()


class Sink(HttpServer):
    """Takes whatever comes, answering as scripted and then 200, and forgives everything."""

    def __init__(self, *answers: Fault, tls=None) -> None:
        super().__init__(lambda _: Reply(200), tls=tls)
        self.script(answers)

    @property
    def endpoint(self) -> str:
        return self.url + PATH

    @property
    def messages(self) -> list[WriteRequest]:
        posts = [request for request in self.requests if request.method == "POST"]
        return [
            WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(request.body)))
            for request in posts
        ]

    @property
    def labels(self) -> list[list[tuple[str, str]]]:
        """Of each series that was sent, its labels in the order they had."""
        return [
            [(label.name, label.value) for label in one.labels]
            for message in self.messages
            for one in message.timeseries
        ]

    @property
    def samples(self) -> dict[str, list[tuple[int, float]]]:
        """What was sent, by series as the text format writes it."""
        found: dict[str, list[tuple[int, float]]] = {}
        for message in self.messages:
            for one in message.timeseries:
                samples = [(sample.timestamp, sample.value) for sample in one.samples]
                found.setdefault(_text(one.labels), []).extend(samples)
        return found

    @property
    def values(self) -> dict[str, float]:
        """The last value of each series."""
        return {name: samples[-1][1] for name, samples in self.samples.items()}


def _text(labels) -> str:
    pairs = {label.name: label.value for label in labels}
    name = pairs.pop("__name__", "")
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(pairs.items()))
    return f"{name}{{{inside}}}" if inside else name
