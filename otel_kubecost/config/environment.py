"""The process' environment, read here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """A copy of it."""
    return dict(os.environ)
