"""What the tests of the client share: a window, and clients that are closed again."""

from contextlib import contextmanager

from row_tables import NAMESPACES

from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.window import Window
from otel_kubecost.testing import FakeClock

T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
DAY = Window(T0 - 24 * 3600, T0)
SHOP = {"code": 200, "data": [{"one/shop": {"totalCost": 24.0}, "one/__idle__": {"totalCost": 1}}]}
OPENCOST_SHOP = {
    "code": 200,
    "data": [{"one/shop": {"totalCost": 24}, "__idle__": {"totalCost": 1}}],
}


@contextmanager
def client_of(kubecost, clock=None, **options):
    """A client of a server, or of a URL."""
    url = kubecost if isinstance(kubecost, str) else kubecost.url
    defaults = {"tenant_id": "t", "cluster_name": "c", "timeout": "5s"}
    checked = KubecostReceiverOptions.model_validate({"endpoint": url} | defaults | options)
    client = KubecostClient(checked, clock or FakeClock(T0))
    try:
        yield client
    finally:
        client.close()


__all__ = ["DAY", "NAMESPACES", "OPENCOST_SHOP", "SHOP", "T0", "client_of", "queries"]


def queries(kubecost):
    """The parameters of each allocation query that was answered."""
    return [one.query for one in kubecost.requests if one.path.endswith("/allocation")]
