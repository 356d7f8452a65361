"""Samples whose times the page says, and those that are not newer than the last of their series."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reading import NOW, SECOND, columns_of, points, read, reader

from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, TEXT
from otel_kubecost.receivers.prometheus.page.layout import Layout
from otel_kubecost.receivers.prometheus.page.progress import (
    NEVER,
    Progress,
    judged,
    judged_singly,
)


def found(by, text, now):
    """Name, value and time of what is sent, and what is not."""
    page = by.read([text.encode()], TEXT, now)
    sent = [(name, value, time - NOW) for name, _, value, time in points(page.metrics)]
    return sent, (page.duplicates, page.out_of_order, page.out_of_bounds)


def test_rows_with_times_stand_apart_and_are_not_tracked():
    """Nobody knows when series end whose times the target says itself."""
    metrics = read(f"a 1\nb 2 {NOW - 5}\n").metrics
    assert [(one.name, one.is_tracked) for one in metrics] == [("a", True), ("b", False)]
    assert metrics[0].data.data_points.details is None
    assert list(metrics[1].data.data_points.details.times) == [(NOW - 5) * 1_000_000]


def test_seconds_of_openmetrics_are_times_too():
    """To the millisecond."""
    ((_, _, _, time),) = points(read("a 1 1700000000.125\n# EOF\n", OPENMETRICS).metrics)
    assert time == 1_700_000_000_125


def test_a_sample_that_is_not_newer_is_not_sent():
    """The same one silently; one with another value, or an older one, is counted."""
    by = reader()
    assert found(by, f"a 1 {NOW}\n", NOW) == ([("a", 1, 0)], (0, 0, 0))
    assert found(by, f"a 1 {NOW}\n", NOW + SECOND) == ([], (0, 0, 0))
    assert found(by, f"a 2 {NOW}\n", NOW + SECOND) == ([], (1, 0, 0))
    assert found(by, f"a 2 {NOW - 1}\n", NOW + SECOND) == ([], (0, 1, 0))
    assert found(by, f"a 2 {NOW + 1}\n", NOW + SECOND) == ([("a", 2, 1)], (0, 0, 0))


def test_a_row_that_is_not_sent_leaves_those_beside_it():
    """The table stays the same, with the rows that have something new."""
    by = reader()
    first = by.read([f'a{{x="1"}} 1 {NOW}\na{{x="2"}} 2 {NOW}\n'.encode()], TEXT, NOW)
    second = by.read([f'a{{x="1"}} 1 {NOW}\na{{x="2"}} 3 {NOW + 9}\n'.encode()], TEXT, NOW + 9)
    before, after = (page.metrics[0].data.data_points for page in (first, second))
    assert after.table is before.table
    assert [(dict(one.attributes)["x"], one.value) for one in after] == [("2", 3)]
    assert [one.time_unix_nano for one in after] == [(NOW + 9) * 1_000_000]


def test_a_sample_from_the_future_is_out_of_bounds():
    """Ten minutes are allowed, as in scrape.go; the next one is measured by what was sent."""
    by = reader()
    limit = 600 * SECOND
    assert found(by, f"a 1 {NOW + limit}\nb 1 {NOW + limit + 1}\n", NOW) == (
        [("a", 1, limit)],
        (0, 0, 1),
    )
    assert found(by, "a 2\nb 2\n", NOW + SECOND) == ([("b", 2, SECOND)], (0, 1, 0))


def test_a_time_that_no_nanoseconds_can_say_is_out_of_bounds():
    """OpenMetrics allows all that a float can be."""
    page = read("a 1 -1\nb 1 1e300\nc 1 -1e300\n# EOF\n", OPENMETRICS)
    assert (page.metrics, page.out_of_bounds) == ([], 3)


def test_a_series_may_begin_and_cease_to_say_its_time():
    """It is measured by the time of its last sample, whoever said that."""
    by = reader()
    assert found(by, "a 1\n", NOW) == ([("a", 1, 0)], (0, 0, 0))
    assert found(by, f"a 2 {NOW - 1}\n", NOW + SECOND) == ([], (0, 1, 0))
    assert found(by, f"a 3 {NOW + 1}\n", NOW + SECOND) == ([("a", 3, 1)], (0, 0, 0))
    assert found(by, "a 4\n", NOW + 2 * SECOND) == ([("a", 4, 2 * SECOND)], (0, 0, 0))


def test_the_last_time_is_remembered_when_other_lines_come_and_go():
    """Layouts change; how far a series has come does not."""
    by = reader()
    found(by, f"a 1 {NOW}\nb 1 {NOW}\n", NOW)
    assert found(by, f"c 1 {NOW}\nb 2 {NOW}\n", NOW + 1) == ([("c", 1, 0)], (1, 0, 0))


def test_a_page_that_fails_has_sent_nothing():
    """What it says with times is sent by the next one."""
    by = reader()
    found(by, f"a 1 {NOW}\n", NOW)
    with pytest.raises(ValueError, match="bad"):
        by.read([f"a 2 {NOW + 1}\nb 1\nbad\n".encode()], TEXT, NOW + 1)
    assert found(by, f"a 2 {NOW + 1}\n", NOW + 2) == ([("a", 2, 1)], (0, 0, 0))


def test_a_series_may_have_several_samples():
    """Those newer than all above are sent; points of one metric are still of different series."""
    page = read(f"a 1 {NOW - 3}\na 2 {NOW - 2}\na 3 {NOW - 2}\na 4\na 5\na 6 {NOW - 1}\n")
    assert [(value, time - NOW) for _, _, value, time in points(page.metrics)] == [
        (1, -3),
        (2, -2),
        (4, 0),
    ]
    assert (page.duplicates, page.out_of_order) == (2, 1)
    assert all(len(columns) == 1 for one in page.metrics for columns in columns_of(one).values())


def test_times_that_are_not_honored_are_read_and_forgotten():
    """They still have to be times."""
    by = reader(honor_timestamps=False)
    for now in (NOW, NOW + 1):
        assert found(by, f"a 1 {NOW - 9}\nb 1\n", now)[0] == [
            ("a", 1, now - NOW),
            ("b", 1, now - NOW),
        ]
    with pytest.raises(ValueError, match="time"):
        by.read([f"a 1 {2**63}\nb 1\n".encode()], TEXT, NOW)


def test_a_text_that_is_no_time_fails_a_series_that_is_known():
    """The short way through known lines lets nothing pass that the long one refuses."""
    by = reader()
    by.read([f"a 1 {NOW}\nb 1 {NOW}\n".encode()], TEXT, NOW)
    for text in ("1_0", "+5", "-5", "5.0", "x"):
        with pytest.raises(ValueError, match="time"):
            by.read([f"a 1 {text}\nb 1 {NOW}\n".encode()], TEXT, NOW)


TIMES = st.integers(NOW - 3, NOW + 3) | st.sampled_from([NEVER, -1, NOW + 600_000, NOW + 600_001])
SAMPLES = st.lists(st.tuples(TIMES, st.sampled_from([1.0, 2.0, float("nan")])), max_size=5)


def progress(samples):
    return Progress(array("q", [time for time, _ in samples]), array("d", [v for _, v in samples]))


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.lists(st.tuples(TIMES, st.sampled_from([1.0, 2.0])), min_size=5, max_size=5))
def test_all_at_once_is_as_one_by_one(samples, last):
    """The short way through lines that are all newer says what the long one says."""
    new = progress(samples)
    before = progress(last[: len(samples)])
    lines = array("q", range(1, len(samples) + 1))
    layout = Layout(lines, b"", lines, ())
    assert repr(judged(new, before, NOW, layout)) == repr(judged_singly(new, before, NOW, layout))


def test_a_sample_that_relabelling_drops_is_no_duplicate():
    """Whatever its time says."""
    by = reader(rules=[{"source_labels": ["__name__"], "regex": "b", "action": "drop"}])
    found(by, f"a 1 {NOW}\nb 1 {NOW}\n", NOW)
    assert found(by, f"a 1 {NOW + 1}\nb 2 {NOW}\n", NOW + 1) == ([("a", 1, 1)], (0, 0, 0))


def test_a_series_that_is_spelled_anew_has_come_as_far():
    """Two keys, one series."""
    by = reader()
    found(by, f"a 1 {NOW}\n", NOW)
    assert found(by, f"a{{}} 2 {NOW}\n", NOW + 1) == ([], (1, 0, 0))
