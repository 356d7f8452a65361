"""Which series is at fault, or whether it is the endpoint."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import wait_until
from sending_data import DONE, HOLD, SPLIT, InstantClock, Letters, Receiver
from sending_points import ALPHABET as SERIES
from sending_points import Points, Watcher, batch, queue_of

from otel_kubecost.exporters.sending.entry import Outcome
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.isolation import LIMIT, PERSISTENT
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.testing import FakeClock

pytestmark = pytest.mark.timeout(60)

REFUSED = Verdict(Action.ISOLATE, "refused", "the receiver refused a whole request (400)")
CONFLICT = Verdict(Action.ISOLATE, "too_old", "out of order sample (400)", conflict=True)
BROKEN = Verdict(Action.RETRY, "status_500", "the receiver is busy or down (500)", doubtful=True)
ALPHABET = [chr(0x4E00 + number) for number in range(540)]


@dataclass
class Picky(Receiver):
    """Refuses requests with a bad letter, as a whole; what it takes it has once."""

    bad: set[str] = field(default_factory=set)
    answer: Verdict = REFUSED
    newer: set[str] = field(default_factory=set)
    """Letters of which it has something newer."""
    stored: list[str] = field(default_factory=list)

    def send(self, request: Letters, attempt: int) -> Verdict:
        self.offered.append(request.text)
        if self.script:
            return self.script.pop(0)
        for letter in request.text:  # the first that it dislikes decides
            if letter in self.bad | self.newer:
                return self.answer if letter in self.bad else CONFLICT
        self.stored += [letter for letter in request.text if letter not in self.stored]
        return DONE


@pytest.fixture
def queue_to():
    queues = []

    def make(receiver: Receiver, **options) -> SendingQueue[Letters]:
        clock = InstantClock()
        queues.append(
            SendingQueue(
                receiver.send,
                store=MemoryStore(99_999),
                clock=clock,
                episodes=Episodes(clock),
                **options,
            )
        )
        return queues[-1]

    yield make
    for queue in queues:
        queue.close(0)


def requests(*texts: str) -> list[Letters]:
    return [Letters(text) for text in texts]


def look(queue: SendingQueue[Letters]) -> tuple:
    return queue.stats()[:4]


def probes(receiver: Receiver, count: int) -> None:
    """Let the receiver be asked so often."""
    while len(receiver.offered) < count:
        pass


@pytest.mark.parametrize("place", [0, 1, 269, 270, 538, 539])
@pytest.mark.parametrize("answer", [REFUSED, BROKEN])
def test_one_bad_series_costs_itself(queue_to, caplog, place, answer):
    """Case 50: of 540 series 539 arrive, in their order, the bad one is named, and that took some
    25 requests (and as many attempts as make a 5xx suspicious)."""
    bad = ALPHABET[place]
    receiver = Picky(bad={bad}, answer=answer)
    queue = queue_to(receiver)
    (ticket,) = queue.put_all([Letters("".join(ALPHABET))])
    assert queue.drain(30)
    assert ticket.wait(0) is Outcome.DROPPED
    assert look(queue) == (540, 539, 0, {"refused": 1})
    assert set(receiver.stored) == set(ALPHABET) - {bad}
    assert len(receiver.offered) <= 28 + (PERSISTENT if answer is BROKEN else 0)
    (line,) = [one for one in caplog.records if "takes other series but not" in one.message]
    assert (line.series, line.samples, line.reason) == ([bad], 1, "refused")


def test_what_is_taken_apart_keeps_its_order(queue_to):
    """But for the witness, which comes again in its place, letters arrive in theirs; what waits
    behind comes after."""
    receiver = Picky(bad={"e"})
    queue = queue_to(receiver)
    queue.put_all(requests("abcdefgh", "ABC"))
    assert queue.drain(30)
    assert receiver.stored == list("abcdfghABC")
    assert receiver.offered.index("ABC") == len(receiver.offered) - 1
    assert queue.stats().dropped == {"refused": 1}


def test_a_request_that_is_refused_for_once_arrives(queue_to):
    """A refusal that the parts do not meet cost nothing but requests."""
    receiver = Picky(script=[REFUSED])
    queue = queue_to(receiver)
    (ticket,) = queue.put_all([Letters("abcd")])
    assert ticket.wait(10) is Outcome.DELIVERED
    assert look(queue) == (4, 4, 0, {})


def test_an_endpoint_that_refuses_everything_costs_nothing(queue_to, caplog):
    """All is kept, at seven requests a minute, and arrives when somebody has mended it."""
    receiver = Picky(bad=set(ALPHABET))
    queue = queue_to(receiver)
    tickets = queue.put_all(requests("".join(ALPHABET[:500]), "".join(ALPHABET[500:]), "a"))
    receiver.bad.add("a")
    assert tickets[0].wait(10) is Outcome.HELD
    probes(receiver, 100)
    assert look(queue) == (541, 0, 541, {})
    assert queue.stats().trouble == "refuses_everything"
    minutes = [text for text in receiver.offered if len(text) == 500]
    assert len(receiver.offered) <= 7 * len(minutes)
    singles = {text for text in receiver.offered if len(text) == 1}
    assert len(singles) > 20  # each minute others
    receiver.bad.clear()
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (541, 541, 0, {})
    (line,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "refuses every series" in line.message
    assert "endpoint" in line.hint


def test_a_request_of_bad_series_alone_does_not_block_the_next(queue_to):
    """Its witness waits behind it."""
    receiver = Picky(bad=set("abc"))
    queue = queue_to(receiver)
    queue.put_all(requests("abc", "def"))
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (6, 3, 0, {"refused": 3})
    assert set(receiver.stored) == set("def")


def test_several_such_requests_do_not_block_either(queue_to):
    """The next minute asks a request further on."""
    receiver = Picky(bad=set("abcd"))
    queue = queue_to(receiver)
    queue.put_all(requests("ab", "c", "d", "ok"))
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (6, 2, 0, {"refused": 4})


def test_a_single_bad_series_waits_for_a_witness(queue_to):
    """With nothing to compare it with it is kept; the next batch decides."""
    receiver = Picky(bad={"x"})
    queue = queue_to(receiver)
    (ticket,) = queue.put_all([Letters("x")])
    assert ticket.wait(10) is Outcome.HELD
    queue.put_all([Letters("a")])
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (2, 1, 0, {"refused": 1})


def test_a_series_is_dropped_only_beside_one_that_is_taken(queue_to):
    """An endpoint that begins to refuse everything while a request is taken apart costs none."""

    class Turning(Picky):
        def send(self, request: Letters, attempt: int) -> Verdict:
            if "b" in self.stored:
                self.bad = set("abcdefgh")
            return super().send(request, attempt)

    receiver = Turning(bad={"h"})
    queue = queue_to(receiver)
    queue.put_all([Letters("abcdefgh")])
    probes(receiver, 60)
    assert queue.stats().dropped == {}
    assert queue.stats().trouble == "refuses_everything"


def test_an_outage_drops_nothing(queue_to, caplog):
    """A thousand times 500 is no fault of the request; it is suspected every tenth time."""
    caplog.set_level(logging.INFO)
    receiver = Picky(bad=set("abcd"), answer=BROKEN)
    queue = queue_to(receiver)
    queue.put_all(requests("ab", "cd"))
    probes(receiver, 1000)
    assert look(queue) == (4, 0, 4, {})
    assert sum(text == "ab" for text in receiver.offered) >= 0.7 * len(receiver.offered)
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    receiver.bad.clear()
    assert queue.drain(30)
    assert look(queue) == (4, 4, 0, {})


@pytest.mark.parametrize("answer", [HOLD, Verdict(Action.RETRY, "network_refused", "refused")])
def test_a_trial_is_put_off_by_other_trouble(queue_to, answer):
    """What a witness cannot tell of is what the queue does then; the trial comes again."""
    receiver = Picky(script=[REFUSED, answer], bad={"c"})
    queue = queue_to(receiver)
    queue.put_all([Letters("abc")])
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (3, 2, 0, {"refused": 1})


def test_metadata_is_not_taken_apart(queue_to, caplog):
    """It has no samples, and those wait behind it."""
    receiver = Picky(script=[REFUSED])
    queue = queue_to(receiver)
    (ticket, _) = queue.put_all(requests("", "a"))
    assert queue.drain(10)
    assert ticket.wait(0) is Outcome.DROPPED
    assert receiver.offered == ["", "a"]
    assert [one.message for one in caplog.records] == ["The receiver refused a whole request (400)"]


def test_too_many_bad_series_are_not_looked_for(queue_to, caplog):
    """Every other of 10,000 series is bad: the requests are bounded, and the ledger is right."""
    letters = [chr(0x4E00 + number) for number in range(10_000)]
    receiver = Picky(bad=set(letters[::2]))
    queue = queue_to(receiver)
    queue.put_all([Letters("".join(letters))])
    assert queue.drain(30)
    assert len(receiver.offered) < 5 * LIMIT
    stats = queue.stats()
    assert stats.delivered + stats.dropped["refused"] == 10_000
    queue.close(10)
    assert any("what is left of it is given up" in one.message for one in caplog.records)


def test_what_the_receiver_has_already_is_settled_at_once(queue_to, caplog):
    """The replay of a second agent: six requests, no warning, nothing kept."""
    receiver = Picky(newer=set(ALPHABET))
    queue = queue_to(receiver)
    queue.put_all([Letters("".join(ALPHABET))])
    assert queue.drain(10)
    assert look(queue) == (540, 0, 0, {"too_old": 540})
    assert len(receiver.offered) == 6
    assert caplog.records == []


@pytest.mark.parametrize("every", [2, 3, 5, 9, 10, 12, 27, 60, 180])
def test_a_pattern_is_not_taken_for_the_whole(queue_to, every):
    """Series come in an order: one metric of each namespace may be in conflict, and no other."""
    receiver = Picky(newer=set(ALPHABET[::every]))
    queue = queue_to(receiver)
    queue.put_all([Letters("".join(ALPHABET))])
    assert queue.drain(10)
    delivered = queue.stats().delivered
    assert delivered == 540 - 540 // every if every >= 27 else delivered > 50
    assert len(receiver.offered) < 5 * LIMIT


def test_conflicts_among_bad_series_are_not_the_whole(queue_to):
    """Who is told of a conflict and of faults looks on: the last series is a good one."""
    receiver = Picky(newer={"a"}, bad=set("bcdefghi"))
    queue = queue_to(receiver)
    queue.put_all([Letters("abcdefghiz")])
    assert queue.drain(10)
    assert look(queue) == (10, 1, 0, {"too_old": 1, "refused": 8})


def test_a_conflict_costs_its_series_alone(queue_to):
    """Prometheus refuses the whole request for it: the others arrive in parts."""
    receiver = Picky(newer={"c"})
    queue = queue_to(receiver)
    queue.put_all([Letters("abcdefgh")])
    assert queue.drain(10)
    assert look(queue) == (8, 7, 0, {"too_old": 1})


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    bad=st.sets(st.integers(0, 180), max_size=12),
    newer=st.sets(st.integers(0, 180), max_size=5),
    answer=st.sampled_from([REFUSED, BROKEN]),
)
def test_the_good_arrive_and_the_bad_do_not(sizes, bad, newer, answer):
    """Whatever is bad: every good series arrives, every bad one is counted, at a bounded price,
    as long as the receiver takes one at all."""
    letters = iter(ALPHABET)
    batch = [Letters("".join(next(letters) for _ in range(size))) for size in sizes]
    everything = "".join(request.text for request in batch) + "z"
    receiver = Picky(
        bad={ALPHABET[n] for n in bad} & set(everything),
        newer={ALPHABET[n] for n in newer - bad} & set(everything),
        answer=answer,
    )
    clock = InstantClock()
    queue: SendingQueue[Letters] = SendingQueue(
        receiver.send, store=MemoryStore(9999), clock=clock, episodes=Episodes(clock)
    )
    queue.put_all([*batch, Letters("z")])
    while not queue.idle:
        queue.drain(10)
        stats = queue.stats()
        assert stats.accepted == stats.delivered + stats.pending + sum(stats.dropped.values())
    queue.close(10)
    good = set(everything) - receiver.bad - receiver.newer
    assert good <= set(receiver.stored)
    assert queue.stats().dropped.get("refused", 0) == len(receiver.bad)
    assert queue.stats().dropped.get("too_old", 0) == len(receiver.newer)
    assert len(receiver.offered) < 40 * len(batch) + 20 * (len(bad) + len(newer))


# Too large.


@pytest.mark.parametrize("bad", ["a", "d", "h"])
def test_a_series_that_is_too_large_is_dropped_beside_a_witness(queue_to, caplog, bad):
    """The others arrive, and the line names it."""
    receiver = Picky(bad={bad}, answer=SPLIT)
    queue = queue_to(receiver)
    queue.put_all(requests("abcdefgh", "xyz"))
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (11, 10, 0, {"too_large": 1})
    (line,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert line.message == "One series alone is too large for the receiver (413)"
    assert line.series == [bad]


def test_an_endpoint_for_which_all_is_too_large_costs_nothing(queue_to, caplog):
    """A proxy with a tiny limit: all is kept, at a few requests a minute, until it is raised."""
    receiver = Picky(bad=set(ALPHABET), answer=SPLIT)
    queue = queue_to(receiver)
    tickets = queue.put_all(requests("".join(ALPHABET[:500]), "".join(ALPHABET[500:])))
    assert tickets[0].wait(10) is Outcome.HELD
    probes(receiver, 100)
    assert look(queue) == (540, 0, 540, {})
    assert queue.stats().trouble == "too_large"
    receiver.bad.clear()
    while not queue.idle:
        queue.drain(10)
    assert look(queue) == (540, 540, 0, {})
    (line,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "client_max_body_size" in line.hint


def test_a_series_from_the_future_needs_no_witness(queue_to):
    """That is our own objection, not an answer."""
    future = Verdict(Action.SPLIT, "future", "samples lie 99 s ahead", alone="too far ahead")
    receiver = Picky(bad={"a"}, answer=future)
    queue = queue_to(receiver)
    (ticket,) = queue.put_all(requests("a"))
    assert ticket.wait(10) is Outcome.DROPPED
    assert look(queue) == (1, 0, 0, {"future": 1})
    assert receiver.offered == ["a"]


# Beside others of the batch.


class Slow(Watcher):
    """One that takes its time over whole requests, but not over a single series."""

    def send(self, request: Points, attempt: int) -> Verdict:
        if len(request.text) > 1 and not self.bad & set(request.text):
            self.here.wait()
        return super().send(request, attempt)

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.here = threading.Event()


def test_what_is_under_way_beside_it_can_be_the_witness(caplog):
    """Of two requests at once one has bad series alone and nothing waits behind: it is settled at
    once, by a series of the other, and nobody is told that everything is refused."""
    clock, receiver = FakeClock(), Slow(bad="ab")
    queue = queue_of(receiver, MemoryStore(99), clock, 2)
    queue.put_all([Points("ab", 1000), Points("cd", 1000)])
    wait_until(lambda: queue.stats().dropped == {"refused": 2})
    assert queue.stats()[:5] == (4, 0, 2, {"refused": 2}, "")
    receiver.here.set()
    assert queue.drain(10)
    queue.close(10)
    assert queue.stats()[:4] == (4, 2, 0, {"refused": 2})
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_two_requests_are_taken_apart_at_once():
    """Each finds its own bad series; the parts of both go beside the other requests."""
    receiver = Watcher(bad={SERIES[7], SERIES[555]}, nap=0.001)
    queue = queue_of(receiver, MemoryStore(9999), InstantClock(), 4)
    queue.put_all(batch(1, *[500] * 4))
    queue.put_all(batch(2, *[500] * 4))
    assert queue.drain(30)
    queue.close(10)
    assert queue.stats()[:4] == (4000, 3996, 0, {"refused": 4})
    assert (receiver.disorder, receiver.mixed) == ([], [])
    assert receiver.most <= 4
    assert len(receiver.offered) < 8 + 4 * 28


def test_a_hold_of_another_request_puts_a_trial_off():
    """While one is taken apart another is told 401: both wait, and then nothing was lost."""
    clock, receiver = FakeClock(), Watcher([REFUSED, HOLD], bad="b")
    receiver.gate.clear()
    queue = queue_of(receiver, MemoryStore(99), clock, 2)
    queue.put_all([Points("abc", 1000), Points("def", 1000), Points("ghi", 1000)])
    wait_until(lambda: receiver.busy == 2)
    receiver.gate.set()
    assert clock.wait_for_waiters()
    wait_until(lambda: receiver.busy == 0)
    assert queue.stats().trouble == "credentials_refused"
    while not queue.idle:
        clock.advance(60)
        queue.drain(0.05)
    queue.close(10)
    assert queue.stats()[:4] == (9, 8, 0, {"refused": 1})
    assert receiver.disorder == []


def test_the_nearest_request_is_asked_for_its_series_first():
    """A witness from further on would overtake a sample that waits: with every series of the first
    request bad, those of the next come before those of the one after it."""
    receiver = Watcher(bad="abcd")
    receiver.gate.clear()
    queue = queue_of(receiver, MemoryStore(99), InstantClock(), 1)
    for mark, text in enumerate(["a", "bcde", "e"], 1):
        queue.put_all([Points(text, mark * 1000)])
    receiver.gate.set()
    while not queue.idle:
        queue.drain(0.05)
    queue.close(10)
    assert queue.stats()[:4] == (6, 2, 0, {"refused": 4})
    assert list(dict.fromkeys(receiver.taken["e"])) == [2000, 3000]
