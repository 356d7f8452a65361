"""The process' environment, read here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """A copy of it."""
    return dict(os.environ)


def sdk_is_disabled() -> bool:
    """Whether nothing of OpenTelemetry shall run in this process."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
