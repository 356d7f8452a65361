"""Relabelling before sending: which series go out. Pure.

Semantics are those of Prometheus (model/relabel): the values of ``source_labels``, a missing one
as the empty string, are joined with ``separator`` and matched as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from pydantic import Field, model_validator

from otel_kubecost.config.options import Options, Pattern, Regex
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.pdata import PointColumns, StringColumn

_Source: TypeAlias = str | StringColumn


class RelabelRule(Options):
    """One of ``write_relabel_configs``, as in Prometheus. Actions: ``keep`` and ``drop``."""

    action: Literal["keep", "drop"] = Field(description="What to do with a series that matches.")
    source_labels: tuple[str, ...] = Field((), description="Labels whose values are matched.")
    separator: str = Field(";", description="Stands between the values of source_labels.")
    regex: Regex = Field(Pattern("(.*)"), description="RE2; has to match the whole text.")

    @model_validator(mode="before")
    @classmethod
    def _available(cls, block: Any) -> Any:
        if not isinstance(block, Mapping):
            return block
        action = str(block.get("action", "replace")).lower()
        if action not in {"keep", "drop"}:
            raise ValueError(f"action {action} is not available in this version; keep and drop are")
        return {**block, "action": action}

    def keeps(self, values: Iterable[str]) -> bool:
        """Whether a series stays whose ``source_labels`` have ``values``."""
        return self.regex.matches(self.separator.join(values)) is (self.action == "keep")


def relabel_scopes(
    scopes: Iterable[ScopeFamilies], rules: Sequence[RelabelRule]
) -> list[ScopeFamilies]:
    """``scopes`` with the series that all ``rules`` keep; each scope stays, if empty."""
    return [scope._replace(families=relabel(scope.families, rules)) for scope in scopes]


def relabel(families: Iterable[Family], rules: Sequence[RelabelRule]) -> list[Family]:
    """``families`` with the series that all ``rules`` keep; none without series."""
    kept = list(families)
    for rule in rules:
        kept = [part for family in kept if (part := _apply(family, rule)).series]
    return kept


def _apply(family: Family, rule: RelabelRule) -> Family:
    """A rule about the name alone, the usual one, does not look at series."""
    if rule.source_labels == ("__name__",) and family.type is not Type.HISTOGRAM:
        return family if rule.keeps([family.name]) else replace(family, series=())
    if isinstance(family.series, ColumnSeries):
        return replace(family, series=_columns(family.series, rule))
    return replace(family, series=[one for one in family.series if _keeps_series(one, rule)])


def _keeps_series(series: Series, rule: RelabelRule) -> bool:
    labels = dict(series.labels)
    return rule.keeps(labels.get(name, "") for name in rule.source_labels)


def _columns(series: ColumnSeries, rule: RelabelRule) -> ColumnSeries | Sequence[Series]:
    labels = dict(series.labels)
    sources = [labels.get(name, "") for name in rule.source_labels]
    constant = [source for source in sources if isinstance(source, str)]
    if len(constant) == len(sources):
        return series if rule.keeps(constant) else ()
    return ColumnSeries(series.labels, series.points.select(_kept(series.points, sources, rule)))


def _kept(points: PointColumns, sources: Sequence[_Source], rule: RelabelRule) -> Iterator[int]:
    """Which points stay; each distinct combination of values is matched once."""
    verdicts: dict[tuple[str, ...], bool] = {}
    for place, row in enumerate(points.row_numbers()):
        found = tuple(source if isinstance(source, str) else source[row] for source in sources)
        if found not in verdicts:
            verdicts[found] = rule.keeps(found)
        if verdicts[found]:
            yield place
