"""What is kept stays kept; what cannot be kept is said with its remedy."""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from disks import Disk, overwrite, root_page, settle
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_kubecost.errors import ConfigError
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.storage import Storage
from otel_kubecost.testing import FakeClock

MIB = 2**20


@pytest.fixture
def opened(tmp_path):
    """Makes started storages in one directory, and closes them."""
    made = []

    def make(directory=tmp_path / "kept", **options):
        storage = FileStorage(directory=str(directory), clock=FakeClock(1_790_000_000), **options)
        made.append(storage)
        storage.start()
        return storage

    yield make
    for storage in made:
        storage.shutdown()


def test_values_outlive_the_object(opened):
    """What was set is there after a close and an open, by owner and key."""
    first = opened()
    first.client("one").set("key", b"\x00value")
    first.client("two").set("key", b"other")
    first.shutdown()
    second = opened()
    assert second.client("one").get("key") == b"\x00value"
    assert second.client("two").get("key") == b"other"
    assert second.client("two").get("missing") is None


def test_a_deleted_value_is_gone_and_may_be_deleted_again(opened):
    """Only the owner's own."""
    storage = opened()
    for owner in ("one", "two"):
        storage.client(owner).set("key", b"value")
    storage.client("one").delete("key")
    storage.client("one").delete("key")
    assert storage.client("one").get("key") is None
    assert storage.client("two").get("key") == b"value"


_OPERATIONS = st.lists(
    st.tuples(st.sampled_from("ab"), st.text(max_size=3), st.none() | st.binary(max_size=20))
)


@settings(deadline=None, max_examples=30)
@given(operations=_OPERATIONS)
def test_it_is_a_mapping_for_each_owner(tmp_path_factory, operations):
    """Whatever is set and deleted, in whatever order, each owner reads what a dict would have."""
    storage = FileStorage(directory=str(tmp_path_factory.mktemp("storage")))
    storage.start()
    expected = {}
    for owner, key, value in operations:
        client = storage.client(owner)
        if value is None:
            client.delete(key)
            expected.pop((owner, key), None)
        else:
            client.set(key, value)
            expected[owner, key] = value
    for owner, key, _ in operations:
        assert storage.client(owner).get(key) == expected.get((owner, key))
    storage.shutdown()


def test_several_threads_may_use_it(opened):
    """Every write of every thread is there in the end."""
    storage = opened()

    def write(owner):
        for number in range(50):
            storage.client(owner).set(str(number), owner.encode())

    threads = [threading.Thread(target=write, args=(f"owner {at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = storage._entries.query("SELECT owner, count(*) FROM entries GROUP BY owner")
    assert sorted(kept) == [(f"owner {at}", 50) for at in range(4)]


def test_nobody_else_may_read_it(opened, tmp_path):
    """The directory is made for its owner alone, and so is every file in it."""
    opened().client("one").set("key", b"value")
    directory = tmp_path / "kept"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    names = sorted(path.name for path in directory.iterdir())
    assert {"storage.db", "storage.db-wal", "storage.lock"} <= set(names)
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_every_write_is_on_the_disk(opened):
    """A write-ahead log that is synced at every commit: a loss of power loses nothing."""
    storage = opened()
    assert storage._entries.query("PRAGMA journal_mode") == [("wal",)]
    assert storage._entries.query("PRAGMA synchronous") == [(2,)]


_WRITER = """
import sys
from otel_kubecost.extensions.file_storage import FileStorage
storage = FileStorage(directory=sys.argv[1])
storage.start()
number = 0
while True:
    number += 1
    storage.client("writer").set("number", str(number).encode())
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_written(opened, tmp_path):
    """What ``set`` has returned from is there after SIGKILL, and the lock is free."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "kept")], stdout=subprocess.PIPE
    ) as writer:
        for _ in range(20):
            line = writer.stdout.readline()
        writer.kill()
        written = [int(line), *map(int, writer.stdout.read().split())][-1]
    assert int(opened().client("writer").get("number")) >= written


def test_a_second_process_is_refused(opened, tmp_path):
    """Two agents would overwrite each other's place: the error says so, with EAGAIN."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "kept")], stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        with pytest.raises(
            OSError, match="another process works with it; stop that one"
        ) as refused:
            opened()
        assert refused.value.errno == errno.EAGAIN
        writer.kill()
    opened()


def test_a_command_may_look_into_it_beside_the_agent(opened, tmp_path):
    """``start_shared`` reads and writes what the agent does."""
    agent = opened()
    agent.client("one").set("key", b"value")
    command = FileStorage(directory=str(tmp_path / "kept"))
    command.start_shared()
    assert command.client("one").get("key") == b"value"
    command.client("one").set("key", b"new")
    command.shutdown()
    assert agent.client("one").get("key") == b"new"
    assert isinstance(agent, Storage)


@pytest.mark.parametrize("at", [0, 100, 4096])
def test_a_damaged_file_is_set_aside(opened, tmp_path, caplog, at):
    """Case 61: the agent starts with what can be read, and the log says where the old one is."""
    first = opened()
    for number in range(200):
        first.client("one").set(str(number), b"value" * 20)
    first.shutdown()
    path = tmp_path / "kept" / "storage.db"
    content = bytearray(path.read_bytes())
    content[at : at + 600] = b"\xff" * 600
    path.write_bytes(content)
    second = opened()
    assert second.client("one").get("7") in {None, b"value" * 20}
    second.client("one").set("key", b"value")
    (aside,) = (tmp_path / "kept").glob("*.damaged-20260921T141320Z")
    assert aside.read_bytes() == content
    (record,) = caplog.records
    assert "is damaged: it is set aside, and a new one begun" in record.getMessage()


def test_a_file_of_a_newer_version_is_set_aside(opened, tmp_path, caplog):
    """After a downgrade the agent works, and an upgrade can have its file back."""
    first = opened()
    first.client("one").set("key", b"value")
    first._entries.query("PRAGMA user_version = 99")
    first.shutdown()
    assert opened().client("one").get("key") is None
    (aside,) = (tmp_path / "kept").glob("storage.db.newer-*")
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT value FROM entries").fetchall() == [(b"value",)]
    connection.close()
    assert "of a newer version" in caplog.text
    assert f"rename {aside.name} back" in caplog.records[0].hint


def test_a_full_disk_is_said_with_its_remedy(opened):
    """What does not fit is not written; what is there stays."""
    client = opened(max_bytes=MIB).client("one")
    client.set("small", b"value")
    with pytest.raises(OSError, match="it is full; free some of the disk, or raise") as full:
        client.set("large", bytes(2 * MIB))
    assert full.value.errno == errno.ENOSPC
    assert client.get("small") == b"value"
    assert client.get("large") is None


def fault_of_start(storage):
    """What a command is told, of a storage with which the agent starts all the same."""
    client = storage.client("one")
    with pytest.raises(OSError) as of_use:  # noqa: PT011  the callers look at the message
        client.set("key", b"value")
    with pytest.raises(OSError) as of_command:  # noqa: PT011  the same
        storage.start_shared()
    assert str(of_use.value) == str(of_command.value)
    return str(of_use.value)


def test_a_directory_that_cannot_be_made_is_said_with_its_remedy(opened, tmp_path, caplog):
    """The path leads through a file. The metrics do not wait for what is only kept beside them."""
    (tmp_path / "file").write_text("")
    said = fault_of_start(opened(tmp_path / "file" / "kept"))
    assert "Not a directory; let this process write there, or name" in said
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage() in said


def test_a_directory_in_the_place_of_the_file_does_not_stop_the_agent(opened, tmp_path, caplog):
    """Somebody mounted the volume one level too deep; when that is mended, it is used."""
    wrong = tmp_path / "kept" / "storage.db"
    wrong.mkdir(parents=True)
    storage = opened()
    assert "Is a directory" in fault_of_start(storage)
    assert "Is a directory" in caplog.text
    wrong.rmdir()
    storage.client("one").set("key", b"value")
    assert storage.client("one").get("key") == b"value"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_is_read_only_is_said_with_its_remedy(opened, tmp_path):
    """A volume that was mounted for somebody else."""
    (tmp_path / "kept").mkdir(mode=0o500)
    assert "Permission denied; let this process write there" in fault_of_start(opened())


def test_a_disk_that_is_full_at_the_start_is_used_when_there_is_room(opened, tmp_path, caplog):
    """Case 59: without a restart, and what is damaged by then is mended as well."""
    with Disk(tmp_path / "kept", "1m") as disk:
        disk.fill()
        client = opened().client("one")
        with pytest.raises(OSError, match="it is full; free some of the disk"):
            client.set("key", b"value")
        assert "it is full; free some of the disk" in caplog.text
        disk.clear()
        client.set("key", b"value" * 1000)
        path = tmp_path / "kept" / "storage.db"
        settle(path)
        overwrite(path, root_page(path, "entries"))
        client.set("key", b"again")
        assert client.get("key") == b"again"


def test_after_its_end_it_says_that_it_is_closed(opened):
    """Whoever comes late gets an error, not a crash."""
    storage = opened()
    storage.shutdown()
    with pytest.raises(OSError, match="it is not open"):
        storage.client("one").get("key")


def test_options_are_checked():
    """A library user gets the message that the author of a file gets."""
    with pytest.raises(ConfigError, match="directory"):
        FileStorage(directory="")
