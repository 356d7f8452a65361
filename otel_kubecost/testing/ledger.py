"""Whether anything was lost: what an exporter says it did, held against what is there.

For a test of any fault. An exporter's books are the file of its spool, of an agent that runs or was
killed, or ``exporter.stats`` of one that keeps what waits in memory::

    audit = Audit(receiver, "/var/lib/otel-kubecost/queue-cloudtuner-0a1b2c3d.db")
    ...  # a fault
    assert audit.faults() == []

Nothing of how the spool is written is used to read it.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.testing.remote_write import RemoteWriteReceiver
from otel_kubecost.testing.wire import LabelPairs, Message, Point, decode, show
from otel_kubecost.testing.wire_otlp import MESSAGE as OTLP_MESSAGE
from otel_kubecost.testing.wire_otlp import decode_gzipped_otlp, decode_otlp
from otel_kubecost.testing.wire_v2 import MESSAGE, decode_v2

Samples: TypeAlias = Mapping[LabelPairs, Sequence[Point]]

_DECODERS: Mapping[str, Callable[[bytes], Message]] = {
    "prometheus.WriteRequest": decode,
    MESSAGE: decode_v2,
    OTLP_MESSAGE: decode_otlp,
    f"{OTLP_MESSAGE}+gzip": decode_gzipped_otlp,
}
_IN_ORDER = (
    "SELECT number, samples, kind, checksum, body FROM requests WHERE batch IS NOT"
    " (SELECT CAST(value AS INTEGER) FROM about WHERE name = 'unfinished')"
    " ORDER BY newest, batch, rank"
)
"""Without those of a batch of which a part is still to come: it counts when it is there whole."""
_DROPPED = "dropped:"
_REFUSALS = ("out of order sample", "duplicate sample")
"""How a violation begins that says of a sample that it came too late, or was another before."""
_SHOWN = 5
"""Of samples that are lost."""


class Books(NamedTuple):
    """``accepted = delivered + pending + dropped`` in samples, or that is among the faults."""

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    dropped: Mapping[str, int] = MappingProxyType({})
    """By reason."""
    waiting: Samples = MappingProxyType({})
    """What is pending, in the order in which it leaves, where that can be seen."""
    shows_waiting: bool = True
    faults: Sequence[str] = ()


def read_spool(path: str | PathLike[str]) -> Books:
    """What a queue's file has in it at one instant; nothing where it was not made to its end.

    Changes nothing in it, whoever works with it.
    """
    file = Path(path)
    if not file.exists() or file.with_name(f"{file.name}-journal").exists():
        return Books()  # its first journal is there only until it has a write-ahead log
    try:
        with closing(_read_only(file)) as connection:
            connection.execute("BEGIN")  # one instant for all that is read
            return _balanced(_read(connection))
    except sqlite3.DatabaseError as error:
        return Books(faults=[f"{file.name} cannot be read: {error}"])


class Audit:
    """Holds the books of one exporter against ``receiver``, as often as it is asked.

    It remembers: what it once saw waiting, or was told of by ``accepted``, has to be somewhere from
    then on. ``of`` says which series it is about; numbers are those of all. The receiver has to
    keep what it stores. Not for several threads at once.
    """

    def __init__(
        self,
        receiver: RemoteWriteReceiver,
        books: str | PathLike[str] | Callable[[], Stats],
        *,
        of: Callable[[LabelPairs], bool] = lambda _: True,
    ) -> None:
        self._receiver = receiver
        self._books = books
        self._of = of
        self._due: defaultdict[LabelPairs, dict[int, float]] = defaultdict(dict)

    def accepted(self, samples: Mapping[LabelPairs, Iterable[Point]]) -> None:
        """The exporter has these: ``enqueue`` has returned."""
        for labels, points in samples.items():
            self._due[labels].update(points)

    def books(self) -> Books:
        """As they are now."""
        return _of_stats(self._books()) if callable(self._books) else read_spool(self._books)

    def faults(self) -> list[str]:
        """What is wrong, one text each. May be asked while the exporter is at work.

        The numbers do not add up; the file is damaged; a sample is lost, or has another value than
        it had; one waits behind a later one of its series, or though a later one was delivered; the
        receiver got one out of order.
        """
        books = self.books()
        stored = self._receiver.series  # after the books: what leaves meanwhile is in one of them
        waiting = {each: books.waiting[each] for each in books.waiting if self._of(each)}
        for labels, points in waiting.items():
            self._due[labels] = dict(points) | self._due[labels]
        return [
            *books.faults,
            *_disorder(waiting, stored),
            *self._losses(books, waiting, stored),
            *self._refusals(stored),
        ]

    def _losses(self, books: Books, waiting: Samples, stored: Samples) -> Iterator[str]:
        """What is at the receiver as it should be is forgotten."""
        missing = []
        for labels, due in self._due.items():
            arrived = _since(stored.get(labels, ()), min(due, default=0))
            places = arrived, dict(waiting.get(labels, ()))
            for at, value in due.items():
                found = [place[at] for place in places if at in place]
                if not found:
                    missing.append(f"{at} in {show(labels)}")
                if any(_bits(other) != _bits(value) for other in found):
                    yield f"{at} has the value {found} instead of {value} in {show(labels)}"
            self._due[labels] = {at: due[at] for at in due if at not in arrived}
        excused = sum(books.dropped.values()) + (0 if books.shows_waiting else books.pending)
        if missing and len(missing) > excused:
            yield (
                f"{len(missing)} samples neither wait nor arrived, {excused} of them accounted"
                f" for: {'; '.join(missing[:_SHOWN])}"
            )

    def _refusals(self, stored: Samples) -> Iterator[str]:
        endings = tuple(f" in {show(labels)}" for labels in stored if self._of(labels))
        for violation in self._receiver.violations:
            if violation.startswith(_REFUSALS) and violation.endswith(endings):
                yield f"the receiver says: {violation}"


def _disorder(waiting: Samples, stored: Samples) -> Iterator[str]:
    for labels, points in waiting.items():
        shown = show(labels)
        for (before, value), (at, other) in pairwise(points):
            if at < before:
                yield f"{at} waits behind {before} in {shown}"
            if at == before and _bits(other) != _bits(value):
                yield f"{at} waits with the values {value} and {other} in {shown}"
        arrived = _since(stored.get(labels, ()), min(at for at, _ in points))
        newest = max(arrived, default=0)
        for at, _ in points:
            if at < newest and at not in arrived:
                yield f"{at} waits though {newest} was delivered in {shown}"


def _since(points: Sequence[Point], start: int) -> dict[int, float]:
    return dict(points[bisect_left(points, start, key=lambda point: point[0]) :])


def _bits(value: float) -> bytes:
    """A NaN is not equal to itself, and not every NaN says the same."""
    return struct.pack("<d", value)


def _of_stats(stats: Stats) -> Books:
    numbers = stats.accepted, stats.delivered, stats.pending, stats.dropped
    return _balanced(Books(*numbers, shows_waiting=False))


def _balanced(books: Books) -> Books:
    """With what is wrong with the numbers among its faults."""
    accepted, delivered, pending, dropped = books[:4]
    numbers = [delivered, pending, *dropped.values()]
    if accepted == sum(numbers) and min(numbers) >= 0:
        return books
    fault = (
        f"accepted {accepted} is not delivered {delivered} + pending {pending}"
        f" + dropped {dict(dropped)}"
    )
    return books._replace(faults=[*books.faults, fault])


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _read(connection: sqlite3.Connection) -> Books:
    """Nothing where the tables were not made yet. Raises sqlite3.DatabaseError."""
    if connection.execute("PRAGMA user_version").fetchone() == (0,):
        return Books()
    booked: dict[str, int] = dict(connection.execute("SELECT name, samples FROM ledger"))
    faults = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    waiting: defaultdict[LabelPairs, list[Point]] = defaultdict(list)
    pending = 0
    for number, samples, *row in connection.execute(_IN_ORDER):
        pending += samples
        try:
            for series in _message(samples, *row).series:
                waiting[series.labels] += series.points
        except ValueError as error:
            faults.append(f"request {number}: {error}")
    dropped = {
        name.removeprefix(_DROPPED): lost
        for name, lost in booked.items()
        if name.startswith(_DROPPED)
    }
    numbers = booked.get("accepted", 0), booked.get("delivered", 0), pending
    return Books(*numbers, dropped, dict(waiting), faults=faults)


def _message(samples: int, kind: str, checksum: int, body: bytes) -> Message:
    """Raises ValueError, saying what a row is not."""
    if kind not in _DECODERS:
        raise ValueError(f"nobody knows what kind {kind!r} is")
    if zlib.crc32(body) != checksum:
        raise ValueError("body is not what was written: its checksum differs")
    message = _DECODERS[kind](body)
    found = sum(len(series.points) for series in message.series)
    if found != samples:
        raise ValueError(f"body has {found} samples instead of {samples}")
    return message
