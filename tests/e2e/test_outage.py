"""Twelve hours without a destination: every mark waits on the disk, and arrives once and in order.

Cases 51 and 52. A clock that is handed in drives an agent, made from its configuration, through the
day, over real HTTP; nothing below that is simulated but Kubecost. A kill is a copy of the agent's
directory as it stands at that instant: written to, and not closed. The next process has the copy.
Real processes are killed in ``test_process_cases``.
"""

from __future__ import annotations

import gc
import http.client
import itertools
import json
import logging
import math
import shutil
import sqlite3
import subprocess
import threading
import time
import tracemalloc
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import ExitStack, closing, contextmanager

import pytest
from peers import Prometheus, free_port, wait_until

from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.service import Service
from otel_kubecost.testing import (
    FakeClock,
    HttpServer,
    RemoteWriteReceiver,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    is_stale,
)

pytestmark = pytest.mark.peers

MINUTE, HOUR = 60, 3600
SETTLE = 20 * MINUTE
"""How long after its end Kubecost's hour is asked for."""
START = 1_790_000_000 // HOUR * HOUR
PREFIX = "cloudtuner_kubecost_"
OWN = f"{PREFIX}exporter_"
"""What the agent says of itself: of the present alone, and so of no mark at which it was away."""
UNAVAILABLE = Reply(503, b"<html>upstream is away</html>", "text/html")
SILENT = Reply(504, hang=True)


class Way(HttpServer):
    """The way to a receiver, which may be blocked; it counts the answers to what passed."""

    def __init__(self, endpoint, clock):
        super().__init__(self._pass_on)
        self._to = urllib.parse.urlsplit(endpoint)
        self._clock = clock
        self.blocked = None
        self.answers = Counter()

    @property
    def endpoint(self):
        return self.url + self._to.path

    def _time(self):
        return self._clock.time()

    def _pass_on(self, request):
        if self.blocked or request.method == "HEAD":
            return self.blocked or Reply(200)
        connection = http.client.HTTPConnection(self._to.netloc, timeout=10)
        connection.request("POST", request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.read())
        connection.close()
        self.answers[reply.status] += 1
        return reply

    def close(self):
        """Nobody listens any more."""
        self.__exit__(None, None, None)

    def reopen(self):
        self.blocked = None
        self.__enter__()


class Play:
    """Simulated Kubecosts, an agent, the clock of all, and the ways to its destinations."""

    def __init__(self, directory, *, start=START, emit=5 * MINUTE, clusters=("c",)):
        self.clock = FakeClock(start)
        self.beginning = start
        self.emit = emit
        self.kubecosts = {}
        self.ways = []
        self.options = {}
        """Of every exporter."""
        self._first = clusters
        self._directories = (directory / f"kept-{number}" for number in itertools.count())
        self.directory = next(self._directories)
        self._open = ExitStack()

    def __enter__(self):
        for name in self._first:
            self.add_cluster(name)
        return self

    def __exit__(self, *raised):
        self._open.__exit__(*raised)

    def add_cluster(self, name):
        """Its Kubecost is asked by the next process."""
        kubecost = SimulatedKubecost(SimulatedCluster(3, name), self.clock)
        self.kubecosts[name] = self._open.enter_context(kubecost)

    def store(self, **strictness):
        """A receiver, and the way to it."""
        store = self._open.enter_context(RemoteWriteReceiver(clock=self.clock, **strictness))
        return store, self.way_to(store.endpoint, self.clock)

    def way_to(self, endpoint, clock):
        """``clock`` is the receiver's."""
        self.ways.append(self._open.enter_context(Way(endpoint, clock)))
        return self.ways[-1]

    def begin(self):
        """A new process, which knows what is on the disk and no more."""
        service = Service.from_mapping(self._configuration(), clock=self.clock)
        self._end = self._open.enter_context(ExitStack())
        self._end.callback(service.shutdown, timeout_millis=2000)
        service.start()
        (pipeline,) = service.pipelines
        self.exporters = pipeline.exporters
        self.readers = [reader for feed in pipeline.feeds for reader in feed.readers]

    def stop(self):
        """As SIGTERM does."""
        self._end.close()

    def kill(self, waiting=None):
        """The next process finds the files as they are now, when nothing happens but waiting.

        What is left of this one ends afterwards, and leaves its traces elsewhere. So many are
        ``waiting`` for the clock: without more ado all receivers, and all exporters in vain.
        """
        everybody = len(self.kubecosts) + len(self.ways)
        assert self.clock.wait_for_waiters(everybody if waiting is None else waiting)
        before, self.directory = self.directory, next(self._directories)
        shutil.copytree(before, self.directory)
        self._end.close()

    @property
    def mark(self):
        return int(self.clock.time() // self.emit * self.emit)

    def marks(self):
        """All there were so far."""
        return list(range(int(self.beginning), self.mark + 1, self.emit))

    def be_away(self, marks):
        self.clock.advance(self.emit * marks)

    def go_on(self, marks):
        for _ in range(marks):
            self.clock.advance(self.emit - self.clock.time() % self.emit)
            self.settle()

    def settle(self):
        """Let every exporter be given the mark, and what was missed before it."""
        soon(lambda: all(reader.position == self.mark for reader in self.readers))

    def drain(self):
        """Let everything arrive, after the pause that the last failure left behind."""
        for exporter in self.exporters:
            while not exporter.force_flush(500):
                self.clock.advance(1 if exporter.stats().trouble else 0)

    def spool(self, number=0):
        (path,) = self.directory.glob(f"queue-prometheus_remote_write-{number}-*.db")
        return path

    def spooled(self):
        """The marks of what waits on the disk, as they came, and the bodies."""
        with closing(sqlite3.connect(f"{self.spool().as_uri()}?mode=ro", uri=True)) as spool:
            rows = spool.execute("SELECT newest, body FROM requests ORDER BY number").fetchall()
        return [(newest // 1000, body) for newest, body in rows]

    def asked(self, since=0):
        """When the windows begin that Kubecost was asked for after so many requests."""
        (kubecost,) = self.kubecosts.values()
        new = kubecost.requests[since - kubecost.request_count or len(kubecost.requests) :]
        windows = [one.query["window"] for one in new if "window" in one.query]
        return {parse_time(window.split(",")[0]) for window in windows}

    def _configuration(self):
        receivers = {
            f"kubecost/{name}": {
                "endpoint": kubecost.url,
                "tenant_id": "t",
                "cluster_name": name,
                "currency": "USD",
                "window": "1h",
                "emit_interval": self.emit,
                "collection_interval": 5 * MINUTE,
                "storage": "file_storage",
            }
            for name, kubecost in self.kubecosts.items()
        }
        exporters = {
            f"prometheus_remote_write/{number}": {
                "endpoint": way.endpoint,
                "timeout": "1s",
                "storage": "file_storage",
                **self.options,
            }
            for number, way in enumerate(self.ways)
        }
        return {
            "extensions": {"file_storage": {"directory": str(self.directory)}},
            "receivers": receivers,
            "exporters": exporters,
            "service": {
                "extensions": ["file_storage"],
                "pipelines": {"metrics": {"receivers": [*receivers], "exporters": [*exporters]}},
            },
        }


def soon(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def live_through_an_outage(play, marks):
    """A third of it nobody listens, a third all is answered 503, a third nothing at all. The agent
    is stopped for a while in the first, and is dead for a while in the second."""
    third = marks // 3
    away = third // 4
    for way in play.ways:
        way.close()
    play.go_on(third - away)
    play.stop()
    play.be_away(away)
    for way in play.ways:
        way.reopen()
        way.blocked = UNAVAILABLE
    play.begin()
    play.settle()
    play.go_on(third - away)
    play.kill()
    play.be_away(away)
    for way in play.ways:
        way.blocked = SILENT
    play.begin()
    play.settle()
    play.go_on(third)
    for way in play.ways:
        way.blocked = None


def live_through_the_day(play, marks):
    """Some marks before an outage of so many ``marks``, and some behind it."""
    play.begin()
    play.settle()
    play.go_on(4)
    play.drain()
    live_through_an_outage(play, marks)
    play.go_on(5)
    play.drain()


def window_of(mark):
    """When the hour begins that the samples of a mark are of."""
    return (mark - SETTLE) // HOUR * HOUR - HOUR


def is_own(labels):
    return dict(labels)["__name__"].startswith(OWN)


def costs(store):
    """What is stored, without what the agent says of itself."""
    return {
        labels: [(at // 1000, "stale" if is_stale(value) else value) for at, value in points]
        for labels, points in store.series.items()
        if not is_own(labels)
    }


def times(series):
    return [at for at, _ in series]


def assert_nothing_was_refused(play, *statuses):
    """All that was accepted is delivered, and was taken when it first arrived."""
    for exporter, way in zip(play.exporters, play.ways, strict=True):
        stats = exporter.stats()
        assert (stats.accepted, stats.dropped, stats.pending) == (stats.delivered, {}, 0)
        assert set(way.answers) == set(statuses)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="otel_kubecost")


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """What arrives in twelve hours and some marks of which nothing is to be told."""
    with Play(tmp_path_factory.mktemp("steady")) as play:
        store, _ = play.store()
        play.begin()
        play.settle()
        play.go_on(4 + 144 + 5)
        play.drain()
        found = costs(store)
        assert {tuple(times(series)) for series in found.values()} == {tuple(play.marks())}
        return found


def test_twelve_hours_leave_no_trace(tmp_path, steady):
    """Case 51: at every strict receiver all 144 slots of every series are there, in their order, as
    if nothing had been; none was refused, and the disk has its room back."""
    with Play(tmp_path) as play:
        stores = [
            play.store(product=product, out_of_order_window=window)[0]
            for product in ("thanos", "prometheus")
            for window in (0, HOUR)
        ]
        live_through_the_day(play, 144)
        assert [costs(store) for store in stores] == [steady] * 4
        assert [store.violations for store in stores] == [[]] * 4
        assert_nothing_was_refused(play, 200)
        play.stop()
        assert play.spooled() == []
        assert play.spool().stat().st_size < 100_000


class VictoriaMetrics:
    """Debian's, which shows at once what it has."""

    def __init__(self, directory):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.write_url = f"{self.url}/api/v1/write"
        self._log = (directory / "victoria-metrics.log").open("w")
        self._process = subprocess.Popen(
            [
                "victoria-metrics",
                f"-storageDataPath={directory / 'victoria-metrics'}",
                f"-httpListenAddr={urllib.parse.urlsplit(self.url).netloc}",
                "-search.latencyOffset=0",
                "-search.disableCache",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self):
        wait_until(lambda: self._get("/health"), process=self._process)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def query(self, expression, at):
        """As of ``Prometheus``."""
        self._get("/internal/force_flush")
        parameters = urllib.parse.urlencode({"query": expression, "time": at})
        return json.loads(self._get(f"/api/v1/query?{parameters}"))["data"]["result"]

    def _get(self, path):
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.read() or b"{}"
        except ConnectionError:
            return None
        except urllib.error.URLError:
            return None


def read_back(peer):
    """Each stored sample of each series of costs, in the order of time, by metric and namespace."""
    every = f'{{__name__=~"{PREFIX}.+",__name__!~"{OWN}.+"}}[14h]'
    return {
        (one["metric"]["__name__"].removeprefix(PREFIX), one["metric"].get("namespace")): [
            (int(at), float(value)) for at, value in one["values"]
        ]
        for one in peer.query(every, at=time.time())
    }


def charged(marks):
    """What Kubecost says of the hour of each mark, as ``read_back`` names it."""
    cluster = SimulatedCluster(3, "c")
    found = {}
    for mark in marks:
        hour = window_of(mark)
        rows = cluster.allocations(hour, hour + HOUR, ("cluster", "namespace"))
        costs = {key.removeprefix("c/"): row["totalCost"] for key, row in rows.items()}
        found.setdefault(("cluster_total_cost", None), []).append(math.fsum(costs.values()))
        for namespace in costs.keys() - {"__idle__", "__unmounted__"}:
            found.setdefault(("namespace_total_cost", namespace), []).append(costs[namespace])
    return found


def test_twelve_hours_at_a_mark_a_minute(tmp_path):
    """Prometheus 2.42 and VictoriaMetrics have all 720 marks, and those around, each once and in
    order, with what Kubecost charged; neither has refused a request."""
    now = int(time.time()) // MINUTE * MINUTE
    with (
        Prometheus(tmp_path) as prometheus,
        VictoriaMetrics(tmp_path) as victoria_metrics,
        Play(tmp_path, start=now - 13 * HOUR, emit=MINUTE) as play,
    ):
        for peer in (prometheus, victoria_metrics):
            play.way_to(peer.write_url, time)
        live_through_the_day(play, 720)
        assert_nothing_was_refused(play, 204)
        assert len(play.marks()) == 1 + 4 + 720 + 5
        costs_of = charged(play.marks())
        for peer in (prometheus, victoria_metrics):
            found = read_back(peer)
            assert {tuple(times(series)) for series in found.values()} == {tuple(play.marks())}
            for series, values in costs_of.items():
                assert [value for _, value in found[series]] == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("end", [Play.stop, Play.kill])
def test_a_restart_without_a_destination_spools_at_once(tmp_path, caplog, end):
    """What was missed is read and kept in its order, and then what is new, before anybody listens;
    Kubecost is asked for that alone, and for nothing when the destination is back."""
    with Play(tmp_path) as play:
        store, way = play.store(out_of_order_window=0)
        play.begin()
        play.settle()
        play.go_on(2)
        play.drain()
        way.close()
        play.go_on(24)
        end(play)
        (kubecost,) = play.kubecosts.values()
        until, questions = play.mark, kubecost.request_count
        play.be_away(30)
        play.begin()
        play.settle()
        play.go_on(2)
        marks = list(dict.fromkeys(times(play.spooled())))
        assert marks == play.marks()[3:]
        missed = {window_of(mark) for mark in marks if mark > until}
        assert play.asked(questions) == missed
        assert [one for one in caplog.messages if "29 marks were handed over" in one]
        questions = kubecost.request_count
        way.reopen()
        play.go_on(2)
        play.drain()
        assert play.asked(questions) == {window_of(play.mark)}
        assert {tuple(times(series)) for series in costs(store).values()} == {tuple(play.marks())}
        assert store.violations == []


def test_what_is_spooled_and_not_noted_comes_again_to_the_byte(tmp_path):
    """A kill between the two costs nothing: the next process reads the mark again, the receiver
    gets it twice, and it is the same."""
    with Play(tmp_path) as play:
        store, way = play.store(product="prometheus", out_of_order_window=0)
        play.begin()
        play.settle()
        play.go_on(2)
        play.drain()
        way.close()
        play.go_on(2)
        assert play.clock.wait_for_waiters(2)
        noted = {path.name: path.read_bytes() for path in play.directory.glob("storage.db*")}
        play.go_on(1)
        twice = play.mark
        play.kill()
        for name, content in noted.items():
            (play.directory / name).write_bytes(content)
        play.be_away(3)
        play.begin()
        play.settle()
        bodies = [body for mark, body in play.spooled() if mark == twice]
        assert len(bodies) == 3
        assert len(set(bodies)) == 2
        way.reopen()
        play.go_on(1)
        play.drain()
        assert {tuple(times(series)) for series in costs(store).values()} == {tuple(play.marks())}
        assert store.violations == []
        assert_nothing_was_refused(play, 200)


def test_the_other_destination_has_each_mark_on_time(tmp_path):
    """Case 55: one is down for twelve hours and catches up."""
    with Play(tmp_path, emit=15 * MINUTE) as play:
        late, way = play.store(out_of_order_window=HOUR)
        punctual, _ = play.store(out_of_order_window=0)
        play.begin()
        play.settle()
        play.go_on(4)
        play.drain()
        way.close()
        for _ in range(48):
            play.go_on(1)
            assert play.exporters[1].force_flush(10_000)
            assert {times(series)[-1] for series in costs(punctual).values()} == {play.mark}
        assert {times(series)[-1] for series in costs(late).values()} == {play.marks()[4]}
        way.reopen()
        play.go_on(5)
        play.drain()
        assert costs(late) == costs(punctual)
        assert late.violations == punctual.violations == []
        assert_nothing_was_refused(play, 200)


def test_what_waits_is_not_in_memory(tmp_path, monkeypatch):
    """It is on the disk alone, where it is more than what is kept in memory for speed."""
    monkeypatch.setattr("otel_kubecost.exporters.sending.spool._COPIES", 0)
    kinds = "exporters", "extensions"
    ours = [tracemalloc.Filter(True, f"*/otel_kubecost/{kind}/*") for kind in kinds]

    def held():
        gc.collect()
        traced = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
        return sum(one.size for one in traced), play.exporters[0].stats().bytes

    with Play(tmp_path) as play:
        _, way = play.store()
        play.begin()
        play.settle()
        play.drain()
        way.close()
        tracemalloc.start()
        play.go_on(10)
        memory, disk = held()
        play.go_on(30)
        memory_then, disk_then = held()
        tracemalloc.stop()
        assert disk_then > 3 * disk
        assert 2 * (memory_then - memory) < disk_then - disk


def test_an_outage_longer_than_retention(tmp_path, caplog):
    """Case 52: the oldest are dropped and counted as too old, after lines that say when that will
    be; what is younger arrives."""
    with Play(tmp_path, emit=15 * MINUTE) as play:
        play.options = {"retention": "6h"}
        store, way = play.store(out_of_order_window=HOUR)
        play.begin()
        play.settle()
        play.drain()
        way.close()
        play.go_on(48)
        way.reopen()
        play.go_on(1)
        play.drain()
        (exporter,) = play.exporters
        accepted, delivered, pending, dropped = exporter.stats()[:4]
        too_old = [mark for mark in play.marks()[1:] if mark < play.mark - 6 * HOUR]
        assert dropped == {"too_old": accepted * len(too_old) // len(play.marks())}
        assert (accepted, pending) == (delivered + dropped["too_old"], 0)
        kept = [mark for mark in play.marks() if mark not in too_old]
        assert {tuple(times(series)) for series in costs(store).values()} == {tuple(kept)}
        assert store.violations == []
    said = [one for one in caplog.messages if "too old" in one or "longer than" in one]
    assert said[:4] == [
        "In 3.0 h the oldest samples will be too old and dropped",
        "In 1.5 h the oldest samples will be too old and dropped",
        "In 30 min the oldest samples will be too old and dropped",
        "Samples waited longer than they are worth keeping",
    ]


def test_a_kill_in_the_middle_of_a_gap(tmp_path):
    """What was filled since the last note comes again, behind what was sent: a receiver without a
    window says so, which is counted and costs nothing."""
    with Play(tmp_path) as play:
        store, way = play.store(product="prometheus", out_of_order_window=0)
        come_back_after_hours(play)
        with stuck(play.kubecosts["c"], window_of(play.mark) - HOUR) as is_stuck:
            play.begin()
            soon(is_stuck.is_set)
            play.drain()
            way.blocked = UNAVAILABLE
            play.kill(waiting=0)
        way.blocked = None
        play.begin()
        play.settle()
        play.go_on(1)
        play.drain()
        assert {tuple(times(series)) for series in costs(store).values()} == {tuple(play.marks())}
        (exporter,) = play.exporters
        assert set(exporter.stats().dropped) == {"out_of_order"}
        assert all(one.startswith(("out of order", "out of bounds")) for one in store.violations)


@contextmanager
def stuck(kubecost, hour):
    """It does not answer for one ``hour``, as long as the context lasts."""
    asked, over = threading.Event(), threading.Event()
    compute = kubecost.compute

    def computed(query):
        if query.start == hour:
            asked.set()
            over.wait(20)
        return compute(query)

    kubecost.answer(computed)
    yield asked
    over.set()
    kubecost.answer(compute)


@contextmanager
def slow(kubecost):
    """It takes its time for every answer."""
    compute = kubecost.compute

    def computed(query):
        time.sleep(0.2)
        return compute(query)

    kubecost.answer(computed)
    yield
    kubecost.answer(compute)


def come_back_after_hours(play):
    """An agent that has a gap of four."""
    play.begin()
    play.settle()
    play.go_on(2)
    play.drain()
    play.stop()
    play.be_away(48)


def assert_every_cluster_is_whole(play, store, first):
    """``first``: the number of the first mark of each cluster."""
    found = {(dict(labels)["cluster"], *times(series)) for labels, series in costs(store).items()}
    assert found == {(name, *play.marks()[at:]) for name, at in first.items()}
    assert store.violations == []
    assert_nothing_was_refused(play, 200)


def test_a_fast_cluster_does_not_shut_out_a_slow_one(tmp_path):
    """Both fill their gaps into one destination that takes nothing an hour behind the newest
    sample: the one that is ahead waits, with what is new as well."""
    with Play(tmp_path, clusters=("fast", "slow")) as play:
        store, _ = play.store(out_of_order_window=HOUR)
        come_back_after_hours(play)
        with slow(play.kubecosts["slow"]):
            play.begin()
            play.settle()
        play.go_on(2)
        play.drain()
        assert_every_cluster_is_whole(play, store, {"fast": 0, "slow": 0})


def test_a_new_cluster_does_not_shut_out_one_that_was_away(tmp_path):
    """It has no gap, but its first mark would be the newest of all: it waits as well."""
    with Play(tmp_path, clusters=("old",)) as play:
        store, _ = play.store(out_of_order_window=HOUR)
        come_back_after_hours(play)
        play.add_cluster("new")
        with slow(play.kubecosts["old"]):
            play.begin()
            play.settle()
        play.go_on(2)
        play.drain()
        assert_every_cluster_is_whole(play, store, {"old": 0, "new": 50})


def test_a_cluster_whose_kubecost_is_down_holds_up_no_other(tmp_path):
    """Who gets no answers fills nothing: the other one is up to date at once."""
    with Play(tmp_path, clusters=("up", "down")) as play:
        store, _ = play.store(out_of_order_window=HOUR)
        come_back_after_hours(play)
        play.kubecosts["down"].answer(UNAVAILABLE)
        play.begin()
        soon(lambda: play.readers[0].position == play.mark)
        play.drain()
        newest = {dict(labels)["cluster"]: times(series)[-1]
                  for labels, series in costs(store).items()}  # fmt: skip
        assert newest == {"up": play.mark, "down": play.marks()[2]}
