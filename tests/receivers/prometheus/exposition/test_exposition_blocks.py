"""Chunks of bytes as blocks of lines."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_kubecost.receivers.prometheus.exposition import Block, blocks
from otel_kubecost.receivers.prometheus.exposition.blocks import MOST_LINES

LINE = st.sampled_from(
    [b"", b"#", b"# HELP a b", b"# x", b" # y", b"a 1", b'a{b="#"} 1', b"##", b"\r"]
)
PAGES = st.lists(LINE).map(b"\n".join)


def line_by_line(page):
    """What ``blocks`` gives, made the slow way."""
    lines = page.split(b"\n")
    found = [Block([], [])]
    for line in lines[:-1] if lines[-1] == b"" else lines:
        if line.startswith(b"#"):
            if found[-1].lines:
                found.append(Block([], []))
            found[-1].comments.append(line)
        else:
            if len(found[-1].lines) == MOST_LINES:
                found.append(Block([], []))
            found[-1].lines.append(line)
    return found if page else []


def cut_at(page, places):
    """``page`` in chunks that end at ``places``, which may be anywhere."""
    borders = sorted({0, len(page), *(place % (len(page) + 1) for place in places)})
    return [page[start:end] for start, end in pairwise(borders)]


def test_a_block_is_comments_and_the_lines_below():
    """Comments in a row belong together, and a newline at the end ends no further line."""
    page = b"a 1\n# HELP b x\n# TYPE b gauge\nb 2\n\n#\n"
    assert list(blocks([page])) == [
        Block([], [b"a 1"]),
        Block([b"# HELP b x", b"# TYPE b gauge"], [b"b 2", b""]),
        Block([b"#"], []),
    ]


@given(PAGES, st.lists(st.integers(0, 1000), max_size=8))
def test_chunks_may_end_anywhere(page, places):
    """The blocks are those of the page in one piece, and of the page read line by line."""
    chunks = [*cut_at(page, places), b""]
    assert list(blocks(chunks)) == list(blocks([page])) == line_by_line(page)


@settings(max_examples=20)
@given(st.integers(-2, 2), st.integers(1, 3), st.lists(st.integers(0, 10**6), max_size=4))
def test_a_long_block_comes_in_parts(more, times, places):
    """No part has more lines than one may have; where they end is in no chunk's hand."""
    page = b"# TYPE a gauge\n" + b"a 1\n" * (times * MOST_LINES + more) + b"# x"
    found = list(blocks(cut_at(page, places)))
    assert found == line_by_line(page)
    assert max(len(block.lines) for block in found) == min(MOST_LINES, times * MOST_LINES + more)


def test_what_was_read_is_not_held():
    """A block is given as soon as the next one begins."""
    held = []

    def chunks():
        for number in range(3):
            held.append(number)
            yield b"# TYPE a%d gauge\na%d 1\n" % (number, number)

    found = blocks(chunks())
    assert next(found) == Block([b"# TYPE a0 gauge"], [b"a0 1"])
    assert held == [0, 1]
