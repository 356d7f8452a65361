"""The lines of a block as columns: which series each is of, its value, its time.

    line                              hash   value   time            exemplar
    a{pod="x"} 1                      h1     1       now             -
    a{pod="y"} 2 1700000000123        h2     2       1700000000123   -
    a{pod="z"} 3 # {id="7"} 3         h3     3       now             {id="7"} 3

Lines whose keys are known from the last scrape are cut at their last spaces: what stands before
them is the whole key, so nothing else can stand behind it. All others are cut with care. Of a key
only ``hash()`` is remembered, 64 bits instead of 150 bytes: it is salted anew in each process, and
that two of 100,000 keys have the same one is as likely as 3 in 10 billion.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.exposition import (
    Comment,
    Format,
    Tokens,
    fast_cut,
    fast_cut_timed,
    values,
)


class Lines(NamedTuple):
    """The samples of a block."""

    keys: Sequence[bytes]
    hashes: array[int]
    values: array[float]
    times: array[int] | None = None
    """Milliseconds since the epoch; None if no line says one."""
    timed: bytes = b""
    """1 for each line that says its time, 0 for each other; empty if none does."""
    exemplars: Mapping[int, bytes] = {}
    """By the place of their line."""
    comments: Sequence[Comment] = ()
    """Of lines that are comments behind blanks."""


class _Cut(NamedTuple):
    """Tokens by column; ``b""`` for what a line lacks. A line without a key has no sample."""

    keys: Sequence[bytes]
    values: Sequence[bytes]
    times: Sequence[bytes]
    exemplars: Sequence[bytes]


_NOTHING = _Cut((), (), (), ())


class Cutter:
    """Cuts the blocks of one page, which was scraped at ``now`` (milliseconds)."""

    def __init__(self, page_format: Format, now: int) -> None:
        self._format = page_format
        self._now = now

    def cut(self, lines: list[bytes], hashes: array[int]) -> Lines:
        """The samples of ``lines``; ``hashes`` are of the keys that they had in the last scrape.

        Raises ExpositionError.
        """
        if len(lines) == len(hashes):
            cut = _at_spaces(lines, _says_time(lines[:1], hashes[:1]))
            found = array("q", map(hash, cut.keys))
            if found == hashes:
                return self._lines(cut, found)
        return self.with_care(lines, frozenset(hashes))

    def with_care(self, lines: list[bytes], known: AbstractSet[int] = frozenset()) -> Lines:
        """The same, one by one those lines whose keys are not ``known``, which are hashes."""
        cut = _at_spaces(lines, _says_time(lines, known))
        tokens = list(zip(*cut, strict=True))
        comments = []
        for place, (key, *_) in enumerate(tokens):
            if hash(key) not in known:
                line = lines[place]
                found = (known and _known(line, known)) or self._format.cut(line)
                tokens[place] = found
                comments.append(None if found.key else self._format.comment(line))
        samples = [one for one in tokens if one[0]]
        cut = _Cut(*zip(*samples, strict=True)) if samples else _NOTHING
        found_comments = [comment for comment in comments if comment]
        return self._lines(cut, array("q", map(hash, cut.keys)), found_comments)

    def _lines(self, cut: _Cut, hashes: array[int], comments: Sequence[Comment] = ()) -> Lines:
        return Lines(
            cut.keys,
            hashes,
            values(cut.values),
            *self._own_times(cut.times),
            {place: text for place, text in enumerate(cut.exemplars) if text},
            comments,
        )

    def _own_times(self, texts: Sequence[bytes]) -> tuple[array[int] | None, bytes]:
        """The times that lines say, now for those that say none; and which ones say theirs."""
        if not any(texts):
            return None, b""
        if all(texts):
            return self._format.times(texts), b"\x01" * len(texts)
        told = iter(self._format.times([text for text in texts if text]))
        times = array("q", [next(told) if text else self._now for text in texts])
        return times, bytes(map(bool, texts))


def _says_time(lines: list[bytes], known: AbstractSet[int] | array[int]) -> bool:
    """Whether the first line that is known says its time; the others mostly do as it does."""
    for line in lines if known else ():
        rest = line.rpartition(b" ")[0]
        if hash(rest) in known:
            return False
        if hash(rest.rpartition(b" ")[0]) in known:
            return True
    return False


def _at_spaces(lines: list[bytes], say_times: bool) -> _Cut:
    nothing = (b"",) * len(lines)
    if say_times:
        return _Cut(*fast_cut_timed(lines), nothing)
    return _Cut(*fast_cut(lines), nothing, nothing)


def _known(line: bytes, known: Container[int]) -> Tokens | None:
    """``line`` cut, if its key is one of ``known``; what stands behind is not looked at yet."""
    found = _before_spaces(line, known)
    if found or b" # " not in line:
        return found
    head, _, exemplar = line.rpartition(b" # ")
    found = _before_spaces(head, known)
    return found and found._replace(exemplar=exemplar)


def _before_spaces(text: bytes, known: Container[int]) -> Tokens | None:
    rest, _, last = text.rpartition(b" ")
    if hash(rest) in known:
        return Tokens(rest, last, b"", b"")
    key, _, value = rest.rpartition(b" ")
    if hash(key) in known:
        return Tokens(key, value, last, b"")
    return None
