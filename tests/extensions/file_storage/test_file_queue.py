"""What was queued comes back in its order, of a damaged file what can be read, and never twice."""

import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager, suppress
from itertools import product
from pathlib import Path

import pytest
from disks import Disk, flip, overwrite, page_of, page_size, root_page, settle

from otel_kubecost.extensions.file_storage import FileStorage, opening
from otel_kubecost.extensions.file_storage.faults import damage
from otel_kubecost.extensions.file_storage.rows import QUEUE
from otel_kubecost.storage import Extent, Place, StoredRequest
from otel_kubecost.testing import FakeClock

MIB = 2**20
OWNER = "prometheus_remote_write/cloudtuner"
NOW = 1_790_000_000
COUNT = 40
"""Requests of a file: bodies have pages of their own, the rest fills several."""
NUMBERS = list(range(1, COUNT + 1))
WAYS = ["at start", "while running"]


def request(number, size=12_000, newest=None):
    """The one that comes at minute ``number``; its body is the same each time."""
    body = random.Random(number).randbytes(size)
    newest = number * 60_000 if newest is None else newest
    return StoredRequest(Place(newest, number, "000000", number), 10, 2, "k" * 300, body)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "disk" / "kept"


@pytest.fixture
def opened(directory):
    """Makes storages in one directory, one after the other as processes do, and closes them."""
    made = []

    def make(*queues, **options):
        for one in made:
            one.shutdown()
        made.append(FileStorage(directory=str(directory), clock=FakeClock(NOW), **options))
        for one in queues:
            made[-1].queue(*one)
        made[-1].start()
        return made[-1]

    yield make
    for storage in made:
        storage.shutdown()


@pytest.fixture
def queue(opened):
    """The queue of the one exporter, of another process each time."""

    def make(account="one", **options):
        made = opened((OWNER, account), **options).queue(OWNER, account)
        made.open()
        return made

    return make


def put(queue, *numbers, **options):
    for number in numbers:
        queue.change([request(number, **options)], (), {"accepted": 10})


def waiting(queue):
    """The numbers of all that can be sent, in their order; each is as it was put."""
    passed = []
    while one := queue.first(passed):
        assert one == request(one.place.number, len(one.body), one.place.newest)
        passed.append(one.place.number)
    return passed


def pending(ledger):
    return 2 * ledger["accepted"] - sum(ledger.values())


def taken_over(queue):
    """The numbers that wait once something newer has come; the ledger is right then and before."""
    for number in (COUNT + 1, COUNT + 2):
        put(queue, number, size=10)
        found = waiting(queue)
        assert pending(queue.ledger) == 10 * queue.extent.requests
    assert pending(queue.ledger) == 10 * len(found)
    assert found == sorted(found)
    return found[:-2]


def asides(directory, why="damaged"):
    return sorted(directory.glob(f"queue-*.{why}-20260921T141320Z"))


def test_requests_come_back_in_the_order_of_their_time(queue):
    """Whatever order they were put in, in the process that put them and in the next."""
    first = queue()
    for number in (3, 1, 2):
        put(first, number)
    first.change((), [2], {"delivered": 10})
    assert waiting(first) == [1, 3]
    second = queue()
    assert waiting(second) == [1, 3]
    assert second.ledger == {"accepted": 30, "delivered": 10}
    assert second.extent == Extent(2, 24_000)
    assert second.oldest([]) == 60_000
    assert second.oldest([1]) == 180_000
    assert second.next_number == 4
    assert second.id == first.id


def test_what_is_removed_and_not_there_costs_nothing(queue):
    """Neither an error nor a sample of the ledger."""
    made = queue()
    put(made, 1)
    made.change((), [1, 7], {"delivered": 10})
    made.change((), [1], {})
    assert (waiting(made), pending(made.ledger)) == ([], 0)


def test_what_leaves_makes_room_for_what_comes_with_it(queue):
    """A file that is as large as it may be takes as much as it gives."""
    made = queue(max_bytes=MIB)
    numbers = []
    with suppress(OSError):  # it is full
        while True:
            put(made, len(numbers) + 1)
            numbers.append(len(numbers) + 1)
    last = len(numbers) + 1
    made.change([request(last)], numbers[:1], {"accepted": 10, "delivered": 10})
    assert waiting(made) == [*numbers[1:], last]


def test_an_empty_queue_gives_the_disk_back(queue, directory):
    """A long outage leaves no large file behind."""
    made = queue()
    put(made, *range(1, 400))
    settle(made.database.path)
    before = made.database.path.stat().st_size
    made.change((), list(range(1, 400)), {"delivered": 3990})
    settle(made.database.path)
    assert made.database.path.stat().st_size < before / 10
    put(made, 400)
    assert waiting(made) == [400]


# Damage.

PLACES = ["header", "table", "leaf", "index", "overflow", "ledger", "about", "end"]


def spoil(path, place):
    """Overwrite one page of the kind; gives the numbers of the requests that it is to cost."""
    if place == "end":
        os.truncate(path, path.stat().st_size // 2)
        return None
    if place == "overflow":
        overwrite(path, page_of(path, request(7).body[3000:3100]))
        return {7}
    if place == "leaf":
        page = page_of(path, request(20).body[:40])
        content = path.read_bytes()[page : page + page_size(path)]
        overwrite(path, page)
        return {one for one in NUMBERS if request(one).body[:40] in content}
    at = {"header": 0, "table": root_page(path, "requests"), "index": root_page(path, "in_order")}
    overwrite(path, root_page(path, place) if place in {"ledger", "about"} else at[place])
    return set(NUMBERS) if place in {"header", "table"} else set()


@pytest.mark.parametrize(
    ("place", "way"), [one for one in product(PLACES, WAYS) if one != ("about", "while running")]
)
def test_a_damaged_page_costs_what_is_on_it(queue, directory, caplog, place, way):
    """Case 61: wherever it is and whenever it is found, the file is set aside, what can be read of
    it waits in a new one, the ledger is right, and by its id the queue is another one."""
    made = queue()
    put(made, *NUMBERS)
    path, before = made.database.path, made.id
    settle(path)
    if way == "at start":
        made.database.close()
    lost = spoil(path, place)
    if way == "at start":
        made = queue()
        assert made.first([]) is None, "what was read waits for something newer"
    found = taken_over(made)
    if lost is None:
        assert len(found) < COUNT
    else:
        assert set(found) == {*NUMBERS} - lost
    (aside,) = asides(directory)
    (said,) = [one for one in caplog.records if "is damaged: it is set aside" in one.getMessage()]
    assert said.aside == aside.name
    assert made.id != before
    dropped = made.ledger.get("dropped:damaged", 0)
    assert made.ledger["accepted"] == 10 * len(found) + 20 + dropped
    assert dropped in {10 * (COUNT - len(found)), 0}
    assert dropped or not lost or place == "header"
    assert waiting(queue()) == [*found, COUNT + 1, COUNT + 2]


def test_an_index_that_says_another_order_is_damage(queue, directory):
    """Case 61: one bit of it would send a request when others of its series are long there."""
    made = queue()
    put(made, *NUMBERS)
    made.database.close()
    index = root_page(made.database.path, "in_order")
    path = made.database.path
    entries = path.read_bytes()[index : index + page_size(path)]
    flip(path, index + entries.index((20 * 60_000).to_bytes(3)))
    assert taken_over(queue()) == NUMBERS
    assert len(asides(directory)) == 1


@pytest.mark.parametrize("at", [10, 40, 8300, 40_000, -20_000, -100])
def test_a_log_that_lost_commits_is_damage(queue, directory, at):
    """Case 61: sqlite goes on with what comes before the first frame that is wrong, and says
    nothing. What is after it was on the disk once, and whoever gave it is told to give it again."""
    made = queue()
    put(made, *NUMBERS)
    log = Path(f"{made.database.path}-wal")
    copies = [(path, path.read_bytes()) for path in (made.database.path, log)]
    before = made.id
    made.database.close()
    for path, content in copies:  # as a kill leaves it
        path.write_bytes(content)
    flip(log, at % log.stat().st_size)
    content = log.read_bytes()
    made = queue()
    assert made.id != before
    found = taken_over(made)
    assert found == NUMBERS[: len(found)]
    (aside,) = asides(directory)
    assert Path(f"{aside}-wal").read_bytes() == content


def test_a_log_that_a_kill_cut_short_is_none(queue, directory):
    """What was not committed was promised to nobody."""
    made = queue()
    put(made, *NUMBERS)
    log = Path(f"{made.database.path}-wal")
    copies = [(path, path.read_bytes()) for path in (made.database.path, log)]
    before = made.id
    made.database.close()
    for path, content in copies:
        path.write_bytes(content)
    os.truncate(log, log.stat().st_size - 100)
    made = queue()
    assert (made.id, asides(directory)) == (before, [])
    assert waiting(made) == NUMBERS[:-1]


@pytest.mark.parametrize("way", WAYS)
def test_a_bit_of_a_body_costs_that_request_alone(queue, directory, caplog, way):
    """Case 61: sqlite does not notice. The others wait until what comes in its place had a chance
    to come before them."""
    made = queue()
    put(made, *NUMBERS)
    path, before = made.database.path, made.id
    settle(path)
    if way == "at start":
        made.database.close()
    flip(path, path.read_bytes().index(request(7).body[5000:5020]))
    if way == "at start":
        made = queue()
    assert waiting(made) == [1, 2, 3, 4, 5, 6]
    assert made.id != before
    made.change([request(50, newest=7 * 60_000)], (), {"accepted": 10})
    assert waiting(made) == [1, 2, 3, 4, 5, 6, 50]
    made.change([request(51, newest=NUMBERS[-1] * 60_000 + 1)], (), {"accepted": 10})
    others = [1, 2, 3, 4, 5, 6, 50, *range(8, COUNT + 1), 51]
    assert waiting(made) == others
    assert made.ledger == {"accepted": 420, "dropped:damaged": 10}
    assert asides(directory) == []
    (said,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "1 requests are damaged, and dropped" in said.getMessage()
    assert waiting(queue()) == others
    assert len(caplog.records) == 1


def test_a_thousand_damaged_bodies_are_skipped(queue):
    """All are found with the first, as each would hold up the others."""
    made = queue()
    made.change([request(one, size=50) for one in range(1, 1201)], (), {"accepted": 12_000})
    with closing(sqlite3.connect(made.database.path)) as connection, connection:
        connection.execute("UPDATE requests SET body = zeroblob(50) WHERE number <= 1100")
    assert waiting(made) == []
    assert made.ledger == {"accepted": 12_000, "dropped:damaged": 11_000}
    put(made, 1201)
    assert waiting(made) == list(range(1101, 1202))


def test_what_was_on_its_way_when_its_page_was_damaged_is_counted_once(queue):
    """It was delivered all the same, so it is not lost as well."""
    made = queue()
    put(made, *NUMBERS)
    settle(made.database.path)
    (gone,) = spoil(made.database.path, "overflow")
    overwrite(made.database.path, root_page(made.database.path, "in_order"))
    put(made, COUNT + 1)
    assert made.ledger == {"accepted": 410, "dropped:damaged": 10}
    made.change((), [gone], {"delivered": 10})
    assert made.ledger == {"accepted": 410, "dropped:damaged": 0, "delivered": 10}
    assert pending(made.ledger) == 10 * made.extent.requests


def part(number, batch=50):
    """A request of a batch that comes after all others."""
    return request(number)._replace(place=Place(batch * 60_000, batch, f"{number:06}", number))


@pytest.mark.parametrize("passes", [True, False])
def test_damage_in_the_middle_of_a_batch_leaves_its_parts(queue, passes):
    """They go on with what can be read, are no one else's left-overs, and wait for nothing."""
    made = queue()
    put(made, *NUMBERS)
    made.change([part(50)], (), {}, 50)
    before, path = made.id, made.database.path
    settle(path)
    if passes:
        made.database._failed(damage("for once"))
    else:
        overwrite(path, root_page(path, "in_order"))
    made.change([part(51)], (), {}, 50)
    assert made.ledger == Counter(accepted=10 * COUNT)
    made.change([part(52)], (), {"accepted": 30})
    assert (made.id == before) is passes
    assert made.ledger == Counter(accepted=10 * COUNT + 30)
    passed = []
    while one := made.first(passed):
        passed.append(one.place.number)
    assert passed == [*NUMBERS, 50, 51, 52]
    assert made.extent == Extent(COUNT + 3, 12_000 * (COUNT + 3))


def test_a_body_is_damaged_in_the_middle_of_a_batch(queue):
    """Nothing of the batch is booked or sent before it ends; then it does not wait."""
    made = queue()
    put(made, 1, 2)
    made.change([part(50)], (), {}, 50)
    with closing(sqlite3.connect(made.database.path)) as connection, connection:
        connection.execute("UPDATE requests SET body = zeroblob(12000) WHERE number = 1")
    assert made.first([50]) is None
    assert made.ledger == {"accepted": 20, "dropped:damaged": 10}
    made.change([part(51)], (), {}, 50)
    assert made.ledger == {"accepted": 20, "dropped:damaged": 10}
    made.change([part(52)], (), {"accepted": 30})
    assert made.ledger == {"accepted": 50, "dropped:damaged": 10}
    assert made.first([]).place.number == 2
    assert made.first([2]) == part(50)


def test_a_queue_is_not_opened_after_the_shutdown(opened):
    """The directory may be another process' by then."""
    storage = opened((OWNER, "one"))
    made = storage.queue(OWNER, "one")
    made.open()
    storage.shutdown()
    with pytest.raises(OSError, match="it is not open; start it first"):
        put(made, 1)
    other = FileStorage(directory=str(made.database.path.parent))
    other.start()
    other.shutdown()
    storage.start()
    put(made, 1)
    assert waiting(made) == [1]


def test_damage_on_a_full_disk_waits_for_room(queue, directory, caplog):
    """Nothing is set aside before what can be read of it is safe."""
    with Disk(directory.parent, "4m") as disk:
        made = queue()
        put(made, *NUMBERS)
        made.database.close()
        spoil(made.database.path, "overflow")
        disk.fill()
        with pytest.raises(OSError, match="it is full; free some of the disk") as full:
            queue()
        assert full.value.errno == errno.ENOSPC
        assert asides(directory) == []
        disk.clear()
        made = queue()
        assert len(asides(directory)) == 1
        assert set(taken_over(made)) == {*NUMBERS} - {7}


RESCUE = """
import os, sys
from otel_kubecost.extensions.file_storage import FileStorage, rescue
real, steps = {"finish_rescue": rescue.finish_rescue, "set_aside": rescue.set_aside}, []
def killed(name):
    def step(*arguments):
        if name == sys.argv[2]:
            os.kill(os.getpid(), 9)
        return real[name](*arguments)
    return step
for name in real:
    setattr(rescue, name, killed(name))
storage = FileStorage(directory=sys.argv[1])
storage.queue("prometheus_remote_write/cloudtuner", "one").open()
"""


@pytest.mark.parametrize("step", ["set_aside", "finish_rescue"])
def test_a_kill_in_the_middle_of_a_rescue_costs_nothing(queue, opened, directory, step):
    """The new file is complete before the old one is touched, and takes its place at last."""
    made = queue()
    put(made, *NUMBERS)
    made.database.close()
    spoil(made.database.path, "overflow")
    opened().shutdown()
    killed = subprocess.run(
        [sys.executable, "-c", RESCUE, str(directory), step], check=False, timeout=30
    )
    assert killed.returncode == -signal.SIGKILL
    assert made.database.path.exists() is (step == "set_aside")
    made = queue()
    assert set(taken_over(made)) == {*NUMBERS} - {7}
    assert len(list(directory.glob("*.damaged-*"))) == 1


def test_two_files_that_are_damaged_within_a_second_are_both_kept(queue, directory):
    """The second does not take the name of the first."""
    for _ in range(2):
        made = queue()
        put(made, *range(made.next_number, made.next_number + 3))
        made.database.close()
        overwrite(made.database.path, 0)
    queue()
    assert len(list(directory.glob("*.damaged-*"))) == 2


@pytest.mark.parametrize("content", [b"no database\n" * 1000, b"\0" * 8192, b""])
def test_what_is_no_database_is_set_aside(queue, directory, content):
    """Case 62: and an empty file is a new queue; either way it is known to be another one."""
    made = queue()
    put(made, 1)
    path, before = made.database.path, made.id
    made.database.close()
    path.write_bytes(content)
    made = queue()
    assert (waiting(made), made.ledger.get("accepted", 0)) == ([], 0)
    assert made.id != before
    assert [one.read_bytes() for one in asides(directory)] == ([content] if content else [])


def test_a_file_of_a_newer_version_is_set_aside(queue, directory, caplog):
    """Case 63: an upgrade can have it back, with all that is in it."""
    made = queue()
    put(made, 1, 2)
    path, before = made.database.path, made.id
    made.database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {QUEUE.version + 1}")
    made = queue()
    assert (waiting(made), made.id == before) == ([], False)
    assert made.set_aside == {"newer": 1}
    (aside,) = asides(directory, "newer")
    (said,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "is of a newer version: it is set aside" in said.getMessage()
    assert f"rename {aside.name} back" in said.hint
    made.database.close()
    with closing(sqlite3.connect(aside)) as connection:
        connection.execute(f"PRAGMA user_version = {QUEUE.version}")
    aside.rename(path)
    made = queue()
    assert (waiting(made), made.id) == ([1, 2], before)


# Whose it is.


def test_what_is_of_another_account_is_never_sent_under_this_one(queue, caplog):
    """Nor where its file is damaged; and when that account comes back, so does what it had."""
    put(queue("one"), 1, 2)
    other = queue("two")
    assert waiting(other) == []
    put(other, 3)
    assert "20 samples wait in" in caplog.text
    assert "configure it again, or delete the file" in caplog.records[0].hint
    again = queue("one")
    assert waiting(again) == [1, 2]
    again.database.close()
    spoil_by(again.database.path)
    assert waiting(queue("two")) == [3]


def spoil_by(path):
    overwrite(path, root_page(path, "in_order"))


def test_an_exporter_that_has_another_name_now_is_missed(queue, opened, caplog):
    """Nobody sends what is in its file: a line says so, and what to do."""
    put(queue(), 1, 2, 3)
    storage = opened()
    storage.shutdown()
    assert "30 samples wait in" in caplog.text
    caplog.clear()
    queue()
    assert caplog.records == []


def test_two_exporters_share_the_room_and_are_each_alone_in_their_failure(opened, caplog):
    """Case 55, 61: the damage of one's file is nothing to the other, nor is that it is full."""
    storage = opened(max_bytes=2 * MIB)
    names = ("one", "two")
    one, two = (storage.queue(name) for name in names)
    for each in (one, two):
        each.open()
        put(each, *range(1, 6))
    assert one.filled == two.filled
    assert one.fits(Extent(1, 700_000))
    assert not one.fits(Extent(1, MIB))
    with pytest.raises(OSError, match="it is full"):
        one.change([request(9, size=2 * MIB)], (), {"accepted": 10})
    put(two, 6)
    settle(one.database.path)
    overwrite(one.database.path, root_page(one.database.path, "requests"))
    put(one, 6)
    assert waiting(one) == [6]
    assert waiting(two) == [1, 2, 3, 4, 5, 6]
    alone = opened(max_bytes=2 * MIB).queue("one")
    alone.open()
    assert alone.fits(Extent(1, MIB))


# Its disk.


@pytest.mark.parametrize("way", ["deleted", "replaced", "log deleted", "all but the log deleted"])
def test_a_file_that_was_deleted_is_written_again(queue, directory, caplog, way):
    """Directory and all, or replaced by another one: what is open can be read still, so nothing
    is lost, and what comes now is not written into nothing."""
    made = queue()
    put(made, *NUMBERS)
    before = made.id
    if way == "log deleted":
        Path(f"{made.database.path}-wal").unlink()
    elif way == "all but the log deleted":
        made.database.path.unlink()
    else:
        directory.rename(directory.with_name("gone"))
    if way == "replaced":
        directory.mkdir()
        made.database.path.write_text("something else")
    put(made, COUNT + 1)
    assert waiting(made) == [*NUMBERS, COUNT + 1]
    assert "deleted or replaced under this process" in caplog.text
    put(made, COUNT + 2)
    assert caplog.text.count("deleted or replaced") == 1
    made = queue()
    assert (waiting(made), made.id) == ([*NUMBERS, COUNT + 1, COUNT + 2], before)
    assert bool(asides(directory, "foreign")) is (way in {"replaced", "log deleted"})


def test_a_directory_that_another_process_has_by_now_is_left_to_it(queue, directory):
    """Case 64: it was moved away, and another agent began in its place: this one goes on reading
    what it has, and writes nothing there."""
    made = queue()
    put(made, 1, 2)
    directory.rename(directory.with_name("moved"))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(OSError, match="another process works with it") as busy:
            put(made, 3)
        assert busy.value.errno == errno.EAGAIN
        assert waiting(made) == [1, 2]
        other.kill()
    put(made, 3)
    assert waiting(queue()) == [1, 2, 3]


HOLDER = """
import sys, time
from otel_kubecost.extensions.file_storage import FileStorage
storage = FileStorage(directory=sys.argv[1])
storage.queue("prometheus_remote_write/cloudtuner", "one").open()
print(flush=True)
time.sleep(60)
"""


def test_a_directory_that_is_deleted_when_the_disk_is_full_waits_for_room(queue, directory):
    """What cannot be written again is not given up."""
    with Disk(directory.parent, "4m") as disk:
        made = queue()
        put(made, *NUMBERS)
        shutil.rmtree(directory)
        disk.fill()
        for _ in range(2):
            with pytest.raises(OSError, match="it is full"):
                put(made, COUNT + 1)
        assert waiting(made) == NUMBERS
        disk.clear()
        put(made, COUNT + 1)
        assert waiting(queue()) == [*NUMBERS, COUNT + 1]
        assert asides(directory, "foreign") == []


def test_a_full_disk_can_be_read_at_start(queue, directory):
    """Case 59: what is there can be sent, and nothing of it is in the way of what it has."""
    with Disk(directory.parent, "4m") as disk:
        first = queue()
        put(first, *NUMBERS)
        first.database.close()
        disk.fill()
        made = queue()
        assert (waiting(made), made.id) == (NUMBERS, first.id)
        with pytest.raises(OSError, match="it is full; free some of the disk") as full:
            put(made, COUNT + 1)
        assert full.value.errno == errno.ENOSPC
        disk.clear()
        put(made, COUNT + 1)
        assert waiting(queue()) == [*NUMBERS, COUNT + 1]


def test_a_read_only_disk_can_be_read_at_start(queue, opened, directory):
    """Case 60: so can what else is kept there; and when it can be written to again, it is."""
    with Disk(directory.parent, "4m") as disk:
        first = queue()
        put(first, *NUMBERS)
        opened().client("receiver").set("key", b"value")
        opened().shutdown()
        disk.remount("ro")
        storage = opened()
        made = storage.queue(OWNER, "one")
        made.open()
        assert (waiting(made), made.id) == (NUMBERS, first.id)
        assert storage.client("receiver").get("key") == b"value"
        for change in (
            lambda: put(made, COUNT + 1),
            lambda: storage.client("receiver").set("key", b"new"),
        ):
            with pytest.raises(OSError, match="let this process write there, or name") as refused:
                change()
            assert refused.value.errno == errno.EROFS
        disk.remount("rw")
        put(made, COUNT + 1)
        storage.client("receiver").set("key", b"new")
        assert waiting(queue()) == [*NUMBERS, COUNT + 1]
        assert opened().client("receiver").get("key") == b"new"


READER = """
import json, os, sys
from otel_kubecost.extensions.file_storage import FileStorage
storage = FileStorage(directory=sys.argv[1])  # imports what is needed
os.setuid(65534)
storage.start()
queue = storage.queue("prometheus_remote_write/cloudtuner", "one")
said, found = [], []
try:
    queue.open()
    while one := queue.first(found):
        found.append(one.place.number)
    queue.change((), [1], {})
except OSError as error:
    said = [error.errno, error.strerror]
print(json.dumps([found, said]))
"""


@contextmanager
def reachable(directory):
    """By every user."""
    hidden = [one for one in directory.parents if not one.stat().st_mode & 0o001]
    for one in hidden:
        one.chmod(0o711)
    yield
    for one in hidden:
        one.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
@pytest.mark.parametrize("readable", [True, False])
def test_a_directory_of_another_user(queue, opened, directory, readable):
    """Case 60: what may be read is, what may not be written is said with its remedy."""
    put(queue(), 1, 2)
    opened().shutdown()
    for one in directory.iterdir():
        one.chmod(0o644)
    directory.chmod(0o755 if readable else 0o700)
    with reachable(directory):
        finished = subprocess.run(
            [sys.executable, "-c", READER, str(directory)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    found, (number, said) = json.loads(finished.stdout)
    assert found == ([1, 2] if readable else [])
    assert number == errno.EACCES
    assert "Permission denied; let this process write there, or name" in said


def test_another_process_with_the_file_is_said(queue, monkeypatch):
    """Case 64: somebody looks into it with a tool that locks it; afterwards all is as ever."""
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.1)
    made = queue()
    put(made, 1)
    with closing(sqlite3.connect(made.database.path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="another process works with it; stop") as busy:
            put(made, 2)
        assert busy.value.errno == errno.EAGAIN
        assert waiting(made) == [1]
        tool.execute("ROLLBACK")
    put(made, 2)
    assert waiting(made) == [1, 2]


def test_a_command_does_not_touch_the_queues(queue, directory):
    """Case 64: whoever started beside an agent cannot open them, damaged or not."""
    made = queue()
    put(made, *NUMBERS)
    settle(made.database.path)
    spoil(made.database.path, "overflow")
    command = FileStorage(directory=str(directory), clock=FakeClock(NOW))
    command.start_shared()
    with pytest.raises(OSError, match="a queue is for an agent alone") as refused:
        command.queue(OWNER, "one").open()
    command.shutdown()
    assert refused.value.errno == errno.EOPNOTSUPP
    assert asides(directory) == []


def test_a_command_leaves_a_damaged_file_to_the_agent(opened, directory):
    """It would set aside what the agent works with."""
    agent = opened()
    agent.client("one").set("key", b"value" * 1000)
    settle(directory / "storage.db")
    overwrite(directory / "storage.db", root_page(directory / "storage.db", "entries"))
    command = FileStorage(directory=str(directory), clock=FakeClock(NOW))
    with pytest.raises(OSError, match="it is damaged"):
        command.start_shared()
    assert list(directory.glob("*.damaged-*")) == []
    assert agent.client("one").get("key") is None
    agent.client("one").set("key", b"again")
    assert agent.client("one").get("key") == b"again"
    assert len(list(directory.glob("storage.db.damaged-*"))) == 1
