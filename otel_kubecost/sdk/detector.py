"""The resource detector ``kubecost``: the process' Resource says tenant and cluster.

Named in OTEL_EXPERIMENTAL_RESOURCE_DETECTORS, or in a declarative file::

    resource: {detection/development: {detectors: [{kubecost: {tenant_id: ...}}]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.resources import Resource, ResourceDetector

from otel_kubecost.attributes import CLUSTER, TENANT
from otel_kubecost.config.environment import environment
from otel_kubecost.sdk.variables import options_from
from otel_kubecost.telemetry import get_logger

# As OpenTelemetry's own: shown on standard error where the program has set up no logging.
_log = get_logger("opentelemetry.otel_kubecost")

_ATTRIBUTES = {"tenant_id": TENANT, "cluster_name": CLUSTER}


class KubecostResourceDetector(ResourceDetector):
    """Gives ``tenant.id`` and ``k8s.cluster.name``, as far as they are known. Raises nothing.

    Keywords go before variables: OTEL_KUBECOST_TENANT_ID or TENANT_ID, OTEL_KUBECOST_CLUSTER_NAME
    or CLUSTER_NAME.
    """

    def __init__(self, raise_on_error: bool = False, **keywords: Any) -> None:
        """``keywords``: ``tenant_id``, ``cluster_name``; None is not given."""
        super().__init__(raise_on_error)
        self._keywords = dict(_texts(keywords))

    def detect(self) -> Resource:
        known = options_from(environment()) | self._keywords
        return Resource({at: known[name] for name, at in _ATTRIBUTES.items() if name in known})


def _texts(keywords: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An account id of digits may come as a number."""
    for name, value in keywords.items():
        if name not in _ATTRIBUTES:
            options = " and ".join(_ATTRIBUTES)
            _log.warning(f"The resource detector kubecost has no option {name}; {options} are all")
        elif isinstance(value, str | int) and not isinstance(value, bool):
            if text := str(value).strip():
                yield name, text
        elif value is not None:
            _log.warning(f"{name} of the resource detector kubecost is no text; put it in quotes")
