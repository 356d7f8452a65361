"""Stand-ins for both ends of the pipeline, and clocks: real servers on the loopback interface.

They are part of the product: for tests of your own components, for trying a configuration, and
for ``otel-kubecost demo``. They enforce what the real ones only expect::

    with FakeKubecost(recorded_answer) as kubecost, RemoteWriteReceiver() as receiver:
        ...  # a pipeline from kubecost.url to receiver.endpoint
        assert receiver.wait_for(1)
        assert receiver.violations == []

``check_component`` holds a component to the rules of its kind (docs/components.md).
"""

from otel_kubecost.testing.clock import FakeClock, ScaledClock
from otel_kubecost.testing.cluster import SimulatedCluster
from otel_kubecost.testing.contract import check_component
from otel_kubecost.testing.distortions import (
    empty_sets,
    nan_as_null,
    negative_idle,
    negative_minutes,
    null_rows,
    null_sets,
    numbers_as_text,
    without_adjustments,
    zero_costs,
)
from otel_kubecost.testing.exchange import Reply, Request
from otel_kubecost.testing.faults import (
    Fault,
    cut_after,
    drip,
    empty_set_error,
    error_code,
    gateway_timeout,
    gzipped,
    hang,
    legacy_error,
    login_page,
    login_redirect,
    not_supported,
    saturated,
    spa_page,
    truncated_json,
)
from otel_kubecost.testing.flavours import Flavour
from otel_kubecost.testing.kubecost import AllocationQuery, Answer, FakeKubecost, idle_hangs
from otel_kubecost.testing.ledger import Audit, Books, Samples, read_spool
from otel_kubecost.testing.remote_write import CLOUDTUNER_PATH, RemoteWrite2, RemoteWriteReceiver
from otel_kubecost.testing.server import HttpServer, TlsFiles
from otel_kubecost.testing.simulation import SimulatedKubecost
from otel_kubecost.testing.wire import (
    Described,
    LabelPairs,
    Message,
    Point,
    SentExemplar,
    SentSeries,
    decode,
    is_stale,
)
from otel_kubecost.testing.wire_v2 import decode_v2

__all__ = [
    "CLOUDTUNER_PATH",
    "AllocationQuery",
    "Answer",
    "Audit",
    "Books",
    "Described",
    "FakeClock",
    "FakeKubecost",
    "Fault",
    "Flavour",
    "HttpServer",
    "LabelPairs",
    "Message",
    "Point",
    "RemoteWrite2",
    "RemoteWriteReceiver",
    "Reply",
    "Request",
    "Samples",
    "ScaledClock",
    "SentExemplar",
    "SentSeries",
    "SimulatedCluster",
    "SimulatedKubecost",
    "TlsFiles",
    "check_component",
    "cut_after",
    "decode",
    "decode_v2",
    "drip",
    "empty_set_error",
    "empty_sets",
    "error_code",
    "gateway_timeout",
    "gzipped",
    "hang",
    "idle_hangs",
    "is_stale",
    "legacy_error",
    "login_page",
    "login_redirect",
    "nan_as_null",
    "negative_idle",
    "negative_minutes",
    "not_supported",
    "null_rows",
    "null_sets",
    "numbers_as_text",
    "read_spool",
    "saturated",
    "spa_page",
    "truncated_json",
    "without_adjustments",
    "zero_costs",
]
