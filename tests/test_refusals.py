"""Batches that a processor refuses for now: what becomes of their marks, and what is said."""

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult
from test_gaps import OWN, START, Chain, grid, times
from test_pipeline import Kept, Marks, Queued, time_of

from otel_kubecost.backfill import lanes
from otel_kubecost.cli.backfill import _run
from otel_kubecost.errors import RetryableError
from otel_kubecost.pdata import each_metric
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.testing import FakeClock


def is_own(batch):
    return next(each_metric(batch))[2].name.startswith(OWN)


class Gate:
    """A processor that refuses the batches for which ``refuses`` is true, and counts them."""

    def __init__(self, refuses=lambda _: False):
        self.refuses = refuses
        self.refused = 0

    def __call__(self, batch):
        if self.refuses(batch):
            self.refused += 1
            raise RetryableError("the gate is closed")
        return batch

    def open(self):
        self.refuses = lambda _: False


@pytest.fixture(scope="module")
def steady():
    """What an agent sent in two hours to which nothing was refused."""
    with Chain() as chain:
        chain.pipeline(chain.receiver(), [chain.exporter()]).start()
        chain.go_on(24)
        chain.end()
        return chain.samples()


@pytest.mark.parametrize("before", [0, 4])
@pytest.mark.parametrize("refuses", [lambda _: True, lambda batch: not is_own(batch)])
def test_marks_that_were_refused_are_a_gap(steady, before, refuses):
    """Whether only costs are refused or all there is, and from the first mark on or later: what
    arrives in the end is what would have arrived without."""
    with Chain() as chain:
        gate = Gate()
        if not before:
            gate.refuses = refuses
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(before)
        gate.refuses = refuses
        chain.go_on(10)
        assert times(chain.samples()) == (grid(START, START + 300 * before) if before else [])
        gate.open()
        chain.go_on(14 - before)
        chain.end()
        assert chain.samples() == steady


def test_the_agent_goes_on_to_say_how_it_is():
    """Its own metrics are not held back by costs that are refused."""
    with Chain() as chain:
        gate = Gate(lambda batch: not is_own(batch))
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(4)
        chain.end()
        (success,) = chain.series(f"{OWN}scrape_success")
        assert [at // 1000 for at, _ in success] == grid(START, START + 1200)


def test_own_metrics_that_were_refused_are_lost(caplog):
    """They are of the present alone; the costs of the mark are there, so it is no gap."""
    with Chain() as chain, caplog.at_level("INFO", logger="otel_kubecost"):
        gate = Gate()
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(0)
        gate.refuses = is_own
        chain.go_on(2)
        gate.open()
        chain.go_on(1)
        chain.end()
        assert times(chain.samples()) == grid(START, START + 900)
        (success,) = chain.series(f"{OWN}scrape_success")
        assert [at // 1000 for at, _ in success] == [START, START + 900]
    assert "Filling a gap" not in caplog.text


def test_a_gap_that_is_refused_goes_on_at_the_next_mark(steady):
    """One attempt a mark, nothing newer before it, and no query more than without."""
    with Chain() as chain:
        gate = Gate()
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(2)
        hole = START + 300 * 8
        gate.refuses = lambda batch: not is_own(batch) and time_of(batch) == hole * 10**9
        chain.clock.advance(300 * 14)
        chain.go_on(2)
        assert gate.refused == 3
        assert times(chain.samples()) == grid(START, hole - 300)
        gate.open()
        chain.go_on(6)
        chain.end()
        assert chain.samples() == steady


def test_it_is_said_when_it_begins_and_when_it_is_over(caplog):
    """Two lines, however many batches there were, and the reason is that of the processor."""
    with Chain() as chain, caplog.at_level("INFO", logger="otel_kubecost.refusals"):
        gate = Gate(lambda _: True)
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(5)
        gate.open()
        chain.go_on(3)
        chain.end()
    said = [one.getMessage() for one in caplog.records if one.name == "otel_kubecost.refusals"]
    assert said == [
        "What is refused is asked for again: the gate is closed",
        f"Nothing is refused any more; {gate.refused} batches were",
    ]


def test_a_gap_that_alone_is_refused_is_said_once(caplog):
    """As long as it is tried at each mark, it is not over."""
    with Chain() as chain:
        gate = Gate()
        chain.pipeline(chain.receiver(), [chain.exporter()], [gate]).start()
        chain.go_on(1)
        gate.refuses = lambda batch: time_of(batch) == (START + 600) * 10**9
        chain.clock.advance(300 * 4)
        chain.go_on(4)
        assert gate.refused == 5
    assert caplog.text.count("is asked for again: the gate is closed") == 1


def test_a_receiver_without_history_loses_what_was_refused(caplog):
    """That is said, and what comes after it passes."""
    exporter, clock = Queued(), FakeClock(60.0)
    gate = Gate(lambda _: True)
    pipeline = Pipeline(Marks(), [gate], [exporter], clock=clock)
    pipeline.start()
    for _ in range(2):
        assert clock.wait_for_waiters()
        clock.advance(60)
    assert clock.wait_for_waiters()
    gate.open()
    clock.advance(60)
    assert clock.wait_for_waiters()
    pipeline.shutdown()
    assert [time_of(one) for one in exporter.batches] == [240 * 10**9]
    assert caplog.text.count("What is refused is lost: the gate is closed") == 1


def test_one_cycle_by_hand_that_is_refused_has_failed():
    """For each exporter, without an exception; what else the mark brought is exported."""

    class Two(Marks):
        def collect(self, mark, patience=None):
            yield from super().collect(mark, patience)
            yield from super().collect(mark, patience)

    calls = []
    gate = Gate(lambda batch: calls.append(batch) or len(calls) == 1)
    exporters = [Kept(), Queued()]
    pipeline = Pipeline(Two(), [gate], exporters, clock=FakeClock(60.0))
    assert pipeline.run_once() == [MetricExportResult.FAILURE] * 2
    assert [len(one.batches) for one in exporters] == [1, 1]
    assert pipeline.run_once() == [MetricExportResult.SUCCESS] * 2


def test_the_next_cycle_by_hand_has_what_was_refused(steady):
    """Of the present, from the first mark on, and of what was missed."""
    with Chain() as chain:
        gate = Gate(lambda _: True)
        pipeline = chain.pipeline(chain.receiver(), [chain.exporter()], [gate])
        for minutes in (0, 20, 30):
            chain.clock.advance(60 * minutes)
            assert pipeline.run_once() == [MetricExportResult.FAILURE]
        assert chain.samples() == set()
        gate.open()
        chain.clock.advance(60 * 70)
        assert pipeline.run_once() == [MetricExportResult.SUCCESS]
        chain.end()
        assert chain.samples() == steady


def test_what_fails_for_another_reason_is_lost(caplog):
    """It would fail again: the mark is no gap, and the next one passes."""
    with Chain() as chain:

        def process(batch):
            if time_of(batch) == (START + 300) * 10**9:
                raise ValueError("a defect")
            return batch

        chain.pipeline(chain.receiver(), [chain.exporter()], [process]).start()
        chain.go_on(3)
        chain.end()
        assert times(chain.samples()) == [START, START + 600, START + 900]
    assert caplog.text.count("A processor failed; its batch is lost") == 2


@pytest.mark.parametrize("result", [None, []])
def test_a_processor_that_gives_no_batch_has_a_defect(result, caplog):
    """Whoever forgets to return it would else lose every batch without a word."""

    def forgets(_):
        return result

    pipeline = Pipeline(Marks(), [forgets], [Kept()], clock=FakeClock(60.0))
    with pytest.raises(TypeError, match=f"forgets returned {type(result).__name__}; a processor"):
        pipeline.run_once()
    assert pipeline.feeds[0]._attempt(next(Marks().collect(60.0))) is None
    assert "A processor failed; its batch is lost" in caplog.text


def test_a_backfill_that_is_refused_is_not_complete(capsys):
    """It ends where it is, and says from where to go on."""
    with Chain() as chain:
        gate = Gate(lambda batch: time_of(batch) == (START - 600) * 10**9)
        pipeline = chain.pipeline(chain.receiver(), [chain.exporter()], [gate])
        pipeline.run_once()
        plan = lanes(pipeline.feeds[0].readers, START - 1200, START, "")
        assert _run(plan, goes_on=False) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("2 marks sent")
    assert "not complete: the gate is closed. Begin with --from 2026-09-21T13:50:00Z" in shown.err
