"""What is said of samples that get lost, and how often."""

import logging

import pytest

from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.testing import FakeClock

DONE = Verdict(Action.DONE)
BUSY = Verdict(Action.RETRY, "status_503", "busy")
FULL = Verdict(Action.DROP, "queue_full", "the queue is full", "raise queue_config.capacity")
REFUSED = Verdict(Action.DROP, "refused", "refused (400)")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def episodes(clock, caplog):
    caplog.set_level(logging.INFO)
    return Episodes(clock, exporter="test")


def said(caplog) -> list[tuple[str, int]]:
    return [(record.reason, record.samples) for record in caplog.records]


def test_a_loss_that_goes_on_is_said_again_and_again(episodes, clock, caplog):
    """A loss at each mark is a line at once, after 1 minute, 2, 4, 8, then every ten; the numbers
    add up to all that was lost."""
    lines_at = []
    for minute in range(60):
        episodes.remark(FULL, 1000)
        if len(caplog.records) > len(lines_at):
            lines_at.append(minute)
        clock.advance(60)
    episodes.end()
    assert lines_at == [0, 1, 3, 7, 15, 25, 35, 45, 55]
    assert [samples for _, samples in said(caplog)][:4] == [1000, 1000, 2000, 4000]
    assert sum(samples for _, samples in said(caplog)) == 60_000
    assert {record.hint for record in caplog.records} == {"raise queue_config.capacity"}


def test_a_loss_that_stopped_is_said_to_its_end(episodes, clock, caplog):
    """What came too soon after a line is said by the next answer that comes late enough."""
    episodes.remark(FULL, 3)
    episodes.remark(FULL, 4)
    clock.advance(59)
    episodes.note(DONE, 10, 0)
    assert said(caplog) == [("queue_full", 3)]
    clock.advance(1)
    episodes.note(DONE, 10, 0)
    episodes.note(DONE, 10, 0)
    assert said(caplog) == [("queue_full", 3), ("queue_full", 4)]


def test_after_a_calm_a_loss_is_news_again(episodes, clock, caplog):
    """The pauses begin anew for what has not happened for long."""
    for pause in (0, 60, 120, 240, 1200, 60):
        clock.advance(pause)
        episodes.remark(FULL, pause + 1)
    assert said(caplog) == [("queue_full", one) for one in (1, 61, 121, 241, 1201, 61)]


def test_reasons_do_not_wait_for_each_other(episodes, caplog):
    """Each reason has a pace of its own."""
    for _ in range(2):
        episodes.remark(FULL, 1)
        episodes.remark(REFUSED, 2)
    assert said(caplog) == [("queue_full", 1), ("refused", 2)]


def test_what_was_lost_without_samples_is_said_too(episodes, caplog):
    """Metadata that is refused has no samples and is a line all the same."""
    episodes.note(REFUSED, 0, 0)
    assert said(caplog) == [("refused", 0)]


def test_the_end_says_the_rest_once(episodes, caplog):
    """No loss stays unsaid when the queue ends, however soon it came after another."""
    episodes.remark(FULL, 1)
    episodes.remark(FULL, 2)
    episodes.end()
    episodes.end()
    assert said(caplog) == [("queue_full", 1), ("queue_full", 2)]


def test_what_the_end_of_an_outage_said_is_not_said_again(episodes, caplog):
    """The line that ends an episode has what was lost in it."""
    episodes.note(BUSY, 1, 1)
    episodes.remark(FULL, 1)
    episodes.remark(FULL, 2)
    episodes.note(DONE, 1, 0)
    episodes.end()
    assert caplog.records[-1].unsaid == {"queue_full": 2}
    assert len(caplog.records) == 3


def test_a_conflict_is_a_warning_when_it_lasts(episodes, clock, caplog):
    """A second agent that catches up is done in minutes; two that contradict each other never."""
    conflict = Verdict(Action.DONE, "partly_stored", "some were not stored", conflict=True)
    levels = []
    for _ in range(30):
        episodes.note(conflict, 1, 0)
        levels += [record.levelname for record in caplog.records]
        caplog.clear()
        clock.advance(60)
    assert levels == ["INFO"] * 4 + ["WARNING"] * 2
    clock.advance(3600)
    episodes.note(conflict, 1, 0)
    assert caplog.records[0].levelname == "INFO"


def test_the_samples_that_were_refused_are_counted_in_the_line(episodes, caplog):
    """Not those of the whole request, where the receiver says how many."""
    verdict = Verdict(Action.DONE, "partly_stored", "some", refused={"too_old": 2, "duplicate": 1})
    episodes.note(verdict, 540, 0)
    assert said(caplog) == [("partly_stored", 3)]


def test_series_at_fault_are_named_each_once(episodes, clock, caplog):
    """Ten in a line, and those that were not said yet in the next one, over an outage as well."""
    for name in "abc":
        episodes.note(Verdict(Action.DROP, "refused", "bad", series=name), 1, 0)
    for name in "bcdefghijklmnop":
        episodes.note(Verdict(Action.DROP, "refused", "bad", series=name), 1, 0)
    episodes.note(BUSY, 1, 1)
    episodes.note(DONE, 1, 0)
    episodes.end()
    named = [record.series for record in caplog.records if hasattr(record, "series")]
    assert named == [["a"], list("bcdefghijk")]
    assert sum(one.samples for one in caplog.records if hasattr(one, "series")) == 18


def test_waiting_for_ones_time_is_not_worth_a_line(episodes, caplog):
    """Neither its beginning nor its end, and it ends no other trouble."""
    wait = Verdict(Action.WAIT, retry_after=3)
    episodes.note(wait, 1, 1)
    episodes.note(BUSY, 1, 1)
    episodes.note(wait, 1, 1)
    assert (len(caplog.records), episodes.trouble) == (1, "status_503")
