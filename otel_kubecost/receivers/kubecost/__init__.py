"""The receiver ``kubecost``: the allocation API of Kubecost or OpenCost."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.receiver import KubecostReceiver

FACTORY = Factory(
    kind=Kind.RECEIVER,
    name="kubecost",
    summary="Asks the allocation API of Kubecost or OpenCost for costs.",
    options=KubecostReceiverOptions,
    build=lambda options, settings: KubecostReceiver(
        options,
        name=str(settings.id),
        clock=settings.clock,
        checkpoints=settings.storage(options.storage),
    ),
)

__all__ = ["FACTORY", "KubecostReceiver", "KubecostReceiverOptions"]
