"""The Prometheus side of the data: families of series with samples.

Before translation the words are resource, metric, data point, attribute; after it they are family,
series, sample, label, and nothing here knows the former. Two shapes stand for the series of a
family: a list of ``Series`` and, where the data came as columns, ``ColumnSeries``, which is the
same thing to whoever iterates and is encoded without ever being iterated. Columns of several tables
are ``ColumnChunks``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, repeat
from typing import NamedTuple, TypeAlias

from otel_kubecost.pdata import PointColumns, StringColumn

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value pairs with ``__name__`` among them: sorted by name in bytes, names unique and
matching ``[a-zA-Z_][a-zA-Z0-9_]*``, no value empty (remote write 1.0; Thanos refuses less)."""


class Type(StrEnum):
    """Types of families; the value is the word of the text exposition format, if it has one."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNKNOWN = "untyped"
    GAUGE_HISTOGRAM = "gaugehistogram"
    INFO = "info"
    STATESET = "stateset"


SUFFIXES: Mapping[Type, tuple[str, ...]] = {
    Type.HISTOGRAM: ("_bucket", "_sum", "_count"),
    Type.SUMMARY: ("", "_sum", "_count"),
}
"""What the names of a family's series have behind its own, where there are several."""


class Sample(NamedTuple):
    timestamp: int
    """Milliseconds since the epoch."""
    value: float


class SeriesExemplar(NamedTuple):
    labels: tuple[tuple[str, str], ...]
    timestamp: int
    """Milliseconds since the epoch."""
    value: float


class Series(NamedTuple):
    labels: Labels
    samples: Sequence[Sample]
    """Ascending by timestamp, each timestamp once."""
    exemplars: Sequence[SeriesExemplar] = ()
    start: int = 0
    """Since when a total has been counting, in milliseconds since the epoch; 0 is not known. It
    means something in families of what only grows."""


class ColumnSeries:
    """The series of one family over the columns of its points, one sample each.

    ``labels`` are sorted as in ``Labels``; a label's value is the same for every series (a
    string, not empty) or comes from a column of ``points.table``, by row. A column may hold empty
    strings: that series goes without the label. All strings are such that UTF-8 carries them.
    """

    __slots__ = ("exemplars", "labels", "points")

    def __init__(
        self,
        labels: Sequence[tuple[str, str | StringColumn]],
        points: PointColumns,
        exemplars: Mapping[int, Sequence[SeriesExemplar]] | None = None,
    ) -> None:
        """``exemplars`` by the place of their series."""
        self.labels = tuple(labels)
        self.points = points
        self.exemplars = exemplars or {}

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch: when the points were taken, whatever they say of it."""
        return self.points.time_unix_nano // 1_000_000

    @property
    def own_times(self) -> array[int] | None:
        """Of each sample, in nanoseconds; None where ``timestamp`` is that of all."""
        return self.points.details.times if self.points.details else None

    @property
    def own_starts(self) -> array[int] | None:
        """Of each series, in nanoseconds; None where all have one."""
        return self.points.details.starts if self.points.details else None

    @property
    def newest(self) -> int:
        """The time of the newest sample; ``timestamp`` where there is none."""
        return max(self.own_times) // 1_000_000 if self.own_times else self.timestamp

    def times(self) -> Iterable[int]:
        """Of each sample, in milliseconds since the epoch."""
        if self.own_times is None:
            return repeat(self.timestamp, len(self))
        return [time // 1_000_000 for time in self.own_times]

    def starts(self) -> Iterable[int]:
        """As ``Series.start``, of each series."""
        if self.own_starts is None:
            return repeat(self.points.start_time_unix_nano // 1_000_000, len(self))
        return [start // 1_000_000 for start in self.own_starts]

    @property
    def constants(self) -> list[tuple[str, str]]:
        """The labels that all series have, with one value."""
        return [(name, value) for name, value in self.labels if isinstance(value, str)]

    @property
    def shape(self) -> tuple[tuple[str, str | None], ...]:
        """Label names with their constant values; None where a column has them."""
        return tuple(
            (name, value if isinstance(value, str) else None) for name, value in self.labels
        )

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Series]:
        exemplars = self.exemplars
        rows, values = self.points.row_numbers(), self.points.values
        each = zip(rows, self.times(), values, self.starts(), strict=True)
        for place, (row, time, value, start) in enumerate(each):
            sample = Sample(time, value)
            yield Series(self.row_labels(row), (sample,), exemplars.get(place, ()), start)

    def values_of(self, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
        """For each series its values of these labels; an empty string is no label."""
        labels, rows = dict(self.labels), self.points.row_numbers()
        columns = [_strings(labels.get(name, ""), rows) for name in names]
        return zip(*columns) if columns else repeat((), len(rows))  # noqa: B905  equally long

    def row_labels(self, row: int) -> Labels:
        pairs = (
            (name, value if isinstance(value, str) else value[row]) for name, value in self.labels
        )
        return tuple(pair for pair in pairs if pair[1])

    def select(self, chosen: Iterable[int]) -> ColumnSeries:
        """Those at these places, ascending."""
        places = [*chosen]
        found = self.exemplars
        exemplars = {at: found[place] for at, place in enumerate(places) if place in found}
        return ColumnSeries(self.labels, self.points.select(places), exemplars)

    def labelled(self, labels: Sequence[tuple[str, str | StringColumn]]) -> ColumnSeries:
        """The same samples under other labels."""
        return ColumnSeries(labels, self.points, self.exemplars)


class ColumnChunks:
    """The series of one family over several tables, one after another; no series is in two.

    A long family of a page is read in such pieces.
    """

    __slots__ = ("chunks",)

    def __init__(self, chunks: Iterable[ColumnSeries]) -> None:
        self.chunks = tuple(chunks)

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    def __iter__(self) -> Iterator[Series]:
        return chain.from_iterable(self.chunks)


SomeSeries: TypeAlias = ColumnSeries | ColumnChunks | Sequence[Series]


def chunks_of(series: SomeSeries) -> Sequence[ColumnSeries]:
    """The columns of ``series``; none where there are no columns."""
    if isinstance(series, ColumnChunks):
        return series.chunks
    return (series,) if isinstance(series, ColumnSeries) else ()


def series_of(chunks: Sequence[ColumnSeries]) -> ColumnSeries | ColumnChunks:
    """What has ``chunks``, of which there is one at least."""
    return chunks[0] if len(chunks) == 1 else ColumnChunks(chunks)


def varying(chunks: Sequence[ColumnSeries]) -> list[str]:
    """The names of labels that not all series of ``chunks`` have with one value."""
    labels = [dict(chunk.labels) for chunk in chunks]
    names = dict.fromkeys(chain.from_iterable(labels))
    return [name for name in names if not _is_constant([each.get(name, "") for each in labels])]


def _is_constant(values: Sequence[str | StringColumn]) -> bool:
    return isinstance(values[0], str) and all(value == values[0] for value in values)


def _strings(value: str | StringColumn, rows: Sequence[int]) -> Iterator[str]:
    return repeat(value, len(rows)) if isinstance(value, str) else value.strings_at(rows)


@dataclass(frozen=True, slots=True)
class Family:
    """Everything under one metric name.

    Series of histograms and summaries carry suffixed names (``SUFFIXES``); what was scraped is a
    family for each of those.
    """

    name: str
    type: Type
    series: SomeSeries
    help: str = ""
    unit: str = ""
    described_as: str = ""
    """The name that type, help and unit belong to, of what was scraped: ``foo`` of ``foo_bucket``;
    empty of all else, where it is ``name``."""
    is_tracked: bool = True
    """Whether series end here: when they are not in their scope's next batch."""

    @property
    def heading(self) -> str:
        """The name that metadata has for it."""
        return self.described_as or self.name

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names that its series may have."""
        if self.described_as:
            return (self.name,)
        suffixes = ("", *SUFFIXES.get(self.type, ()))
        return tuple(dict.fromkeys(self.name + suffix for suffix in suffixes))

    @property
    def constants(self) -> dict[str, str]:
        """The labels that all of its series have, with one value."""
        labels = [set(chunk.constants) for chunk in self.chunks]
        if not labels:
            labels = [set(series.labels) for series in self.series]
        return dict(labels[0].intersection(*labels[1:])) if labels else {}

    @property
    def chunks(self) -> Sequence[ColumnSeries]:
        """Its columns; none where there are no columns."""
        return chunks_of(self.series)

    @property
    def newest(self) -> int:
        """The time of the newest sample in milliseconds since the epoch, 0 without any.

        Columns have their time also without a point left.
        """
        if self.chunks:
            return max([chunk.newest for chunk in self.chunks])
        return max((series.samples[-1].timestamp for series in self.series), default=0)


def in_chunks(families: Iterable[Family]) -> Iterator[Family]:
    """``families`` with one for each chunk of those that have several."""
    for family in families:
        if isinstance(family.series, ColumnChunks):
            yield from [replace(family, series=chunk) for chunk in family.series.chunks]
        else:
            yield family


class ScopeFamilies(NamedTuple):
    """What one scope of one resource brought, all of it: a series not here has left the scope."""

    origin: tuple[str, ...]
    """Resource and scope, the same from batch to batch."""
    families: list[Family]
    """Names are distinct, of what is tracked and of what is not; empty where the scope came
    without data."""
    time: int = 0
    """The newest of everything that came, also of columns without a point left, in milliseconds
    since the epoch; 0 where nothing said a time."""
    is_target: bool = False
    """Of a target, whose scrapes come when they are due and not with those of others."""
