"""The Prometheus side of the data: families of series with samples.

Before translation the words are resource, metric, data point, attribute; after it they are family,
series, sample, label, and nothing here knows the former. Two shapes stand for the series of a
family: a list of ``Series`` and, where the data came as columns, ``ColumnSeries``, which is the
same thing to whoever iterates and is encoded without ever being iterated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from otel_kubecost.pdata import PointColumns, StringColumn

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value pairs with ``__name__`` among them: sorted by name in bytes, names unique and
matching ``[a-zA-Z_][a-zA-Z0-9_]*``, no value empty (remote write 1.0; Thanos refuses less)."""


class Type(StrEnum):
    """Types of families; the value is the word of the text exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    UNKNOWN = "untyped"


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
    means something in families of counters and histograms alone."""


class ColumnSeries:
    """The series of one family over the columns of its points, one sample each.

    ``labels`` are sorted as in ``Labels``; a label's value is the same for every series (a
    string, not empty) or comes from a column of ``points.table``, by row. A column may hold empty
    strings: that series goes without the label. All strings are such that UTF-8 carries them.
    """

    __slots__ = ("labels", "points")

    def __init__(
        self, labels: Sequence[tuple[str, str | StringColumn]], points: PointColumns
    ) -> None:
        self.labels = tuple(labels)
        self.points = points

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch."""
        return self.points.time_unix_nano // 1_000_000

    @property
    def start(self) -> int:
        """As ``Series.start``, the same for all."""
        return self.points.start_time_unix_nano // 1_000_000

    @property
    def shape(self) -> tuple[tuple[str, str | None], ...]:
        """Label names with their constant values; None where a column has them."""
        return tuple(
            (name, value if isinstance(value, str) else None) for name, value in self.labels
        )

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Series]:
        for row, value in zip(self.points.row_numbers(), self.points.values, strict=True):
            yield Series(self.row_labels(row), (Sample(self.timestamp, value),), (), self.start)

    def row_labels(self, row: int) -> Labels:
        pairs = (
            (name, value if isinstance(value, str) else value[row]) for name, value in self.labels
        )
        return tuple(pair for pair in pairs if pair[1])


@dataclass(frozen=True, slots=True)
class Family:
    """Everything under one metric name. A histogram's series carry its suffixed names."""

    name: str
    type: Type
    series: ColumnSeries | Sequence[Series]
    help: str = ""
    unit: str = ""

    @property
    def newest(self) -> int:
        """The time of the newest sample in milliseconds since the epoch, 0 without any.

        Columns have their time also without a point left.
        """
        if isinstance(self.series, ColumnSeries):
            return self.series.timestamp
        return max((series.samples[-1].timestamp for series in self.series), default=0)


class ScopeFamilies(NamedTuple):
    """What one scope of one resource brought, all of it: a series not here has left the scope."""

    origin: tuple[str, ...]
    """Resource and scope, the same from batch to batch."""
    families: list[Family]
    """Names are distinct; empty where the scope came without data."""
    time: int = 0
    """The newest of everything that came, also of columns without a point left, in milliseconds
    since the epoch; 0 where nothing said a time."""
