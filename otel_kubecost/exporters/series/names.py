"""OpenTelemetry names to Prometheus names.

    foo.bar, By, monotonic    foo_bar_bytes_total
    latency, ms               latency_milliseconds
    cost, {USD/h}             cost
    usage, 1, gauge           usage_ratio
    9to5                      _9to5 as a metric, key_9to5 as a label

The rules are those of the OpenTelemetry specification (compatibility/prometheus_and_openmetrics),
the tables those of prometheus/otlptranslator, so that a metric has the name that the Collector and
Prometheus' own OTLP endpoint give it. One deviation: a name that Prometheus takes as it is keeps
its double underscores, for it came from Prometheus.
"""

from __future__ import annotations

import re
from functools import lru_cache

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds",
    "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "kBy": "kilobytes", "KBy": "kilobytes", "MBy": "megabytes",
    "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER_UNITS = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
}  # fmt: skip

_ANNOTATION = re.compile(r"\{[^}]*\}")
_NOT_METRIC = re.compile(r"_*[^a-zA-Z0-9:_][^a-zA-Z0-9:]*")
_NOT_LABEL = re.compile(r"_*[^a-zA-Z0-9_][^a-zA-Z0-9]*")
_NOT_UNIT = re.compile(r"[^a-zA-Z0-9]+")


def metric_name(name: str, unit: str, *, monotonic: bool, gauge: bool) -> str:
    """The name of a family; ``""`` where ``name`` has no character that Prometheus allows.

    ``unit`` is UCUM: annotations in braces are dropped, and a unit that the name already says is
    not said twice. ``monotonic`` appends ``_total``; ``gauge`` with unit ``1`` appends ``_ratio``.
    """
    clean = _metric_characters(name)
    if not clean:
        return clean
    if monotonic:
        return f"{_with_unit(clean.removesuffix('_total'), unit)}_total"
    if gauge and unit == "1":
        return _suffixed(clean, "ratio")
    return _with_unit(clean, unit)


@lru_cache(maxsize=4096)
def label_name(key: str) -> str:
    """The name of a label; ``""`` only for an empty key.

    What sanitising makes never starts with two underscores: those names are Prometheus' own.
    """
    clean = _NOT_LABEL.sub("_", key)
    return f"key_{clean}" if clean[:1].isdigit() else clean


def _metric_characters(name: str) -> str:
    clean = _NOT_METRIC.sub("_", name)
    if clean != name:
        clean = clean.strip("_")
    return f"_{clean}" if clean[:1].isdigit() else clean


def _with_unit(name: str, unit: str) -> str:
    main, _, per = _ANNOTATION.sub("", unit).partition("/")
    name = _suffixed(name, _unit_word(main, _UNITS))
    denominator = _unit_word(per, _PER_UNITS)
    return _suffixed(name, f"per_{denominator}") if denominator else name


def _unit_word(unit: str, words: dict[str, str]) -> str:
    return _NOT_UNIT.sub("_", words.get(unit.strip(), unit)).strip("_")


def _suffixed(name: str, suffix: str) -> str:
    """``name`` ending in ``suffix``, or unchanged where the suffix is one of its words."""
    return name if not suffix or f"_{suffix}_" in f"_{name}_" else f"{name}_{suffix}"
