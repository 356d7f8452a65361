"""Attributes to labels: names made valid, values made text."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from otel_kubecost.exporters.series.model import Labels
from otel_kubecost.exporters.series.names import label_name

NAME = "__name__"

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def labels_of(
    attributes: Mapping[str, Any] | None, label_names: Mapping[str, str]
) -> dict[str, str]:
    """Labels of ``attributes``, each under its name in ``label_names`` or else its key made valid.

    Values that are None or empty make no label, nor do names that start with ``__``. Where two
    keys come to one name, the values are joined with ``;`` in the order of the keys.
    """
    return labels_named(attributes, lambda key: translated_name(key, label_names))


def labels_named(
    attributes: Mapping[str, Any] | None, name_of: Callable[[str], str]
) -> dict[str, str]:
    """As ``labels_of``, each under the name that its key has by ``name_of``; ``""`` is none."""
    labels: dict[str, str] = {}
    for key, value in sorted((attributes or {}).items()):
        name = name_of(key)
        text = label_text(value)
        if text and name:
            labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def translated_name(key: str, label_names: Mapping[str, str]) -> str:
    """The label that attribute ``key`` becomes; ``""`` where it cannot be one."""
    name = label_name(label_names.get(key, key))
    return "" if name.startswith("__") else name


def scraped_name(key: str, label_names: Mapping[str, str]) -> str:
    """The label that ``key`` of a scraped metric is: a label already, or it becomes one.

    Names with two underscores are Prometheus' own, and it keeps those that a page has.
    """
    if _LABEL_NAME.fullmatch(key):
        return "" if key == NAME else key
    return translated_name(key, label_names)


def label_text(value: Any) -> str:
    """``value`` as a label says it: a string as it is, None as ``""``, anything else as JSON.

    JSON keeps ``1``, ``1.0`` and ``true`` apart, which are three values to OpenTelemetry.
    """
    if isinstance(value, str):
        return valid_text(value)
    if value is None:
        return ""
    return valid_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain))


def valid_text(text: str) -> str:
    """``text`` with lone surrogates, which UTF-8 cannot carry, as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def sorted_labels(family: str, labels: Mapping[str, str]) -> Labels:
    """The label set of a series of ``family``, sorted by name as remote write demands."""
    return tuple(sorted({**labels, NAME: family}.items()))


def _plain(value: Any) -> str:
    """What JSON has no word for: bytes as OTLP/JSON writes them, the rest as Python prints it."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
