"""A spool that is full, damaged, deleted or another's: every mark arrives all the same.

A clock that is handed in drives the agent of a configuration over real HTTP. The receiver takes a
series in its order alone; while it is ``away``, marks wait in the spool, and meanwhile something
happens to that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from sqlite3 import connect

import pytest
from disks import Disk, flip, overwrite, root_page, settle
from peers import Agent, run_command, wait_until

from otel_kubecost.clock import SystemClock
from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.service import Service
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    RemoteWriteReceiver,
    Reply,
    decode,
    is_stale,
)

pytestmark = pytest.mark.peers

START = 1_790_000_000 // 3600 * 3600
TOTAL = "cloudtuner_kubecost_namespace_total_cost"
ONE, TWO = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"


def costs(query):
    """Of a window no other has."""
    day = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"}
    rows = {f"one/{name}": {**day, "totalCost": query.end % 86_400 / 100} for name in ("a", "b")}
    return {"code": 200, "data": [rows]}


class Store(RemoteWriteReceiver):
    """Does not answer for what it is sent while it is ``away``."""

    away = False

    def _answer(self, request) -> Reply:
        return Reply(503, b"away") if self.away else super()._answer(request)


class World:
    """One agent after the other on one directory, at the same minutes."""

    def __init__(self, directory):
        self.directory = directory
        self.clock = FakeClock(START)
        self.kubecost = FakeKubecost(costs)
        self.store = Store(clock=self.clock)
        self.service = None
        self.options = {}

    def __enter__(self):
        self._stack = ExitStack()
        self._stack.enter_context(self.kubecost)
        self._stack.enter_context(self.store)
        self._stack.callback(self.stop)
        return self

    def __exit__(self, *error):
        self._stack.close()

    def configuration(
        self,
        exporter="prometheus_remote_write",
        kept="kept",
        account=ONE,
        max_bytes="64MiB",
        **push,
    ):
        storage = {"directory": str(self.directory / kept), "max_bytes": max_bytes}
        receiver = {
            "endpoint": self.kubecost.url,
            "tenant_id": account,
            "cluster_name": "c",
            "currency": "USD",
            "window": "1h",
            "emit_interval": "1m",
            "collection_interval": "1m",
            "storage": "file_storage",
        }
        options = {
            "endpoint": self.store.endpoint,
            "headers": {"Cloud-Account-Id": account},
            "storage": "file_storage",
            "queue_config": {"max_backoff": "30s"},
        }
        pipeline = {"receivers": ["kubecost"], "exporters": [exporter]}
        return {
            "extensions": {"file_storage": storage},
            "receivers": {"kubecost": receiver},
            "exporters": {exporter: {**options, **push}},
            "service": {"extensions": ["file_storage"], "pipelines": {"metrics": pipeline}},
        }

    def start(self, **options):
        self.options = options
        self.service = Service(self._read(), clock=self.clock, reload=self._read)
        self.service.start()

    def reload(self, **options):
        """As SIGHUP does."""
        self.options = options
        return self.service._reconfigure()

    def _read(self):
        return parse_config(ConfMap(self.configuration(**self.options)), builtin_factories())

    def stop(self, timeout_millis=1000):
        if self.service:
            self.service.shutdown(timeout_millis)
            self.service = None

    @property
    def exporter(self):
        return self.service.pipelines[0].exporters[0]

    @property
    def spool(self):
        """The file of the one queue."""
        (path,) = (self.directory / "kept").glob("queue-*.db")
        return path

    def minutes(self, count):
        """Let them pass, each served."""
        for _ in range(count):
            asked = self.kubecost.request_count
            assert self.clock.wait_for_waiters()
            self.clock.advance(60)
            wait_until(lambda before=asked: self.kubecost.request_count > before)
            assert self.clock.wait_for_waiters()

    def marks(self, account=ONE):
        """Of all that is stored of one account."""
        wanted = {("__name__", TOTAL), ("namespace", "a"), ("tenant_id", account)}
        return [
            (at // 1000 - START) // 60
            for labels, points in self.store.series.items()
            if wanted <= set(labels)
            for at, value in points
            if not is_stale(value)
        ]

    def now(self):
        return round(self.clock.time() - START) // 60

    def sent(self, step=60):
        """Each mark as often as it was taken."""
        return [
            (at // 1000 - START) // step
            for request in self.store.requests
            for series in decode(request.body).series
            if {("__name__", TOTAL), ("namespace", "a")} <= set(series.labels)
            for at, value in series.points
            if not is_stale(value)
        ]

    def arrives(self, first=0):
        """Everything, in order, and no rule of the protocol is broken, but for what a process says
        of itself, which may be another thing than the one before it said."""
        self.store.away = False
        self.minutes(2)
        wait_until(self._has_arrived)
        self.stop(10_000)
        assert self.marks() == list(range(first, self.now() + 1))
        assert [one for one in self.store.violations if "kubecost_exporter_" not in one] == []

    def _has_arrived(self):
        """What waits for its next attempt does so for half a minute."""
        if self.marks()[-1:] != [self.now()] and self.exporter.stats().trouble:
            self.clock.advance(10)
        return self.marks()[-1:] == [self.now()]


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as made:
        yield made


def balances(stats):
    return stats.accepted == stats.delivered + stats.pending + sum(stats.dropped.values())


def a_body(path):
    """Where the last one ends."""
    with closing(connect(path)) as connection:
        ((body,),) = connection.execute(
            "SELECT body FROM requests ORDER BY length(body) DESC, number LIMIT 1"
        )
    return path.read_bytes().index(body[-60:]) + 30


SPOILING = {
    "header": lambda path: overwrite(path, 0),
    "table": lambda path: overwrite(path, root_page(path, "requests")),
    "index": lambda path: overwrite(path, root_page(path, "in_order")),
    "ledger": lambda path: overwrite(path, root_page(path, "ledger")),
    "body": lambda path: flip(path, a_body(path)),
    "no database": lambda path: path.write_text("no database"),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("how", SPOILING)
def test_a_spool_that_is_damaged_at_the_start_is_filled_again(world, how):
    """Case 61, 62: what can be read of it is kept, what cannot comes from Kubecost again, oldest
    first; and a mark that comes twice is the same."""
    world.start()
    world.minutes(3)
    world.store.away = True
    world.minutes(8)
    world.stop()
    SPOILING[how](world.spool)
    world.start()
    before = world.exporter.stats()
    world.minutes(3)
    stats = world.exporter.stats()
    assert stats.pending > before.pending
    assert balances(stats)
    world.arrives()


@pytest.mark.parametrize("how", ["table", "index", "ledger"])
def test_a_spool_that_is_damaged_while_it_runs_is_filled_again(world, caplog, how):
    """Case 61: the reader goes back to the last mark that is known to have arrived."""
    world.start()
    world.minutes(3)
    world.store.away = True
    world.minutes(6)
    before = world.exporter.queue_id
    settle(world.spool)
    SPOILING[how](world.spool)
    world.minutes(4)
    assert world.exporter.queue_id != before
    assert balances(world.exporter.stats())
    assert "is damaged: it is set aside, and a new one begun" in caplog.text
    assert "What the spool lost is asked of the receiver again" in caplog.text
    world.arrives()


def test_a_log_that_lost_commits_is_filled_again(world):
    """Case 61: after a kill, and a disk that lost a page of what sqlite had not moved yet."""
    world.start()
    world.minutes(2)
    world.store.away = True
    world.minutes(8)
    kept = {path: path.read_bytes() for path in (world.directory / "kept").iterdir()}
    world.stop()
    for path, content in kept.items():
        path.write_bytes(content)
    log = Path(f"{world.spool}-wal")
    flip(log, log.stat().st_size // 2)
    world.start()
    world.minutes(2)
    world.arrives()


def test_a_disk_that_is_full_for_a_while_costs_nothing(world, caplog):
    """Case 59: at the start of the agent, and later; a line, a metric, and when there is room
    again another line."""
    with Disk(world.directory / "kept", "1m") as disk:
        disk.fill()
        world.start()
        world.minutes(2)
        assert world.exporter.stats().fault == "full"
        assert world.marks()[:1] == [0]
        disk.clear()
        world.minutes(2)
        assert world.exporter.stats().fault == ""
        world.store.away = True
        disk.fill()
        world.minutes(60)
        assert world.exporter.stats().fault == "full"
        disk.clear()
        world.minutes(2)
        assert world.exporter.stats().fault == ""
        assert caplog.text.count("it is full; free some of the disk") <= 6
        world.stop()
        world.start()
        world.minutes(1)
        world.arrives()


def test_a_directory_that_is_deleted_under_the_agent_costs_nothing(world):
    """What waits, and how far the data came, is written again: the next process goes on there."""
    world.start()
    world.minutes(3)
    world.store.away = True
    world.minutes(5)
    shutil.rmtree(world.directory / "kept")
    world.minutes(3)
    world.stop()
    world.start()
    world.minutes(2)
    world.arrives()


def test_marks_that_have_no_room_wait_at_kubecost(world):
    """``max_bytes`` reached by a long outage: nothing is dropped, and all of it comes later."""
    world.start(max_bytes="1MiB")
    world.minutes(2)
    world.store.away = True
    world.minutes(1)
    while world.exporter.has_room:
        world.minutes(5)
    pending = world.exporter.stats().pending
    world.minutes(10)
    stats = world.exporter.stats()
    assert stats.pending == pending
    assert stats.dropped == {}
    world.arrives()


def test_what_waits_for_one_account_is_never_sent_as_anothers(world, caplog):
    """Not after a restart, nor on SIGHUP; and when the account is the right one again, it comes."""
    world.start()
    world.minutes(2)
    world.store.away = True
    world.minutes(4)
    world.stop()
    first = len(world.store.requests)
    world.start(account=TWO)
    assert "and no exporter here sends them" in caplog.text
    world.store.away = False
    world.minutes(3)
    assert {one.headers["Cloud-Account-Id"] for one in world.store.requests[first:]} == {TWO}
    world.store.away = True
    world.minutes(3)
    first = len(world.store.requests)
    assert world.reload(account=ONE)
    world.store.away = False
    world.minutes(3)
    wait_until(lambda: world.marks()[-1:] == [world.now()])
    for one in world.store.requests:
        account = one.headers["Cloud-Account-Id"]
        for series in decode(one.body).series:
            assert dict(series.labels).get("tenant_id", account) == account
    assert world.marks()[:7] == [0, 1, 2, 3, 4, 5, 6]


CHANGES = {
    "retention": ({}, {"retention": "2h"}),
    "name": ({}, {"exporter": "prometheus_remote_write/other"}),
    "directory": ({}, {"kept": "elsewhere"}),
    "to memory": ({}, {"storage": ""}),
    "to disk": ({"storage": ""}, {}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_reload_in_an_outage_sends_each_mark_once(world, what):
    """The queue passes to the new configuration, wherever that keeps it: nothing is lost, nothing
    comes twice, and all of it in order."""
    before, after = CHANGES[what]
    world.start(**before)
    world.minutes(3)
    world.store.away = True
    world.minutes(5)
    assert world.reload(**after)
    world.minutes(3)
    world.arrives()
    assert world.sent() == list(range(world.now() + 1))


HOLDER = """
import sys, time
from otel_kubecost.extensions.file_storage import FileStorage
FileStorage(directory=sys.argv[1]).start()
print(flush=True)
time.sleep(60)
"""


def test_a_reload_to_a_directory_that_is_in_use_changes_nothing(world, caplog):
    """Case 64: the old configuration goes on, with all that it has."""
    world.start()
    world.minutes(3)
    world.store.away = True
    world.minutes(5)
    elsewhere = str(world.directory / "elsewhere")
    with subprocess.Popen([sys.executable, "-c", HOLDER, elsewhere], stdout=-1) as other:
        other.stdout.readline()
        assert not world.reload(kept="elsewhere")
        other.kill()
    assert "cannot start, the old one goes on" in caplog.text
    world.options = {}
    world.minutes(3)
    world.arrives()
    assert world.sent() == list(range(world.now() + 1))


def of_seconds(world, **options):
    """The configuration of a process, and a clock for all."""
    world.store._clock = SystemClock()
    made = world.configuration(**options)
    made["receivers"]["kubecost"] |= {"emit_interval": "1s", "collection_interval": "1s"}
    path = world.directory / "pipeline.yaml"
    path.write_text(json.dumps(made))
    return path


def test_a_command_does_not_touch_the_spool_of_the_agent(world):
    """Case 64: ``backfill`` sends beside it and says nothing of it; a second agent does not start,
    and a line says why."""
    world.store.away = True
    path = of_seconds(world)
    with Store() as other, Agent("--config", path) as agent:
        wait_until(lambda: world.kubecost.request_count > 4)
        day = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:00:20Z", "--force")
        elsewhere = f"exporters.prometheus_remote_write.endpoint={other.endpoint}"
        finished = run_command("backfill", "--config", path, "--set", elsewhere, *day)
        assert finished.stdout.startswith("20 marks sent")
        assert "storage" not in finished.stderr
        with Agent("--config", path) as second:
            assert second.wait() == 75
        assert "another process works with it; stop that one, or name another" in second.log
        world.store.away = False
        wait_until(lambda: len(world.sent(1)) > 5)
        assert agent.stop() == 0
    sent = world.sent(1)
    assert sent == list(range(sent[0], sent[-1] + 1))
    assert world.store.violations == []
