"""Variables of the instrumentor and the resource detector.

``opentelemetry-instrument`` makes a flag of each: ``--kubecost_endpoint http://kubecost:9090``. All
of them are options of the instrumentor, in capitals; others have no variable.
"""

OTEL_KUBECOST_ENDPOINT = "OTEL_KUBECOST_ENDPOINT"
"""Base URL of Kubecost or OpenCost. Without it the instrumentor does nothing."""

OTEL_KUBECOST_TENANT_ID = "OTEL_KUBECOST_TENANT_ID"
"""The Cloud Account ID; attribute ``tenant.id``. Default: TENANT_ID, then the Resource's."""

OTEL_KUBECOST_CLUSTER_NAME = "OTEL_KUBECOST_CLUSTER_NAME"
"""Attribute ``k8s.cluster.name``. Default: CLUSTER_NAME, then the Resource's."""

OTEL_KUBECOST_COLLECTION_INTERVAL = "OTEL_KUBECOST_COLLECTION_INTERVAL"
"""How often Kubecost is asked, as in ``120s``."""

OTEL_KUBECOST_WINDOW = "OTEL_KUBECOST_WINDOW"
"""How much time the costs are of, as in ``24h``."""

OTEL_KUBECOST_LEVELS = "OTEL_KUBECOST_LEVELS"
"""What costs are grouped by, as in ``cluster,namespace,pod``."""

OTEL_KUBECOST_CURRENCY = "OTEL_KUBECOST_CURRENCY"
"""Currency of Kubecost's prices (ISO 4217)."""

OTEL_KUBECOST_TOP_N_PODS = "OTEL_KUBECOST_TOP_N_PODS"
"""How many pods to keep, by cost."""

OTEL_KUBECOST_MAX_ATTRIBUTE_SETS = "OTEL_KUBECOST_MAX_ATTRIBUTE_SETS"
"""How many points a metric may have, counting those that are gone."""
