"""What waits in a spool waits in memory while the disk fails, and is on it when it does not."""

import errno
import logging

import pytest
from disks import BrokenDisk, Disk, overwrite, page_of, root_page, settle
from sending_data import RETRY, Letters, Receiver

from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.spool import RETRY_SECONDS, Spool
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import FakeClock

START = 1_790_000_000
SIZE = 18_000
ENOUGH = 10_000_000
"""Samples of memory."""


def letters(number, size=SIZE):
    """The request of minute ``number``."""
    return Letters(chr(0x21 + number % 90) * size, number * 60_000)


class Process:
    """One process' backlog, with its spool in ``directory``."""

    def __init__(self, directory, clock=None, capacity=ENOUGH, max_bytes=2**26):
        self.clock = clock or FakeClock(START)
        self.clock.advance(1)
        self.storage = FileStorage(directory=str(directory), max_bytes=max_bytes, clock=self.clock)
        self.disk = self.storage.queue("exporter")
        self.spool = Spool(
            self.disk,
            lambda stored: Letters(stored.body.decode(), stored.place.newest),
            capacity=capacity,
            clock=self.clock,
            exporter="exporter",
        )
        self.backlog = Backlog(self.spool)
        self.storage.start()
        self.backlog.open()

    @property
    def path(self):
        return self.disk.database.path

    def put(self, *numbers):
        for number in numbers:
            self.backlog.put_all([letters(number)])

    def deliver(self, count=1):
        """The oldest; gives their minutes."""
        entries = []
        for _ in range(count):
            entries.append(self.backlog.take())
            self.backlog.delivered(entries[-1])
        return [entry.request.newest // 60_000 for entry in entries]

    def waiting(self):
        found = [one.request for one in self.backlog.waiting()]
        assert all(one == letters(one.newest // 60_000, one.samples) for one in found)
        return [one.newest // 60_000 for one in found]

    def balances(self):
        """Whether everything that was accepted is accounted for, and what is pending is there."""
        stats = self.backlog.stats()
        there = sum(one.request.samples for one in self.backlog.waiting())
        known = stats.delivered + there + sum(stats.dropped.values())
        return stats.accepted == known and stats.pending == there

    def later(self):
        """Let the time pass after which a disk that failed is tried again."""
        self.clock.advance(RETRY_SECONDS)

    def end(self):
        self.storage.shutdown()


@pytest.fixture
def process(tmp_path):
    """One process after the other on one directory."""
    made = []

    def make(directory=tmp_path / "disk" / "kept", **options):
        for one in made:
            one.end()
        clock = made[-1].clock if made else None
        made.append(Process(directory, **{"clock": clock} | options))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def said(caplog):
    """The lines of a level, with their remedies."""
    caplog.set_level(logging.INFO)

    def lines(level):
        return [one.getMessage() for one in caplog.records if one.levelname == level]

    return lines


def until_full(one, number):
    """Put until the disk takes no more; gives the next number."""
    while one.backlog.stats().fault != "full":
        assert number < 1000
        one.put(number)
        number += 1
    return number


def test_a_disk_that_fills_up_costs_nothing(process, said, tmp_path):
    """Case 59: samples go on from memory, in their order; deliveries count though nothing can be
    deleted; it is said once, with its remedy; and when there is room everything is on the disk."""
    with Disk(tmp_path / "disk", "4m") as disk:
        one = process()
        one.put(*range(1, 9))
        disk.fill()
        last = until_full(one, 9)
        one.put(last, last + 1)
        everything = list(range(1, last + 2))
        assert one.waiting() == everything
        assert one.deliver(5) == [1, 2, 3, 4, 5]
        one.later()
        one.put(last + 2)
        assert one.backlog.stats().fault == "full"
        assert one.balances()
        assert one.backlog.oldest_pending == 6 * 60_000
        assert one.backlog.oldest_perishing >= 9 * 60_000
        assert len(said("ERROR")) == 1
        assert "it is full; free some of the disk, or raise extensions" in said("ERROR")[0]
        disk.clear()
        one.later()
        one.put(last + 3)
        assert one.backlog.stats().fault == ""
        assert one.backlog.oldest_perishing is None
        assert said("INFO")[-1] == "The spool is written to again"
        before = one.backlog.stats()
        two = process()
        assert two.waiting() == list(range(6, last + 4))
        assert two.backlog.stats()[:4] == before[:4]
        assert two.balances()


def test_a_disk_that_the_spool_itself_has_filled(process, tmp_path):
    """Case 59: it is smaller than ``max_bytes``. A file without room cannot even be deleted from,
    so when all of it was sent a new one is begun."""
    with Disk(tmp_path / "disk", "2m"):
        one = process()
        last = until_full(one, 1)
        before = one.backlog.id
        assert one.deliver(last - 1) == list(range(1, last))
        one.later()
        one.put(last)
        assert one.backlog.stats().fault == ""
        assert one.backlog.stats().accepted == last * SIZE
        assert one.balances()
        two = process()
        assert (two.waiting(), two.backlog.id) == ([last], before)
        until_full(two, last + 1)


def test_a_disk_that_is_full_at_the_start(process, said, tmp_path):
    """Case 59: what was there before comes first, and what comes now behind it."""
    with Disk(tmp_path / "disk", "4m") as disk:
        process().put(1, 2, 3)
        disk_is_closed = process(directory=tmp_path / "elsewhere")
        disk.fill()
        one = process()
        one.put(4, 5)
        assert one.backlog.stats().fault == "full"
        assert one.deliver(4) == [1, 2, 3, 4]
        assert one.balances()
        disk.clear()
        one.later()
        one.put(6)
        assert process().waiting() == [5, 6]
        assert disk_is_closed.waiting() == []
    assert len([line for line in said("ERROR") if "it is full; free" in line]) == 1


def test_a_disk_without_room_for_a_spool(process, said, tmp_path):
    """Case 59: one is begun as soon as there is some."""
    with Disk(tmp_path / "disk", "2m") as disk:
        disk.fill()
        one = process()
        one.put(1, 2, 3)
        assert one.backlog.stats().fault == "full"
        assert one.backlog.id == ""
        assert one.deliver() == [1]
        disk.clear()
        one.later()
        one.put(4)
        assert one.backlog.stats().fault == ""
        assert one.balances()
        assert process().waiting() == [2, 3, 4]


def test_a_kill_on_a_full_disk_costs_what_had_no_room(process, tmp_path):
    """What could not be deleted is sent again; what never was on the disk is not in its ledger."""
    with Disk(tmp_path / "disk", "4m") as disk:
        one = process()
        one.put(1, 2, 3)
        disk.fill()
        last = until_full(one, 4)
        on_disk = one.disk.extent.requests
        one.deliver(2)
        two = process()
        assert two.waiting() == list(range(1, on_disk + 1))
        assert on_disk < last
        assert two.balances()


def test_what_is_in_memory_at_the_end_is_written_if_it_can_be(process, tmp_path):
    """Somebody made room a moment before the shutdown."""
    with Disk(tmp_path / "disk", "2m") as disk:
        disk.fill()
        one = process()
        one.put(1, 2, 3)
        disk.clear()
        one.later()
        one.backlog.abandon("shutdown")
        assert one.backlog.stats().dropped == {}
        assert process().waiting() == [1, 2, 3]


def test_a_disk_that_is_read_only_at_the_start(process, said, tmp_path):
    """Case 60: what is there can be sent, and what comes waits behind it in memory."""
    with Disk(tmp_path / "disk", "4m") as disk:
        process().put(1, 2, 3)
        process(directory=tmp_path / "elsewhere")
        disk.remount("ro")
        one = process()
        one.put(4)
        assert one.backlog.stats().fault == "read_only"
        assert one.deliver(2) == [1, 2]
        assert one.waiting() == [3, 4]
        (line,) = [line for line in said("ERROR") if "let this process write there" in line]
        assert "it cannot be written to" in line or "Read-only file system" in line
        disk.remount("rw")
        one.later()
        one.put(5)
        assert one.backlog.stats().fault == ""
        assert process().waiting() == [3, 4, 5]


def test_a_disk_that_turns_read_only(process, said, tmp_path):
    """Case 60: as the kernel makes it of one that fails; in its place another one is mounted, and
    used without a restart."""
    with BrokenDisk(tmp_path / "disk") as disk:
        one = process()
        one.put(1, 2, 3)
        disk.fail()
        one.put(4)
        assert one.backlog.stats().fault == "io_error"
        assert one.deliver(2) == [1, 2]
        one.later()
        one.put(5)
        assert one.waiting() == [3, 4, 5]
        first, second = said("ERROR")
        assert "the disk fails (disk I/O error); look at the disk" in first
        assert "Read-only file system; let this process write there" in second
        disk.exchange()
        one.later()
        one.put(6)
        assert one.backlog.stats().fault == ""
        assert one.balances()
        assert process().waiting() == [3, 4, 5, 6]


def test_what_the_disk_said_last_holds_while_it_cannot_be_read(process, monkeypatch):
    """That nothing waits would be believed: what was sent would never be asked for again."""
    process().put(1, 2)
    one = process()

    def fails(*_):
        raise OSError(errno.EIO, "The storage cannot be used: the disk fails; look at it")

    with monkeypatch.context() as failing:
        failing.setattr(one.disk.database, "query", fails)
        assert one.backlog.oldest_pending == 60_000
        assert one.backlog.take() is None
        assert one.backlog.stats().fault == "io_error"
        for _ in range(3):
            one.clock.advance(RETRY_SECONDS / 2)
            assert one.backlog.take() is None
    one.clock.advance(RETRY_SECONDS / 2)
    one.put(3)
    assert one.backlog.stats().fault == ""
    assert one.deliver(3) == [1, 2, 3]


@pytest.mark.parametrize("place", ["requests", "in_order", "ledger"])
def test_damage_that_is_found_while_it_runs(process, said, place):
    """Case 61: in the middle of a delivery. The ledger is right, what can be read waits, and by
    the id whoever gave it knows that something may be missing."""
    one = process()
    one.put(*range(1, 10))
    before = one.backlog.id
    entry = one.backlog.take()
    settle(one.path)
    overwrite(one.path, root_page(one.path, place))
    one.backlog.delivered(entry)
    one.backlog.catch_up()
    assert one.backlog.stats().fault == ""
    assert one.backlog.stats().set_aside == {"damaged": 1}
    assert one.backlog.id != before
    one.put(10)
    assert one.balances()
    lost = list(range(2, 10)) if place == "requests" else []
    assert one.waiting() == [n for n in range(2, 11) if n not in lost]
    stats = one.backlog.stats()
    assert stats.dropped == ({"damaged": SIZE * len(lost)} if lost else {})
    assert stats.pending == SIZE * (9 - len(lost))
    assert len(said("ERROR")) == 1


def test_a_damaged_page_costs_the_requests_on_it(process):
    """Case 61: those are under way, or not; none is counted twice."""
    one = process()
    one.put(*range(1, 10))
    one = process()
    settle(one.path)
    first = one.backlog.take()
    overwrite(one.path, page_of(one.path, letters(7).body[:400]))
    overwrite(one.path, root_page(one.path, "in_order"))
    one.put(10)
    assert one.waiting() == [1, 2, 3, 4], "then it is found"
    one.backlog.delivered(first)
    one.put(11)
    assert one.balances()
    lost = {*range(2, 12)} - {*one.waiting()}
    assert 7 in lost
    assert one.backlog.stats().dropped == {"damaged": SIZE * len(lost)}


def test_damage_on_a_full_disk(process, said, tmp_path):
    """Case 59, 61: samples go on from memory, and the file is mended when there is room."""
    with Disk(tmp_path / "disk", "4m") as disk:
        one = process()
        one.put(*range(1, 10))
        settle(one.path)
        overwrite(one.path, root_page(one.path, "in_order"))
        disk.fill()
        one.put(10, 11)
        assert one.backlog.stats().fault == "full"
        assert one.deliver(2) == [1, 2], "they are in memory as well"
        disk.clear()
        one.later()
        one.put(12)
        assert one.backlog.stats().fault == ""
        assert one.waiting() == list(range(3, 13))
        assert one.balances()


# What is too much.


def queue_of(one, receiver, **options):
    """Closed at the end."""
    return SendingQueue(
        receiver.send,
        store=one.spool,
        clock=one.clock,
        episodes=Episodes(one.clock),
        forecast=Forecast(one.clock, options.get("max_age", 0.0)),
        **options,
    )


def minute_by_minute(queue, clock, requests):
    """Put one, let the queue fail to send, and a minute pass."""
    for request in requests:
        queue.put_all([request])
        assert clock.wait_for_waiters()
        clock.advance(60)
    assert clock.wait_for_waiters()


def test_an_outage_that_has_no_room_drops_the_oldest(process, said):
    """``max_bytes``: announced before it happens, counted, and the rest leaves in its order."""
    clock = FakeClock(START)
    one = process(clock=clock, max_bytes=2**20)
    receiver = Receiver([RETRY] * 10**6)
    queue = queue_of(one, receiver)
    minute_by_minute(queue, clock, map(letters, range(1, 100)))
    dropped = queue.stats().dropped["queue_full"]
    assert queue.stats().pending == 99 * SIZE - dropped
    lines = said("WARNING")
    announced = [at for at, line in enumerate(lines) if line.startswith("The queue is ")]
    assert len(announced) == 3
    assert "full, and will be in " in lines[announced[0]]
    assert lines.index("The spool is full: the oldest samples are dropped") > announced[-1]
    assert queue.stats().fault == ""
    receiver.script.clear()
    clock.advance(60)
    assert queue.drain(20)
    first = dropped // SIZE + 1
    assert receiver.taken == "".join(letters(number).text for number in range(first, 100))
    assert queue.close(5)


def test_an_outage_that_is_longer_than_the_retention(process, said):
    """Case 52: what is too old is dropped, oldest first, and counted; lines said so before. The
    next process goes on with that."""
    clock = FakeClock(START)
    one = process(clock=clock)
    receiver = Receiver([RETRY] * 10**6)
    queue = queue_of(one, receiver, max_age=3600.0, max_backoff=60.0, random=lambda: 0.0)
    minute_by_minute(queue, clock, (Letters("s", round(clock.time() * 1000)) for _ in range(90)))
    stats = queue.stats()
    assert stats.dropped.keys() == {"too_old"}
    assert 28 <= stats.dropped["too_old"] <= 32
    lines = said("WARNING")
    announced = [at for at, line in enumerate(lines) if "will be too old and dropped" in line]
    assert len(announced) == 3
    assert lines.index("Samples waited longer than they are worth keeping") > announced[-1]
    queue.close(0.1)
    assert queue.stats().pending == stats.pending
    two = process(clock=clock)
    assert two.balances()
    clock.advance(1800)
    receiver.script.clear()
    receiver.taken = ""
    queue = queue_of(two, receiver, max_age=3600.0)
    queue.start()
    assert queue.drain(20)
    too_old = queue.stats().dropped["too_old"] - stats.dropped["too_old"]
    assert len(receiver.taken) == stats.pending - too_old
    assert 28 <= too_old <= 32
    assert queue.close(5)


def test_memory_that_overflows_costs_nothing_that_is_on_the_disk(process, tmp_path):
    """Case 59: while the disk is full the oldest in memory is dropped for want of room there."""
    with Disk(tmp_path / "disk", "2m") as disk:
        one = process(capacity=5 * SIZE)
        one.put(1, 2, 3)
        disk.fill()
        last = until_full(one, 4)
        one.put(*range(last, last + 10))
        waiting = one.waiting()
        assert waiting[:3] == [1, 2, 3]
        assert waiting[-5:] == list(range(last + 5, last + 10))
        dropped = one.backlog.stats().dropped["queue_full"]
        assert dropped == SIZE * (last + 9 - len(waiting))
        assert one.balances()
