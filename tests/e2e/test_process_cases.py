"""A process that is stopped, reloaded, caged, and told another time: none of it costs a mark."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from peers import free_port, run_command, wait_until
from running import (
    SUCCESS,
    Moody,
    Running,
    assert_every_mark_is_there,
    assert_every_mark_is_there_once,
    assert_nothing_handed_over_is_lost,
    come,
    marks,
    pass_by,
    push,
    push_to,
)

from otel_kubecost.service import Service
from otel_kubecost.testing import FakeClock, RemoteWriteReceiver

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

START = 1_790_000_000.0 // 3600 * 3600
SPOOL_ALONE = {"storage": "", "backfill": "0s"}
"""Options of a receiver that asks Kubecost for nothing that was missed."""


def test_sigterm_during_a_send_waits_for_the_answer(config, kubecost, store):
    """Case 57: the answer comes after SIGTERM, and so does what came in meanwhile; then the end,
    with 0, and nothing was sent twice."""
    arrived, gate = threading.Event(), threading.Event()

    def late(reply):
        arrived.set()
        gate.wait(60)
        return reply

    with Running(config(push_to(store))) as agent:
        come(store, 2, agent)
        store.script([late])
        assert arrived.wait(30)
        pass_by(kubecost, agent)
        agent.hears(signal.SIGTERM, "Stopping")
        assert agent.runs
        gate.set()
        assert agent.wait() == 0
    assert_every_mark_is_there_once(store)


def test_sigterm_during_a_send_that_hangs_ends_all_the_same(config, kubecost, store):
    """Case 57: the process ends with 0 while the receiver has not answered yet, and the next one
    finds in the spool what this one could not send."""
    path = config(push_to(store), **SPOOL_ALONE)
    with Running(path) as agent:
        come(store, 2, agent)
        store.hang()
        pass_by(kubecost, agent)
        assert agent.stop() == 0
    store.hangs = False
    with Running(path) as agent:
        come(store, 4, agent)
        assert agent.stop() == 0
    assert_nothing_handed_over_is_lost(store, agent)


def test_sigterm_counts_whichever_thread_takes_it(config, store):
    """Case 57: the system may give a signal to any thread of the process, not only to the first."""
    with Running(config(push_to(store))) as agent:
        come(store, 1, agent)
        agent.signal_to_another_thread(signal.SIGTERM)
        assert agent.wait() == 0
    assert_every_mark_is_there_once(store)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM),
    ],
)
def test_a_second_signal_ends_it_at_once(config, kubecost, store, first, second):
    """Case 58: though a request hangs; and what was not sent is in the spool."""
    path = config(push_to(store), **SPOOL_ALONE)
    with Running(path) as agent:
        come(store, 2, agent)
        store.hang()
        pass_by(kubecost, agent)
        agent.hears(first, "Stopping")
        assert agent.runs
        agent.signal(second)
        assert agent.wait() == -second
    store.hangs = False
    with Running(path) as agent:
        come(store, 3, agent)
        assert agent.stop() == 0
    assert_nothing_handed_over_is_lost(store, agent)


def test_a_second_signal_ends_what_cannot_write_its_log(config, store, tmp_path):
    """Case 58: nobody reads standard error, so the first SIGTERM gets stuck before it does
    anything."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    filling = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with Running(config(push_to(store)), log=pipe) as agent:
        come(store, 1, agent)
        with suppress(BlockingIOError):
            while True:
                os.write(filling, b"\n")
        agent.signal(signal.SIGTERM)
        agent.until(lambda: not agent.handles(signal.SIGTERM))
        assert agent.runs
        agent.signal(signal.SIGTERM)
        assert agent.wait() == -signal.SIGTERM
    os.close(filling)
    os.close(reading)


def test_whatever_is_wrong_with_the_file_the_old_one_goes_on(config, store):
    """Case 65: each time a line says what; the file is taken when it is mended."""
    path = config(push_to(store))
    good = path.read_text()
    wrong = {
        "is not valid YAML from here on": b"receivers: [",
        "is not UTF-8 text in line 1": b"receivers: \xff\xfe",
        "is empty": b"",
        "receivers.kubecost.tenant: unknown key": good.replace("tenant_id", "tenant").encode(),
        "prometheus_remote_write.endpoint: write the URL": good.replace("http:", "").encode(),
    }
    refusal = "The new configuration is not used: "
    with Running(path) as agent:
        come(store, 1, agent)
        for why, text in wrong.items():
            path.write_bytes(text)
            agent.hears(signal.SIGHUP, why)
        path.unlink()
        agent.hears(signal.SIGHUP, f"{refusal}{path}: does not exist")
        path.mkdir()
        agent.hears(signal.SIGHUP, f"{refusal}{path}: ")
        assert agent.log.count(refusal) >= len(wrong) + 2
        come(store, 2, agent)
        path.rmdir()
        path.write_text(good.replace('"cluster_name": "c"', '"cluster_name": "mended"'))
        agent.hears(signal.SIGHUP, "The new configuration is in use")
        agent.until(lambda: {dict(labels)["cluster"] for labels in store.latest()} == {"mended"})
        assert agent.stop() == 0
    assert store.violations == []


def test_sighup_keeps_what_waits(config, kubecost):
    """In an outage the file is read again as it was, broken, and changed twice, at last with
    another exporter: every mark of it arrives, once and in order."""
    with RemoteWriteReceiver() as store:
        path = config(push_to(store))
    with Running(path) as agent:
        with store:
            come(store, 2, agent)
        pass_by(kubecost, agent)
        agent.hears(signal.SIGHUP, "The configuration has not changed")
        pass_by(kubecost, agent)
        path.write_text("receivers: [")
        agent.hears(signal.SIGHUP, "The new configuration is not used: ")
        pass_by(kubecost, agent)
        config(push_to(store, queue_config={"max_backoff": "200ms"}), max_staleness="2h")
        agent.hears(signal.SIGHUP, "The new configuration is in use")
        pass_by(kubecost, agent)
        config(push_to(store, timeout="5s") | {"prometheus": {"endpoint": "127.0.0.1:0"}})
        agent.hears(signal.SIGHUP, "The new configuration is in use")
        pass_by(kubecost, agent)
        with store:
            come(store, 12, agent)
            assert agent.stop() == 0
    assert_every_mark_is_there_once(store)
    assert marks(store, SUCCESS) == marks(store)  # which nobody could have computed afterwards


def test_three_destinations_fail_alone(config, store):
    """One hangs for ever and one refuses the password: the third has every mark when it comes. When
    both are mended and the file is read again, they have every mark as well."""
    with Moody() as silent, Moody(basic_auth=("kubecost", "right")) as closed:
        silent.hangs = True

        def three(password):
            credentials = {"username": "kubecost", "password": password}
            return {
                "prometheus_remote_write/well": push(store),
                "prometheus_remote_write/silent": push(silent),
                "prometheus_remote_write/closed": push(closed, basic_auth=credentials),
            }

        path = config(three("wrong"))
        with Running(path) as agent:
            come(store, 6, agent)
            assert silent.hung.is_set()
            assert marks(silent) == marks(closed) == []
            assert_every_mark_is_there(store)
            assert "401" in agent.log
            assert set(closed.violations) == {
                "header Authorization is missing or has other credentials"
            }
            closed.violations.clear()
            silent.hangs = False
            path = config(three("right"))
            agent.hears(signal.SIGHUP, "The new configuration is in use")
            come(store, 3, agent)
            assert agent.stop() == 0, agent.log
        for one in (store, silent, closed):
            assert_every_mark_is_there_once(one)
        assert marks(silent) == marks(closed) == marks(store)


def test_a_port_in_use_says_what_to_do(config, kubecost):
    """Case 67: the second agent ends with 75, and a line names the port and the option; the first
    one goes on. To do what the line says is all that it takes."""
    page = {"prometheus": {"endpoint": f"127.0.0.1:{free_port()}"}}
    with Running(config(page)) as first:
        pass_by(kubecost, first)
        path = config(page, kept="of the second")
        second = run_command("run", "--config", path)
        assert second.returncode == 75
        port = page["prometheus"]["endpoint"].partition(":")[2]
        remedy = "stop the other process or change exporters.prometheus.endpoint"
        assert f"port {port} is in use; {remedy}" in second.stderr
        assert "Traceback" not in second.stderr
        pass_by(kubecost, first)
        assert first.stop() == 0
    with Running(path) as second:
        pass_by(kubecost, second)
        assert second.stop() == 0


CAGE = """
mount --bind "$1" "$1"
cut -d' ' -f2 /proc/self/mounts | while read -r at; do
    case $at in "$1" | /proc* | /sys*) ;; *) mount -o remount,bind,ro "$at" ;; esac
done
for at in / /tmp /var/tmp /dev/shm "$HOME" "$PWD"; do test ! -w "$at"; done
shift
cd /
exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all env -u HOME -u TMPDIR "$@"
"""
"""Of the whole file system the directory ``$1`` alone can be written to."""
UNSHARE = [
    *("unshare", "--user", "--map-user=54321", "--map-group=54321", "--keep-caps", "--mount"),
    *("sh", "-eu", "-c"),
]


def in_a_cage(volume):
    """A command that runs another one as a user without a name, a home or a writable disk."""
    allowed = subprocess.run([*UNSHARE, "mount -t tmpfs none /mnt"], check=False)
    if allowed.returncode:
        pytest.skip("this kernel lets nobody make user namespaces")
    return [*UNSHARE, CAGE, "sh", str(volume)]


def test_it_runs_as_anybody_on_a_disk_that_is_read_only(config, store, tmp_path):
    """Case 68: with no /tmp, no HOME, a random user id, and a volume for what is kept."""
    volume = tmp_path / "kept"
    volume.mkdir()
    path = config(push_to(store))
    for _ in range(2):
        with Running(path, *in_a_cage(volume)) as agent:
            come(store, 3, agent)
            assert agent.process("uid_map").split() == ["54321", str(os.getuid()), "1"]
            variables = agent.process("environ").split("\0")
            assert not [one for one in variables if one.startswith(("HOME=", "TMPDIR="))]
            assert agent.stop() == 0
    assert_every_mark_is_there(store)
    assert "[error" not in agent.log
    assert any(volume.iterdir())


def test_it_runs_where_nothing_can_be_written(config, store, tmp_path):
    """Case 68: without that volume it says what is not kept, and the costs leave as ever."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Running(config(push_to(store)), *in_a_cage(elsewhere)) as agent:
        come(store, 3, agent)
        assert agent.stop() == 0
    assert_every_mark_is_there_once(store)
    assert "name another directory in extensions.file_storage.directory" in agent.log
    assert "Traceback" not in agent.log


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""Shows the processes that load it another time than the system's."""


@pytest.mark.skipif(FAKETIME is None, reason="needs Debian's faketime")
def test_a_system_clock_that_jumps_for_a_moment_costs_no_mark(config, kubecost, store, tmp_path):
    """Case 70: an hour ahead, two back, and to what it was."""
    shown = tmp_path / "shown"

    def jump(seconds):
        (tmp_path / "next").write_text(f"{seconds:+}\n")
        (tmp_path / "next").rename(shown)

    jump(0)
    loaded = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(shown),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with Running(config(push_to(store)), env=loaded) as agent:
        come(store, 2, agent)
        for seconds in (3600, -3600, 0):
            jump(seconds)
            pass_by(kubecost, agent, 3)
        assert agent.stop() == 0
    assert_every_mark_is_there_once(store)
    assert "s ahead of the receiver's; sending pauses" in agent.log
    assert "The clock was set" not in agent.log


class Settable(FakeClock):
    """A clock that somebody sets, by ``wrong`` seconds."""

    wrong = 0.0

    def time(self) -> float:
        return super().time() + self.wrong


@pytest.mark.parametrize("wrong", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong_for_minutes_costs_no_mark(kubecost, wrong):
    """Case 70: long enough to be believed. What is sent for an hour that was, is known or refused;
    what is of one that is not yet, stays here; and the present is the present again."""
    clock = Settable(START)
    with RemoteWriteReceiver(clock=clock) as store:
        options = {"endpoint": kubecost.url, "tenant_id": "t", "cluster_name": "c"}
        service = Service.from_mapping(
            {
                "receivers": {"kubecost": options | {"currency": "USD"}},
                "exporters": {"prometheus_remote_write": {"endpoint": store.endpoint}},
                "service": {
                    "pipelines": {
                        "metrics": {
                            "receivers": ["kubecost"],
                            "exporters": ["prometheus_remote_write"],
                        }
                    }
                },
            },
            clock=clock,
        )
        service.start()
        for minute in range(18):
            assert clock.wait_for_waiters()
            clock.wrong = wrong if 5 <= minute < 10 else 0.0
            store.clock_offset = -clock.wrong
            clock.advance(60)
        wait_until(lambda: marks(store)[-1] == clock.time())
        service.shutdown()
    assert marks(store) == list(range(int(START), int(START) + 18 * 60 + 1, 60))
    assert marks(store, SUCCESS)[-1] == marks(store)[-1]
    assert all(one.startswith("out of order sample") for one in store.violations)
