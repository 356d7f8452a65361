"""No sample ahead of the receiver's clock."""

from __future__ import annotations

import logging
import time

import pytest
from peers import wait_until
from rw_data import InstantClock, Sink, batch, gauge, point

from otel_kubecost.testing import FakeClock, RemoteWriteReceiver, Reply

pytestmark = pytest.mark.timeout(60)

START = 1_767_225_600


def cost(clock: FakeClock, pods=("a", "b"), ahead=0.0):
    """A batch that is stamped now, or so many seconds ahead of it."""
    at = round((clock.time() + ahead) * 1000)
    return batch(gauge("cost", *(point({"pod": pod}, at=at) for pod in pods)))


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def receiver(clock):
    with RemoteWriteReceiver(clock=clock) as server:
        yield server


def test_clocks_that_agree_hold_up_nothing(exporter_to, receiver, clock):
    """What is stamped now is sent now, and the difference is known: none."""
    exporter = exporter_to(receiver, clock=clock)
    assert exporter.stats().skew is None
    for _ in range(3):
        exporter.enqueue(cost(clock))
        assert exporter.force_flush()
        clock.advance(60)
    assert exporter.stats()[:6] == (6, 6, 0, {}, "", 0)
    assert receiver.violations == []


def test_a_receiver_that_is_late_pauses_the_sending(exporter_to, receiver, clock, caplog):
    """Case 53: two minutes behind. Nothing is sent, not even first of all; one line says why, with
    the remedy; a minute after the clock is right everything is there."""
    caplog.set_level(logging.INFO)
    receiver.clock_offset = -120
    exporter = exporter_to(receiver, clock=clock)
    for _ in range(5):
        clock.advance(60)
        exporter.enqueue(cost(clock))
        assert clock.wait_for_waiters()
    assert receiver.request_count == 0
    assert exporter.stats()[:6] == (10, 0, 10, {}, "clock_skew", -120)
    (line,) = caplog.records
    assert "120 s ahead of the receiver's; sending pauses" in line.message
    assert (line.levelname, line.reason) == ("ERROR", "clock_skew")
    assert "chrony" in line.hint
    receiver.clock_offset = 0
    clock.advance(60)
    wait_until(lambda: not exporter.stats().pending)
    assert exporter.stats()[:6] == (10, 10, 0, {}, "", 0)
    assert receiver.violations == []
    assert "answers again" in caplog.text


def test_a_few_seconds_are_waited_for(exporter_to, caplog):
    """A receiver that is half a minute late gets each sample half a minute later, and nobody is
    troubled."""
    caplog.set_level(logging.INFO)
    clock = InstantClock(START)
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.clock_offset = -30
        exporter = exporter_to(receiver, clock=clock)
        for mark in range(4):
            exporter.enqueue(cost(clock))
            assert exporter.force_flush()
            assert mark or clock.monotonic() == pytest.approx(30, abs=1)
    assert receiver.violations == []
    assert receiver.request_count == 4
    assert exporter.stats()[:6] == (8, 8, 0, {}, "", -30)
    assert caplog.records == []


def test_a_receiver_that_is_early_is_written_to(exporter_to, receiver, clock, caplog):
    """Our clock is behind: its samples are late and do no harm, but somebody should know. Once."""
    receiver.clock_offset = 600
    exporter = exporter_to(receiver, clock=clock)
    for _ in range(3):
        exporter.enqueue(cost(clock))
        assert exporter.force_flush()
        clock.advance(60)
    assert exporter.stats()[:6] == (6, 6, 0, {}, "", 600)
    (line,) = caplog.records
    assert "600 s behind" in line.message
    assert line.levelname == "WARNING"


def test_a_flapping_clock_is_said_every_ten_minutes(exporter_to, receiver, clock, caplog):
    """Nodes of the receiver with other times may answer by turns."""
    exporter = exporter_to(receiver, clock=clock)
    for turn in range(120):
        receiver.clock_offset = 3600 if turn % 6 < 3 else 0
        exporter.enqueue(cost(clock))
        assert exporter.force_flush()
        clock.advance(10)
    assert exporter.stats()[:4] == (240, 240, 0, {})
    said = [line for line in caplog.records if "behind the receiver's" in line.message]
    assert len(said) == 2


def test_a_cached_answer_does_not_stop_the_sending(exporter_to, clock, caplog):
    """The time of a HEAD that a cache answers is that of long ago; ``Age`` says of how long."""

    class Cached(Sink):
        def _answer(self, request):
            self.age = 300 if request.method == "HEAD" else 0
            return Reply(405, headers={"Age": "300"}) if self.age else super()._answer(request)

        def _time(self):
            return clock.time() - self.age

    with Cached() as server:
        exporter = exporter_to(server, clock=clock)
        exporter.enqueue(cost(clock))
        assert exporter.force_flush()
    assert exporter.stats()[:6] == (2, 2, 0, {}, "", 0)
    assert caplog.records == []


def test_samples_from_the_future_go_nowhere(exporter_to, receiver, clock, caplog):
    """Where the clocks agree they are a mistake of their source; the rest of their request is
    sent."""
    exporter = exporter_to(receiver, clock=clock)
    early, late = cost(clock, pods=["a", "b", "c"]), cost(clock, pods=["x"], ahead=3600)
    metrics = [
        metric
        for data in (early, late)
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
    ]
    exporter.enqueue(batch(*metrics))
    assert exporter.force_flush()
    assert exporter.stats()[:5] == (4, 3, 0, {"future": 1}, "")
    assert receiver.violations == []
    (line,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "3600 s ahead of the receiver's clock" in line.message


def test_a_clock_that_steps_sends_nothing_with_the_wrong_time(exporter_to, receiver, caplog):
    """Case 70: an hour ahead, between two batches. Nothing is sent until it is set back, and what
    was stamped meanwhile is of a time that is not."""

    class Stepping(FakeClock):
        step = 0.0

        def time(self) -> float:
            return super().time() + self.step

    clock = Stepping(START)
    receiver._clock = right = FakeClock(START)
    exporter = exporter_to(receiver, clock=clock)
    exporter.enqueue(cost(clock))
    assert exporter.force_flush()
    clock.step = 3600
    exporter.enqueue(cost(clock))
    assert clock.wait_for_waiters()
    assert (receiver.request_count, exporter.stats().skew) == (1, -3600)
    clock.step = 0
    for each in (right, clock):
        each.advance(60)
    exporter.enqueue(cost(clock))
    wait_until(lambda: not exporter.stats().pending)
    assert exporter.stats()[:6] == (6, 4, 0, {"future": 2}, "", 0)
    assert receiver.violations == []


def test_metadata_has_no_time(exporter_to, receiver, clock):
    """It is sent whatever the clocks say."""
    receiver.clock_offset = -600
    exporter = exporter_to(receiver, clock=clock, metadata_config={"send": True})
    exporter.enqueue(cost(clock))
    assert receiver.wait_for(1)
    assert exporter.stats()[:3] == (2, 0, 2)


def test_the_time_is_asked_once(exporter_to):
    """One HEAD before the first sample; after that every answer says it."""
    asked = []

    class Counting(Sink):
        def _answer(self, request):
            asked.append(request.method)
            return super()._answer(request)

    clock = FakeClock(time.time())
    with Counting() as server:
        exporter = exporter_to(server, clock=clock)
        for _ in range(3):
            exporter.enqueue(cost(clock))
            assert exporter.force_flush()
    assert asked == ["HEAD", "POST", "POST", "POST"]


def test_who_does_not_answer_head_is_written_to(exporter_to, clock):
    """A proxy may swallow it; the first answer to a POST has the time."""

    class Deaf(Sink):
        def _answer(self, request):
            if request.method == "HEAD":
                return Reply(hang=True)
            return super()._answer(request)

        def _time(self):
            return clock.time()

    with Deaf() as server:
        exporter = exporter_to(server, clock=clock, timeout=0.3)
        exporter.enqueue(cost(clock))
        assert exporter.force_flush(20_000)
        assert exporter.stats()[:6] == (2, 2, 0, {}, "", 0)
