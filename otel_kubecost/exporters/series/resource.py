"""What a resource says about all of its series, and about itself in ``target_info``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import DESCRIPTIVE
from otel_kubecost.exporters.series.labels import label_text, labels_of, sorted_labels
from otel_kubecost.exporters.series.model import Family, Sample, Series, Type
from otel_kubecost.pdata import SCRAPE_ATTRIBUTES, TargetScope

TARGET_INFO = "target_info"

_SERVICE_NAME = "service.name"
_SERVICE_NAMESPACE = "service.namespace"
_SERVICE_INSTANCE = "service.instance.id"
_IDENTIFYING = frozenset({_SERVICE_NAME, _SERVICE_NAMESPACE, _SERVICE_INSTANCE})


@dataclass(frozen=True, slots=True)
class ResourceLabels:
    """Labels that come from a resource."""

    external: Mapping[str, str]
    """On each series that does not have them itself."""
    own: Mapping[str, str]
    """On each of its series: promoted attributes, ``job`` and ``instance``."""
    info: Mapping[str, str]
    """Of its ``target_info``; empty where that would say nothing, or of nobody."""

    @property
    def every(self) -> dict[str, str]:
        return {**self.external, **self.own}

    def without(self, names: Collection[str]) -> dict[str, str]:
        """On series that do not have its own labels of these names."""
        own = {name: text for name, text in self.own.items() if name not in names}
        return {**self.external, **own}


def resource_labels(
    attributes: Mapping[str, Any],
    *,
    promote: tuple[str, ...],
    external: Mapping[str, str],
    label_names: Mapping[str, str],
) -> ResourceLabels:
    promoted = {key: value for key, value in attributes.items() if key in promote}
    rest = {
        key: value
        for key, value in attributes.items()
        if key not in promoted and key not in _IDENTIFYING | SCRAPE_ATTRIBUTES
    }
    given = labels_of(external, {})
    identity = _identity(attributes)
    own = {**labels_of(promoted, label_names), **identity}
    more = labels_of(rest, label_names)
    info = {**given, **more, **own} if identity and more else {}
    return ResourceLabels(given, own, info)


def _identity(attributes: Mapping[str, Any]) -> dict[str, str]:
    """``job`` is ``namespace/name`` of the service or its name alone, ``instance`` its id."""
    name = label_text(attributes.get(_SERVICE_NAME))
    namespace = label_text(attributes.get(_SERVICE_NAMESPACE))
    job = f"{namespace}/{name}" if namespace and name else name
    identity = {"job": job, "instance": label_text(attributes.get(_SERVICE_INSTANCE))}
    return {label: text for label, text in identity.items() if text}


def target_info(labels: Mapping[str, str], time: int) -> Family:
    """The family that carries the rest of a resource, at ``time`` (milliseconds since the epoch).

    It has the time of the resource's newest sample: with one of its own it would come out of order
    in a batch that is older (contrib#12300).
    """
    series = Series(sorted_labels(TARGET_INFO, labels), (Sample(time, 1.0),))
    return Family(TARGET_INFO, Type.GAUGE, [series], help="Target metadata")


def resource_origin(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts that are equal for equal resources, whatever the order of their attributes.

    What only describes a resource may change without its series being others.
    """
    return tuple(
        f"{key}={json.dumps(value, default=str)}"
        for key, value in sorted(attributes.items())
        if key not in DESCRIPTIVE
    )


def scope_origin(scope: InstrumentationScope) -> tuple[str, ...]:
    """As ``resource_origin``. Two targets may have one resource; each is a scope of its own."""
    target = (scope.target,) if isinstance(scope, TargetScope) else ()
    return (scope.name, scope.version or "", *target, *resource_origin(scope.attributes or {}))
