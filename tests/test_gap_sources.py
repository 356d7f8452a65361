"""Where the numbers of a gap come from while Kubecost or a storage is ill."""

from peers import wait_until
from test_gaps import START, Chain, grid, times

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import RemoteWriteReceiver, Reply


def earlier_fails(chain, before, until):
    """Windows that end before ``before`` answer 503 up to ``until``; gives who asked for them."""
    computed, refused = chain.kubecost.compute, []

    def answer(query):
        if query.end < before and chain.clock.time() <= until:
            refused.append(chain.clock.time())
            return Reply(503, b"busy")
        return computed(query)

    chain.kubecost.answer(answer)
    return refused


def test_a_short_failure_costs_no_window_of_two_destinations():
    """At three marks Kubecost answers for the present alone: the gap waits, for both, and each mark
    has one question; then nothing is missing."""
    with Chain() as chain, RemoteWriteReceiver(clock=chain.clock) as other:
        second = PrometheusRemoteWriteExporter(endpoint=other.endpoint, clock=chain.clock)
        chain.pipeline(chain.receiver(), [chain.exporter(), second]).start()
        chain.go_on(2)
        woken = chain.clock.time() + 3600 * 5
        refused = earlier_fails(chain, before=START + 3600 * 4, until=woken + 600)
        chain.clock.advance(3600 * 5)
        chain.go_on(4)
        chain.end()
        assert refused == [woken, woken + 300, woken + 600]
        assert times(chain.samples()) == grid(START, chain.clock.time())
        assert other.violations == []
        assert other.series.keys() == chain.store.series.keys()


def test_a_window_that_keeps_failing_holds_up_the_present_for_max_staleness(caplog):
    """It is asked for at every mark of that time while others are answered, and then given up; the
    next one that fails as well has three marks, or the present would wait for each as long."""
    with Chain(max_staleness="30m") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(0)
        woken = chain.clock.time() + 3600 * 3
        refused = earlier_fails(chain, before=START + 1, until=woken * 2)
        chain.clock.advance(3600 * 3)
        chain.go_on(6)
        assert times(chain.samples()) == [START]
        chain.go_on(1)
        chain.end()
        assert refused == [woken + 300 * mark for mark in (0, 1, 2, 3, 4, 5, 5, 6, 7)]
        # The newest window that fails ends with START; an hour later the next one had settled.
        assert times(chain.samples()) == [START, *grid(START + 4800, chain.clock.time())]
    given_up = [one for one in caplog.records if "given up" in one.getMessage()]
    assert len(given_up) == 2


def test_a_mark_that_is_missed_while_kubecost_fails_is_filled_at_once():
    """With the last good answer, which a live mark would have repeated; nobody waits for an hour
    until Kubecost is back."""
    with Chain(emit_interval="1m", collection_interval="2m") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(2, 60)
        chain.kubecost.script([503] * 1000)
        chain.clock.advance(180)
        chain.go_on(20, 60)
        wait_until(lambda: times(chain.samples())[-1] == chain.clock.time())
        chain.clock.advance(180)
        chain.go_on(2, 60)
        chain.end()
        assert times(chain.samples()) == [START + 60 * mark for mark in range(31)]


def test_what_went_by_before_the_silence_waits_for_kubecost():
    """A machine that slept for three hours and wakes while Kubecost does not answer: the last good
    answer is not of those hours, and what is becomes known a few marks later."""
    with Chain(max_staleness="6h") as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(2)
        chain.kubecost.script([503] * 3)
        chain.clock.advance(3600 * 3)
        chain.go_on(4)
        chain.end()
        assert times(chain.samples()) == grid(START, chain.clock.time())
        windows = {one.query["window"] for one in chain.kubecost.requests if "window" in one.query}
        assert len(windows) == 5


def test_a_day_is_not_divided_by_a_restart(tmp_path):
    """A gap of two days was begun with the day before as a whole; the next process goes on so,
    though the hours that are left of that day are still there."""
    with Chain(window="24h") as chain, chain.storage(tmp_path) as storage:

        def windows(hours, checkpoints):
            receiver = chain.receiver(checkpoints=checkpoints)
            list(receiver.collect(START))
            return receiver.missed(START - hours * 3600, START).windows

        client = storage.client("kubecost")
        assert windows(20, client)["daily"] == 0
        assert windows(48, client)["daily"] == 2
        assert windows(20, client)["daily"] == 1
        assert windows(20, None)["daily"] == 0


def test_an_agent_runs_without_the_storage_that_it_cannot_open(tmp_path, caplog):
    """Metrics flow; that checkpoints are not kept is said."""
    (tmp_path / "storage.db").mkdir()
    with Chain() as chain, chain.storage(tmp_path) as storage:
        receiver = chain.receiver(checkpoints=storage.client("kubecost"))
        chain.pipeline(receiver, [chain.exporter()]).start()
        chain.go_on(3)
        chain.end()
        assert times(chain.samples()) == grid(START, START + 900)
    said = [one.getMessage() for one in caplog.records if "Is a directory" in one.getMessage()]
    assert len(said) == 2
