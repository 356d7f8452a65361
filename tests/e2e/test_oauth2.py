"""OAuth2 at both ends of a pipeline."""

from __future__ import annotations

from contextlib import ExitStack

from opentelemetry.sdk.metrics.export import MetricExportResult
from token_server import TokenServer, block

from otel_kubecost import KubecostReceiver, Pipeline, PrometheusRemoteWriteExporter
from otel_kubecost.clock import SystemClock
from otel_kubecost.testing import RemoteWriteReceiver, SimulatedCluster, SimulatedKubecost


def test_a_pipeline_shows_a_token_at_both_ends():
    """A receiver's ``auth`` and an exporter take the same block; each has tokens of its own."""
    with ExitStack() as stack:
        issuers = [
            stack.enter_context(TokenServer(access_token=name)) for name in ("read", "write")
        ]
        simulated = SimulatedKubecost(SimulatedCluster(), SystemClock())
        kubecost = stack.enter_context(simulated)
        receiving = stack.enter_context(RemoteWriteReceiver())
        receiver = KubecostReceiver(
            endpoint=kubecost.url,
            tenant_id="t",
            cluster_name="prod",
            auth={"oauth2": block(issuers[0])},
        )
        exporter = PrometheusRemoteWriteExporter(
            endpoint=receiving.endpoint, oauth2=block(issuers[1])
        )
        pipeline = Pipeline(receiver, [], [exporter])
        stack.callback(pipeline.shutdown)
        assert pipeline.run_once() == [MetricExportResult.SUCCESS]
    assert {request.headers["Authorization"] for request in kubecost.requests} == {"Bearer read"}
    assert {request.headers["Authorization"] for request in receiving.requests} == {"Bearer write"}
    assert receiving.violations == []
