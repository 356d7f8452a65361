"""The receiver ``prometheus``: scrapes pages of metrics as a Prometheus does."""

from otel_kubecost.component import Factory, Kind, Settings
from otel_kubecost.receivers.prometheus.config import PrometheusReceiverOptions
from otel_kubecost.receivers.prometheus.receiver import PrometheusReceiver


def _build(options: PrometheusReceiverOptions, settings: Settings) -> PrometheusReceiver:
    receiver = PrometheusReceiver(options, name=str(settings.id), clock=settings.clock)
    settings.own_metrics.register(receiver.name, receiver.own_metrics)
    return receiver


FACTORY = Factory(
    kind=Kind.RECEIVER,
    name="prometheus",
    summary="Scrapes pages of metrics as a Prometheus does, without one.",
    options=PrometheusReceiverOptions,
    build=_build,
)

__all__ = ["FACTORY", "PrometheusReceiver", "PrometheusReceiverOptions"]
