"""Exporters that others wrote: what they are called with, and how little they can do to others."""

import threading

import pytest
from metric_batches import columns
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from peers import wait_until

from otel_kubecost import export_thread, foreign_calls
from otel_kubecost.clock import Deadline
from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.foreign_calls import shut_down
from otel_kubecost.outlet import Outlet
from otel_kubecost.pdata import count_points
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.testing import FakeClock

OURS = {PrometheusExporter: "127.0.0.1:0", PrometheusRemoteWriteExporter: "http://127.0.0.1:1"}
SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def batch(*counts):
    """One ResourceMetrics a count, all of the same resource and scope."""
    return MetricsData(
        [
            ResourceMetrics(
                Resource({"tenant.id": "t"}),
                [
                    ScopeMetrics(
                        InstrumentationScope("s"),
                        [Metric("cost", "", "", Gauge(columns(count)))],
                        "",
                    )
                ],
                "",
            )
            for count in counts
        ]
    )


class Gives:
    """A receiver that gives the same batch at every mark."""

    emit_interval = 60.0
    failure = None

    def __init__(self, data):
        self.data = data

    def collect(self, mark, patience=None):
        yield self.data

    def shutdown(self, timeout_millis=30_000):
        pass


class Foreign(MetricExporter):
    """An exporter of the SDK; ``does`` is what it does with each batch, by default it takes it."""

    def __init__(self, does=lambda _: SUCCESS):
        super().__init__()
        self.does = does
        self.got = []
        self.ends = []

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.got.append(metrics_data)
        return self.does(metrics_data)

    def force_flush(self, timeout_millis=10_000):
        self.ends.append("flush")
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self.ends.append("shutdown")


def run_once(data, *exporters):
    return Pipeline(Gives(data), [], list(exporters), clock=FakeClock(60.0)).run_once()


def all_threads_ended():
    return "export Foreign" not in {one.name for one in threading.enumerate()}


def broken(_):
    raise RuntimeError("broken")


def test_an_exporter_gets_one_resource_once_and_ten_thousand_points_at_most():
    """Its parts are all of the batch, and the batch as it came is nobody else's business."""
    exporter = Foreign()
    assert run_once(batch(9_000, 9_000), exporter) == [SUCCESS]
    assert [count_points(one) for one in exporter.got] == [10_000, 8_000]
    assert [len(one.resource_metrics) for one in exporter.got] == [1, 1]


@pytest.mark.parametrize("empty", [MetricsData([]), batch(), batch(0, 0)])
def test_an_exporter_is_never_called_with_nothing(empty):
    """OTLP would send an empty body, stock remote write logs an error; nothing was refused."""
    exporter = Foreign()
    assert run_once(empty, exporter) == [SUCCESS]
    assert exporter.got == []


@pytest.mark.parametrize("does", [broken, lambda _: None, lambda _: FAILURE])
def test_after_a_part_that_was_not_taken_the_rest_is_not_offered(does, caplog):
    """An exception, no result, FAILURE: its own result, once, and the other exporter gets all."""
    bad, good = Foreign(does), Foreign()
    assert run_once(batch(25_000), bad, good) == [FAILURE, SUCCESS]
    assert [len(bad.got), len(good.got)] == [1, 3]
    assert caplog.text.count("Foreign did not take a batch") == 1


def test_an_exporter_that_gives_no_result_is_told_so(caplog):
    """Its author has forgotten a return, which looks like a destination that is down."""
    run_once(batch(1), Foreign(lambda _: None))
    assert "does not say whether it took a batch" in caplog.text


def test_one_that_hangs_costs_others_nothing_and_is_not_asked_again(monkeypatch, caplog):
    """Calls of one exporter never overlap, so while it hangs each batch has failed at once."""
    monkeypatch.setattr(export_thread, "PATIENCE", 0.0)
    release = threading.Event()
    stuck = Foreign(lambda _: SUCCESS if release.wait(30) else None)
    outlet = Outlet("stuck", stuck)
    assert not outlet.export(batch(1), timeout_millis=20)
    assert not outlet.settled(60.0)
    assert run_once(batch(1), stuck, other := Foreign()) == [FAILURE, SUCCESS]
    assert [len(stuck.got), len(other.got)] == [1, 1]
    assert "does not come back from a batch" in caplog.text
    release.set()
    wait_until(lambda: outlet.settled(60.0))
    assert outlet.export(batch(1))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exporter_that_ends_its_thread_gets_the_next_batch():
    """What is no Exception is not caught: it ends the thread, and that thread alone."""

    def leave(_):
        raise SystemExit

    exporter = Foreign(leave)
    assert run_once(batch(1), exporter) == [FAILURE]
    exporter.does = lambda _: SUCCESS
    assert run_once(batch(1), exporter) == [SUCCESS]
    wait_until(all_threads_ended)


def test_no_thread_is_left_when_there_is_nothing_to_export():
    """A program that calls run_once now and then need not end its pipelines."""
    for _ in range(3):
        run_once(batch(1), Foreign())
    wait_until(all_threads_ended)


def test_pipelines_that_share_an_exporter_call_it_one_at_a_time():
    """The SDK promises so to whoever writes one; it is ended once, after the last of them."""
    under_way = threading.Lock()
    overlaps = []

    def take(_):
        overlaps.append(not under_way.acquire(blocking=False))
        threading.Event().wait(0.01)
        under_way.release()
        return SUCCESS

    exporter = Foreign(take)
    outlets = [Outlet(name, exporter) for name in ("one", "two")]
    for outlet in outlets:
        outlet.open()
        for mark in range(4):
            outlet.put(batch(1), mark, "")
    outlets[0].close(Deadline(10))
    assert exporter.ends == []
    outlets[1].close(Deadline(10))
    assert exporter.ends == ["flush", "shutdown"]
    assert overlaps == [False] * 8


def test_pipelines_that_share_an_exporter_wait_for_their_turn():
    """Two cycles by hand at the same time are two batches, and nothing hangs."""
    exporter = Foreign(lambda _: SUCCESS if threading.Event().wait(0.05) is False else None)
    results = []
    cycles = [
        threading.Thread(target=lambda: results.extend(run_once(batch(1), exporter)))
        for _ in range(3)
    ]
    for cycle in cycles:
        cycle.start()
    for cycle in cycles:
        cycle.join()
    assert results == [SUCCESS] * 3
    assert len(exporter.got) == 3


@pytest.fixture
def stuck():
    """An outlet whose exporter hangs in its first batch, until ``release`` is set."""
    release, begun = threading.Event(), threading.Event()
    exporter = Foreign(lambda _: SUCCESS if begun.set() or release.wait(30) else None)
    outlet = Outlet("stuck", exporter)
    outlet.release, outlet.lost = release, []
    outlet.put(batch(1), 0, "")
    assert begun.wait(30)
    yield outlet
    release.set()


def test_whoever_can_have_a_batch_again_is_told_that_it_was_dropped(stuck):
    """Of two receivers that share an exporter one may push out what is the other's."""
    for mark in range(1, export_thread.LENGTH + 3):
        stuck.put(batch(1), mark, "", stuck.lost.append)
    assert stuck.lost == [1, 2]


def test_what_an_exporter_has_no_time_for_is_not_offered_after_its_end(stuck, caplog):
    """Nobody may export after the shutdown; whoever can have it again is told."""
    stuck.put(batch(1), 1, "", stuck.lost.append)
    stuck.close(Deadline(0))
    assert stuck.lost == [1]
    stuck.release.set()
    wait_until(all_threads_ended)
    assert len(stuck.exporter.got) == 1
    assert "has no time for 1 batches that wait for it" in caplog.text


class AnyKeyword(Foreign):
    """Goes under a reader of the SDK, which names the time."""

    def export(self, metrics_data, **kwargs):
        self.got.append(kwargs["timeout_millis"])
        return SUCCESS


class KeywordOnly(Foreign):
    def export(self, metrics_data, *, timeout_millis):
        self.got.append(timeout_millis)
        return SUCCESS


class NoTime(Foreign):
    def export(self, metrics_data):
        self.got.append(10_000)
        return SUCCESS


@pytest.mark.parametrize("kind", [AnyKeyword, KeywordOnly, NoTime])
def test_an_export_gets_its_time_by_name_if_it_has_any(kind):
    """As a reader of the SDK calls it; by position it would go wrong where a reader would not."""
    exporter = kind()
    assert run_once(batch(1), exporter) == [SUCCESS]
    assert exporter.got == [10_000]


class TakesMillis:
    def shutdown(self, timeout_millis=30_000):
        self.time = timeout_millis


class TakesTimeout:
    """Written to go with the keyword that the SDK's own reader uses."""

    def shutdown(self, timeout=30_000):
        self.time = timeout


class TakesAnything:
    def shutdown(self, **kwargs):
        self.time = kwargs["timeout_millis"]


class TakesNothing:
    def shutdown(self):
        self.time = 5.0


@pytest.mark.parametrize("kind", [TakesMillis, TakesTimeout, TakesAnything, TakesNothing])
def test_a_shutdown_gets_its_time_by_the_name_that_it_has(kind):
    """Exporters differ in that name, and some have none."""
    exporter = kind()
    shut_down(exporter, 5.0)
    assert exporter.time == 5.0


def test_a_shutdown_that_does_not_tell_what_it_takes_is_called_as_the_interface_says():
    """Of what is compiled Python may not know a signature."""
    given = {}

    class Compiled:
        shutdown = given.update

    shut_down(Compiled(), 5.0)
    assert given == {"timeout_millis": 5.0}


def test_a_type_error_inside_a_shutdown_is_not_taken_for_a_wrong_keyword(caplog):
    """It is called once, and what went wrong is in the log."""
    calls = []

    class Broken:
        def shutdown(self, timeout_millis):
            calls.append(timeout_millis)
            raise TypeError("inside")

    shut_down(Broken(), 5.0)
    assert calls == [5.0]
    assert "inside" in caplog.text


@pytest.mark.parametrize("kind", OURS)
def test_ours_end_under_a_reader_of_the_sdk(kind):
    """Its keyword is ``timeout``, whatever the interface says; what goes wrong it raises."""
    reader = PeriodicExportingMetricReader(kind(endpoint=OURS[kind]))
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    assert provider.shutdown(1_000) is None


def test_an_exporter_that_cannot_end_ends_the_pipeline_all_the_same():
    """Neither its force_flush nor its shutdown keeps the others from theirs."""

    class Endless(Foreign):
        force_flush = shutdown = broken

    bad, good = Endless(), Foreign()
    pipeline = Pipeline(Gives(batch(1)), [], [bad, good], clock=FakeClock(60.0))
    pipeline.start()
    pipeline.shutdown()
    assert good.ends == ["flush", "shutdown"]


@pytest.mark.parametrize("hangs", ["receiver", "processor"])
def test_what_hangs_before_an_exporter_leaves_it_time_to_send(hangs, monkeypatch):
    """What waits in memory would be lost; a receiver's shutdown that raises costs nothing, too."""
    monkeypatch.setattr(foreign_calls, "GRACE", 0.0)
    release, begun = threading.Event(), threading.Event()

    def hang(given):
        begun.set()
        release.wait(30)
        return given

    class Stuck(Gives):
        def shutdown(self, timeout_millis=30_000):
            hang(None) if hangs == "receiver" else broken(None)

    class Queue(Foreign):
        oldest_pending = None

        def enqueue(self, metrics_data, stream=""):
            begun.set()

        def shutdown(self, timeout_millis=30_000):
            self.ends.append(timeout_millis > 0)

    exporter = Queue()
    processors = [hang] if hangs == "processor" else []
    pipeline = Pipeline(Stuck(batch(1)), processors, [exporter], clock=FakeClock(60.0))
    pipeline.start()
    assert begun.wait(30)
    pipeline.shutdown(timeout_millis=1000)
    release.set()
    assert exporter.ends == [True]
