"""Two agents with one configuration: what one of them misses the other one has, and nothing twice.

Case 71. A clock that is handed in drives both through sixty marks over real HTTP, each by a way of
its own (``Link``) to one receiver of remote write that is as strict as CloudTuner's Thanos or as
Prometheus. Whatever happens to one of them on the way, what is stored is what one agent alone
would have stored, sample by sample. At the end the same as processes, into Debian's Prometheus.
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import signal
import socket
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from contextlib import ExitStack, contextmanager

import pytest
from peers import Agent, Prometheus, wait_until

from otel_kubecost.clock import SystemClock
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import (
    FakeClock,
    HttpServer,
    RemoteWriteReceiver,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    decode,
    is_stale,
)

START = 1_790_000_000 // 3600 * 3600
MARKS = 60
MINUTE = 60
HOUR = 3600
TENANT = "tenant-1"
PREFIX = "cloudtuner_kubecost_"
OWN = f"{PREFIX}exporter_"
"""What an agent says of itself, with its host's name in the label ``instance``."""
REFUSALS = ("duplicate sample", "out of order sample", "out of bounds", "too old sample")

pytestmark = pytest.mark.peers

strict = pytest.mark.parametrize(
    "strictness",
    [
        {"product": product, "out_of_order_window": window}
        for product in ("thanos", "prometheus")
        for window in (HOUR, 0)
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
"""CloudTuner's receiver, Prometheus, and each of them with the other one's window."""


class Link(HttpServer):
    """One agent's way to a receiver, which may be interrupted; it keeps what passed."""

    def __init__(self, url, clock=time):
        super().__init__(self._pass_on)
        self._place = urllib.parse.urlsplit(url).netloc
        self._clock = clock
        self.is_open = True
        self.passed = []

    def _time(self):
        return self._clock.time()

    def _pass_on(self, request):
        if not self.is_open:
            return Reply(504, hang=True)
        connection = http.client.HTTPConnection(self._place, timeout=10)
        connection.request(request.method, request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.read())
        connection.close()
        if request.method == "POST":
            self.passed.append((request.body, reply.status))
        return reply

    def refuse(self):
        """Nobody listens any more."""
        self.is_open = False
        self.__exit__(None, None, None)

    def hang(self):
        """Requests arrive nowhere, and no answer comes."""
        self.is_open = False

    def restore(self):
        """What still waits for an answer is broken off."""
        if not self._server.closing.is_set():
            self.__exit__(None, None, None)
        self.is_open = True
        self.__enter__()


class Replica:
    """One of two agents, at work from its making on."""

    def __init__(self, pair, name, storage=None):
        self.link = pair.links[name]
        receiver = KubecostReceiver(
            endpoint=pair.kubecost.url,
            tenant_id=TENANT,
            cluster_name="prod",
            currency="USD",
            levels=["cluster", "namespace", "pod"],
            window="1h",
            emit_interval=pair.emit,
            collection_interval=2 * pair.emit,
            clock=pair.clock,
            checkpoints=storage and storage.client("kubecost"),
        )
        self.exporter = PrometheusRemoteWriteExporter(
            endpoint=self.link.url + "/storage/api/v2/write",
            headers={"Cloud-Account-Id": TENANT},
            basic_auth={"username": "kubecost", "password": "s3cret"},
            timeout=2,
            clock=pair.clock,
            spool=storage and storage.queue("cloudtuner"),
        )
        self._pipeline = Pipeline(receiver, [], [self.exporter], clock=pair.clock)
        self._pipeline.start()

    @property
    def position(self):
        """The newest mark that its exporter has."""
        (reader,) = self._pipeline.feeds[0].readers
        return reader.position

    def kill(self):
        """What it has is gone, but for what a storage keeps."""
        self.link.refuse()
        self._pipeline.shutdown(timeout_millis=0)

    def stop(self):
        self._pipeline.shutdown()


class Pair:
    """A simulated Kubecost, a receiver that enforces every rule, and agents between them."""

    def __init__(self, monkeypatch, *, emit=MINUTE, **strictness):
        self.emit = emit
        self.clock = FakeClock(START)
        self.kubecost = SimulatedKubecost(SimulatedCluster(3, "c"), self.clock)
        self.store = RemoteWriteReceiver(
            clock=self.clock, account_id=TENANT, basic_auth=("kubecost", "s3cret"), **strictness
        )
        self.links = {}
        self.replicas = {}
        self._monkeypatch = monkeypatch
        self._open = ExitStack()

    def __enter__(self):
        self._open.enter_context(self.kubecost)
        self._open.enter_context(self.store)
        for name in "ab":
            self.links[name] = Link(self.store.url, self.clock)
            self._open.enter_context(self.links[name])
        return self

    def __exit__(self, *raised):
        for replica in self.replicas.values():
            replica.stop()
        self._open.__exit__(*raised)

    def start(self, name, storage=None):
        """An agent on a host of its own, named ``name``."""
        self._monkeypatch.setattr(socket, "gethostname", lambda: name)
        self.replicas[name] = Replica(self, name, storage)
        return self.replicas[name]

    def start_both(self):
        """At different seconds of one interval."""
        self.clock.advance(7)
        first = self.start("a")
        self.clock.advance(31)
        second = self.start("b")
        self.settle()
        return first, second

    def kill(self, name):
        self.replicas.pop(name).kill()

    @property
    def mark(self):
        return self.clock.time() // self.emit * self.emit

    @property
    def number(self):
        """How many marks there were."""
        return round((self.mark - START) / self.emit) + 1

    def play(self, until):
        """Let marks pass until there were ``until``, each settled before the next."""
        while self.number < until:
            self.clock.advance(self.emit - self.clock.time() % self.emit)
            self.settle()

    def settle(self):
        """Let every agent take the mark, and hear what becomes of it where there is a way."""
        self.clock.wait_for_waiters(len(self.replicas))
        for replica in self.replicas.values():
            wait_until(lambda: replica.position == self.mark)  # noqa: B023  waited for here
            if replica.link.is_open:
                self.drain(replica)

    def drain(self, replica):
        """Let everything that it has be answered, before the next mark."""
        for _ in range(20):
            if replica.exporter.force_flush(500):
                return
            self.clock.advance(1)
        raise AssertionError(f"not settled: {replica.exporter.stats()}")

    def restore(self, replica):
        """The way is free again, and the longest backoff is over."""
        replica.link.restore()
        self.clock.advance(5)
        self.drain(replica)

    def costs(self):
        """Every stored sample but those that agents wrote of themselves."""
        return {
            (labels, at // 1000, "stale" if is_stale(value) else value)
            for labels, points in self.store.series.items()
            if not is_own(labels)
            for at, value in points
        }

    def count(self):
        """How many samples of costs are stored, each as often as it is."""
        return sum(len(one) for labels, one in self.store.series.items() if not is_own(labels))

    def own_marks(self, name):
        """The times of the series in which an agent says whether it is well."""
        (points,) = [
            points
            for labels, points in self.store.series.items()
            if {("__name__", f"{OWN}scrape_success"), ("instance", name)} <= set(labels)
        ]
        return [at // 1000 for at, _ in points]

    def grid(self):
        return [START + step * self.emit for step in range(MARKS)]


def is_own(labels):
    return dict(labels)["__name__"].startswith(OWN)


def bodies(link):
    """What an agent had to say of costs, and what of itself: the bodies by mark."""
    costs, own = {}, {}
    for body, _ in link.passed:
        one = decode(body).series[0]
        (own if is_own(one.labels) else costs).setdefault(one.points[0][0] // 1000, []).append(body)
    return costs, own


def sums(samples, metric):
    """The sum over all series of a metric by mark."""
    wanted = ("__name__", PREFIX + metric)
    values = defaultdict(list)
    for labels, at, value in samples:
        if wanted in labels and value != "stale":
            values[at].append(value)
    return {at: math.fsum(values[at]) for at in sorted(values)}


def warnings(caplog):
    """Lines above INFO, but those that say that the receiver cannot be reached."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno > logging.INFO
        and not str(getattr(record, "reason", "")).startswith("network_")
    ]


def assert_balanced(*replicas):
    """Every sample is accounted for, and none waits."""
    for replica in replicas:
        stats = replica.exporter.stats()
        assert stats.accepted == stats.delivered + sum(stats.dropped.values())
        assert stats.pending == 0
        assert stats.trouble == ""


def assert_complete(pair, alone):
    """What is stored is what one agent stores: every mark of every series, each once."""
    assert {at for _, at, _ in alone} == set(pair.grid())
    assert pair.costs() == alone
    assert pair.count() == len(alone)
    assert all(any(words in one for words in REFUSALS) for one in pair.store.violations)


@contextmanager
def storage(directory):
    """What one agent keeps while its processes come and go."""
    kept = FileStorage(directory=str(directory))
    kept.start()
    yield kept
    kept.shutdown()


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="otel_kubecost")


def by_itself(emit):
    with pytest.MonkeyPatch.context() as patch, Pair(patch, emit=emit) as pair:
        pair.start("a")
        pair.settle()
        pair.play(MARKS)
        assert pair.store.violations == []
        return pair.costs()


@pytest.fixture(scope="module")
def alone():
    """What one agent stores that nothing happens to, at a mark a minute."""
    return by_itself(MINUTE)


@pytest.fixture(scope="module")
def alone_for_hours():
    """The same at a mark each five minutes."""
    return by_itself(5 * MINUTE)


def test_two_agents_write_the_same_bytes_at_sixty_marks(monkeypatch):
    """Case 71: what leaves for a mark is the same to the byte, begun at whatever second; what they
    say of themselves has the same series, but for the label ``instance``."""
    with Pair(monkeypatch) as pair:
        pair.start_both()
        pair.play(MARKS)
        (costs, own), (other_costs, other_own) = (bodies(link) for link in pair.links.values())
    assert sorted(costs) == sorted(own) == pair.grid()
    assert costs == other_costs
    each = [body for of_mark in costs.values() for body in of_mark]
    assert len(set(each)) == len(each) >= MARKS
    for mark in pair.grid():
        (body,), (other,) = own[mark], other_own[mark]
        mine, others = ([dict(one.labels) for one in decode(each).series] for each in (body, other))
        assert {one.pop("instance") for one in mine} == {"a"}
        assert {one.pop("instance") for one in others} == {"b"}
        assert mine == others


@strict
def test_both_send_everything(monkeypatch, caplog, alone, strictness):
    """Case 71: at every strict receiver each sample is stored once; no agent has an error, a
    warning, or a sample that it does not know the end of."""
    with Pair(monkeypatch, **strictness) as pair:
        replicas = pair.start_both()
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert pair.own_marks("a") == pair.own_marks("b") == pair.grid()
        assert [set(bodies(link)[0]) for link in pair.links.values()] == [set(pair.grid())] * 2
        assert_balanced(*replicas)
        assert [one.exporter.stats().dropped for one in replicas] == [{}, {}]
        assert pair.store.violations == []
    assert any(value == "stale" for _, _, value in alone)
    assert warnings(caplog) == []


def test_no_cost_is_counted_twice(monkeypatch, alone):
    """Case 71: at each mark the sum over all series of a metric is what one agent gives."""
    with Pair(monkeypatch, out_of_order_window=HOUR) as pair:
        pair.start_both()
        pair.play(MARKS)
        for metric in ("cluster_total_cost", "namespace_total_cost", "pod_total_cost"):
            found = sums(pair.costs(), metric)
            assert list(found) == pair.grid()
            assert found == sums(alone, metric)


@strict
def test_one_is_killed(monkeypatch, caplog, alone, strictness):
    """Case 71: nothing is missing from the twentieth mark on."""
    with Pair(monkeypatch, **strictness) as pair:
        pair.start_both()
        pair.play(20)
        pair.kill("a")
        pair.play(MARKS)
        (survivor,) = pair.replicas.values()
        assert_complete(pair, alone)
        assert_balanced(survivor)
        assert survivor.exporter.stats().dropped == {}
        assert pair.own_marks("a") == pair.grid()[:20]
    assert warnings(caplog) == []


@strict
@pytest.mark.parametrize("cut", [Link.refuse, Link.hang])
def test_one_is_partitioned_for_twenty_marks(monkeypatch, caplog, alone, strictness, cut):
    """Case 71: what it sends late is there already, which is settled without a word above INFO:
    where the window is open as delivered, where it is not as too old; the other one's is untouched.
    """
    with Pair(monkeypatch, **strictness) as pair:
        steady, late = pair.start_both()
        pair.play(20)
        cut(late.link)
        pair.play(40)
        wait_until(lambda: late.exporter.stats().trouble.startswith("network_"))
        pair.restore(late)
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert_balanced(steady, late)
        assert steady.exporter.stats().dropped == {}
        refused = late.exporter.stats().dropped
        assert set(refused) == (set() if strictness["out_of_order_window"] else {"out_of_order"})
        assert pair.own_marks("b") == pair.grid()
        offered = [body for body, _ in late.link.passed]
        assert len(set(offered)) == len(offered), "nothing that was answered is tried again"
    assert warnings(caplog) == []


@strict
def test_what_is_later_than_an_hour_is_settled_too(
    monkeypatch, caplog, alone_for_hours, strictness
):
    """Case 71: twenty marks are 100 minutes here, so the first of them are too old whatever the
    window; that costs the late one nothing but what it says of itself."""
    with Pair(monkeypatch, emit=5 * MINUTE, **strictness) as pair:
        steady, late = pair.start_both()
        pair.play(20)
        late.link.refuse()
        pair.play(40)
        pair.restore(late)
        pair.play(MARKS)
        assert_complete(pair, alone_for_hours)
        assert_balanced(steady, late)
        assert steady.exporter.stats().dropped == {}
        assert set(late.exporter.stats().dropped) == {"out_of_order"}
        assert pair.own_marks("b") == pair.grid()[:20] + pair.grid()[27:]
    assert warnings(caplog) == []


@strict
def test_both_are_partitioned(monkeypatch, caplog, alone, strictness):
    """Case 71: the one that is back first sends the twenty marks in their order, so that nothing is
    refused, and the other one has nothing new: with a window of an hour its samples are taken once
    more, with none they are refused. Both are settled."""
    with Pair(monkeypatch, **strictness) as pair:
        late, early = pair.start_both()
        pair.play(20)
        late.link.refuse()
        early.link.refuse()
        pair.play(40)
        assert {at for _, at, _ in pair.costs()} == set(pair.grid()[:20])
        pair.restore(early)
        assert {at for _, at, _ in pair.costs()} == set(pair.grid()[:40])
        pair.play(45)
        pair.restore(late)
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert_balanced(late, early)
        assert early.exporter.stats().dropped == {}
        refused = late.exporter.stats().dropped
        assert set(refused) == (set() if strictness["out_of_order_window"] else {"out_of_order"})
        assert pair.own_marks("a") == pair.own_marks("b") == pair.grid()
        assert [list(bodies(one.link)[0]) for one in (early, late)] == [pair.grid()] * 2
    assert warnings(caplog) == []


@strict
def test_partitions_that_overlap(monkeypatch, caplog, alone, strictness):
    """Case 71: one is away from the tenth mark to the thirtieth, the other from the twentieth to
    the fortieth: of the ten that neither sent in time nothing is missing."""
    with Pair(monkeypatch, **strictness) as pair:
        one, other = replicas = pair.start_both()
        pair.play(10)
        one.link.refuse()
        pair.play(20)
        other.link.hang()
        pair.play(30)
        pair.restore(one)
        pair.play(40)
        pair.restore(other)
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert_balanced(*replicas)
    assert warnings(caplog) == []


@strict
def test_one_is_killed_and_fills_its_gap(monkeypatch, caplog, alone, strictness, tmp_path):
    """Case 71: with a storage it sends what it missed as if nobody else had: that is there."""
    with storage(tmp_path) as kept, Pair(monkeypatch, **strictness) as pair:
        pair.clock.advance(7)
        steady, _ = pair.start("a"), pair.start("b", kept)
        pair.settle()
        pair.play(20)
        pair.kill("b")
        pair.play(40)
        pair.links["b"].restore()
        back = pair.start("b", kept)
        pair.settle()
        pair.play(MARKS)
        assert set(bodies(pair.links["b"])[0]) == set(pair.grid())
        assert_complete(pair, alone)
        assert_balanced(steady, back)
        assert steady.exporter.stats().dropped == {}
        refused = back.exporter.stats().dropped
        assert set(refused) == (set() if strictness["out_of_order_window"] else {"out_of_order"})
    assert "Filling a gap: " in caplog.text
    assert warnings(caplog) == []


@strict
def test_one_fills_its_gap_while_the_other_is_away(
    monkeypatch, caplog, alone, strictness, tmp_path
):
    """Case 71: the only copy of ten marks is with an agent that is partitioned; the other one, that
    was not there then, has them from Kubecost before it goes on with the present."""
    with storage(tmp_path) as kept, Pair(monkeypatch, **strictness) as pair:
        pair.clock.advance(7)
        away, _ = pair.start("a"), pair.start("b", kept)
        pair.settle()
        pair.play(20)
        pair.kill("b")
        away.link.refuse()
        pair.play(30)
        pair.links["b"].restore()
        back = pair.start("b", kept)
        pair.settle()
        pair.play(40)
        pair.restore(away)
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert_balanced(away, back)
        assert back.exporter.stats().dropped == {}
    assert warnings(caplog) == []


@strict
def test_one_is_killed_while_it_is_cut_off(monkeypatch, caplog, alone, strictness, tmp_path):
    """Case 71: of the ten marks that neither could send, five are in its spool and five it has from
    Kubecost; they leave in their order, before the present."""
    with storage(tmp_path) as kept, Pair(monkeypatch, **strictness) as pair:
        pair.clock.advance(7)
        away, one = pair.start("a"), pair.start("b", kept)
        pair.settle()
        pair.play(20)
        away.link.refuse()
        one.link.refuse()
        pair.play(25)
        pair.kill("b")
        pair.play(30)
        pair.links["b"].restore()
        back = pair.start("b", kept)
        pair.settle()
        assert {at for _, at, _ in pair.costs()} == set(pair.grid()[:30])
        assert list(bodies(back.link)[0]) == pair.grid()[:30]
        pair.play(40)
        pair.restore(away)
        pair.play(MARKS)
        assert_complete(pair, alone)
        assert_balanced(away, back)
        assert back.exporter.stats().dropped == {}
    assert warnings(caplog) == []


PROCESS = """
extensions:
  file_storage: {{directory: "{directory}"}}
receivers:
  kubecost: {{endpoint: "{kubecost}", tenant_id: t, cluster_name: c, currency: USD,
             collection_interval: 1s, emit_interval: 1s, storage: file_storage}}
exporters:
  prometheus_remote_write: {{endpoint: "{endpoint}", queue_config: {{max_backoff: 200ms}},
                            storage: file_storage}}
service:
  extensions: [file_storage]
  pipelines: {{metrics: {{receivers: [kubecost], exporters: [prometheus_remote_write]}}}}
"""
HOST = """
import os, socket
socket.gethostname = lambda: os.environ["HOST"]
"""
"""What a pod's network is to a process in it: the name of a host of its own."""


class Processes:
    """Two agents as processes, each on its way to one Prometheus."""

    def __init__(self, directory, prometheus, kubecost):
        self.links = {name: Link(prometheus.url) for name in "ab"}
        self._directory = directory
        self._prometheus = prometheus
        self._kubecost = kubecost
        self._open = ExitStack()
        (directory / "sitecustomize.py").write_text(HOST)

    def __enter__(self):
        for link in self.links.values():
            self._open.enter_context(link)
        return self

    def __exit__(self, *raised):
        self._open.__exit__(*raised)

    def start(self, name):
        config = self._directory / f"{name}.yaml"
        config.write_text(
            PROCESS.format(
                directory=self._directory / name,
                kubecost=self._kubecost.url,
                endpoint=f"{self.links[name].url}/api/v1/write",
            )
        )
        env = {"HOST": name, "PYTHONPATH": str(self._directory)}
        return self._open.enter_context(Agent("--config", config, env=env))

    def own_marks(self, name):
        """The seconds at which an agent said something of itself."""
        query = f'{OWN}scrape_success{{instance="{name}"}}[5m]'
        return [round(at) for one in self._prometheus.query(query) for at, _ in one["values"]]

    def go_on(self, marks):
        """Let both send so many marks more."""
        for name in self.links:
            seen = len(self.own_marks(name))
            wait_until(lambda: len(self.own_marks(name)) >= seen + marks)  # noqa: B023  the same


def query_range(prometheus, query, start, end):
    """The values of a query that gives one series, by second."""
    parameters = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": 1})
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/query_range?{parameters}") as answer:
        (series,) = json.load(answer)["data"]["result"]
    return {round(at): float(value) for at, value in series["values"]}


def seriousness(log):
    """Lines of a process above INFO that are not about a receiver that cannot be reached."""
    lines = [line for line in log.splitlines() if "[warning" in line or "[error" in line]
    return [line for line in lines if "reason=network_" not in line]


TOTAL = f"{PREFIX}namespace_total_cost"


def total(body):
    """The sum over a metric's series in one request."""
    return math.fsum(
        one.points[0][1] for one in decode(body).series if ("__name__", TOTAL) in one.labels
    )


def test_two_processes_into_prometheus(tmp_path):
    """Case 71 with everything real: one is killed and comes back, the other one is cut off and
    comes back, and Prometheus has each second of each series once, with the sums of one agent."""
    cluster = SimulatedCluster(3, "c")
    with (
        Prometheus(tmp_path) as prometheus,
        SimulatedKubecost(cluster, SystemClock()) as kubecost,
        Processes(tmp_path, prometheus, kubecost) as agents,
    ):
        first = agents.start("a")
        wait_until(lambda: len(agents.own_marks("a")) >= 2)
        second = agents.start("b")
        agents.go_on(4)
        first.signal(signal.SIGKILL)
        first.wait()
        seen = len(agents.own_marks("b"))
        wait_until(lambda: len(agents.own_marks("b")) >= seen + 4)
        again = agents.start("a")
        agents.go_on(3)
        agents.links["b"].refuse()
        seen = len(agents.own_marks("a"))
        wait_until(lambda: len(agents.own_marks("a")) >= seen + 4)
        agents.links["b"].restore()
        agents.go_on(4)
        assert [again.stop(), second.stop()] == [0, 0]
        stored = {
            tuple(sorted(one["metric"].items())): [round(at) for at, _ in one["values"]]
            for one in prometheus.query(f'{{__name__=~"{PREFIX}.*",__name__!~"{OWN}.*"}}[5m]')
        }
        (times,) = {tuple(each) for each in stored.values()}
        assert list(times) == list(range(times[0], times[-1] + 1))
        sent, others = (bodies(link)[0] for link in agents.links.values())
        assert set(times) == sent.keys() | others.keys()
        both = sent.keys() & others.keys()
        assert {mark: sent[mark][0] for mark in both} == {mark: others[mark][0] for mark in both}
        given = {mark: total((sent | others)[mark][0]) for mark in times}
        total_at = query_range(prometheus, f"sum({TOTAL})", times[0], times[-1])
        assert total_at == pytest.approx(given)
        codes = {code for link in agents.links.values() for _, code in link.passed}
        assert codes == {204, 400}
    assert seriousness(first.log + second.log + again.log) == []
    assert "Filling a gap: " in again.log
