"""Of settled requests of one batch the disk hears together, and of all before anything else."""

import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from sending_data import DONE, RETRY, InstantClock, Letters, Receiver

from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.spool import TOGETHER, Spool
from otel_kubecost.extensions.file_storage import FileStorage

pytestmark = pytest.mark.timeout(60)

COUNT = 2 * TOGETHER + 3
BATCH = [Letters(chr(0x4E00 + at), 1) for at in range(COUNT)]


class Counted:
    """A queue on a disk that counts its transactions."""

    def __init__(self, queue):
        self.queue = queue
        self.changes = 0

    def __getattr__(self, name):
        return getattr(self.queue, name)

    def change(self, *arguments):
        self.changes += 1
        self.queue.change(*arguments)


@pytest.fixture
def spool_in():
    storages = []

    def make(directory):
        storage = FileStorage(directory=str(directory))
        storages.append(storage)
        disk = Counted(storage.queue("exporter"))
        storage.start()
        spool = Spool(
            disk,
            lambda stored: Letters(stored.body.decode(), stored.place.newest),
            capacity=10**6,
            clock=InstantClock(),
        )
        return spool, disk

    yield make
    for one in storages:
        one.shutdown()


def queue_for(spool, send):
    clock = InstantClock()
    return SendingQueue(send, store=spool, clock=clock, episodes=Episodes(clock, exporter="test"))


def on(disk):
    """What the file has, as another process sees it."""
    with closing(sqlite3.connect(disk.database.path)) as connection:
        bodies = connection.execute("SELECT body FROM requests ORDER BY newest, batch, rank")
        return "".join(body.decode() for (body,) in bodies)


def text(requests):
    return "".join(one.text for one in requests)


def test_a_batch_is_settled_in_few_transactions(spool_in, tmp_path):
    """Not in one for each request; and the file has nothing of it when all is answered."""
    spool, disk = spool_in(tmp_path)
    receiver = Receiver()
    queue = queue_for(spool, receiver.send)
    queue.put_all(BATCH)
    assert queue.drain(20)
    assert queue.close(20)
    assert receiver.taken == text(BATCH)
    assert disk.changes == 1 + 3
    assert on(disk) == ""


def test_a_kill_repeats_the_last_ones_of_a_batch(spool_in, tmp_path):
    """As many as the disk had not heard of; they come first, and the ledger knows of none."""
    spool, _ = spool_in(tmp_path / "one")
    backlog = Backlog(spool)
    backlog.open()
    backlog.put_all(BATCH)
    for _ in range(TOGETHER + 5):
        backlog.delivered(backlog.take())
    assert text(one.request for one in backlog.waiting()) == text(BATCH[TOGETHER + 5 :])
    assert backlog.stats().delivered == TOGETHER + 5
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    spool, _ = spool_in(tmp_path / "two")
    after = Backlog(spool)
    after.open()
    assert text(one.request for one in after.waiting()) == text(BATCH[TOGETHER:])
    stats = after.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (COUNT, TOGETHER, COUNT - TOGETHER)


def test_no_other_batch_is_begun_before_the_disk_knows(spool_in, tmp_path):
    """After a kill no older sample of a series would be sent behind a newer one."""
    spool, disk = spool_in(tmp_path)
    seen = {}

    def send(request, _):
        seen[request] = on(disk)
        return DONE

    queue = queue_for(spool, send)
    first, second, third = ([Letters(name * size, at) for size in (1, 2, 3)] for at, name in
                            enumerate("abc", start=1))  # fmt: skip
    with queue._changed:  # all is there before the first is sent
        for batch in (first, second, third):
            queue.put_all(batch)
    assert queue.drain(20)
    assert [*seen] == [*first, *second, *third]
    assert "a" in seen[first[-1]]
    assert all("a" not in seen[one] for one in [*second, *third])
    assert all("b" not in seen[one] for one in third)


def test_in_a_pause_the_disk_knows_all(spool_in, tmp_path):
    """An outage may be long, and the process end in it."""
    spool, disk = spool_in(tmp_path)
    seen = []

    class Looking(InstantClock):
        def wait(self, event, timeout):
            seen.append(on(disk))
            return super().wait(event, timeout)

    receiver, clock = Receiver([DONE, DONE, RETRY]), Looking()
    episodes = Episodes(clock, exporter="test")
    queue = SendingQueue(receiver.send, store=spool, clock=clock, episodes=episodes)
    queue.put_all(BATCH)
    assert queue.drain(20)
    assert seen == [text(BATCH[2:])]


def test_what_is_released_is_known_to_its_disk(spool_in, tmp_path):
    """Where too much waits to be moved, it stays there and is sent by whoever comes back to it."""
    spool, disk = spool_in(tmp_path)
    is_third, go_on = threading.Event(), threading.Event()

    def send(request, _):
        if request == BATCH[2]:
            is_third.set()
            go_on.wait(20)
        return DONE

    queue = queue_for(spool, send)
    queue.put_all(BATCH)
    assert is_third.wait(20)
    assert on(disk) == text(BATCH)
    backlog = queue.release(0.05)
    go_on.set()
    assert on(disk) == text(BATCH[2:]) == text(one.request for one in backlog.waiting())
