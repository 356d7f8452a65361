"""How often an earlier window is asked for, and what is said where it is not to be had."""

import threading
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.archive import NOTHING, Archive, Present
from otel_kubecost.receivers.kubecost.history import Form, Source
from otel_kubecost.receivers.kubecost.window import HOUR, Window

FOUND = MetricsData(["something"])
FIRST, SECOND = (Source(Window(at * HOUR, (at + 1) * HOUR), Form.HOURLY) for at in (1, 2))


class Kubecost:
    """Answers what ``answers`` has for a window, or raises it; ``asked`` has every question."""

    def __init__(self, marks=3):
        self.answers = {}
        self.asked = []
        self.failure = None
        self.known = {}
        self.mark = 0
        present = Present(lambda: self.mark, self.known.get, lambda: self.failure)
        self.archive = Archive(self.answer, present, marks, threading.Event())

    def answer(self, source):
        self.asked.append(source)
        answer = self.answers.get(source, FOUND)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(data=answer)

    def read(self, source, readers=1):
        """What each of the readers gets at the present mark, None where it has to come again."""
        found = set()
        for _ in range(readers):
            try:
                found.add(id(self.archive.read(source)))
            except ScrapeError:
                found.add(None)
        (one,) = found
        return {id(FOUND): FOUND, id(NOTHING): NOTHING, None: None}[one]


@pytest.fixture
def kubecost():
    return Kubecost()


def test_a_window_is_asked_for_once_a_mark_however_many_readers_there_are(kubecost):
    """It is given up after three marks, for all of them, and never taken for one without data."""
    kubecost.answers[FIRST] = ScrapeError("503")
    for expected in (None, None, NOTHING, NOTHING):
        kubecost.mark += 60
        assert kubecost.read(FIRST, readers=3) is expected
    assert kubecost.asked == [FIRST] * 4
    del kubecost.answers[FIRST]
    kubecost.mark += 60
    assert kubecost.read(FIRST) is FOUND


def test_a_success_clears_what_failed_before(kubecost):
    """The next failure of that window is a first one again."""
    kubecost.answers[FIRST] = ScrapeError("503")
    for _ in range(2):
        kubecost.mark += 60
        assert kubecost.read(FIRST) is None
    kubecost.answers[FIRST] = FOUND
    kubecost.mark += 60
    assert kubecost.read(FIRST) is FOUND
    for other in range(10, 13):
        kubecost.read(Source(Window(other * HOUR, other * HOUR + HOUR), Form.HOURLY))
    kubecost.answers[FIRST] = ScrapeError("503")
    for expected in (None, None, NOTHING):
        kubecost.mark += 60
        assert kubecost.read(FIRST) is expected


def test_an_outage_counts_for_no_window(kubecost):
    """While there is no answer for the present, nothing is asked for and nothing given up."""
    kubecost.failure = "Kubecost is away"
    for _ in range(10):
        kubecost.mark += 60
        assert kubecost.read(FIRST) is None
    assert kubecost.asked == []
    kubecost.failure = None
    assert kubecost.read(FIRST) is FOUND


def test_what_is_known_is_not_asked_for(kubecost):
    """Not even while Kubecost fails."""
    kubecost.failure = "Kubecost is away"
    kubecost.known[FIRST] = FOUND
    assert kubecost.read(FIRST) is FOUND
    assert kubecost.read(SECOND) is None
    assert kubecost.asked == []


def test_that_there_is_nothing_is_asked_twice(kubecost):
    """At one mark once, and at a later one again; then that is it."""
    kubecost.answers[FIRST] = NoDataError("nothing")
    assert kubecost.read(FIRST, readers=2) is NOTHING
    assert kubecost.asked == [FIRST]
    for _ in range(3):
        kubecost.mark += 60
        assert kubecost.read(FIRST) is NOTHING
    assert kubecost.asked == [FIRST] * 2


def test_what_came_after_all_is_not_said_to_be_missing(kubecost, caplog):
    """Kubecost had not computed it yet when it was asked for first."""
    kubecost.answers[FIRST] = kubecost.answers[SECOND] = NoDataError("nothing")
    kubecost.read(FIRST)
    kubecost.read(SECOND)
    kubecost.mark += 60
    kubecost.answers[FIRST] = FOUND
    assert kubecost.read(FIRST) is FOUND
    kubecost.archive.report()
    (record,) = caplog.records
    assert record.window == str(SECOND.window)


def test_windows_without_data_are_said_in_one_line(kubecost, caplog):
    """With their number and span; a reader that comes later adds no line of its own."""
    sources = [Source(Window(at * HOUR, (at + 1) * HOUR), Form.HOURLY) for at in range(42)]
    kubecost.answers = dict.fromkeys(sources, NoDataError("nothing"))
    for _ in range(2):
        for source in sources:
            assert kubecost.read(source) is NOTHING
        kubecost.archive.report()
        kubecost.mark += 60
    (record,) = caplog.records
    assert record.getMessage() == "Kubecost has nothing of 42 windows"
    assert record.window == "1970-01-01T00:00:00Z,1970-01-02T18:00:00Z"
