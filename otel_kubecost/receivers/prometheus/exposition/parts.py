"""What the lines of a page consist of, and what a format does with them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from otel_kubecost.receivers.prometheus.exposition.blocks import Block

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Tokens(NamedTuple):
    """A line, cut; ``b""`` for what it lacks."""

    key: bytes
    """Name and labels as they are written; empty where the line has no sample."""
    value: bytes
    time: bytes
    exemplar: bytes
    """From its brace on."""


class Comment(NamedTuple):
    """A line that describes a family, or ends the page."""

    kind: Literal["help", "type", "unit", "eof"]
    family: str
    text: str
    """Of a type: the format's own word, one of those that it knows."""


class PageExemplar(NamedTuple):
    """An exemplar as the page has it; ``time`` is in milliseconds since the epoch."""

    labels: Labels
    value: float
    time: int | None


class Format(Protocol):
    """How one format reads what stands in the lines of a page.

    All of it raises ``ExpositionError`` where Prometheus fails the scrape.
    """

    def cut(self, line: bytes) -> Tokens:
        """The parts of a line that does not begin with ``#``.

        The key is empty where the line is blank, or a comment behind blanks: one for ``comment``.
        A value has the form of a number, and may yet be too large for ``values``.
        """

    def series(self, key: bytes) -> tuple[str, Labels]:
        """Name and labels of a key from ``cut``, in the order of the page, repeated ones too."""

    def comment(self, line: bytes) -> Comment | None:
        """What a comment says; None if it is for people."""

    def time(self, text: bytes) -> int:
        """Milliseconds since the epoch, in 64 bits with a sign."""

    def times(self, texts: Sequence[bytes]) -> array[int]:
        """Many at once, typecode ``q``."""

    def exemplar(self, text: bytes) -> PageExemplar:
        """Read what ``cut`` gave as an exemplar."""

    def check_end(self, page: Iterable[Block]) -> Iterator[Block]:
        """The blocks of ``page``, without what marks its end.

        Raises at the end if the page does not end as it has to.
        """
