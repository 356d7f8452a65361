from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import wait_until
from sending_data import DONE, DROP, FUTURE, HOLD, RETRY, InstantClock, Letters, Receiver

from otel_kubecost.exporters.sending.entry import Outcome, Ticket
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.testing import FakeClock

pytestmark = pytest.mark.timeout(30)


def put(queue: SendingQueue[Letters], letters: Letters) -> Ticket:
    """A batch of one request."""
    (ticket,) = queue.put_all([letters])
    return ticket


def settle(queue: SendingQueue[Letters]) -> None:
    """Wait through what is held, too."""
    while not queue.idle:
        queue.drain(10)


@pytest.fixture
def queue_to():
    queues = []

    def make(receiver: Receiver, clock: FakeClock | None = None, **options):
        clock = clock or InstantClock()
        store = MemoryStore(options.pop("capacity", 1000))
        episodes = Episodes(clock, exporter="test")
        queue: SendingQueue[Letters] = SendingQueue(
            receiver.send, store=store, clock=clock, episodes=episodes, **options
        )
        queues.append((receiver, queue))
        return queue

    yield make
    for receiver, queue in queues:
        receiver.gate.set()
        receiver.script.clear()
        queue.close(10)


def test_requests_leave_in_order_and_tickets_say_so(queue_to):
    """What is put comes out first in, first out, and its ticket knows when."""
    receiver = Receiver()
    queue = queue_to(receiver)
    tickets = [put(queue, Letters(letter)) for letter in "abcdef"]
    assert [ticket.wait(10) for ticket in tickets] == [Outcome.DELIVERED] * 6
    assert receiver.taken == "abcdef"
    assert queue.stats()[:5] == (6, 6, 0, {}, "")


def test_a_request_is_offered_until_it_is_taken(queue_to):
    """A receiver that is down holds up the queue; nothing overtakes and nothing is lost."""
    receiver = Receiver([RETRY, RETRY, RETRY])
    queue = queue_to(receiver)
    put(queue, Letters("a"))
    assert put(queue, Letters("b")).wait(10) is Outcome.DELIVERED
    assert receiver.offered == ["a", "a", "a", "a", "b"]
    assert receiver.attempts == [0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("verdict", "least", "most"),
    [
        (RETRY, 0.027, 0.03),
        (HOLD, 60, 60),
        (Verdict(Action.RETRY, "r", "m", "", 7.0), 7, 7),
        (Verdict(Action.RETRY, "r", "m", "", 0.0), 0.027, 0.03),
        (Verdict(Action.WAIT, retry_after=30.0), 30, 30),
    ],
)
def test_how_long_it_waits(queue_to, verdict, least, most):
    """The backoff, a minute when held, or what Retry-After asks for; 0 asks for nothing."""
    clock = InstantClock()
    queue = queue_to(Receiver([verdict]), clock)
    put(queue, Letters("a"))
    put(queue, Letters("b")).wait(10)
    settle(queue)
    assert least <= clock.monotonic() <= most


def test_waiting_is_no_attempt(queue_to, caplog):
    """Whose time has not come was not refused: nothing is counted, nobody is told."""
    caplog.set_level(logging.INFO)
    receiver = Receiver([Verdict(Action.WAIT, retry_after=30.0)] * 2)
    queue = queue_to(receiver)
    ticket = put(queue, Letters("a"))
    assert ticket.wait(10) is Outcome.DELIVERED
    assert receiver.attempts == [0, 0, 0]
    assert caplog.records == []


def test_what_waits_for_its_time_does_not_spin_at_the_end(queue_to):
    """Closing wakes the thread once; then it waits as long as it may."""
    clock, receiver = FakeClock(), Receiver([Verdict(Action.WAIT, retry_after=30.0)] * 9999)
    queue = queue_to(receiver, clock)
    put(queue, Letters("a"))
    assert clock.wait_for_waiters()
    assert queue.close(0.3) is False
    assert len(receiver.offered) <= 4
    assert queue.stats().dropped == {"shutdown": 1}


def test_the_backoff_begins_anew_after_a_success(queue_to):
    """Only failures in a row make the waits grow."""
    clock = InstantClock()
    queue = queue_to(Receiver([RETRY, RETRY, DONE, RETRY]), clock, random=lambda: 0.0)
    put(queue, Letters("a"))
    put(queue, Letters("b")).wait(10)
    assert clock.monotonic() == pytest.approx(0.03 + 0.06 + 0.03)


def test_what_has_to_be_split_goes_in_halves(queue_to, caplog):
    """It is split until it fits, in order; what cannot be split is dropped, with a line."""
    receiver = Receiver([FUTURE, FUTURE, FUTURE])
    queue = queue_to(receiver)
    ticket = put(queue, Letters("abcd"))
    assert queue.drain(10)
    assert receiver.offered == ["abcd", "ab", "a", "b", "cd"]
    assert receiver.taken == "bcd"
    assert ticket.wait(0) is Outcome.DROPPED
    assert queue.stats()[:5] == (4, 3, 0, {"future": 1}, "")
    (lost,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert lost.message == "Samples lie ahead alone"
    assert lost.samples == 1


def test_a_refused_request_does_not_stop_the_next(queue_to):
    """A 400 costs one request."""
    receiver = Receiver([DROP])
    queue = queue_to(receiver)
    first, second = put(queue, Letters("bad")), put(queue, Letters("good"))
    assert (first.wait(10), second.wait(10)) == (Outcome.DROPPED, Outcome.DELIVERED)
    assert queue.stats().dropped == {"refused": 3}


def test_held_data_is_kept_and_everybody_is_told(queue_to):
    """While the configuration is wrong tickets say HELD at once; when it is mended all arrives."""
    clock, receiver = FakeClock(), Receiver([HOLD])
    queue = queue_to(receiver, clock)
    assert put(queue, Letters("a")).wait(10) is Outcome.HELD
    assert clock.wait_for_waiters()
    second = put(queue, Letters("b"))
    assert second.wait(0) is Outcome.HELD
    assert queue.drain(10) is False
    assert queue.stats()[:5] == (2, 0, 2, {}, "credentials_refused")
    clock.advance(60)
    while second.wait(0) is Outcome.HELD:
        pass
    assert receiver.taken == "ab"


def test_what_is_stored_of_a_refused_request_is_delivered(queue_to, caplog):
    """The ledger and the line have what the receiver said; its ticket is not that of a success."""
    queue = queue_to(Receiver([replace(DROP, written=3)]))
    assert put(queue, Letters("abcde")).wait(10) is Outcome.DROPPED
    assert queue.drain(10)
    assert queue.stats()[:5] == (5, 3, 0, {"refused": 2}, "")
    assert [record.samples for record in caplog.records] == [2]


def test_a_full_queue_drops_the_oldest(queue_to, caplog):
    """What is new stays, what is lost is counted, and the lines say how much."""
    caplog.set_level(logging.INFO)
    receiver = Receiver()
    receiver.gate.clear()
    queue = queue_to(receiver, capacity=4)
    tickets = [put(queue, Letters(letter * 2)) for letter in "abcd"]
    receiver.gate.set()
    assert queue.drain(10)
    assert receiver.taken in {"aadd", "bbdd", "ccdd"}  # what is in flight stays
    assert Outcome.DROPPED in [ticket.wait(0) for ticket in tickets]
    stats = queue.stats()
    assert stats.dropped == {"queue_full": 4}
    full = [record.samples for record in caplog.records if "queue is full" in record.message]
    assert full == [2]
    assert queue.close(10)
    full = [record.samples for record in caplog.records if "queue is full" in record.message]
    assert full == [2, 2]


def test_a_receiver_that_keeps_up_loses_nothing_of_large_batches(queue_to, caplog):
    """Batches larger than the queue, each followed by a small one, arrive as long as one is sent
    before the next but one comes."""
    receiver = Receiver()
    queue = queue_to(receiver, capacity=5)
    receiver.gate.clear()
    for _ in range(2):
        queue.put_all([Letters("aaa")] * 3)
        queue.put_all([])
    for _ in range(10):
        receiver.gate.set()
        assert queue.drain(10)
        receiver.gate.clear()
        queue.put_all([Letters("aaa")] * 3)
        queue.put_all([Letters("b")])
    receiver.gate.set()
    assert queue.drain(10)
    assert queue.stats()[:5] == (118, 118, 0, {}, "")
    assert caplog.records == []


def test_overflow_that_goes_on_is_said_again(queue_to, caplog):
    """A receiver that is too slow mark after mark is a line a mark at first, with each loss."""
    clock, receiver = FakeClock(), Receiver()
    receiver.gate.clear()
    queue = queue_to(receiver, clock, capacity=1)
    for _ in range(5):
        queue.put_all([Letters("aa")] * 5)
        clock.advance(60)
    receiver.gate.set()
    assert queue.drain(10)
    assert queue.close(10)
    lines = [record.samples for record in caplog.records if "queue is full" in record.message]
    assert len(lines) >= 3
    assert sum(lines) == queue.stats().dropped["queue_full"]


def test_samples_that_waited_too_long_are_not_sent(queue_to):
    """Beyond the age limit a request is dropped, and what is young goes on."""
    clock = InstantClock(start=1000)
    receiver = Receiver()
    queue = queue_to(receiver, clock, max_age=100.0)
    old, young = (
        put(queue, Letters("old", newest=899_999)),
        put(queue, Letters("young", newest=900_000)),
    )
    assert (old.wait(10), young.wait(10)) == (Outcome.DROPPED, Outcome.DELIVERED)
    assert receiver.offered == ["young"]
    assert queue.stats().dropped == {"too_old": 3}


def test_the_age_is_that_at_the_receiver(queue_to):
    """A clock here that is weeks ahead costs nothing: the receiver knows what time it is."""
    clock = InstantClock(start=5_000_000)
    receiver = Receiver()
    queue = queue_to(receiver, clock, max_age=100.0, now=lambda: 1000.0)
    assert put(queue, Letters("a", newest=950_000)).wait(10) is Outcome.DELIVERED
    assert put(queue, Letters("b", newest=800_000)).wait(10) is Outcome.DROPPED


def test_nothing_is_too_old_before_the_receiver_was_asked(queue_to):
    """Whose time is not known is asked once; then the clock here is all there is."""
    clock = InstantClock(start=5_000_000)
    receiver = Receiver([RETRY])
    queue = queue_to(receiver, clock, max_age=100.0, now=lambda: None)
    assert put(queue, Letters("a", newest=950_000)).wait(10) is Outcome.DROPPED
    assert receiver.offered == ["a"]


def test_a_defect_costs_one_request(queue_to, caplog):
    """An error that nobody foresaw is logged with its trace; the thread and the rest go on."""

    class Broken(Receiver):
        def send(self, request: Letters, attempt: int) -> Verdict:
            if request.text == "bad":
                raise RuntimeError("a defect")
            return super().send(request, attempt)

    queue = queue_to(Broken())
    bad, good = put(queue, Letters("bad")), put(queue, Letters("good"))
    assert (bad.wait(10), good.wait(10)) == (Outcome.DROPPED, Outcome.DELIVERED)
    assert queue.stats().dropped == {"internal_error": 3}
    assert any(record.exc_info for record in caplog.records)


def test_an_outage_is_two_lines(queue_to, caplog):
    """One when it begins, one when it is over, however many attempts lie between."""
    caplog.set_level(logging.INFO)
    queue = queue_to(Receiver([RETRY] * 20))
    put(queue, Letters("a")).wait(10)
    assert queue.drain(10)
    said = [record.message for record in caplog.records]
    assert said[0] == ("The receiver is busy or down (503); the data is kept and offered again")
    assert said[1].startswith("The receiver answers again after ")
    assert len(said) == 2


def test_a_new_reason_is_a_new_line(queue_to, caplog):
    """Trouble that turns into other trouble is said, with the remedy of the new one."""
    caplog.set_level(logging.INFO)
    queue = queue_to(Receiver([RETRY, HOLD, HOLD, RETRY]))
    put(queue, Letters("a"))
    settle(queue)
    assert [record.levelname for record in caplog.records] == [
        "WARNING",
        "ERROR",
        "WARNING",
        "INFO",
    ]
    assert caplog.records[1].hint == "check basic_auth"


def test_what_happens_to_single_requests_is_not_said_each_time(queue_to, caplog):
    """A hundred refused requests are a line now and a line with their number later."""
    clock = InstantClock()
    receiver = Receiver([DROP] * 101)
    queue = queue_to(receiver, clock)
    for _ in range(100):
        put(queue, Letters("a"))
    assert queue.drain(10)
    clock.advance(600)
    put(queue, Letters("a"))
    assert queue.drain(10)
    assert [record.samples for record in caplog.records] == [1, 100]


def test_the_end_of_an_outage_has_what_was_not_said(queue_to, caplog):
    """Samples that were dropped between two lines are in the last one."""
    caplog.set_level(logging.INFO)
    clock, receiver = FakeClock(), Receiver([RETRY])
    queue = queue_to(receiver, clock, capacity=2)
    put(queue, Letters("a"))
    assert clock.wait_for_waiters()
    for letter in "bcde":
        put(queue, Letters(letter))
    clock.advance(1)
    assert queue.drain(10)
    said = {record.message: record for record in caplog.records}
    assert said["The queue is full: the oldest samples are dropped"].samples == 1
    assert said["The receiver answers again after 1 s"].unsaid == {"queue_full": 2}


def test_what_is_released_goes_on_elsewhere(queue_to):
    """A queue that waits for a backoff gives all away at once; its tickets are good elsewhere."""
    clock, receiver = FakeClock(), Receiver([RETRY])
    old, new = queue_to(receiver, clock), queue_to(receiver, clock)
    before = set(threading.enumerate())
    tickets = old.put_all([Letters("a"), Letters("b")])
    (thread,) = set(threading.enumerate()) - before
    assert clock.wait_for_waiters()
    new.adopt(old.release(10))
    thread.join(10)
    assert not thread.is_alive()
    assert old.stats()[:5] == (0, 0, 0, {}, "status_503")
    assert new.stats()[:5] == (2, 0, 2, {}, "")
    tickets.append(put(new, Letters("c")))
    assert [ticket.wait(10) for ticket in tickets] == [Outcome.DELIVERED] * 3
    assert receiver.offered == ["a", "a", "b", "c"]
    assert old.close(0) is True
    assert put(old, Letters("d")).wait(0) is Outcome.DROPPED


def test_an_answer_in_time_is_booked_before_the_release(queue_to):
    """What is in flight is not sent a second time if its answer can be waited for."""
    receiver = Receiver()
    receiver.gate.clear()
    old, new = queue_to(receiver), queue_to(receiver)
    old.put_all([Letters("a"), Letters("b")])
    wait_until(lambda: old._backlog.in_flight)
    threading.Timer(0.05, receiver.gate.set).start()
    backlog = old.release(30)
    assert (backlog.stats().delivered, backlog.stats().pending) == (1, 1)
    new.adopt(backlog)
    new.start()
    assert new.drain(10)
    assert receiver.offered == ["a", "b"]


def test_a_late_answer_counts_for_nothing(queue_to):
    """What is in flight at the release is sent by the other queue; the ledger has it once."""
    asked = threading.Event()

    class Slow(Receiver):
        def send(self, request: Letters, attempt: int) -> Verdict:
            asked.set()
            return super().send(request, attempt)

    slow, receiver = Slow([DROP]), Receiver()
    slow.gate.clear()
    old, new = queue_to(slow), queue_to(receiver)
    ticket = put(old, Letters("a"))
    assert asked.wait(10)
    new.adopt(old.release(0))
    slow.gate.set()
    assert old.close(10) is True
    new.start()
    assert ticket.wait(10) is Outcome.DELIVERED
    assert new.stats()[:5] == (1, 1, 0, {}, "")
    assert old.stats()[:5] == (0, 0, 0, {}, "")
    assert slow.offered == receiver.offered == ["a"]


def test_what_was_not_said_yet_is_said_at_the_release(queue_to, caplog):
    """The lines of the old queue have all that it lost: the new one does not know of it."""
    receiver = Receiver()
    receiver.gate.clear()
    queue = queue_to(receiver, capacity=1)
    for letter in "abcdef":
        put(queue, Letters(letter))
    lost = queue.release(0).stats().dropped["queue_full"]
    assert [record.samples for record in caplog.records] == [1, lost - 1]


def test_what_was_lost_before_is_not_lost_again(queue_to, caplog):
    """Samples that a predecessor lost are in the ledger, and in no second line of the log."""
    clock, receiver = FakeClock(), Receiver([HOLD, HOLD])
    old, new = queue_to(receiver, clock), queue_to(receiver, clock)
    put(old, Letters("a"))
    assert clock.wait_for_waiters()
    assert old.close(10) is False
    new.adopt(old.release(0))
    caplog.clear()
    assert new.close(10) is True
    assert new.stats()[:4] == (1, 0, 0, {"shutdown": 1})
    assert caplog.records == []


def test_closing_sends_what_waits(queue_to):
    """Everything that can be delivered before the end is; a backoff is cut short."""
    clock, receiver = FakeClock(), Receiver([RETRY])
    queue = queue_to(receiver, clock)
    put(queue, Letters("a"))
    put(queue, Letters("b"))
    assert clock.wait_for_waiters()
    assert queue.close(10) is True
    assert receiver.taken == "ab"


def test_closing_gives_held_data_one_last_attempt(queue_to, caplog):
    """Nobody waits a minute at the end; what is lost is counted and said once."""
    clock, receiver = FakeClock(), Receiver([HOLD, HOLD])
    queue = queue_to(receiver, clock)
    put(queue, Letters("a"))
    put(queue, Letters("b"))
    assert clock.wait_for_waiters()
    assert queue.close(3600) is False
    assert queue.close(10) is False
    assert receiver.offered == ["a", "a"]
    assert queue.stats()[:4] == (2, 0, 0, {"shutdown": 2})
    lost = [record.samples for record in caplog.records if "before the end" in record.message]
    assert lost == [2]


def test_closing_ends_in_time(queue_to):
    """With a receiver that is down for good, the time given is all that is taken."""
    clock, receiver = FakeClock(), Receiver([RETRY] * 100)
    queue = queue_to(receiver, clock)
    ticket = put(queue, Letters("a"))
    assert clock.wait_for_waiters()
    assert queue.close(0.1) is False
    assert ticket.wait(0) is Outcome.DROPPED


def test_after_the_end_everything_is_dropped(queue_to):
    """A queue that is closed takes nothing more, and its ledger still balances."""
    receiver = Receiver()
    queue = queue_to(receiver)
    assert queue.close(10) is True
    assert put(queue, Letters("late")).wait(0) is Outcome.DROPPED
    assert queue.stats()[:5] == (4, 0, 0, {"shutdown": 4}, "")
    assert receiver.offered == []


def test_what_comes_during_the_end_does_not_push_out_what_waits(queue_to):
    """A request that comes too late is dropped alone."""
    receiver = Receiver()
    receiver.gate.clear()
    queue = queue_to(receiver)
    waiting = [put(queue, Letters("a")), put(queue, Letters("b"))]
    closing = threading.Thread(target=queue.close, args=[10])
    closing.start()
    while (late := put(queue, Letters("c")).wait(0)) is None:
        pass
    receiver.gate.set()
    closing.join()
    assert late is Outcome.DROPPED
    assert [ticket.wait(0) for ticket in waiting] == [Outcome.DELIVERED] * 2


FORKED = """
import os, sys
from peers import wait_until
from sending_data import DONE
from sending_points import Watcher, batch, queue_of
from otel_kubecost.clock import SystemClock
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.store import MemoryStore

receiver = Watcher([Verdict(Action.RETRY, "status_503", "busy", retry_after=600.0)])
receiver.gate.clear()
receiver.mercy.clear()
queue = queue_of(receiver, MemoryStore(99), SystemClock(), 4)
queue.put_all(batch(1, *[1] * 6))
wait_until(lambda: receiver.busy == 4)
receiver.gate.set()
wait_until(lambda: queue.stats().retried)
child = os.fork()
if child == 0:
    receiver.open()
    queue.put_all(batch(2, *[1] * 6))
    queue.drain(30)
    os._exit(0 if queue.stats()[:4] == (12, 12, 0, {}) and not receiver.disorder else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_is_forked_goes_on_with_what_it_has():
    """No thread survives a fork: what was under way, and what waited for a backoff, is offered by
    new ones, in its order."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1]), *sys.path])
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, timeout=60, check=False)
    assert done.returncode == 0


def test_no_thread_runs_before_the_first_request(queue_to):
    """Constructing a queue starts nothing."""
    before = threading.active_count()
    queue = queue_to(Receiver())
    assert threading.active_count() == before
    queue.start()
    assert threading.active_count() == before + 1


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), max_size=20),
    script=st.lists(st.sampled_from([DONE, RETRY, HOLD, DROP, FUTURE]), max_size=30),
    capacity=st.integers(1, 40),
)
def test_the_ledger_balances_whatever_the_receiver_does(sizes, script, capacity):
    """Accepted is delivered and pending and dropped, at every look; and order is kept."""
    clock, receiver = InstantClock(), Receiver(list(script))
    queue: SendingQueue[Letters] = SendingQueue(
        receiver.send, store=MemoryStore(capacity), clock=clock, episodes=Episodes(clock)
    )
    letters = iter(map(chr, range(0x4E00, 0x9000)))
    for size in sizes:
        put(queue, Letters("".join(next(letters) for _ in range(size))))
        look = queue.stats()
        assert look.accepted == look.delivered + look.pending + sum(look.dropped.values())
    settle(queue)
    queue.close(10)
    end = queue.stats()
    assert (end.accepted, end.pending) == (sum(sizes), 0)
    assert end.delivered == len(receiver.taken)
    assert sum(end.dropped.values()) == end.accepted - end.delivered
    assert receiver.taken == "".join(sorted(receiver.taken))
