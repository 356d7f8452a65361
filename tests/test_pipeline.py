"""The pipeline: marks, order, and exporters that fail alone."""

import threading

import pytest
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.export_thread import LENGTH
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of, nanoseconds
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.testing import FakeClock

SCOPE = InstrumentationScope("test")


def batch(mark, value=1.0):
    points = PointColumns.of(AttributeTable((), (), 1), [value], time_unix_nano=nanoseconds(mark))
    return MetricsData([metrics_of({"tenant.id": "t"}, [(SCOPE, [gauge("m", "", "", points)])])])


def time_of(data):
    return data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0].time_unix_nano


class Marks:
    """A receiver that gives one batch a mark, and remembers the marks."""

    emit_interval = 60.0

    def __init__(self):
        self.marks = []
        self.events = []

    def start(self):
        self.events.append("start")

    def collect(self, mark, patience=None):
        self.marks.append(mark)
        yield batch(mark)

    def shutdown(self, timeout_millis=30_000):
        self.events.append("shutdown")


class Kept(MetricExporter):
    """An SDK exporter that keeps what it gets; ``fails`` is what it does instead."""

    def __init__(self, fails=None, events=None):
        super().__init__()
        self.batches = []
        self.fails = fails
        self.arrived = threading.Event()
        self.events = events if events is not None else []

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        if isinstance(self.fails, Exception):
            raise self.fails
        if self.fails:
            return MetricExportResult.FAILURE
        self.batches.append(metrics_data)
        self.arrived.set()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self.events.append("exporter shutdown")


class Queued(Kept):
    """An exporter with a queue of its own, as ours are."""

    oldest_pending = None

    def start(self):
        self.events.append("exporter start")

    def enqueue(self, metrics_data, stream=""):
        if isinstance(self.fails, Exception):
            raise self.fails
        self.batches.append(metrics_data)


def test_run_once_scrapes_processes_and_exports_in_order():
    """One cycle: the present mark, each processor in its order, every exporter."""
    receiver, exporter = Marks(), Kept()
    order = []

    def processor(name):
        def process(data):
            order.append(name)
            return data

        return process

    clock = FakeClock(1_000_030.0)
    pipeline = Pipeline(receiver, [processor("a"), processor("b")], [exporter], clock=clock)
    assert pipeline.run_once() == [MetricExportResult.SUCCESS]
    assert receiver.marks == [999_960.0 + 60]
    assert order == ["a", "b"]
    assert time_of(exporter.batches[0]) == 1_000_020 * 10**9


@pytest.mark.parametrize("fails", [True, RuntimeError("broken")])
def test_one_exporters_failure_never_reaches_another(fails):
    """FAILURE and exceptions are that exporter's result alone."""
    bad, good = Kept(fails), Kept()
    results = Pipeline(Marks(), [], [bad, good], clock=FakeClock(60.0)).run_once()
    assert results == [MetricExportResult.FAILURE, MetricExportResult.SUCCESS]
    assert len(good.batches) == 1


def test_every_mark_of_the_clock_is_emitted_once():
    """Marks lie on the grid of the interval, whenever the pipeline was started."""
    receiver, clock = Marks(), FakeClock(1_000_030.0)
    pipeline = Pipeline(receiver, [], [Queued()], clock=clock)
    pipeline.start()
    for _ in range(4):
        assert clock.wait_for_waiters()
        clock.advance(60)
    assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert receiver.marks == [1_000_020.0 + 60 * step for step in range(5)]


def test_marks_that_were_missed_are_skipped():
    """After a long stop the latest mark follows: old times would be out of order for others."""
    receiver, clock = Marks(), FakeClock(1_000_020.0)
    pipeline = Pipeline(receiver, [], [Queued()], clock=clock)
    pipeline.start()
    assert clock.wait_for_waiters()
    clock.advance(600 + 7)
    assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert receiver.marks == [1_000_020.0, 1_000_620.0]


def test_a_mark_is_never_ahead_of_the_clock():
    """A wait that ends early is taken up again: a sample from the future would poison a tenant."""

    class Hasty(FakeClock):
        def wait(self, stop, seconds):
            self.advance(seconds / 2 if seconds > 1e-3 else seconds)
            return stop.wait(0)

    clock = Hasty(1_000_000.0)
    ahead = []

    class Observed(Marks):
        def collect(self, mark, patience=None):
            ahead.append(mark - clock.time())
            if len(ahead) == 5:
                pipeline.stop_receiving(timeout_millis=0)
            return super().collect(mark, patience)

    pipeline = Pipeline(Observed(), [], [Queued()], clock=clock)
    pipeline.start()
    for thread in pipeline._threads:
        thread.join(10)
    pipeline.shutdown()
    assert len(ahead) == 5
    assert max(ahead) <= 0


def test_a_clock_that_was_set_back_is_followed(caplog):
    """A wait does not last until the time comes again that was there before."""

    class Settable(FakeClock):
        wrong = 0.0

        def time(self):
            return super().time() + self.wrong

    receiver, clock = Marks(), Settable(1_000_020.0)
    pipeline = Pipeline(receiver, [], [Queued()], clock=clock)
    pipeline.start()
    assert clock.wait_for_waiters()
    clock.wrong = -6000.0
    for _ in range(4):
        clock.advance(60)
        assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert receiver.marks[0] == 1_000_020.0
    assert receiver.marks[-2:] == [994_200.0, 994_260.0]
    assert caplog.text.count("The clock was set back by 6000 s") == 1


def test_exporters_start_before_receivers_and_stop_after_them():
    """Nothing arrives where nobody listens, and what was received is still exported."""
    receiver = Marks()
    pipeline = Pipeline(receiver, [], [Queued(events=receiver.events)], clock=FakeClock(60.0))
    pipeline.start()
    pipeline.shutdown()
    assert receiver.events == ["exporter start", "start", "shutdown", "exporter shutdown"]


def test_a_component_that_cannot_start_stops_the_others():
    """The reason is the caller's to see, and nothing is left running."""

    class Broken(Queued):
        def start(self):
            raise OSError("port 9103 is in use")

    receiver = Marks()
    pipeline = Pipeline(receiver, [], [Broken()], clock=FakeClock(60.0))
    with pytest.raises(OSError, match="9103"):
        pipeline.start()
    assert receiver.events == ["shutdown"]
    assert receiver.marks == []


def test_a_cycle_that_fails_is_followed_by_the_next():
    """A processor that raises costs one mark, not the pipeline."""
    exporter, clock = Queued(), FakeClock(60.0)
    failures = [RuntimeError("first")]

    def process(data):
        if failures:
            raise failures.pop()
        return data

    pipeline = Pipeline(Marks(), [process], [exporter], clock=clock)
    pipeline.start()
    assert clock.wait_for_waiters()
    clock.advance(60)
    assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert [time_of(one) for one in exporter.batches] == [120 * 10**9]


def test_a_processor_that_fails_costs_its_batch_alone():
    """What else the mark brought is exported."""

    class Two(Marks):
        def collect(self, mark, patience=None):
            yield batch(mark, value=1.0)
            yield batch(mark, value=2.0)

    def process(data):
        point = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]
        if point.value == 1.0:
            raise RuntimeError("first")
        return data

    exporter, clock = Queued(), FakeClock(60.0)
    pipeline = Pipeline(Two(), [process], [exporter], clock=clock)
    pipeline.start()
    assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert len(exporter.batches) == 1


def test_an_exporter_that_hangs_in_its_shutdown_takes_nobodys_time():
    """Each exporter has the whole of the time to send what it has."""

    class Stuck(Queued):
        def shutdown(self, timeout_millis=30_000, **kwargs):
            threading.Event().wait(60)

    times = []

    class Last(Queued):
        def shutdown(self, timeout_millis=30_000, **kwargs):
            times.append(timeout_millis)

    pipeline = Pipeline(Marks(), [], [Stuck(), Last()], clock=FakeClock(60.0))
    pipeline.start()
    pipeline.shutdown(timeout_millis=500)
    assert len(times) == 1
    assert times[0] > 100


def test_an_exporter_of_the_sdk_works_beside_one_of_ours():
    """It is called from a thread of its own, so its pace is its own too."""
    foreign, ours, clock = Kept(), Queued(), FakeClock(60.0)
    pipeline = Pipeline(Marks(), [], [foreign, ours], clock=clock)
    pipeline.start()
    assert foreign.arrived.wait(10)
    pipeline.shutdown()
    assert len(foreign.batches) == len(ours.batches) == 1


def test_an_exporter_that_hangs_holds_up_nobody(caplog):
    """Its oldest batches are dropped, said and counted; the others get every mark."""
    release = threading.Event()

    class Slow(Kept):
        def export(self, metrics_data, timeout_millis=10_000, **kwargs):
            release.wait(30)
            return super().export(metrics_data)

    slow, ours, clock = Slow(), Queued(), FakeClock(60.0)
    pipeline = Pipeline(Marks(), [], [slow, ours], clock=clock)
    pipeline.start()
    for _ in range(LENGTH + 4):
        assert clock.wait_for_waiters()
        clock.advance(60)
    assert clock.wait_for_waiters()
    assert len(ours.batches) == LENGTH + 5
    release.set()
    pipeline.shutdown()
    assert "the oldest is dropped" in caplog.text
    assert len(slow.batches) >= LENGTH
