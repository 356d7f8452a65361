"""Several requests of a batch under way at once: how many, and that no series notices."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from peers import wait_until
from sending_data import DONE, DROP, FUTURE, HOLD, RETRY, SPLIT, InstantClock
from sending_points import (
    ALPHABET,
    Points,
    Watcher,
    batch,
    ledger_watched,
    queue_of,
    unbalanced,
    unpacked,
)

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.exporters.sending.entry import Outcome
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.shards import Shards
from otel_kubecost.exporters.sending.spool import Spool
from otel_kubecost.exporters.sending.stats import ShardStats
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of
from otel_kubecost.testing import FakeClock, RemoteWriteReceiver
from otel_kubecost.testing.exchange import Reply, Request

pytestmark = pytest.mark.timeout(120)

WAIT = Verdict(Action.WAIT, retry_after=30.0)


# How many there should be.


def decided(shards: Shards, clock: FakeClock, *, came, took, pending) -> ShardStats:
    """After ten seconds in which so much came and 1000 samples took so many seconds."""
    shards.came(came)
    shards.sent(1000, took)
    clock.advance(10)
    shards.decide(pending)
    return shards.stats()


def test_the_fewest_at_first():
    """Before anything is known there are as many as the configuration says at least."""
    assert Shards(4, 20, FakeClock()).stats() == ShardStats(4, 20, 4, 4.0)


@pytest.mark.parametrize(
    ("came", "took", "pending", "desired", "current"),
    [
        (1000, 1.0, 0, 0.1, 2),
        (10_000, 1.5, 0, 1.5, 2),  # less than 30 percent from 2
        (10_000, 2.5, 0, 2.5, 2),
        (10_000, 2.7, 0, 2.7, 3),
        (0, 10.0, 10_000, 5.0, 5),
        (10_000, 4.0, 20_000, 8.0, 8),
        (10_000, 60.0, 0, 60.0, 8),
    ],
)
def test_as_many_as_keep_up(came, took, pending, desired, current):
    """What comes in a second and a twentieth of what waits, times the seconds of a sample."""
    clock = FakeClock()
    found = decided(Shards(2, 8, clock), clock, came=came, took=took, pending=pending)
    assert found == ShardStats(2, 8, current, pytest.approx(desired))


def test_more_with_a_backlog_and_fewer_after_it():
    """It grows at once with what waits, shrinks when that is gone, and never leaves its bounds."""
    clock = FakeClock()
    shards = Shards(1, 10, clock)
    steps = [
        decided(shards, clock, came=1000, took=5.0, pending=waiting).current
        for waiting in [0, 50_000, 50_000, 20_000, 20_000, 5_000, 0, 0, 0]
    ]
    assert max(steps) == 10
    assert (steps[0], steps[-1]) == (1, 1)
    assert steps.index(10) == 1


def test_nothing_is_decided_within_ten_seconds():
    """One slow answer is not a slow receiver."""
    clock = FakeClock()
    shards = Shards(1, 10, clock)
    shards.came(100_000)
    shards.sent(1000, 9.0)
    clock.advance(9.9)
    shards.decide(100_000)
    assert shards.current == 1
    clock.advance(0.1)
    shards.decide(100_000)
    assert shards.current == 10


def test_an_outage_is_no_reason_for_more():
    """While nothing is taken nothing is decided, however much waits; then all of it counts."""
    clock = FakeClock()
    shards = Shards(1, 10, clock)
    decided(shards, clock, came=1000, took=0.1, pending=0)
    for _ in range(60):
        clock.advance(60)
        shards.came(1000)
        shards.decide(60_000)
    assert shards.current == 1
    shards.sent(1000, 10.0)
    shards.decide(60_000)
    assert 1 < shards.current < 10


@given(
    bounds=st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted),
    periods=st.lists(
        st.tuples(st.integers(0, 10**6), st.floats(0, 1e4), st.integers(0, 10**7)), max_size=20
    ),
)
def test_there_are_never_more_or_fewer_than_configured(bounds, periods):
    """Whatever comes and whatever waits."""
    clock = FakeClock()
    shards = Shards(*bounds, clock)
    for came, took, pending in periods:
        found = decided(shards, clock, came=came, took=took, pending=pending)
        assert bounds[0] <= found.current <= bounds[1]
        assert found.desired >= 0


# How many there are.


@pytest.fixture
def queue_to():
    queues = []

    def make(receiver, shards, clock=None, store=None, **options):
        clock = clock or InstantClock()
        queue = queue_of(receiver, store or MemoryStore(10**6), clock, shards, **options)
        queues.append((receiver, queue))
        return queue

    yield make
    for receiver, queue in queues:
        receiver.script.clear()
        receiver.open()
        queue.close(10)


def shut() -> Watcher:
    """A receiver that says nothing for now."""
    receiver = Watcher()
    receiver.gate.clear()
    return receiver


def settled(queue) -> None:
    while not queue.idle:
        queue.drain(10)


@pytest.mark.parametrize("shards", [1, 4, 8])
def test_the_fewest_are_under_way_at_once(queue_to, shards):
    """With a receiver that takes its time there are as many as configured, and never more."""
    receiver = shut()
    queue = queue_to(receiver, (shards, 20))
    queue.put_all(batch(1, *[3] * 30))
    wait_until(lambda: receiver.busy == shards)
    receiver.gate.set()
    assert queue.drain(10)
    assert receiver.most == shards
    assert queue.stats().shards == ShardStats(shards, 20, shards, shards)


def test_a_batch_of_few_requests_needs_no_more(queue_to):
    """What belongs to the next batch does not begin before this one is done."""
    receiver = shut()
    queue = queue_to(receiver, 8)
    queue.put_all(batch(1, 3, 3, 3))
    queue.put_all(batch(2, 3, 3, 3))
    wait_until(lambda: receiver.busy == 3)
    receiver.gate.set()
    assert queue.drain(10)
    assert receiver.most == 3
    assert receiver.mixed == []
    assert [one.newest for one in receiver.offered] == [1000] * 3 + [2000] * 3


def test_it_grows_with_the_backlog_and_shrinks_after(queue_to):
    """A slow receiver is asked by more at once, up to the most; threads beyond that end."""
    clock, receiver = FakeClock(), shut()
    queue = queue_to(receiver, (1, 4), clock)
    before = threading.active_count()
    queue.put_all(batch(1, *[10] * 40))
    wait_until(lambda: receiver.busy == 1)
    clock.advance(10)  # a second a sample
    receiver.gate.set()
    receiver.nap = 0.05
    wait_until(lambda: receiver.busy == 4)
    found = queue.stats().shards
    assert (found.minimum, found.maximum, found.current) == (1, 4, 4)
    assert found.desired > 4
    receiver.nap = 0.0
    assert queue.drain(30)
    assert receiver.most == 4
    for mark in range(2, 60):
        clock.advance(10)
        queue.put_all(batch(mark, 1))
        assert queue.drain(10)
    assert queue.stats().shards.current == 1
    wait_until(lambda: threading.active_count() == before + 1)
    receiver.most = 0
    queue.put_all(batch(60, *[10] * 40))
    assert queue.drain(10)
    assert receiver.most == 1
    assert receiver.disorder == []


def test_in_trouble_it_is_one(queue_to):
    """After a wave of failures a single request finds out whether that is over."""
    clock, receiver = FakeClock(), Watcher([RETRY] * 4 + [RETRY] * 3)
    receiver.gate.clear()
    queue = queue_to(receiver, 4, clock, random=lambda: 0.0)
    queue.put_all(batch(1, *[1] * 12))
    wait_until(lambda: receiver.busy == 4)
    receiver.gate.set()
    assert clock.wait_for_waiters(4)
    receiver.most = 0
    for seconds in (0.03, 0.06, 0.12):
        clock.advance(seconds)
        assert clock.wait_for_waiters()
        assert receiver.most == 1
    receiver.gate.clear()
    clock.advance(0.24)
    wait_until(lambda: receiver.busy == 1)
    receiver.gate.set()
    assert queue.drain(10)
    assert len(receiver.offered) == 12 + 7
    assert set(receiver.samples.values()) == {1}


def test_a_pause_of_one_is_a_pause_of_all(queue_to):
    """While one request waits for its next attempt the others get their answers, and no other
    begins."""
    clock, receiver = FakeClock(), Watcher([DONE, RETRY, DONE])
    receiver.gate.clear()
    receiver.mercy.clear()
    queue = queue_to(receiver, 3, clock)
    tickets = queue.put_all(batch(1, *[1] * 6))
    wait_until(lambda: receiver.busy == 3)
    receiver.gate.set()
    assert clock.wait_for_waiters()
    receiver.mercy.set()
    wait_until(lambda: queue.stats().delivered == 2)
    assert [ticket.wait(0) for ticket in tickets].count(None) == 4
    assert len(receiver.offered) == 3
    clock.advance(1)
    assert queue.drain(10)
    assert set(receiver.samples.values()) == {1}


def test_an_answer_to_what_was_under_way_does_not_end_an_outage(queue_to, caplog):
    """What was asked before the trouble began says nothing of it: there are two lines, not six."""
    caplog.set_level("INFO")
    clock, receiver = FakeClock(), Watcher([RETRY, DONE, RETRY, DONE, RETRY, DONE])
    receiver.gate.clear()
    receiver.mercy.clear()
    queue = queue_to(receiver, 6, clock)
    queue.put_all(batch(1, *[1] * 6))
    wait_until(lambda: receiver.busy == 6)
    receiver.gate.set()
    assert clock.wait_for_waiters(3)
    receiver.mercy.set()
    wait_until(lambda: queue.stats().delivered == 3)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    clock.advance(1)
    assert queue.drain(10)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[1].message.startswith("The receiver answers again after ")


def test_what_one_of_four_is_held_for_holds_all(queue_to):
    """One 401 among four stops the rest, whatever the three others are told; a minute later one
    request asks again."""
    clock, receiver = FakeClock(), Watcher([DONE, HOLD, DONE, DONE, HOLD])
    receiver.gate.clear()
    receiver.mercy.clear()
    queue = queue_to(receiver, 4, clock)
    tickets = queue.put_all(batch(1, *[1] * 8))
    wait_until(lambda: receiver.busy == 4)
    receiver.gate.set()
    assert clock.wait_for_waiters()
    receiver.mercy.set()
    wait_until(lambda: queue.stats().delivered == 3)
    assert queue.drain(10) is False  # it does not wait for what somebody has to mend
    later = queue.put_all(batch(2, 1))
    outcomes = [ticket.wait(0) for ticket in [*tickets, *later]]
    assert sorted(outcomes) == [Outcome.DELIVERED] * 3 + [Outcome.HELD] * 6
    assert queue.stats()[:5] == (9, 3, 6, {}, "credentials_refused")
    clock.advance(60)
    assert clock.wait_for_waiters()
    assert len(receiver.offered) == 5
    clock.advance(60)
    settled(queue)
    assert receiver.mixed == []
    assert queue.stats()[:5] == (9, 9, 0, {}, "")


def test_parts_of_a_request_go_beside_the_others_of_its_batch(queue_to):
    """A 413 while others are under way: its halves come before the next batch, each once."""
    receiver = Watcher([DONE, SPLIT, DONE, SPLIT])
    receiver.gate.clear()
    queue = queue_to(receiver, 4)
    tickets = [*queue.put_all(batch(1, *[4] * 4)), *queue.put_all(batch(2, *[4] * 4))]
    wait_until(lambda: receiver.busy == 4)
    receiver.nap = 0.001
    receiver.gate.set()
    assert queue.drain(10)
    assert [ticket.wait(0) for ticket in tickets] == [Outcome.DELIVERED] * 8
    assert receiver.mixed == []
    assert receiver.most <= 4
    assert set(receiver.samples.values()) == {1}
    assert len(receiver.samples) == 32


def test_a_batch_that_is_larger_than_the_queue_arrives(queue_to):
    """Capacity is for all shards together and counts what is under way; two batches have room,
    and in flight nothing is dropped."""
    receiver = shut()
    queue = queue_to(receiver, 8, store=MemoryStore(10))
    queue.put_all(batch(1, *[5] * 20))
    wait_until(lambda: receiver.busy == 8)
    queue.put_all(batch(2, *[5] * 20))
    assert queue.stats().dropped == {}
    queue.put_all(batch(3, *[5] * 20))
    assert queue.stats().dropped == {"queue_full": 100}
    assert queue.stats().pending == 200
    receiver.gate.set()
    assert queue.drain(10)
    assert queue.stats()[:4] == (300, 200, 0, {"queue_full": 100})
    assert all(times[-1] == 3000 for times in receiver.taken.values())
    assert receiver.disorder == []


# The end, and a successor.


def test_closing_cuts_every_pause_short(queue_to):
    """All that wait for a backoff wake, also by a clock that stands still."""
    clock, receiver = FakeClock(), Watcher([RETRY] * 4)
    receiver.gate.clear()
    queue = queue_to(receiver, 4, clock)
    queue.put_all(batch(1, *[1] * 8))
    wait_until(lambda: receiver.busy == 4)
    receiver.gate.set()
    assert clock.wait_for_waiters(4)
    assert queue.close(30) is True
    assert len(receiver.offered) == 12
    assert queue.stats()[:4] == (8, 8, 0, {})


def test_closing_waits_for_all_that_is_under_way(queue_to):
    """One that is given up does not take the answers of the three others from them."""
    clock, receiver = FakeClock(), Watcher([HOLD, DONE, DONE, DONE])
    receiver.gate.clear()
    receiver.mercy.clear()
    queue = queue_to(receiver, 4, clock)
    queue.put_all(batch(1, *[1] * 9))
    wait_until(lambda: receiver.busy == 4)
    closing = threading.Thread(target=queue.close, args=[30])
    closing.start()
    wait_until(lambda: queue._books.closing)
    receiver.gate.set()
    wait_until(lambda: receiver.busy == 3)
    receiver.mercy.set()
    closing.join()
    assert queue.stats()[:4] == (9, 3, 0, {"shutdown": 6})
    assert len(receiver.offered) == 4


def test_closing_ends_in_time_with_several_under_way(queue_to, caplog):
    """Who never answers is not waited for; all that is not delivered is said."""
    receiver = shut()
    queue = queue_to(receiver, 4)
    queue.put_all(batch(1, *[1] * 10))
    wait_until(lambda: receiver.busy == 4)
    assert queue.close(0.1) is False
    assert queue.stats()[:4] == (10, 0, 4, {"shutdown": 6})
    (lost,) = [record.samples for record in caplog.records if "before the end" in record.message]
    assert lost == 10
    receiver.gate.set()
    wait_until(lambda: queue.idle)
    assert queue.stats()[:4] == (10, 4, 0, {"shutdown": 6})


def test_what_several_have_under_way_is_released_in_order(queue_to):
    """Answers in time count; what waits for a backoff, or has no answer, goes on elsewhere, beside
    the others of its batch."""
    clock, receiver = FakeClock(), Watcher([DONE, RETRY, RETRY, DONE])
    receiver.gate.clear()
    old, new = queue_to(receiver, 4, clock), queue_to(receiver, 4, clock)
    tickets = old.put_all(batch(1, *[2] * 8))
    tickets += old.put_all(batch(2, *[2] * 8))
    wait_until(lambda: receiver.busy == 4)
    with ThreadPoolExecutor() as beside:
        releasing = beside.submit(old.release, 30)
        wait_until(lambda: old._released)
        receiver.gate.set()
        backlog = releasing.result()
    assert (backlog.stats().delivered, backlog.stats().pending) == (4, 28)
    wait_until(lambda: not any(thread.is_alive() for thread in old._crew._threads))
    receiver.gate.clear()
    new.adopt(backlog)
    tickets += new.put_all(batch(3, *[2] * 8))
    wait_until(lambda: receiver.busy == 4)
    receiver.gate.set()
    assert new.drain(10)
    assert [ticket.wait(0) for ticket in tickets] == [Outcome.DELIVERED] * 24
    assert (receiver.mixed, receiver.disorder) == ([], [])
    assert set(receiver.samples.values()) == {1}
    assert old.stats()[:4] == (0, 0, 0, {})


def test_late_answers_of_several_count_for_nothing(queue_to):
    """Four that were under way at the release are sent elsewhere and booked there, once."""
    slow, receiver = Watcher([DROP, RETRY, SPLIT, DONE]), Watcher()
    slow.gate.clear()
    old, new = queue_to(slow, 4), queue_to(receiver, 4)
    tickets = old.put_all(batch(1, *[2] * 6))
    wait_until(lambda: slow.busy == 4)
    new.adopt(old.release(0))
    new.start()
    assert new.drain(10)
    slow.gate.set()
    assert old.close(10) is True
    assert [ticket.wait(0) for ticket in tickets] == [Outcome.DELIVERED] * 6
    assert new.stats()[:4] == (12, 12, 0, {})
    assert old.stats()[:4] == (0, 0, 0, {})


def test_two_may_wait_for_the_end(queue_to):
    """``drain`` from several threads returns in each, when everything is settled."""
    receiver = shut()
    queue = queue_to(receiver, 4)
    queue.put_all(batch(1, *[1] * 9))
    found = []
    threads = [threading.Thread(target=lambda: found.append(queue.drain(30))) for _ in range(3)]
    for thread in threads:
        thread.start()
    receiver.gate.set()
    for thread in threads:
        thread.join()
    assert found == [True] * 3


# The order of every series.

VERDICTS = st.sampled_from([DONE, DONE, DONE, RETRY, HOLD, DROP, FUTURE, WAIT])
SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=8)
EVENTS = st.lists(
    st.sampled_from(["", "", "pause", "hand_over", "restart"]), min_size=8, max_size=8
)
WITNESS = ALPHABET[-1]
"""A series that every receiver takes."""


class Agent:
    """A queue and what it stands on; it may be handed over, or restarted where there is a disk."""

    def __init__(self, receiver: Watcher, shards: tuple[int, int], directory: str | None) -> None:
        self.receiver = receiver
        self.shards = shards
        self.clock = InstantClock(start=1_790_000_000)
        self.directory = directory
        self.storage = self._storage()
        self.queues = [self._queue()]

    @property
    def queue(self):
        return self.queues[-1]

    def hand_over(self) -> None:
        """A new configuration: another queue goes on with the same backlog."""
        successor = self._queue()
        successor.adopt(self.queue.release(30))
        successor.start()
        self.queues.append(successor)

    def restart(self) -> None:
        """Another process on the same disk, or none where there is none."""
        if self.storage is None:
            return
        self.queue.close(30)
        self.storage.shutdown()
        self.storage = self._storage()
        self.queues.append(self._queue())
        self.queue.start()

    def end(self) -> None:
        self.queue.close(30)
        if self.storage:
            self.storage.shutdown()

    def _storage(self) -> FileStorage | None:
        if self.directory is None:
            return None
        storage = FileStorage(directory=self.directory)
        storage.start()
        return storage

    def _queue(self):
        store = MemoryStore(10**6)
        if self.storage:
            disk = self.storage.queue("a")
            store = Spool(disk, unpacked, capacity=10**6, clock=self.clock)
        return queue_of(self.receiver, store, self.clock, self.shards)


def lived_through(agent: Agent, batches, events) -> int:
    """Things happen to ``agent``, one after each batch; its ledger is right at every look.

    Gives the number of batches with a witness alone that came until everything was settled.
    """
    more = 0
    with ledger_watched(agent.queues) as wrong:
        for requests, event in zip(batches, events, strict=False):
            agent.queue.put_all(requests)
            wrong.extend(unbalanced(agent.queue.stats()))
            if event == "pause":
                time.sleep(0.002)
            elif event:
                getattr(agent, event)()
        while not agent.queue.drain(0.1):
            more += 1
            agent.queue.put_all([Points(WITNESS, (len(batches) + more) * 1000)])
    agent.end()
    assert wrong == []
    return more


@contextmanager
def agent_on(kind: str, receiver: Watcher, shards: tuple[int, int]):
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory()) if kind == "spool" else None
        yield Agent(receiver, shards, directory)


@pytest.mark.parametrize("kind", ["memory", "spool"])
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(SIZES, max_size=8),
    events=EVENTS,
    script=st.lists(VERDICTS, max_size=40),
    shards=st.tuples(st.integers(1, 8), st.integers(1, 8)).map(sorted).map(tuple),
    nap=st.sampled_from([0.0, 0.0005]),
)
def test_whatever_the_receiver_says_no_series_notices(kind, sizes, events, script, *, shards, nap):
    """Random answers, batches, shards, handovers and restarts: every sample is taken once or is
    counted as dropped, each series in its order, one batch after another, never more at once."""
    receiver = Watcher(script, nap=nap)
    batches = [batch(mark, *each) for mark, each in enumerate(sizes, 1)]
    with agent_on(kind, receiver, shards) as agent:
        more = lived_through(agent, batches, events)
    end = agent.queue.stats()
    assert (end.accepted, end.pending) == (sum(map(sum, sizes)) + more, 0)
    assert end.delivered == len(receiver.samples)
    assert set(receiver.samples.values()) <= {1}
    assert (receiver.disorder, receiver.mixed) == ([], [])
    assert receiver.most <= shards[1]


@pytest.mark.parametrize("kind", ["memory", "spool"])
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(SIZES, min_size=1, max_size=6),
    events=EVENTS,
    bad=st.sets(st.integers(0, 39), max_size=12),
    shards=st.integers(1, 8),
)
def test_a_series_that_is_refused_costs_no_other_its_order(kind, sizes, events, bad, shards):
    """While one request is taken apart others of its batch are under way: all good samples arrive,
    each series in its order, and of the bad ones each sample is counted."""
    batches = [batch(mark, *each) for mark, each in enumerate(sizes, 1)]
    everything = {(one, each.newest) for each in chain(*batches) for one in each.text}
    receiver = Watcher(bad={ALPHABET[number] for number in bad})
    with agent_on(kind, receiver, (shards, shards)) as agent:
        lived_through(agent, batches, events)
    receiver.taken.pop(WITNESS, None)
    good = {(letter, at) for letter, at in everything if letter not in receiver.bad}
    assert set(receiver.samples) == good
    assert receiver.disorder == []
    assert agent.queue.stats().dropped.get("refused", 0) == len(everything) - len(good)
    assert agent.queue.stats().pending == 0


# Over HTTP.

NOW = time.time_ns() // 1_000_000 - 600_000
GUIDE = {"capacity": 50000, "max_shards": 20, "min_shards": 4, "max_samples_per_send": 10000}
"""The guide's block for large clusters, as it is."""


class Distant(RemoteWriteReceiver):
    """A receiver whose answers take ``delay`` seconds, or until ``here`` opens."""

    def __init__(self, delay: float, **rules) -> None:
        super().__init__(**rules)
        self.delay = delay
        self.here = threading.Event()
        self.busy = self.most = 0
        self._counting = threading.Lock()

    def _handle(self, request: Request) -> Reply:
        if request.method != "POST":
            return super()._handle(request)
        with self._counting:
            self.busy += 1
            self.most = max(self.most, self.busy)
        self.here.wait()
        time.sleep(self.delay)
        with self._counting:
            self.busy -= 1
        return super()._handle(request)


def series(count: int, at: int) -> MetricsData:
    """A batch of one gauge, in columns."""
    table = AttributeTable.of(["n"], [[str(number)] for number in range(count)])
    points = PointColumns.of(table, [float(at)] * count, time_unix_nano=at * 1_000_000)
    metric = gauge("many", "", "", points)
    return MetricsData([metrics_of({}, [(InstrumentationScope("test"), [metric])])])


def exporter_of(receiver: RemoteWriteReceiver, **queue_config) -> PrometheusRemoteWriteExporter:
    return PrometheusRemoteWriteExporter(endpoint=receiver.endpoint, queue_config=queue_config)


def test_four_are_faster_than_one_and_as_strict(record_property, caplog):
    """A backlog at a distant Prometheus that takes nothing out of order: four requests are under
    way at once, none is refused, and it takes a part of the time."""
    seconds = {}
    for shards in (1, 4):
        receiver = Distant(0.02, out_of_order_window=0, product="prometheus")
        with receiver:
            bounds = {"min_shards": shards, "max_shards": shards}
            exporter = exporter_of(receiver, **bounds, max_samples_per_send=5)
            for mark in range(8):
                exporter.enqueue(series(40, NOW + mark * 1000))
            wait_until(lambda: receiver.busy == shards)  # noqa: B023  it is called here and now
            began = time.monotonic()
            receiver.here.set()
            assert exporter.force_flush(60_000)
            seconds[shards] = time.monotonic() - began
            exporter.shutdown()
        assert receiver.violations == []
        assert receiver.most == shards
        assert [len(points) for points in receiver.series.values()] == [8] * 40
        assert exporter.stats()[:4] == (320, 320, 0, {})
    assert caplog.records == []
    record_property("figure", f"one shard takes {seconds[1] / seconds[4]:.1f} times as long")


def test_the_block_of_the_guide_means_what_it_says():
    """Four requests of 10,000 samples at once, up to 20, and room for 50,000 samples."""
    with Distant(0, out_of_order_window=0) as receiver:
        exporter = exporter_of(receiver, **GUIDE)
        exporter.enqueue(series(45_000, NOW))
        wait_until(lambda: receiver.busy == 4)
        stats = exporter.stats()
        assert (stats.capacity, stats.requests) == (50_000, 5)
        assert stats.shards == ShardStats(4, 20, 4, 4.0)
        receiver.here.set()
        assert exporter.force_flush(60_000)
        exporter.shutdown()
    assert receiver.violations == []
    assert receiver.most == 4
    assert receiver.sample_count == 45_000
    assert receiver.request_count == 5
