"""What a scrape counts; the numbers of Prometheus 2.42 for the same pages."""

import pytest
from page_reading import read, reader

from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, TEXT, ExpositionError


def counts(by, body, page_format=TEXT):
    """Scraped, kept and added of a page, whether or not it fails."""
    try:
        by.read([body], page_format, 0)
    except ExpositionError:
        return ("fails", by.last.scraped, by.last.kept, by.last.added)
    return (by.last.scraped, by.last.kept, by.last.added)


def test_series_are_new_once():
    """A page that fails has told of those before its fault; an empty one makes nobody forget."""
    by = reader()
    pages = [
        b"a 1\nb 1\n",
        b"a 1\nb 1\nc 1\n",
        b"a 1\nb 1\nc 1\nd 1\ne bad\n",
        b"a 1\nd 1\ne 1\n",
        b"",
        b"a 1\nd 1\ne 1\n",
        b"b 1\nd 1\ne 1\n",
    ]
    assert [counts(by, page) for page in pages] == [
        (2, 2, 2),
        (3, 3, 1),
        ("fails", 4, 4, 1),
        (3, 3, 1),
        (0, 0, 0),
        (3, 3, 0),
        (3, 3, 1),
    ]


def test_a_page_that_breaks_off_changes_nothing():
    """As an HTTP failure does, which Prometheus sees before it reads the page."""
    by = reader()
    counts(by, b"a 1\n")

    def broken():
        yield b"b 1\nc 1\n"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        by.read(broken(), TEXT, 0)
    assert (by.last.scraped, by.last.added) == (0, 0)
    assert counts(by, b"a 1\nb 1\n") == (2, 2, 1)


def test_a_line_that_is_no_series_is_scraped_and_not_kept():
    """One that cannot be read is neither."""
    assert counts(reader(), b'a 1\nb{x="1",x="2"} 1\nc 1\n') == ("fails", 2, 1, 1)
    assert counts(reader(), b"a 1\nb{ 1\nc 1\n") == ("fails", 1, 1, 1)


def test_series_that_move_to_another_block_are_not_new():
    """Where a HELP is worded anew, say."""
    by = reader()
    counts(by, b"# HELP a One.\na 1\n# HELP b B.\nb 1\n")
    assert counts(by, b"# HELP a Another.\na 1\n# HELP b B.\nb 1\nc 1\n") == (3, 3, 1)


def test_dropped_series_are_scraped_and_nothing_else():
    """``added`` is of what relabelling leaves."""
    by = reader(rules=[{"source_labels": ["__name__"], "regex": "b", "action": "drop"}])
    assert counts(by, b"a 1\nb 1\n") == (2, 1, 1)
    assert counts(by, b"a 1\nb 1\n") == (2, 1, 0)


def test_a_series_twice_is_kept_once_and_counted_where_its_values_differ():
    """The first one wins; two spellings of its labels are one series."""
    page = read('a 1\na 1\na{x=""} 1\nb 1\nb 2\n')
    assert [len(metric.data.data_points) for metric in page.metrics] == [1, 1]
    assert (page.scraped, page.kept, page.added, page.duplicates) == (5, 5, 3, 1)


def test_another_format_means_other_keys():
    """A target that begins to answer in OpenMetrics is read anew."""
    by = reader()
    counts(by, b"a 1\n")
    assert counts(by, b"a 1\n# EOF\n", OPENMETRICS) == (1, 1, 1)


def test_targets_that_fail_and_differ_each_time_do_not_fill_the_memory():
    """What is remembered is at most twice the last good page and 1,000 lines, or the last one."""
    by = reader()
    for number in range(20):
        lines = b"".join(b"a%d_%d 1\n" % (number, line) for line in range(100))
        counts(by, b"# HELP a%d x\n%bbad\n" % (number, lines))
    assert sum(len(one.layout.hashes) for one in by._memory.blocks.values()) <= 1000
