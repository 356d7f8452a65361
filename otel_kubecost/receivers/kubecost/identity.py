"""What a row is about, from its key and its properties. Pure.

    aggregate=cluster,namespace,pod     key cluster-one/shop/web-0
                                        properties {"cluster": "cluster-one", "pod": "web-0", ...}

Since Kubecost 2.3 the properties have the dimensions that were asked for and no others; aggregated
rows of any version have only what all their members share.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter

from otel_kubecost.receivers.kubecost.projection import FIELDS
from otel_kubecost.receivers.kubecost.rows import Properties, Row

IDLE, UNALLOCATED, UNMOUNTED = "__idle__", "__unallocated__", "__unmounted__"
SHARED, EXTERNAL = "__shared__", "__external__"
_SYNTHETIC = (IDLE, UNMOUNTED, SHARED, EXTERNAL)


def identity(key: str, row: Row, dimensions: Sequence[str]) -> tuple[str, ...]:
    """What the row is about, one name a requested dimension.

    The key is the dimensions joined by ``/``. Where it has another number of parts (a name with a
    slash, a server that knows other dimensions), or its properties contradict it, the properties
    say it. Without any the parts of a shorter key are the last dimensions, or the first ones where
    the row is no object (``one/__idle__``). A dimension that is nowhere is ``__unallocated__``.
    """
    parts: Sequence[str | None] = _without_names(_parts(key, row, dimensions), dimensions)
    said = _said(row.properties, dimensions, parts)
    if any(said):
        fits = len(parts) == len(said) and all(
            name in {None, part} for name, part in zip(said, parts, strict=True)
        )
        parts = parts if fits else said
    return tuple(part or UNALLOCATED for part in _aligned(parts, said))


def plain_names(
    keys: Sequence[str], rows: Sequence[Row], dimensions: Sequence[str]
) -> Sequence[tuple[str, ...] | None]:
    """``identity`` of each row that is plain, None of others.

    Plain are rows whose properties have every dimension and, joined by ``/``, are the key, without
    a name that is empty or such as ``__idle__``. So nearly all are, and where a piece of an answer
    has no others there is nothing to weigh row by row.
    """
    if not all(dimension in FIELDS for dimension in dimensions):
        return [None] * len(rows)
    own = attrgetter(*(FIELDS[dimension] for dimension in dimensions))
    names = [own(row.properties or _SILENT) for row in rows]
    try:
        joined = list(map("/".join, names))
    except TypeError:  # a name is missing
        joined = ["/".join(map(str, of_row)) if all(of_row) else "" for of_row in names]
    text = "/".join(["", *keys, ""])  # an empty name is between two slashes
    if joined == keys and "__" not in text and "//" not in text:
        return names
    pairs = zip(names, joined, keys, strict=True)
    return [of_row if one == key and all(of_row) and "__" not in key else None
            for of_row, one, key in pairs]  # fmt: skip


_SILENT = Properties()


def _aligned(parts: Sequence[str | None], said: Sequence[str | None]) -> Sequence[str | None]:
    missing = [None] * (len(said) - len(parts))
    if set(_SYNTHETIC) & set(parts):
        return [*parts, *missing][: len(said)]
    return [*missing, *parts] if len(parts) <= len(said) else said


def _parts(key: str, row: Row, dimensions: Sequence[str]) -> list[str]:
    """The parts of a key; a slash in the cluster's name, or in an annotation's value, is none."""
    cluster = (row.properties and row.properties.cluster) or ""
    if "/" in cluster and key.startswith(f"{cluster}/"):
        return [cluster, *_parts(key.removeprefix(f"{cluster}/"), _NOBODY, dimensions[1:])]
    # An annotation is the last dimension.
    most = len(dimensions) - 1 if dimensions[-1].startswith("annotation:") else -1
    return key.split("/", most)


_NOBODY = Row()


def _without_names(parts: list[str], dimensions: Sequence[str]) -> list[str]:
    """Some versions write a label's value as ``team=shop`` (kubecost 1.98)."""
    if len(parts) != len(dimensions):
        return parts
    return [
        part.removeprefix(f"{dimension.partition(':')[2]}=") if ":" in dimension else part
        for part, dimension in zip(parts, dimensions, strict=True)
    ]


_VALUES = {"label": "labels", "annotation": "annotations"}
"""The property that has the values of a dimension such as ``label:team``."""


def _said(
    properties: Properties | None, dimensions: Sequence[str], parts: Sequence[str | None]
) -> list[str | None]:
    if properties is None:
        return [None] * len(dimensions)
    said = [
        (getattr(properties, FIELDS[dimension]) or None) if dimension in FIELDS else None
        for dimension in dimensions
    ]
    if len(parts) == len(dimensions):
        return said  # the key has the values of labels
    return [
        _value(properties, dimension) if ":" in dimension else name
        for name, dimension in zip(said, dimensions, strict=True)
    ]


def _value(properties: Properties, dimension: str) -> str | None:
    kind, _, name = dimension.partition(":")
    try:
        values = json.loads(bytes(getattr(properties, _VALUES[kind], b"")) or b"null")
    except (ValueError, RecursionError):
        return None
    value = values.get(name) if isinstance(values, dict) else None
    return value if isinstance(value, str) else None


def synthetic(key: str, names: Sequence[str]) -> str | None:
    """``__idle__``, ``__unmounted__``... for a row that is no object at any level, else None.

    Such a name may stand at any part of the key.
    """
    parts = key.split("/")
    for name in _SYNTHETIC:
        if name in parts or name in names:
            return name
    return None


def is_named(name: str) -> bool:
    """Whether ``name`` is one of the cluster's own, and not such as ``__unallocated__``."""
    return not (name.startswith("__") and name.endswith("__"))
