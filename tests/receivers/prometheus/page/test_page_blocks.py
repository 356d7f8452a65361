"""Pages whose blocks are not one family each."""

import pytest
from page_reading import NOW, columns_of, points, read, reader, values

from otel_kubecost.receivers.prometheus.exposition import TEXT, Block
from otel_kubecost.receivers.prometheus.page.whole import whole


def test_a_page_without_comments_is_one_block_of_many_names():
    """Each name is a metric."""
    page = read('a 1\nb{x="1"} 2\na{x="1"} 3\nc 4\n')
    assert [(one.name, len(one.data.data_points)) for one in page.metrics] == [
        ("a", 2),
        ("b", 1),
        ("c", 1),
    ]


def test_a_family_that_is_repeated_adds_what_is_new():
    """The first of two samples of one series is kept, on every page."""
    by = reader()
    body = b'# HELP a A.\na{x="1"} 1\na{x="2"} 2\n# HELP b B.\nb 1\n'
    body += b'# HELP a A.\na{x="2"} 9\na{x="3"} 3\n'
    for now in (NOW, NOW + 1):
        page = by.read([body], TEXT, now)
        assert values(page.metrics) == {
            ("a", ("x", "1")): 1,
            ("a", ("x", "2")): 2,
            ("a", ("x", "3")): 3,
            ("b",): 1,
        }
        assert (page.scraped, page.duplicates) == (5, 1)


def test_a_repeated_sample_with_another_time_is_another_sample():
    """As within a block."""
    page = read(f"# HELP a A.\na 1 {NOW - 2}\n# HELP a B.\na 2 {NOW - 1}\na 2 {NOW - 2}\n")
    assert [(value, time - NOW) for _, _, value, time in points(page.metrics)] == [(1, -2), (2, -1)]


def test_a_comment_within_a_family_divides_it_and_nothing_else():
    """Its type is that of the family still."""
    by = reader()
    tables = []
    for now in (NOW, NOW + 1):
        first, second = by.read(
            [b'# TYPE a counter\na{x="1"} 1\n# note\na{x="2"} 2\n'], TEXT, now
        ).metrics
        assert (first.type, second.type) == ("counter", "counter")
        tables.append([one.data.data_points.table for one in (first, second)])
    assert all(one is other for one, other in zip(*tables, strict=True))


def histogram(count, edges=10):
    """Lines of ``count`` histograms."""
    for number in range(count):
        for edge in range(1, edges):
            yield f'h_bucket{{q="{number}",le="{edge}"}} {edge}'
        yield f'h_bucket{{q="{number}",le="+Inf"}} {edges}'
        yield f'h_sum{{q="{number}"}} 1.5'
        yield f'h_count{{q="{number}"}} {edges}'


def test_long_families_keep_their_histograms_whole():
    """They come in several blocks, none of which begins within a histogram."""
    text = "# TYPE h histogram\n" + "".join(f"{line}\n" for line in histogram(500))
    metrics = read(text).metrics
    assert len(metrics) > 1
    found = [point for one in metrics for point in one.data.data_points]
    assert len(found) == 500
    assert all(point.bucket_counts == [1] * 10 for point in found)


def test_long_families_change_where_they_change():
    """Most of the parts of one that has changed at its beginning are copied."""
    by = reader()
    lines = [f'a{{x="{number}"}} {number}\n' for number in range(5000)]
    by.read([b"# HELP a A.\n" + "".join(lines).encode()], TEXT, NOW)
    lines.insert(0, 'a{x="new"} -1\n')
    page = by.read([b"# HELP a A.\n" + "".join(lines).encode()], TEXT, NOW + 1)
    assert page.added == 1
    found = values(page.metrics)
    assert len(found) == 5001
    assert found["a", ("x", "4999")] == 4999


LINES = [line.encode() for line in histogram(3, edges=3)]


@pytest.mark.parametrize("cut", range(len(LINES)))
def test_no_line_is_lost_or_moved(cut):
    """Wherever a block ends, the lines are the same in the same order."""
    given = [Block([b"# c"], LINES[:cut]), Block([], LINES[cut:]), Block([b"# d"], [b"x 1"])]
    first, second, third = whole(given)
    assert first.lines + second.lines == LINES
    assert (first.comments, second.comments, third) == ([b"# c"], [], given[2])
    is_within_the_first = cut < 5
    assert is_within_the_first or first.lines[-1].startswith(b"h_count")


def test_summaries_stay_whole_too():
    """Their quantiles come before their sums and counts."""
    lines = [b"s_sum 1", b"s_count 1", b's{q="b",quantile="0.5"} 1', b's_sum{q="b"} 1']
    assert [len(one.lines) for one in whole([Block([], lines), Block([], [b"s_count 1"])])] == [
        2,
        3,
    ]
    assert [len(one.lines) for one in whole([Block([], lines[:3]), Block([], lines)])] == [2, 5]


def test_blocks_that_are_described_begin_where_they_begin():
    """A histogram without a count does not reach into the next family."""
    given = [Block([], [b"h_count 1", b'h_bucket{le="1"} 1']), Block([b"# TYPE x gauge"], [b"x 1"])]
    assert list(whole(given)) == given


def test_an_empty_page_has_nothing():
    """Nor has one of blank lines and comments."""
    for body in ("", "\n\n", "# a comment\n", "# TYPE a gauge"):
        page = read(body)
        assert (page.metrics, page.scraped) == ([], 0)


def test_the_last_line_needs_no_newline():
    """Chunks may end anywhere, too."""
    by = reader()
    body = b'# TYPE a gauge\na{x="1"} 1\na{x="2"} 2'
    page = by.read([bytes([one]) for one in body], TEXT, NOW)
    assert [len(columns) for one in page.metrics for columns in columns_of(one).values()] == [2]
