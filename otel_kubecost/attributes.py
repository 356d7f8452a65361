"""Names of attributes, as OpenTelemetry's semantic conventions have them where they do.

Copied rather than imported: ``opentelemetry-semantic-conventions`` is pinned to the SDK's release.
"""

TENANT = "tenant.id"
"""No convention has it; the name is common practice."""
CLUSTER = "k8s.cluster.name"
NAMESPACE = "k8s.namespace.name"
POD = "k8s.pod.name"
NODE = "k8s.node.name"
CONTROLLER_KIND = "k8s.controller.kind"
CONTROLLER = "k8s.controller.name"
KEY, VALUE = "key", "value"
"""A Kubernetes label or annotation that costs are grouped by."""
LEVEL, LEVELS = "level", "levels"
INSTANCE = "service.instance.id"

CURRENCY = "currency"
"""ISO 4217; as gen_ai.usage.cost.currency in the conventions' only draft about money."""

PRODUCT = "kubecost.product"
"""Which product answered, with its version where that is known."""

DESCRIPTIVE = frozenset({PRODUCT})
"""Attributes of a resource that say something of it and are no part of what it is: with another
value it is the same resource, and its series are the same."""
