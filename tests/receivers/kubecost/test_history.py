"""Which window or day is asked for marks that went by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.receivers.kubecost.history import (
    EarlierMarks,
    Form,
    Planner,
    Source,
    Stretch,
    marks_between,
    stretches,
)
from otel_kubecost.receivers.kubecost.window import DAY, HOUR, Window, parse_time, plan

NOW = parse_time("2026-11-23T11:47:00Z")
SETTLE = 20 * 60


def planner(window=24 * HOUR, retention=49 * HOUR, collection_interval=120.0, **options):
    return Planner(
        lambda mark: plan(mark, window, SETTLE),
        now=NOW,
        interval=60.0,
        collection_interval=collection_interval,
        hourly_retention=retention,
        **options,
    )


def source(mark, **options):
    found = planner(**options).source(parse_time(mark))
    return found.form, str(found.window)


@pytest.mark.parametrize(
    ("mark", "form", "window"),
    [
        ("2026-11-23T09:00:00Z", "hourly", "2026-11-22T08:00:00Z,2026-11-23T08:00:00Z"),
        ("2026-11-23T09:20:00Z", "hourly", "2026-11-22T09:00:00Z,2026-11-23T09:00:00Z"),
        # Its window began 48:47 ago, that of the minute before an hour earlier.
        ("2026-11-22T11:20:00Z", "hourly", "2026-11-21T11:00:00Z,2026-11-22T11:00:00Z"),
        ("2026-11-22T11:19:00Z", "daily", "2026-11-22T00:00:00Z,2026-11-23T00:00:00Z"),
        # The last hour of the window of 01:19 is that from 23:00 of the day before.
        ("2026-11-22T01:20:00Z", "daily", "2026-11-22T00:00:00Z,2026-11-23T00:00:00Z"),
        ("2026-11-22T01:19:00Z", "daily", "2026-11-21T00:00:00Z,2026-11-22T00:00:00Z"),
        ("2026-01-01T12:00:00Z", "daily", "2026-01-01T00:00:00Z,2026-01-02T00:00:00Z"),
    ],
)
def test_hours_are_asked_for_while_they_last_and_then_days(mark, form, window):
    """Kubecost keeps 49 hours: of a window that began earlier, the day of its last hour is left."""
    assert source(mark) == (form, window)


def test_a_day_is_not_divided():
    """What is left of its hours goes with the day, once that was read for those that are gone: its
    marks add up to what it cost."""
    of_hours = planner(window=HOUR)
    kept = parse_time("2026-11-21T12:30:00Z")
    assert of_hours.source(kept).form is Form.HOURLY
    day = of_hours.source(parse_time("2026-11-21T10:30:00Z"))
    assert day.form is Form.DAILY
    assert of_hours.source(kept) == day
    assert of_hours.source(parse_time("2026-11-22T10:30:00Z")).form is Form.HOURLY


def test_opencost_keeps_every_hour():
    """It computes from Prometheus, which has what it has."""
    window = "2026-01-01T00:00:00Z,2026-01-02T00:00:00Z"
    assert source("2026-01-02T00:20:00Z", retention=None) == ("hourly", window)


@pytest.mark.parametrize(
    ("window", "days"), [(HOUR, 1), (23 * HOUR, 1), (36 * HOUR, 2), (7 * DAY, 7), (170 * HOUR, 7)]
)
def test_days_are_as_many_as_the_window_has(window, days):
    """Rounded, and one at least."""
    form, found = source("2026-11-20T12:00:00Z", window=window)
    assert form == "daily"
    end = parse_time("2026-11-21T00:00:00Z")
    assert found == str(Window(int(end) - days * DAY, int(end)))


def test_a_day_that_is_not_over_is_not_asked_for():
    """A week is longer than hours are kept; that of today ends with today's last hour."""
    form, window = source("2026-11-23T09:20:00Z", window=7 * DAY)
    assert (form, window) == ("hourly", "2026-11-16T09:00:00Z,2026-11-23T09:00:00Z")


def test_totals_of_an_hour_are_not_those_of_a_day():
    """With ``metric_mode: total`` a day stands for windows of whole days alone."""
    assert source("2026-11-20T12:00:00Z", window=6 * HOUR, whole_days=True)[0] == "gone"
    assert source("2026-11-20T12:00:00Z", window=24 * HOUR, whole_days=True)[0] == "daily"
    assert source("2026-11-23T09:00:00Z", window=6 * HOUR, whole_days=True)[0] == "hourly"


def test_a_mark_has_the_window_of_the_scrape_that_served_it():
    """Kubecost is asked every half hour, samples leave every minute: that of 09:20 to 09:29 is the
    one of 09:00, for which the hour before had not settled."""
    late = "2026-11-22T08:00:00Z,2026-11-23T08:00:00Z"
    assert source("2026-11-23T09:29:00Z", collection_interval=1800.0) == ("hourly", late)
    next_one = "2026-11-22T09:00:00Z,2026-11-23T09:00:00Z"
    assert source("2026-11-23T09:30:00Z", collection_interval=1800.0) == ("hourly", next_one)


@given(after=st.integers(0, 10_000), length=st.integers(0, 5_000), interval=st.integers(1, 700))
def test_marks_between_two_times_are_all_there_are(after, length, interval):
    """On the grid, later than the one and earlier than the other."""
    before = after + length
    expected = [at for at in range(after + 1, before) if at % interval == 0]
    assert marks_between(float(after), float(before), float(interval)) == expected


@given(st.lists(st.integers(0, 100), min_size=1, unique=True).map(sorted), st.integers(1, 7))
def test_stretches_have_every_mark_once_and_in_order(marks, size):
    """Those of one source together."""
    found = stretches(marks, lambda mark: Source(Window(mark // size, 0), Form.HOURLY))
    assert [mark for part in found for mark in part.marks] == marks
    sources = [part.source for part in found]
    assert len(sources) == len(set(sources))


def test_a_long_gap_is_planned_without_a_look_at_every_mark():
    """Two days at one mark a second are 172,800 marks; each window takes a few looks."""
    looks = []

    def look(mark):
        looks.append(mark)
        return Source(Window(int(mark // 3600), 0), Form.HOURLY)

    found = stretches([float(mark) for mark in range(48 * 3600)], look)
    assert [len(part.marks) for part in found] == [3600] * 48
    assert len(looks) < 48 * 20


def test_what_was_seen_is_not_read_again():
    """Going on after a mark asks for no window whose marks are all done."""
    asked = []

    def read(source):
        asked.append(source.window.start)
        return MetricsData([])

    parts = [
        Stretch(Source(Window(hour, hour + 1), Form.HOURLY), [hour * 2.0, hour * 2.0 + 1])
        for hour in range(3)
    ]
    past = EarlierMarks(parts, read)
    assert [mark for mark, _ in past.batches(after=3.0)] == [4.0, 5.0]
    assert asked == [2]
    assert past.windows == {"hourly": 3, "daily": 0, "gone": 0}
