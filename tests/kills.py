"""kill -9 at random instants, and whether anything was lost by it: ``scripts/kill-test``.

A round has a directory of its own. A process that keeps a spool there is killed, the file is looked
at, and the next process goes on; in the end everything has to be at the receiver.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import feeder
from moody import MOODS, PATIENCE, moody_receiver, well
from peers import COMMAND, wait_until

from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import Audit, FakeKubecost, is_stale, read_spool

ROOM = 480
"""Samples that wait, more than before, when a process stops to feed."""
LOG_WRITTEN, LOG_COPIED = 120, 121
"""Bytes of a -shm that are locked while somebody writes to the write-ahead log, or copies it into
the file (sqlite.org/walformat.html, 2.3)."""

WHOLE, NOTHING = "a batch on its way, whole", "a batch on its way, without a trace"
"""What is counted of batches that were not answered yet."""

LATE = 0.8
"""The part of the kills that is of processes which have opened their spool."""

OPTIONS = {
    "timeout": f"{PATIENCE}s",
    "queue_config": {
        "max_samples_per_send": 6,
        "min_shards": 2,
        "min_backoff": "5ms",
        "max_backoff": "50ms",
    },
}


def kill(pid, spool, receiver):
    """SIGKILL; what was under way then.

    The process is stopped first, so that it can be seen how it stands.
    """
    os.kill(pid, signal.SIGSTOP)
    posts = receiver.under_way
    wait_until(lambda: stands_still(pid))
    locked = locks(pid, spool.with_name(f"{spool.name}-shm"))
    os.kill(pid, signal.SIGKILL)
    found = {"commit": LOG_WRITTEN in locked, "checkpoint": LOG_COPIED in locked, "POST": posts}
    return [what for what, is_so in found.items() if is_so]


def stands_still(pid):
    states = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            states.add((task / "stat").read_text().rpartition(") ")[2][0])
    return states <= {"T", "Z", "X"}


def locks(pid, file):
    """The bytes of ``file`` that the process keeps all others from."""
    if not file.exists():
        return set()
    inode = str(file.stat().st_ino)
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {
        int(start)
        for *_, kind, owner, place, start, _ in rows
        if (kind, owner, place.rpartition(":")[2]) == ("WRITE", str(pid), inode)
    }


class Child:
    """A process that ``Nursery`` made."""

    def __init__(self, pid):
        self.pid = pid
        self.status = None
        """As that of ``waitpid``; None until it has ended."""


class Nursery:
    """Makes processes of ``feeder``; what they log is in ``log``."""

    def __init__(self, log):
        self._log = log

    def __enter__(self):
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, feeder.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(self, *_):
        self._process.communicate(timeout=2 * feeder.LIFETIME)

    @contextmanager
    def process(self, **arguments):
        """A child; its end is waited for."""
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        child = Child(int(self._process.stdout.readline()))
        try:
            yield child
        except BaseException:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            raise
        finally:
            child.status = int(self._process.stdout.readline())


class Feeding:
    """A round of processes that feed an exporter as fast as it goes."""

    def __init__(self, directory, receiver, nursery, **options):
        self._receiver = receiver
        self._nursery = nursery
        self._said = directory / "said"
        self._place = {
            "directory": str(directory / "kept"),
            "options": {"endpoint": receiver.endpoint, **OPTIONS, **options},
        }
        kept = FileStorage(directory=self._place["directory"])
        self.spool = kept.queue(feeder.OWNER).database.path
        self.audit = Audit(receiver, self.spool)
        self.accepted = []
        """Numbers of batches."""
        self._next = 0

    def live(self, seconds, *, opened):
        """One process, for so long; what was under way when it was killed.

        The time is counted from its start, or from when it has ``opened`` the spool.
        """
        life = {"said": str(self._said), "first": self._next, "room": ROOM}
        with self._nursery.process(**self._place, **life) as process:
            if opened:
                wait_until(lambda: self._said.exists() and self._said.stat().st_size)
            time.sleep(seconds)
            found = kill(process.pid, self.spool, self._receiver)
        assert process.status == signal.SIGKILL, f"it ended by itself: {process.status}"
        found += self._listen()
        self.check()
        return found

    def end(self):
        """What waits is sent, and then everything is there: each sample once, in its order."""
        with self._nursery.process(**self._place) as process:
            pass
        assert process.status == 0, f"what waits is not sent: {process.status}"
        self.check()
        books = self.audit.books()
        assert (books.pending, books.delivered) == (0, books.accepted), books
        assert self._receiver.series == expected(self.accepted), "other samples than were accepted"

    def check(self):
        books, faults = self.audit.books(), self.audit.faults()
        assert not faults, faults
        assert not any(books.dropped.values()), books.dropped
        due = len(self.accepted) * feeder.SERIES
        assert books.accepted == due, f"{books.accepted} samples are booked instead of {due}"

    def _listen(self):
        """What the process said, and of a batch on which it said no last word what came of it."""
        lines = self._said.read_text().split("\n") if self._said.exists() else []
        self._said.unlink(missing_ok=True)
        said = [(word, int(number)) for word, number in map(str.split, filter(None, lines))]
        accepted = [number for word, number in said if word == "accepted"]
        self._accept(accepted)
        word, last = said[-1] if said else ("", 0)
        if word != "offered":
            self._next = max([self._next, *(number + 1 for number in accepted)])
            return []
        self._next = last + 1
        there = self._present(last)
        assert there in {0, feeder.SERIES}, f"{there} samples of batch {last} are there"
        self._accept([last] if there else [])
        return [WHOLE if there else NOTHING]

    def _accept(self, numbers):
        self.accepted += numbers
        self.audit.accepted(expected(numbers))

    def _present(self, number):
        places = read_spool(self.spool).waiting, self._receiver.series
        return sum(
            any(point in place.get(labels, ()) for place in places)
            for labels, point in feeder.samples(number).items()
        )


def expected(numbers):
    """What a receiver has after these batches."""
    series = {}
    for number in numbers:
        for labels, point in feeder.samples(number).items():
            series.setdefault(labels, []).append(point)
    return series


class Running:
    """A round of agents, ``otel-kubecost run``, with a mark a second."""

    def __init__(self, directory, receiver, kubecost):
        self._receiver = receiver
        self._log = directory / "log"
        self._config = directory / "pipeline.yaml"
        kept = str(directory / "kept")
        self._config.write_text(json.dumps(configuration(kept, receiver, kubecost)))
        self.spool = FileStorage(directory=kept).queue("prometheus_remote_write").database.path
        self.audit = Audit(receiver, self.spool, of=is_of_costs)

    def live(self, seconds, *, opened):
        """As that of ``Feeding``."""
        with self.process() as process:
            if opened:
                wait_until(lambda: "Starting" in self._log.read_text(), process=process)
            time.sleep(seconds)
            found = kill(process.pid, self.spool, self._receiver)
            status = process.wait()
        assert status == -signal.SIGKILL, f"it ended by itself: {status}"
        self.check()
        return found

    def end(self):
        """From the first mark to the last none is missing."""
        before = len(self.marks())
        with self.process() as process:
            wait_until(lambda: len(self.marks()) >= before + 3, process=process)
            process.terminate()
            status = process.wait(60)
        assert status == 0, f"it did not stop as it should: {status}"
        self.check()
        books, marks = self.audit.books(), self.marks()
        assert books.pending == 0, books
        assert marks == list(range(marks[0], marks[-1] + 1)), marks

    def check(self):
        faults = self.audit.faults()
        assert not faults, faults

    def marks(self):
        """The seconds of which there are samples in all series of a cost."""
        times = [
            {at // 1000 for at, value in points if not is_stale(value)}
            for labels, points in self._receiver.series.items()
            if ("__name__", TOTAL) in labels
        ]
        return sorted(set.intersection(*times)) if times else []

    @contextmanager
    def process(self):
        """One agent; it does not outlive the context."""
        with self._log.open("w") as log:
            process = subprocess.Popen([*COMMAND, "run", "--config", str(self._config)], stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


TOTAL = "cloudtuner_kubecost_namespace_total_cost"
ROW = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "totalCost": 3.6}
ANSWER = {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW}]}


def configuration(directory, receiver, kubecost):
    costs = {"tenant_id": "t", "cluster_name": "c", "currency": "USD", "storage": "file_storage"}
    times = {"collection_interval": "1s", "emit_interval": "1s"}
    push = {"endpoint": receiver.endpoint, "storage": "file_storage", **OPTIONS}
    pipeline = {"receivers": ["kubecost"], "exporters": ["prometheus_remote_write"]}
    return {
        "extensions": {"file_storage": {"directory": directory}},
        "receivers": {"kubecost": {"endpoint": kubecost.url, **costs, **times}},
        "exporters": {"prometheus_remote_write": push},
        "service": {"extensions": ["file_storage"], "pipelines": {"metrics": pipeline}},
    }


def is_of_costs(labels):
    """A process says other things of itself than the one before it, and may do so for one mark."""
    return "_exporter_" not in dict(labels)["__name__"]


def feed_and_kill(directory, random, kills, seconds, **options):
    """A round of ``Feeding``; counts what was under way."""
    with moody_receiver() as receiver, Nursery(directory / "log") as nursery:
        subject = Feeding(directory, receiver, nursery, **options)
        tally = ordeal(subject, receiver, random, kills, seconds)
        tally["samples"] = subject.audit.books().accepted
        return tally


def run_and_kill(directory, random, kills, seconds):
    """A round of ``Running``; counts what was under way."""
    with moody_receiver() as receiver, FakeKubecost(ANSWER) as kubecost:
        subject = Running(directory, receiver, kubecost)
        tally = ordeal(subject, receiver, random, kills, seconds)
        tally["marks"] = len(subject.marks())
        return tally


def ordeal(subject, receiver, random, kills, seconds):
    """Kill ``subject`` so often, each time within ``seconds``, and let it come to its end."""
    tally = Counter()
    for _ in range(kills):
        receiver.mood = random.choice(MOODS)
        found = subject.live(random.uniform(0, seconds), opened=random.random() < LATE)
        tally.update(["kills", receiver.mood.__name__, *found])
        tally["commit and POST"] += {"commit", "POST"} <= set(found)
    receiver.mood = well
    subject.end()
    return tally
