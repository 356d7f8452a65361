"""Floats as Prometheus writes them: in label ``le`` and in the text exposition format."""

from __future__ import annotations

import math


def format_float(value: float) -> str:
    """The shortest text that reads back as ``value``: ``1``, ``0.5``, ``1e-09``, ``+Inf``."""
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
