"""The exporter as the SDK's own configuration makes it, by variables or a declarative file."""

from __future__ import annotations

from typing import Any

from otel_kubecost.config.environment import sdk_is_disabled
from otel_kubecost.exporters.prometheus_remote_write.exporter import PrometheusRemoteWriteExporter


class SelfStartingExporter(PrometheusRemoteWriteExporter):
    """Runs from the beginning, as nobody there says ``start``.

    Else the first batch would start the sending thread, and of a short process that is the one of
    its end, when Python 3.12 starts no threads any more (cpython#113964).
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        if not sdk_is_disabled():
            self.start()
