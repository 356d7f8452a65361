"""The exporter ``webhook``: posts the sums of one metric as JSON, to a chat for example."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import requests
from opentelemetry.sdk.metrics.export import (
    Gauge,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from pydantic import Field, SecretStr

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Duration, Options
from otel_kubecost.pdata import each_metric

_log = logging.getLogger(__name__)


class WebhookOptions(Options):
    """What users write under ``webhook``."""

    url: SecretStr = Field(
        description="Where to post; who knows it can post there, so it is never shown.",
        examples=["https://chat.example.com/hooks/4f2a"],
    )
    metric: str = Field(description="The metric to add up.", examples=["acme_service_cost"])
    by: str = Field("team", description="The attribute that it is added up by.")
    timeout: Duration = Field(5.0, gt=0, description="Time for one post.")


class Webhook(MetricExporter):
    """Keeps nothing: what could not be posted is FAILURE, and the next mark has the newest sums."""

    present_only = True
    """A chat has no use for marks that were missed."""

    def __init__(self, options: WebhookOptions) -> None:
        super().__init__()
        self._options = options
        self._closed = False

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> MetricExportResult:
        sums = sums_by(self._options.by, self._options.metric, metrics_data)
        if self._closed or (sums and not self._post(sums, timeout_millis / 1000)):
            return MetricExportResult.FAILURE
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002  the SDK's signature
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:  # noqa: ARG002  the SDK's signature
        """A post under way ends by its own timeout, and nobody waits for it."""
        self._closed = True

    def _post(self, sums: Mapping[str, float], seconds: float) -> bool:
        url, timeout = self._options.url.get_secret_value(), min(seconds, self._options.timeout)
        try:
            answer = requests.post(url, json={self._options.metric: sums}, timeout=timeout)
            answer.raise_for_status()
        except requests.RequestException as error:
            # Its text has the URL.
            _log.warning("The webhook did not take the sums: %s", type(error).__name__)
            return False
        return True


def sums_by(attribute: str, metric: str, data: MetricsData) -> Mapping[str, float]:
    """The sums of ``metric``, by the values of ``attribute``; points without it are left out."""
    sums: dict[str, float] = defaultdict(float)
    for _, _, one in each_metric(data):
        if one.name == metric and isinstance(one.data, Gauge):
            for point in one.data.data_points:
                if attribute in (point.attributes or {}):
                    sums[str((point.attributes or {})[attribute])] += point.value
    return sums


FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="webhook",
    summary="Posts the sums of a metric as JSON.",
    options=WebhookOptions,
    build=lambda options, _: Webhook(options),
)
