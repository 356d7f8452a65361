"""Days of a simulated cluster, played in seconds: what is published is what Kubecost charged.

A clock that is handed in drives the whole chain over real HTTP: the simulated Kubecost, the
receiver, the pipeline, the exporter, and a receiver of remote write that forgives nothing. With a
window of an hour each sample says what the last settled hour cost, so the samples of a day, each
for the time until the next one, add up to what the hours cost that they speak of. Every scenario
shows the figure, in a line of its own.
"""

from __future__ import annotations

import math

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import HOUR, parse_time
from otel_kubecost.testing import (
    FakeClock,
    Flavour,
    RemoteWriteReceiver,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    cut_after,
    decode,
    gzipped,
    hang,
    is_stale,
    nan_as_null,
    negative_minutes,
    null_rows,
    numbers_as_text,
)

MINUTE = 60
SETTLE = 20 * MINUTE
"""How long after its end Kubecost's hour is asked for."""
PREFIX = "cloudtuner_kubecost_"
TENANT = "tenant-1"
WITHIN = 1e-3
"""The part of what was charged by which what was published may differ."""


def seconds(text):
    return round(parse_time(text))


class Kept:
    """What a storage keeps for one component while processes come and go."""

    def __init__(self):
        self._values = {}

    def get(self, key):
        return self._values.get(key)

    def set(self, key, value):
        self._values[key] = value

    def delete(self, key):
        self._values.pop(key, None)


class Chain:
    """Everything from a cluster to its samples, at work from ``start`` on; a context."""

    def __init__(
        self, start, *, flavour=Flavour.KUBECOST, lag=0.0, emit=10 * MINUTE, window="1h", **options
    ):
        self.start = seconds(start)
        self.clock = FakeClock(self.start)
        self.emit = emit
        self.cluster = SimulatedCluster(seed=11)
        self.kubecost = SimulatedKubecost(self.cluster, self.clock, flavour=flavour, lag=lag)
        self.store = RemoteWriteReceiver(clock=self.clock, account_id=TENANT)
        intervals = {"emit_interval": emit, "collection_interval": emit}
        self._options = intervals | {"window": window, "timeout": "20s"} | options
        self._checkpoints = Kept()

    def __enter__(self):
        self.kubecost.__enter__()
        self.store.__enter__()
        self.start_agent()
        return self

    def __exit__(self, *raised):
        self.stop_agent()
        self.store.__exit__(*raised)
        self.kubecost.__exit__(*raised)

    def start_agent(self):
        """A new process, which knows what is kept and no more."""
        self.receiver = KubecostReceiver(
            endpoint=self.kubecost.url,
            tenant_id=TENANT,
            cluster_name="prod",
            currency="USD",
            clock=self.clock,
            checkpoints=self._checkpoints,
            **self._options,
        )
        exporter = PrometheusRemoteWriteExporter(
            endpoint=self.store.endpoint, headers={"Cloud-Account-Id": TENANT}, clock=self.clock
        )
        processors = [CardinalityLimit(top_n_pods=5)]
        self.pipeline = Pipeline(self.receiver, processors, [exporter], clock=self.clock)

    def stop_agent(self):
        self.pipeline.shutdown()

    def play(self, until):
        """Mark after mark until the clock says ``until``, each in its turn."""
        while self.clock.time() < seconds(until):
            assert self.pipeline.run_once() == [MetricExportResult.SUCCESS]
            self.clock.advance(self.emit - self.clock.time() % self.emit)

    def run(self, until):
        """As ``play``, of a pipeline that was started: it goes by the clock on its own."""
        while self.clock.time() < seconds(until):
            assert self.clock.wait_for_waiters()
            self.clock.advance(self.emit - self.clock.time() % self.emit)
        assert self.clock.wait_for_waiters()

    def samples(self, metric, start, end, namespace=""):
        """The samples of a metric in a stretch of time: time in seconds, and value."""
        wanted = {("__name__", PREFIX + metric)}
        wanted |= {("namespace", namespace)} if namespace else set()
        return [
            (time / 1000, value)
            for labels, points in self.store.series.items()
            if wanted <= set(labels)
            for time, value in points
            if not is_stale(value) and start <= time / 1000 < end
        ]

    def published(self, series, start, end):
        """What the rates of a stretch of time come to, each for the time until the next mark."""
        metric, namespace = series
        rates = [rate for _, rate in self.samples(metric, start, end, namespace)]
        return math.fsum(rates) * self.emit / HOUR

    def charged(self, start, end):
        """What Kubecost's own page says of a stretch of time, by metric and namespace."""
        rows = self.cluster.allocations(start, end, ("cluster", "namespace"))
        costs = {key.rpartition("/")[2]: row["totalCost"] for key, row in rows.items()}
        own = {f"cluster_{word}_cost": costs.pop(f"__{word}__") for word in ("idle", "unmounted")}
        own = {"cluster_total_cost": math.fsum([*costs.values(), *own.values()]), **own}
        found = {(metric, ""): cost for metric, cost in own.items()}
        return found | {("namespace_total_cost", name): cost for name, cost in costs.items()}


@pytest.fixture
def figure(record_property):
    """Shows what was charged and what was published by series, and that it is the same."""

    def show(charged, published):
        off = {series: published[series] / cost - 1 for series, cost in charged.items()}
        whole, worst = next(iter(charged)), max(off, key=lambda series: abs(off[series]))
        text = (
            f"charged {charged[whole]:9.4f}  published {published[whole]:9.4f}  {off[whole]:+.4%}"
            f"  at most {off[worst]:+.4%} ({' '.join(filter(None, worst))})"
        )
        record_property("figure", text)
        assert abs(off[worst]) <= WITHIN, worst

    return show


def assert_all_was_published(chain, figure, start, end, shift, *, without=0):
    """The samples for the hours from ``start`` to ``end`` add up to what they cost.

    An hour is published ``shift`` seconds after its end, for an hour. No mark is missing but
    ``without`` so many, nothing was sent twice, and nothing that the protocol forbids.
    """
    start, end = seconds(start), seconds(end)
    stretch = start + HOUR + shift, end + HOUR + shift
    marks = [time for time, _ in chain.samples("cluster_total_cost", *stretch)]
    assert set(marks) <= set(range(*stretch, chain.emit))
    assert len(set(marks)) == len(marks) == (end - start) / chain.emit - without
    charged = chain.charged(start, end)
    figure(charged, {series: chain.published(series, *stretch) for series in charged})
    assert chain.store.sample_count == sum(map(len, chain.store.series.values()))
    assert chain.store.violations == []


def sent(chain):
    """The time of each request's samples, in the order in which they came."""
    return [one.series[0].points[0][0] / 1000 for request in chain.store.requests
            if (one := decode(request.body)).series]  # fmt: skip


def test_a_plain_day(figure):
    """From midnight to midnight; the pods, folded on the way, cost what the namespaces do."""
    with Chain("2026-11-22T00:00:00Z", levels=["cluster", "namespace", "pod"]) as chain:
        chain.play("2026-11-23T02:00:00Z")
        day = "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"
        assert_all_was_published(chain, figure, *day, SETTLE)
        stretch = [seconds(at) + HOUR + SETTLE for at in day]
        charged = chain.charged(*map(seconds, day))
        all_namespaces = math.fsum(cost for (_, namespace), cost in charged.items() if namespace)
        pods = "pod_total_cost", ""
        figure({pods: all_namespaces}, {pods: chain.published(pods, *stretch)})


def test_over_midnight_at_the_end_of_a_month(figure):
    """Neither a day nor a month is a seam."""
    with Chain("2026-10-31T18:00:00Z") as chain:
        chain.play("2026-11-01T08:00:00Z")
        night = "2026-10-31T18:00:00Z", "2026-11-01T06:00:00Z"
        assert_all_was_published(chain, figure, *night, SETTLE)


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        ("today", "2026-10-31T12:47:00Z", "2026-10-31T00:00:00Z", "2026-10-31T12:00:00Z"),
        ("today", "2026-11-01T00:19:00Z", "2026-10-31T00:00:00Z", "2026-10-31T23:00:00Z"),
        ("today", "2026-11-01T00:20:00Z", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("today", "2026-11-01T01:20:00Z", "2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z"),
        ("yesterday", "2026-11-01T00:19:00Z", "2026-10-30T00:00:00Z", "2026-10-31T00:00:00Z"),
        ("yesterday", "2026-11-01T00:20:00Z", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("month", "2026-11-01T00:20:00Z", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("month", "2026-11-01T01:20:00Z", "2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z"),
    ],
    ids=lambda text: text.removeprefix("2026-").removesuffix(":00Z"),
)
def test_windows_by_name_cost_what_their_hours_do(figure, window, now, start, end):
    """The rate times the hours from the day's or the month's beginning is what they cost."""
    start, end = seconds(start), seconds(end)
    with Chain(now, window=window, emit=MINUTE) as chain:
        chain.pipeline.run_once()
        charged = chain.charged(start, end)
        hours = (end - start) / chain.emit  # one sample is for one interval
        figure(charged, {series: hours * chain.published(series, chain.start, chain.start + 1)
                         for series in charged})  # fmt: skip


def test_an_outage_of_kubecost(figure):
    """Three hours of errors, answers that never come or break off, with the default of a sample
    a minute: all is filled afterwards but the mark at which the series ended."""
    options = {"max_staleness": "10m", "collection_interval": 5 * MINUTE, "timeout": "1s"}
    with Chain("2026-11-22T00:00:00Z", emit=MINUTE, **options) as chain:
        chain.play("2026-11-22T10:30:00Z")
        chain.kubecost.answer(Reply(503, b"<html>upstream is away</html>", "text/html"))
        chain.kubecost.script([500, hang, cut_after(10), 504])
        chain.play("2026-11-22T13:30:00Z")
        assert chain.receiver.failure
        ended = chain.samples("cluster_total_cost", seconds("2026-11-22T10:45:00Z"), math.inf)
        assert ended == []
        chain.kubecost.answer(chain.kubecost.compute)
        chain.play("2026-11-23T02:00:00Z")
        day = "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"
        assert_all_was_published(chain, figure, *day, SETTLE, without=1)


def test_an_absence_of_the_agent(figure):
    """A new process, five hours after the last one: what was missed comes first, oldest first."""
    with Chain("2026-11-22T00:00:00Z") as chain:
        chain.play("2026-11-22T10:32:00Z")
        chain.stop_agent()
        chain.clock.advance(5 * HOUR + 77)
        chain.start_agent()
        chain.play("2026-11-23T02:00:00Z")
        day = "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"
        assert_all_was_published(chain, figure, *day, SETTLE)
        assert sent(chain) == sorted(sent(chain))


def test_an_absence_for_which_kubecost_keeps_no_hours(figure):
    """Four days and a half: days stand for the hours that are gone, and each costs what it did."""
    with Chain("2026-11-16T23:00:00Z", emit=30 * MINUTE, backfill="6d") as chain:
        chain.play("2026-11-17T01:20:00Z")
        chain.stop_agent()
        chain.clock.advance(4 * 24 * HOUR + 11 * HOUR)
        chain.start_agent()
        chain.play("2026-11-22T04:00:00Z")
        for number in range(17, 22):
            day = f"2026-11-{number}T00:00:00Z", f"2026-11-{number + 1}T00:00:00Z"
            assert_all_was_published(chain, figure, *day, 30 * MINUTE)


def test_a_machine_that_sleeps(figure):
    """The clock is seven hours further between two marks of a pipeline that runs on its own."""
    with Chain("2026-11-22T00:00:00Z") as chain:
        chain.pipeline.start()
        chain.run("2026-11-22T05:00:00Z")
        chain.clock.advance(7 * HOUR + 13)
        chain.run("2026-11-22T14:00:00Z")
        chain.stop_agent()
        day = "2026-11-22T00:00:00Z", "2026-11-22T12:00:00Z"
        assert_all_was_published(chain, figure, *day, SETTLE)


@pytest.mark.parametrize("flavour", Flavour)
def test_every_product(figure, flavour):
    """Whoever answers, at the port and in the words of its own."""
    with Chain("2026-11-22T06:00:00Z", flavour=flavour) as chain:
        chain.play("2026-11-22T12:00:00Z")
        morning = "2026-11-22T07:00:00Z", "2026-11-22T10:00:00Z"
        shift = SETTLE if "kubecost" in flavour else 10 * MINUTE
        assert_all_was_published(chain, figure, *morning, shift)


@pytest.mark.parametrize("hours", [1, 2, 3])
def test_an_aggregator_that_is_late(figure, hours):
    """Hours that are not there yet are stepped over, and are published when they are."""
    lag = hours * HOUR + 10 * MINUTE
    with Chain("2026-11-22T06:00:00Z", lag=lag) as chain:
        chain.play("2026-11-22T16:00:00Z")
        morning = "2026-11-22T06:00:00Z", "2026-11-22T10:00:00Z"
        assert_all_was_published(chain, figure, *morning, lag)


def test_answers_that_are_odd(figure):
    """Null rows, numbers as text, efficiencies that are NaN, rows that end before they begin."""
    with Chain("2026-11-22T06:00:00Z") as chain:
        chain.kubecost.script(
            [null_rows, numbers_as_text, nan_as_null, negative_minutes, gzipped] * 20
        )
        chain.play("2026-11-22T16:00:00Z")
        morning = "2026-11-22T06:00:00Z", "2026-11-22T14:00:00Z"
        assert_all_was_published(chain, figure, *morning, SETTLE)
