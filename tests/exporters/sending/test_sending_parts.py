"""A large batch is written as it is made: whole or not at all, and hardly any of it in memory."""

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import weakref
from contextlib import closing
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sending_data import DONE, Letters, Receiver

from otel_kubecost.clock import SystemClock
from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.entry import Outcome
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.parts import PART_BYTES, in_parts
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.spool import Spool
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import FakeClock

pytestmark = pytest.mark.timeout(60)

SIZE = PART_BYTES // 3
COUNT = 60


@dataclass(frozen=True)
class Body:
    """A request that counts how many are alive."""

    body: bytes
    newest: int
    kind = "bytes"
    samples = 1
    series = 1
    title = ""

    def split(self):
        return []

    def only(self, _):
        return self


class Census:
    """How many bodies of requests are in memory, and how many at most there were."""

    def __init__(self):
        self.alive = self.most = 0

    def request(self, body, newest):
        made = Body(body, newest)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(made, self._gone)
        return made

    def _gone(self):
        self.alive -= 1

    def batch(self, count=COUNT, newest=1):
        for _ in range(count):
            yield self.request(os.urandom(SIZE), newest)


def spool_in(storage, unpack, clock=None):
    queue = storage.queue("exporter")
    return Spool(queue, unpack, capacity=10**9, clock=clock or SystemClock(), exporter="exporter")


def unpacked(stored):
    return Letters(stored.body.decode(), stored.place.newest)


def queue_for(send, store, **options):
    clock = SystemClock()
    episodes = Episodes(clock, exporter="exporter")
    return SendingQueue(send, store=store, clock=clock, episodes=episodes, **options)


@pytest.fixture
def storage(tmp_path):
    made = FileStorage(directory=str(tmp_path / "kept"))
    made.queue("exporter")
    made.start()
    yield made
    made.shutdown()


@pytest.fixture
def census():
    return Census()


@pytest.fixture
def spool(storage, census):
    return spool_in(storage, lambda one: census.request(one.body, one.place.newest))


@pytest.mark.parametrize("shards", [1, 2])
def test_few_bodies_are_in_memory(census, spool, shards):
    """Those of a part, the next one, and what is being sent: however large a batch is, while it
    comes and while it leaves."""
    queue = queue_for(lambda *_: DONE, spool, shards=(shards, shards))
    assert queue.put_all(census.batch(), tracked=False) == []
    queue.put_all(census.batch(newest=2), tracked=False)
    assert queue.drain(30)
    assert queue.stats().delivered == 2 * COUNT
    assert census.most <= 3 + 1 + 2 * shards + 1
    assert queue.close(10)
    assert census.alive <= 1


def test_what_is_under_way_is_settled_while_a_batch_is_made(storage):
    """Its maker takes long, or waits for ever: others are answered, and so is who asks."""
    receiver = Receiver()
    store = spool_in(storage, unpacked)
    queue = queue_for(receiver.send, store)
    go_on = threading.Event()

    def batch():
        yield Letters("a" * SIZE, 2)
        yield from (Letters("b" * SIZE, 2) for _ in range(5))
        assert go_on.wait(30)
        yield Letters("c", 2)

    receiver.gate.clear()
    (before,) = queue.put_all([Letters("first", 1)])
    maker = threading.Thread(target=queue.put_all, args=(batch(),))
    maker.start()
    receiver.gate.set()
    assert before.wait(30) is Outcome.DELIVERED
    stats = queue.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (5, 5, 0)
    assert (stats.requests, stats.bytes) == (0, 0)
    assert queue.idle
    assert queue.oldest_pending is None
    assert receiver.taken == "first"
    go_on.set()
    maker.join()
    assert queue.drain(30)
    assert receiver.taken == "first" + "a" * SIZE + "b" * 5 * SIZE + "c"
    assert queue.close(10)


@pytest.mark.parametrize("kept", ["in memory", "on a disk"])
def test_a_batch_that_cannot_be_made_is_not_taken(storage, kept):
    """Nothing of it is sent or counted, and its numbers do not stand in the way of the next."""
    receiver = Receiver()
    disk = spool_in(storage, unpacked)
    queue = queue_for(receiver.send, disk if kept == "on a disk" else MemoryStore(10**9))

    def batch():
        yield from (Letters("b" * SIZE, 2) for _ in range(8))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        queue.put_all(batch())
    assert queue.idle
    assert queue.stats().accepted == 0
    assert queue.stats().bytes == 0
    queue.put_all([Letters("next", 3)])
    assert queue.drain(30)
    assert receiver.taken == "next"
    assert queue.stats().dropped == {}
    assert queue.close(10)


@pytest.mark.parametrize("kept", ["in memory", "on a disk"])
def test_a_batch_that_comes_while_the_queue_closes_is_lost_as_a_whole(storage, tmp_path, kept):
    """It is accounted for as what comes later is, and the next process finds nothing of it."""
    disk = spool_in(storage, unpacked)
    store = disk if kept == "on a disk" else MemoryStore(10**9)
    queue = queue_for(lambda *_: Verdict(Action.RETRY, "down", "down"), store)

    def batch():
        yield from (Letters("b" * SIZE, 2 + number) for number in range(8))
        queue.close(0)
        storage.shutdown()
        yield from (Letters("c" * SIZE, 20) for _ in range(8))

    tickets = queue.put_all(batch())
    stats = queue.stats()
    assert (stats.accepted, stats.pending) == (16 * SIZE, 0)
    assert stats.dropped == {"shutdown": 16 * SIZE}
    assert [one.wait(0) for one in tickets] == [Outcome.DROPPED] * 16
    assert queue.oldest_pending == 2 / 1000
    assert content_of(tmp_path / "kept") == []


@pytest.mark.parametrize("after", ["the last part", "another part", "an answer"])
def test_a_batch_is_whole_where_its_file_is_opened_again_in_its_middle(storage, tmp_path, after):
    """The parts that came before are this process' own, whatever is asked of the file next."""
    backlog = Backlog(spool_in(storage, unpacked))
    backlog.open()
    backlog.put_all([Letters("under way", 1)])
    backlog.put_all([Letters("waits", 1)])
    backlog.put_all([Letters("a", 2)], more=True)
    entry, before = backlog.take(), backlog.id
    storage.shutdown()
    storage.start()
    if after == "an answer":
        backlog.delivered(entry)
    if after == "another part":
        backlog.put_all([Letters("b", 2)], more=True)
    backlog.put_all([Letters("c", 2)])
    found = [one.request.text for one in backlog.waiting()]
    assert (
        found
        == {
            "the last part": ["under way", "waits", "a", "c"],
            "another part": ["under way", "waits", "a", "b", "c"],
            "an answer": ["waits", "a", "c"],
        }[after]
    )
    assert (backlog.id, backlog.stats().dropped) == (before, {})
    assert backlog.stats().requests == len(found)
    storage.shutdown()
    assert "a" in content_of(tmp_path / "kept")


def test_a_file_that_another_process_had_in_the_middle_of_a_batch_is_another_one(storage, tmp_path):
    """What that deleted is counted, and the id says that something is missing."""
    backlog = Backlog(spool_in(storage, unpacked))
    backlog.open()
    backlog.put_all([Letters("aa", 2)], more=True)
    before = backlog.id
    storage.shutdown()
    assert content_of(tmp_path / "kept") == []
    storage.start()
    backlog.put_all([Letters("b", 2)])
    stats = backlog.stats()
    assert backlog.id != before
    assert [one.request.text for one in backlog.waiting()] == ["b", "next"]
    assert stats.dropped == {"damaged": 2}
    assert stats.accepted - stats.delivered - 2 == stats.pending == 5
    storage.shutdown()
    again = storage.queue("exporter")
    storage.start()
    again.open()
    assert again.id == backlog.id


def test_a_request_that_is_spoilt_in_the_middle_of_a_batch_costs_itself_alone(storage, tmp_path):
    """The batch comes later as a whole, is not counted before, and is not there after a kill."""
    backlog = Backlog(spool_in(storage, unpacked))
    backlog.open()
    backlog.put_all([Letters("s" * 5 * 2**20, 1)])
    backlog.put_all([Letters("old", 2)])
    with closing(sqlite3.connect(*(tmp_path / "kept").glob("queue-*.db"))) as other, other:
        other.execute("UPDATE requests SET body = zeroblob(length(body)) WHERE newest = 1")
    backlog.put_all([Letters("a", 3)], more=True)
    assert backlog.take() is None
    stats = backlog.stats()
    assert stats.dropped == {"damaged": 5 * 2**20}
    assert (stats.accepted, stats.pending, stats.requests) == (5 * 2**20 + 3, 3, 1)
    shutil.copytree(tmp_path / "kept", tmp_path / "after a kill")
    backlog.put_all([Letters("b", 3)], more=True)
    backlog.put_all([Letters("c", 3)])
    assert [one.request.text for one in backlog.waiting()] == ["old", "a", "b", "c"]
    assert backlog.stats().pending == 6
    assert backlog.stats().dropped == {"damaged": 5 * 2**20}
    other = FileStorage(directory=str(tmp_path / "after a kill"))
    after = Backlog(spool_in(other, unpacked))
    other.start()
    after.open()
    after.put_all([Letters("next", 4)])
    assert [one.request.text for one in after.waiting()] == ["old", "next"]
    assert after.stats().pending == 7
    other.shutdown()


@pytest.mark.parametrize("parts", [True, False])
def test_a_disk_that_is_too_full_to_begin_anew_leaves_no_phantoms(storage, monkeypatch, parts):
    """What was there is settled, and once there is room the ledger and the queue say so."""
    clock = FakeClock(1_790_000_000)
    spool = spool_in(storage, unpacked, clock)
    backlog = Backlog(spool)
    backlog.open()
    before = backlog.id
    backlog.put_all([Letters("a"), Letters("bb"), Letters("ccc")], more=parts)
    with monkeypatch.context() as full:

        def refuse(_):
            raise OSError(errno.ENOSPC, "full")

        full.setattr(spool._disk.database, "write", refuse)
        if parts:
            backlog.withdraw()
        while not backlog.empty:
            backlog.delivered(backlog.take())
        for _ in range(2):
            clock.advance(11)
            assert backlog.oldest_pending is None
            backlog.put_all([Letters("dddd")])
            assert backlog.stats().fault == "full"
            backlog.delivered(backlog.take())
            assert (backlog.stats().pending, backlog.empty) == (0, True)
    clock.advance(11)
    backlog.put_all([Letters("e" * 10)])
    assert [one.request.text for one in backlog.waiting()] == ["e" * 10]
    backlog.delivered(backlog.take())
    backlog.catch_up()
    stats = backlog.stats()
    samples = 18 if parts else 24
    assert (stats.accepted, stats.delivered, stats.pending) == (samples, samples, 0)
    assert (stats.requests, stats.bytes, stats.dropped, stats.fault) == (0, 0, {}, "")
    assert backlog.id == before


def test_what_of_a_batch_is_on_a_disk_that_fails_is_sent_all_the_same(storage, tmp_path):
    """And it is known that it would be lost with the process."""
    clock = FakeClock(1_790_000_000)
    spool = spool_in(storage, unpacked, clock)
    backlog = Backlog(spool)
    backlog.open()
    backlog.put_all([Letters("a", 7)], more=True)
    assert backlog.oldest_perishing is None
    database = spool._disk.database
    database._connection.execute("PRAGMA query_only = 1")
    backlog.put_all([Letters("b", 8)])
    assert backlog.stats().fault == "read_only"
    assert (backlog.oldest_pending, backlog.oldest_perishing) == (7, 7)
    copied = shutil.copytree(tmp_path / "kept", tmp_path / "after a kill")
    backlog.delivered(backlog.take())
    assert (backlog.oldest_pending, backlog.oldest_perishing) == (8, 8)
    backlog.put_all([Letters("c", 9)], more=True)
    backlog.put_all([Letters("d", 9)])
    clock.advance(10)
    database._connection.execute("PRAGMA query_only = 0")
    backlog.delivered(backlog.take())
    backlog.catch_up()
    assert backlog.oldest_perishing is None
    assert [one.request.text for one in backlog.waiting()] == ["c", "d"]
    assert content_of(copied) == []


def test_what_of_a_batch_is_on_a_disk_that_fails_is_lost_at_the_end(storage):
    """The next process does not find it, and so it is not said to stay."""
    clock = FakeClock(1_790_000_000)
    spool = spool_in(storage, unpacked, clock)
    backlog = Backlog(spool)
    backlog.open()
    backlog.put_all([Letters("a", 7)], more=True)
    spool._disk.database._connection.execute("PRAGMA query_only = 1")
    backlog.put_all([Letters("b", 8)])
    backlog.abandon("shutdown")
    stats = backlog.stats()
    assert (stats.pending, stats.dropped) == (0, {"shutdown": 2})


def content_of(directory):
    """What a process finds there, and sends."""
    storage = FileStorage(directory=str(directory))
    spool = spool_in(storage, unpacked)
    storage.start()
    backlog = Backlog(spool)
    backlog.open()
    found = [one.request.text for one in backlog.waiting()]
    stats = backlog.stats()
    assert stats.accepted - stats.delivered == stats.pending == sum(map(len, found))
    assert stats.requests == len(found)
    backlog.put_all([Letters("next", 10**9)])
    assert [one.request.text for one in backlog.waiting()] == [*found, "next"]
    storage.shutdown()
    return found


def rows_in(directory):
    (path,) = directory.glob("queue-*.db")
    with closing(sqlite3.connect(path)) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM requests")
    return count


KILLED = """
import signal, sys
from otel_kubecost.extensions.file_storage import FileStorage
from test_sending_parts import COUNT, SIZE, Letters, queue_for, spool_in, unpacked
from sending_data import HOLD

storage = FileStorage(directory=sys.argv[1])
storage.queue("exporter")
storage.start()
queue = queue_for(lambda *_: HOLD, spool_in(storage, unpacked))

def batch():
    for number in range(COUNT):
        yield Letters("b" * SIZE, 2)
    print("made", flush=True)
    signal.pause()

queue.put_all([Letters("before", 1)])
queue.put_all(batch())
"""


def test_a_kill_in_the_middle_of_a_batch_leaves_nothing_of_it(tmp_path):
    """What was there before is there, and the room that it took is used again."""
    paths = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "kept")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert said == b"made\n"
    assert rows_in(tmp_path / "kept") > COUNT / 2
    assert content_of(tmp_path / "kept") == ["before"]
    assert content_of(tmp_path / "kept") == ["before", "next"]
    assert rows_in(tmp_path / "kept") == 3


@given(st.lists(st.integers(0, 2 * PART_BYTES), max_size=12))
def test_parts_are_the_batch(sizes):
    """All requests in their order; a part is larger than it may be where it is one request."""
    requests = [Body(bytes(size), number) for number, size in enumerate(sizes)]
    parts = list(in_parts(iter(requests)))
    assert [one for part, _ in parts for one in part] == requests
    assert [is_last for _, is_last in parts] == [False] * (len(parts) - 1) + [True] * bool(parts)
    assert all(
        len(part) == 1 or sum(len(one.body) for one in part) <= PART_BYTES for part, _ in parts
    )
