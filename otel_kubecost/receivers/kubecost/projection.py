"""What is kept of an answer's rows: the rest is not even decoded. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from otel_kubecost.receivers.kubecost.measures import MEASURES
from otel_kubecost.receivers.kubecost.rows import Properties, row_type

FIELDS = {one.encode_name: one.name for one in msgspec.structs.fields(Properties)}
"""The property that names a dimension, as a field of ``Properties``."""


class Projection(NamedTuple):
    """Of each row its names by dimension, some measures, and the time that it spans if wanted."""

    dimensions: tuple[str, ...]
    """As a query asks for them, the cluster first."""
    measures: tuple[str, ...] = tuple(MEASURES)
    spans: bool = True

    @property
    def row_type(self) -> type[msgspec.Struct]:
        """What rows are decoded into."""
        numbers = {field for measure in self.measures for field in MEASURES[measure]}
        plain = [FIELDS[one] for one in self.dimensions if one in FIELDS]
        texts = [f"{kind}s" for kind in ("label", "annotation") if self._has(kind)]
        return row_type(tuple(sorted(numbers)), (*plain, *texts), spans=self.spans)

    def _has(self, kind: str) -> bool:
        return any(dimension.startswith(f"{kind}:") for dimension in self.dimensions)
