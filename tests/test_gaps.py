"""Marks that were missed: read again, sent oldest first, and the same as if nothing had been."""

import time
import urllib.request
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from peers import Prometheus, wait_until

from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import each_metric, map_scopes
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import (
    FakeClock,
    RemoteWriteReceiver,
    SimulatedCluster,
    SimulatedKubecost,
    is_stale,
)

START = 1_790_000_000.0 // 3600 * 3600
OWN = "cloudtuner_kubecost_exporter_"
"""The agent's own metrics: they are of the present alone."""


class Chain:
    """A simulated Kubecost, a receiver that enforces the protocol, and pipelines between them."""

    def __init__(self, **options):
        self.clock = FakeClock(START)
        self.kubecost = SimulatedKubecost(SimulatedCluster(3, "c"), self.clock)
        self.store = RemoteWriteReceiver(clock=self.clock)
        self.options = options
        self.pipelines = []

    def __enter__(self):
        self.kubecost.__enter__()
        self.store.__enter__()
        return self

    def __exit__(self, *error):
        for pipeline in self.pipelines:
            pipeline.shutdown(timeout_millis=3000)
        self.store.__exit__(*error)
        self.kubecost.__exit__(*error)

    def receiver(self, **options):
        defaults = {
            "endpoint": self.kubecost.url,
            "tenant_id": "t",
            "cluster_name": "c",
            "levels": ["cluster", "namespace", "pod"],
            "window": "1h",
            "emit_interval": "5m",
            "collection_interval": "10m",
            "currency": "USD",
        }
        return KubecostReceiver(**defaults | self.options | options, clock=self.clock)

    def exporter(self, **options):
        return PrometheusRemoteWriteExporter(
            endpoint=self.store.endpoint, clock=self.clock, **options
        )

    def pipeline(self, receivers, exporters, processors=(), **keywords):
        made = Pipeline(receivers, processors, exporters, clock=self.clock, **keywords)
        self.pipelines.append(made)
        return made

    def go_on(self, marks, seconds=300, waiters=1):
        """Let ``marks`` marks pass, each served before the next."""
        for _ in range(marks):
            assert self.clock.wait_for_waiters(waiters)
            self.clock.advance(seconds)
        assert self.clock.wait_for_waiters(waiters)

    @contextmanager
    def storage(self, directory):
        """One process' storage."""
        storage = FileStorage(directory=str(directory))
        storage.start()
        yield storage
        storage.shutdown()

    def end(self):
        """Let everything arrive, and see that no rule of the protocol was broken."""
        for pipeline in self.pipelines:
            pipeline.shutdown()
        assert self.store.violations == []

    def series(self, name):
        """Points of each series of a metric."""
        return [
            points
            for labels, points in self.store.series.items()
            if dict(labels)["__name__"] == name
        ]

    def samples(self):
        """The cost samples that are stored, without those of the agent itself."""
        return {
            (labels, at, "stale" if is_stale(value) else value)
            for labels, points in self.store.series.items()
            if not dict(labels)["__name__"].startswith(OWN)
            for at, value in points
        }


def times(samples):
    return sorted({at // 1000 for _, at, _ in samples})


def grid(first, last):
    return list(range(int(first), int(last) + 1, 300))


@pytest.fixture(scope="module")
def steady():
    """What an agent sent that never stopped, for five hours."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(60)
        chain.end()
        return chain.samples()


def test_a_gap_leaves_no_trace(steady):
    """An agent that slept for four hours has sent what one that never slept has: the same samples,
    stale markers of pods that ended meanwhile included, each series in its order."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(6)
        chain.clock.advance(300 * 48)
        chain.go_on(6)
        chain.end()
        assert times(steady) == grid(START, START + 300 * 60)
        assert any(value == "stale" for _, _, value in steady)
        assert chain.samples() == steady
        windows = [request.query["window"] for request in chain.kubecost.requests
                   if "window" in request.query]  # fmt: skip
        assert len(set(windows)) * 2 <= len(windows) + 2


def test_a_restart_leaves_no_trace(steady, tmp_path):
    """With a storage the next process knows what the last one has delivered, and reads the rest;
    but for the markers of series that ended just then, which only the last one knew."""
    with Chain() as chain:
        for marks, away in ((6, 300 * 48), (6, 0)):
            with chain.storage(tmp_path) as storage:
                receiver = chain.receiver(checkpoints=storage.client("kubecost"))
                pipeline = chain.pipeline(receiver, [chain.exporter()])
                pipeline.start()
                chain.go_on(marks)
                pipeline.shutdown()
            chain.clock.advance(away)
        chain.end()
        assert {one for one in chain.samples() if one[2] != "stale"} == {
            one for one in steady if one[2] != "stale"
        }
        assert chain.samples() <= steady


def test_without_a_storage_a_new_process_begins_with_the_present():
    """It does not know that there was another one before it."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(2)
        chain.end()
        assert times(chain.samples()) == grid(START, START + 600)


def test_an_outage_of_kubecost_is_filled_when_it_is_over():
    """The last answer is repeated for max_staleness, then the series end; what comes after that
    is read later. The agent's own metrics go on all the time, and say at once what is wrong."""
    with Chain(max_staleness="15m") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(2)
        chain.kubecost.__exit__(None, None, None)
        chain.go_on(30)
        during = chain.samples()
        assert times(during)[-1] < chain.clock.time() - 300 * 25
        wait_until(
            lambda: chain.series(f"{OWN}scrape_success")[0][-1][0] == chain.clock.time() * 1000
        )
        (success,) = chain.series(f"{OWN}scrape_success")
        assert [value for _, value in success] == [1.0] * 4 + [0.0] * 29
        chain.kubecost.__enter__()
        chain.go_on(6)
        chain.end()
        assert times(chain.samples()) == grid(START, chain.clock.time())


def test_no_more_than_backfill_is_filled():
    """What is older stays away: a receiver may have been switched off for weeks on purpose."""
    with Chain(backfill="1h") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        chain.clock.advance(300 * 40)
        chain.go_on(0)
        chain.end()
        now = chain.clock.time()
        assert times(chain.samples()) == [START, *grid(now - 3600, now)]


def test_backfill_of_nothing_is_the_present_alone():
    """``backfill: 0`` skips marks that were missed."""
    with Chain(backfill="0") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        chain.clock.advance(300 * 10)
        chain.go_on(0)
        chain.end()
        assert times(chain.samples()) == [START, START + 3000]


def test_a_destination_that_is_down_loses_nothing_of_a_gap():
    """While it fills nothing newer is queued, so memory stays as it is; when it is back, the rest
    follows, oldest first, and then the present."""
    with Chain() as chain:
        exporter = chain.exporter()
        chain.pipeline(chain.receiver(), [exporter]).start()
        chain.go_on(1)
        wait_until(lambda: not exporter.stats().pending)
        chain.store.script([503] * 3)
        one_batch = exporter.stats().accepted
        chain.clock.advance(300 * 20)
        wait_until(lambda: exporter.stats().trouble)
        assert exporter.stats().pending <= one_batch
        for _ in range(8):
            chain.clock.advance(60)
        chain.go_on(2, waiters=1)
        chain.end()
        now = chain.clock.time() // 300 * 300
        assert times(chain.samples()) == grid(START, now)
        assert sum(exporter.stats().dropped.values()) == 0


def test_an_outage_longer_than_the_queue_loses_nothing():
    """What the queue has no room for is not handed over: it is a gap, and filled when the
    destination is back."""
    with Chain() as chain:
        exporter = chain.exporter(queue_config={"capacity": 500})
        chain.pipeline(chain.receiver(), [exporter]).start()
        chain.go_on(1)
        wait_until(lambda: not exporter.stats().pending)
        chain.store.script([503] * 15)
        for _ in range(20):
            chain.go_on(1)
        wait_until(lambda: times(chain.samples())[-1] == chain.clock.time())
        chain.end()
        assert times(chain.samples()) == grid(START, chain.clock.time())
        assert exporter.stats().dropped == {}


def test_a_clock_that_is_wrong_for_a_moment_makes_no_gap(caplog):
    """Case 70: neither an hour ago nor in six hours; marks come as if nothing had been."""
    with Chain() as chain:
        chain.clock = Settable(chain.clock)
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(1)
        with caplog.at_level("INFO", logger="otel_kubecost"):
            for wrong in (-3600.0, 21_600.0):
                chain.go_on(1, seconds=280)
                chain.clock.wrong = wrong
                chain.go_on(2, seconds=20)
                chain.clock.wrong = 0.0
                chain.go_on(1, seconds=280)
        chain.end()
        assert times(chain.samples()) == grid(START, START + 1500)
    assert "gap" not in caplog.text


class Settable:
    """A machine's clock that somebody sets, by ``wrong`` seconds; the world goes by ``right``."""

    def __init__(self, right):
        self.right = right
        self.wrong = 0.0

    def time(self):
        return self.right.time() + self.wrong

    def __getattr__(self, name):
        return getattr(self.right, name)


def test_a_destination_that_stays_down_does_not_hold_up_another():
    """Each exporter of a pipeline fills the gap at its own pace."""
    with Chain() as chain, RemoteWriteReceiver(clock=chain.clock) as other:
        other.script([503] * 100_000)
        dead = PrometheusRemoteWriteExporter(endpoint=other.endpoint, clock=chain.clock)
        chain.pipeline(chain.receiver(), [dead, chain.exporter()]).start()
        assert chain.clock.wait_for_waiters(1)
        wait_until(lambda: times(chain.samples()) == [START])
        chain.clock.advance(300 * 12)
        wait_until(lambda: times(chain.samples()) == grid(START, START + 300 * 12))
        for _ in range(3):
            chain.clock.advance(300)
            wait_until(lambda: times(chain.samples())[-1] == chain.clock.time())
        assert chain.store.violations == []
        assert dead.stats().delivered == 0


def test_a_page_shows_the_present_while_a_gap_is_filled():
    """It is no place for the past: a scrape finds the newest mark at once."""
    with Chain() as chain:
        page = PrometheusExporter(endpoint="127.0.0.1:0")
        exporter = chain.exporter()
        chain.pipeline(chain.receiver(), [page, exporter]).start()
        chain.go_on(1)
        wait_until(lambda: not exporter.stats().pending)
        chain.store.script([503] * 2)
        chain.clock.advance(300 * 20)
        wait_until(lambda: exporter.stats().trouble)
        present = f"{OWN}last_success_timestamp_seconds"
        with urllib.request.urlopen(f"http://127.0.0.1:{page.address.port}/metrics") as got:
            (line,) = [one for one in got.read().decode().splitlines() if one.startswith(present)]
        assert float(line.split(" ")[-1]) == chain.clock.time()
        for _ in range(4):
            chain.clock.advance(60)
        chain.go_on(1)
        chain.end()


def test_two_pipelines_fill_a_gap_side_by_side(steady):
    """Each has its part of the metrics, and Kubecost is asked for each window once."""

    def only(level):
        def keep(_, metrics):
            return [one for one in metrics if level in one.name]

        return lambda data: map_scopes(data, keep)

    with Chain() as chain:
        receiver, exporter = chain.receiver(), chain.exporter()
        for level in ("_pod_", "_cluster_"):
            chain.pipeline(receiver, [exporter], processors=[only(level)], name=level).start()
        chain.go_on(6, waiters=2)
        chain.clock.advance(300 * 48)
        chain.go_on(6, waiters=2)
        chain.end()
        names = {dict(labels)["__name__"] for labels, _, _ in chain.samples()}
        assert all("_pod_" in name or "_cluster_" in name for name in names)
        assert chain.samples() == {one for one in steady if dict(one[0])["__name__"] in names}


class Kept(MetricExporter):
    """An exporter with a queue that is always empty; of batches of costs it keeps the times."""

    oldest_pending = None

    def __init__(self):
        super().__init__()
        self.costs = []

    def enqueue(self, metrics_data, stream=""):
        metrics = [metric for _, _, metric in each_metric(metrics_data)]
        if not metrics[0].name.startswith(OWN):
            at = metrics[0].data.data_points[0].time_unix_nano // 10**9
            self.costs.append((at, stream))

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


class Foreign(MetricExporter):
    """Somebody's exporter, which knows nothing of this package."""

    def __init__(self):
        super().__init__()
        self.times = []

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.times.append(
            next(
                metric.data.data_points[0].time_unix_nano // 10**9
                for _, _, metric in each_metric(metrics_data)
            )
        )
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


def test_an_exporter_of_the_sdk_gets_the_past_as_well():
    """Oldest first, before the present, through the thread that stands for its queue."""
    with Chain() as chain:
        foreign = Foreign()
        chain.pipeline(chain.receiver(), [foreign]).start()
        chain.go_on(1)
        chain.clock.advance(300 * 20)
        chain.go_on(1)
        chain.end()
        assert sorted(set(foreign.times)) == grid(START, START + 300 * 22)
        assert foreign.times == sorted(foreign.times)


class Down(Foreign):
    """A collector that does not answer yet."""

    answer = ConnectionError("refused")
    attempts = 0

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.attempts += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is MetricExportResult.FAILURE:
            return self.answer
        return super().export(metrics_data)


@pytest.mark.parametrize("answer", [ConnectionError("refused"), MetricExportResult.FAILURE])
def test_an_exporter_of_the_sdk_that_fails_is_offered_the_mark_again(answer, tmp_path, caplog):
    """One attempt a mark, nothing newer before it, and a line for all of them; meanwhile the
    checkpoint stays where it is."""
    with Chain() as chain, chain.storage(tmp_path) as storage:
        client = storage.client("kubecost")
        client.set("/Down", repr(START - 3000).encode())
        down = Down()
        down.answer = answer
        pipeline = chain.pipeline(chain.receiver(checkpoints=client), [down])
        pipeline.start()
        chain.go_on(3)
        pipeline.report()
        assert down.attempts == 4
        assert float(client.get("/Down")) == START - 3000
        down.answer = MetricExportResult.SUCCESS
        chain.go_on(2)
        chain.end()
        assert sorted(set(down.times)) == grid(START - 2700, chain.clock.time())
        assert down.times == sorted(down.times)
    assert len([one for one in caplog.records if "did not take" in one.getMessage()]) == 1


def test_one_cycle_by_hand_ends_where_an_exporter_of_the_sdk_fails():
    """The rest is offered by the next, from the mark that failed."""
    with Chain() as chain:
        down = Down()
        down.answer = MetricExportResult.SUCCESS
        pipeline = chain.pipeline(chain.receiver(), [down])
        pipeline.run_once()
        down.answer = MetricExportResult.FAILURE
        chain.clock.advance(3000)
        attempts = down.attempts
        assert pipeline.run_once() == [MetricExportResult.FAILURE]
        assert down.attempts == attempts + 1
        down.answer = MetricExportResult.SUCCESS
        assert pipeline.run_once() == [MetricExportResult.SUCCESS]
        assert sorted(set(down.times)) == grid(START, START + 3000)


def test_one_cycle_by_hand_fills_what_was_missed_since_the_last(steady):
    """``run_once`` from time to time sends what an agent that runs sends."""
    with Chain() as chain:
        pipeline = chain.pipeline(chain.receiver(), [chain.exporter()])
        for minutes in (0, 50, 5, 245):
            chain.clock.advance(60 * minutes)
            assert pipeline.run_once() == [MetricExportResult.SUCCESS]
        chain.end()
        assert chain.samples() == steady


def test_one_cycle_by_hand_goes_on_where_a_destination_was_down():
    """What was not taken comes first the next time, and the result says that it was not."""
    with Chain() as chain:
        pipeline = chain.pipeline(chain.receiver(), [chain.exporter()])
        pipeline.run_once()
        chain.clock.advance(3000)
        chain.store.script([401])
        assert pipeline.run_once() == [MetricExportResult.FAILURE]
        assert times(chain.samples()) == [START]
        assert chain.clock.wait_for_waiters()
        chain.clock.advance(120)
        wait_until(lambda: times(chain.samples()) != [START])
        assert pipeline.run_once() == [MetricExportResult.SUCCESS]
        chain.end()
        assert times(chain.samples()) == grid(START, START + 3000)


def test_a_window_without_data_stays_a_gap_and_is_said_once(caplog):
    """Kubecost did not run either; what is before and after it is filled."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        computed = chain.kubecost.compute
        hole = START + 3600
        chain.kubecost.answer(
            lambda query: {"code": 200, "data": [None]} if query.start == hole else computed(query)
        )
        chain.clock.advance(3600 * 5)
        chain.go_on(0)
        chain.end()
        # A window settles 20 minutes after its end, and Kubecost is asked every ten.
        missing = grid(hole + 3600 + 1200, hole + 7200 + 1199)
        assert times(chain.samples()) == sorted(set(grid(START, START + 3600 * 5)) - set(missing))
    (record,) = [one for one in caplog.records if "nothing of a window" in one.getMessage()]
    assert record.window == "2026-09-21T15:00:00Z,2026-09-21T16:00:00Z"


def test_a_window_that_keeps_failing_is_given_up(caplog):
    """It is asked for while max_staleness; then the present has waited long enough."""
    with Chain(max_staleness="15m") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        computed = chain.kubecost.compute
        hole = START + 3600

        def answer(query):
            if query.start == hole:
                raise ValueError("that hour makes me ill")
            return computed(query)

        chain.kubecost.answer(answer)
        chain.clock.advance(3600 * 5)
        for _ in range(3):
            chain.go_on(1)
        chain.end()
        assert times(chain.samples())[-1] == chain.clock.time()
        assert hole + 3600 + 1200 not in times(chain.samples())
    given_up = [one.getMessage() for one in caplog.records if "given up" in one.getMessage()]
    assert len(given_up) == 1
    assert "that hour makes me ill" in given_up[0]


def test_kubecost_may_come_back_later_than_the_agent(tmp_path):
    """After an outage of everything nothing is sent until Kubecost can fill the gap, for as long as
    max_staleness: a sample of the present would shut out what is older."""
    with Chain(max_staleness="30m") as chain, chain.storage(tmp_path) as storage:
        receiver = chain.receiver(checkpoints=storage.client("kubecost"))
        pipeline = chain.pipeline(receiver, [chain.exporter()])
        pipeline.start()
        chain.go_on(2)
        pipeline.shutdown()
        chain.kubecost.__exit__(None, None, None)
        chain.clock.advance(3600 * 4)
        sent = chain.store.sample_count
        again = chain.receiver(checkpoints=storage.client("kubecost"))
        chain.pipeline(again, [chain.exporter()]).start()
        chain.go_on(4)
        assert chain.store.sample_count == sent
        chain.kubecost.__enter__()
        chain.go_on(2)
        chain.end()
        assert times(chain.samples()) == grid(START, chain.clock.time())


def test_while_a_short_gap_waits_for_kubecost_the_agent_says_so(tmp_path):
    """Its own metrics shut out nothing of a gap that is younger than an hour."""
    with Chain() as chain, chain.storage(tmp_path) as storage:
        client = storage.client("kubecost")
        client.set("/PrometheusRemoteWriteExporter", repr(START - 1200).encode())
        chain.kubecost.__exit__(None, None, None)
        chain.pipeline(chain.receiver(checkpoints=client), [chain.exporter()]).start()
        chain.go_on(2)
        wait_until(lambda: len(chain.series(f"{OWN}scrape_success")[0]) == 3)
        assert chain.series(f"{OWN}scrape_success")[0][-1] == (chain.clock.time() * 1000, 0.0)
        assert chain.samples() == set()
        chain.kubecost.__enter__()
        chain.go_on(2)
        chain.end()
        assert times(chain.samples()) == grid(START - 900, chain.clock.time())


def test_planning_that_takes_longer_than_an_interval_ends():
    """Each mark goes on with the gap where the one before it stopped, and by one step at least."""

    class Slow(KubecostReceiver):
        def missed(self, after, mark):
            past = super().missed(after, mark)
            if past and len(past.marks) > 10:
                chain.clock.advance(400)
            return past

    with Chain() as chain:
        receiver = Slow(chain.receiver().options, clock=chain.clock)
        chain.pipeline(receiver, [chain.exporter()]).start()
        chain.go_on(1)
        chain.clock.advance(300 * 40)
        chain.go_on(4)
        chain.end()
        assert times(chain.samples()) == grid(START, chain.clock.time())


def test_pipelines_without_a_name_are_known_apart():
    """Each has a checkpoint of its own, by the order they start in."""
    with Chain() as chain:
        receiver = chain.receiver()
        pipelines = [chain.pipeline(receiver, [chain.exporter()]) for _ in range(2)]
        for pipeline in pipelines:
            pipeline.start()
        known = [reader.name for one in pipelines for reader in one.feeds[0].readers]
        own = "/PrometheusRemoteWriteExporter"
        assert known == [own, f"{own}/2"]
        chain.end()
        again = chain.pipeline(receiver, [chain.exporter()])
        again.start()
        assert again.feeds[0].readers[0].name == own


def test_a_reader_with_a_defect_costs_neither_others_nor_the_present(caplog):
    """What it missed is lost, and said to be."""

    class Forgetful(KubecostReceiver):
        def checkpoint(self, reader):
            if reader.endswith("/Kept/2"):
                raise RuntimeError("what was it")
            return super().checkpoint(reader)

    with Chain() as chain:
        receiver = Forgetful(chain.receiver().options, clock=chain.clock)
        kept = [Kept(), Kept()]
        chain.pipeline(receiver, kept).start()
        chain.go_on(2)
        assert [at for at, _ in kept[0].costs] == grid(START, START + 600)
        assert kept[0].costs == kept[1].costs
    assert caplog.text.count("What was missed is not known") == 1


def test_kubecost_may_stay_away(tmp_path):
    """After max_staleness the agent says so at the destination, gap or not."""
    with Chain(max_staleness="30m") as chain, chain.storage(tmp_path) as storage:
        client = storage.client("kubecost")
        client.set("/PrometheusRemoteWriteExporter", repr(START - 7200).encode())
        chain.kubecost.__exit__(None, None, None)
        chain.pipeline(chain.receiver(checkpoints=client), [chain.exporter()]).start()
        chain.go_on(8)
        chain.end()
        (success,) = chain.series(f"{OWN}scrape_success")
        assert {value for _, value in success} == {0.0}
        chain.kubecost.__enter__()


def test_what_kubecost_corrected_is_sent_again(caplog):
    """With ``restate`` each day that is over is read and sent once more, as whole days, and ends no
    series; a receiver of remote write says that it has other values, which is why it is off."""
    with Chain(restate="1d", emit_interval="30m", collection_interval="1h") as chain:
        kept = Kept()
        chain.clock.advance(3600 * 12)
        chain.pipeline(chain.receiver(), [kept]).start()
        chain.go_on(3, seconds=1800)
        midnight = START // 86400 * 86400 + 86400
        first = [at for at, _ in kept.costs if at < midnight]
        assert first == [midnight - 86400 + 1800 * step for step in range(48)]
        kept.costs.clear()
        chain.go_on(47, seconds=1800)
        again = [at for at, stream in kept.costs if stream is None]
        assert again == [midnight + 1800 * step for step in range(48)]
        live = [at for at, stream in kept.costs if stream is not None]
        assert live == sorted(live)
        chain.go_on(3, seconds=1800)


@pytest.mark.peers
def test_prometheus_takes_what_is_filled(tmp_path):
    """It refuses what is an hour older than its newest sample, and a series out of order: after
    half a day away it has every mark all the same, each once."""
    with Prometheus(tmp_path) as prometheus, Chain() as chain:
        chain.clock.advance(time.time() // 3600 * 3600 - 86_400 - START)
        began = chain.clock.time()
        exporter = PrometheusRemoteWriteExporter(endpoint=prometheus.write_url, clock=chain.clock)
        chain.pipeline(chain.receiver(), [exporter]).start()
        chain.go_on(2)
        chain.clock.advance(300 * 144)
        chain.go_on(2)
        chain.end()
        assert sum(exporter.stats().dropped.values()) == 0
        (series,) = prometheus.query("cloudtuner_kubecost_cluster_total_cost[2d]", at=time.time())
        assert [int(at) for at, _ in series["values"]] == grid(began, began + 300 * 148)


def test_a_gap_is_said_in_words(caplog):
    """A line when it begins, with its size, and one when it is filled."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        with caplog.at_level("INFO", logger="otel_kubecost"):
            chain.clock.advance(300 * 30)
            chain.go_on(0)
        chain.end()
    said = [record.getMessage() for record in caplog.records if "gap" in record.getMessage()]
    assert said == [
        "Filling a gap: 2026-09-21T14:05:00Z to 2026-09-21T16:25:00Z (29 marks, 4 windows)",
        "The gap is filled: 29 marks were handed over",
    ]
