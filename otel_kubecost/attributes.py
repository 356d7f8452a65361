"""Names of attributes, as OpenTelemetry's semantic conventions have them where they do.

Copied rather than imported: ``opentelemetry-semantic-conventions`` is pinned to the SDK's release.
"""

TENANT = "tenant.id"
"""No convention has it; the name is common practice."""
CLUSTER = "k8s.cluster.name"
NAMESPACE = "k8s.namespace.name"
POD = "k8s.pod.name"
NODE = "k8s.node.name"
INSTANCE = "service.instance.id"

CURRENCY = "currency"
"""ISO 4217; as gen_ai.usage.cost.currency in the conventions' only draft about money."""
