"""``memory_limiter``: what would be too much is refused, and asked for again when there is room."""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.allocator import give_back
from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import RetryableError
from otel_kubecost.memory import available_bytes, resident_bytes
from otel_kubecost.processors.memory_limiter.options import MIB, MemoryLimiterOptions
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class MemoryLimiter:
    """A processor: passes a batch, or raises RetryableError while there is too little memory.

    It belongs before all others, so that nothing more is made of what is refused. Where the system
    does not tell how much memory the process has, everything passes. Safe to use from several
    threads.

    >>> MemoryLimiter(limit_mib=512, spike_limit_mib=128)
    """

    def __init__(
        self,
        options: MemoryLimiterOptions | None = None,
        /,
        *,
        name: str = "memory_limiter",
        clock: Clock | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._options = options or build_options(MemoryLimiterOptions, keywords)
        self._name = name
        self._clock = clock or SystemClock()
        self._checking = threading.Lock()
        self._checked: float | None = None
        self._excess = ""
        self._cannot_tell = False

    def __call__(self, data: MetricsData) -> MetricsData:
        with self._checking:
            now = self._clock.monotonic()
            if self._checked is None or now - self._checked >= self._options.check_interval:
                self._excess, self._checked = self._check(), now
            excess = self._excess
        if excess:
            raise RetryableError(excess)
        return data

    def _check(self) -> str:
        """Why nothing passes; empty where there is memory, if only what nobody needs any more."""
        try:
            soft = self._options.limits(available_bytes()).soft
            if resident_bytes() <= soft:
                return ""
            give_back()
            used = resident_bytes()
        except OSError as error:
            self._say_unknown(error)
            return ""
        return self._too_much(used, soft) if used > soft else ""

    def _too_much(self, used: int, soft: int) -> str:
        limit = self._options.deciding
        return (
            f"{self._name} measures {used / MIB:.0f} MiB of memory, and {limit} less spike_{limit}"
            f" is {soft / MIB:.0f} MiB; raise {limit}, or ask for fewer series"
        )

    def _say_unknown(self, error: OSError) -> None:
        if not self._cannot_tell:
            self._cannot_tell = True
            _log.warning(
                f"{self._name} limits nothing: the system does not tell how much memory there is",
                error=str(error),
            )
