"""Points to metrics: what the page says of its families decides what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, Sum

from otel_kubecost.pdata import (
    ExpositionType,
    HistogramParts,
    PointColumns,
    ScrapedMetric,
    Summary,
    SummaryParts,
)
from otel_kubecost.receivers.prometheus.page.layout import Group, GroupKey
from otel_kubecost.receivers.prometheus.page.metadata import Families, Family
from otel_kubecost.receivers.prometheus.page.sampling import BlockSamples
from otel_kubecost.receivers.prometheus.page.starts import COUNTING, Starts

_APART = frozenset({"job", "instance"})
_CUMULATIVE = AggregationTemporality.CUMULATIVE
_BOUNDED_PART = {ExpositionType.HISTOGRAM: "_bucket", ExpositionType.SUMMARY: ""}
_OTHER_PARTS = frozenset({"_sum", "_count", "_created"})

_Parts: TypeAlias = dict[tuple[Family, GroupKey], dict[str, PointColumns]]


class _Series(NamedTuple):
    """The points of one group, and where in which family they belong."""

    family: Family
    suffix: str
    group: Group
    columns: PointColumns

    @property
    def is_created(self) -> bool:
        return self.suffix == "_created" and self.family.type in COUNTING

    @property
    def is_part(self) -> bool:
        """Whether a point of a histogram or a summary is made of several such series."""
        bounded = _BOUNDED_PART.get(self.family.type)
        if bounded is None:
            return False
        return self.group.has_bounds if self.suffix == bounded else self.suffix in _OTHER_PARTS


class Assembler:
    """Makes the metrics of one target's pages."""

    def __init__(self) -> None:
        self._starts = Starts()

    def metrics(self, blocks: Iterable[BlockSamples], families: Families) -> list[ScrapedMetric]:
        """Those of a page, in its order."""
        self._starts.begin()
        return [metric for block in blocks for metric in self._of_block(block, families)]

    def _of_block(self, block: BlockSamples, families: Families) -> Iterator[ScrapedMetric]:
        parts: _Parts = {}
        for one in self._with_starts(block, families):
            if one.is_part:
                key = one.family, one.group.key._replace(name="")
                parts.setdefault(key, {})[one.suffix] = one.columns
            else:
                yield _numbers(one)
        for (family, like), by_suffix in parts.items():
            yield _of_parts(family, like, by_suffix)

    def _with_starts(self, block: BlockSamples, families: Families) -> list[_Series]:
        found = [
            _Series(*families.of(group.key.name), group, columns)
            for group, columns in block.sampled
        ]
        created = {
            (one.family.name, one.group.key.is_apart): one.group
            for one in found
            if one.is_created and not one.group.key.repeat
        }
        if not created:
            return found
        return [self._started(one, created, block) for one in found]

    def _started(
        self, one: _Series, created: Mapping[tuple[str, bool], Group], block: BlockSamples
    ) -> _Series:
        group = created.get((one.family.name, one.group.key.is_apart))
        if group is None or one.is_created:
            return one
        columns = self._starts.given(one.group, one.suffix, one.columns, group, block.values)
        return one._replace(columns=columns)


def _numbers(one: _Series) -> ScrapedMetric:
    family, key = one.family, one.group.key
    return ScrapedMetric(
        key.name,
        family.help,
        family.unit,
        _data(one),
        family.type,
        family=family.name if one.suffix else "",
        without=_APART if key.is_apart else frozenset(),
        is_tracked=not key.is_timed,
        for_series_only=one.is_created,
    )


def _data(one: _Series) -> Gauge | Sum:
    match one.family.type:
        case ExpositionType.COUNTER if not one.is_created:
            return Sum(one.columns, _CUMULATIVE, is_monotonic=True)
        case ExpositionType.INFO | ExpositionType.STATESET:
            return Sum(one.columns, _CUMULATIVE, is_monotonic=False)
    return Gauge(one.columns)


def _of_parts(
    family: Family, like: GroupKey, by_suffix: Mapping[str, PointColumns]
) -> ScrapedMetric:
    is_histogram = family.type is ExpositionType.HISTOGRAM
    return ScrapedMetric(
        family.name,
        family.help,
        family.unit,
        Histogram(HistogramParts(by_suffix), _CUMULATIVE)
        if is_histogram
        else Summary(SummaryParts(by_suffix)),  # type: ignore[arg-type]  # the SDK has none
        family.type,
        without=_APART if like.is_apart else frozenset(),
        is_tracked=not like.is_timed,
    )
