"""A real receiver of OTLP takes what we send and hands it on as it was."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from otlp_data import NOW, OtlpReceiver, batch, columns, decoded
from peers import free_port, wait_until

from otel_kubecost.exporters.otlp_http import OtlpHttpExporter
from otel_kubecost.exporters.otlp_http.codec import encode
from otel_kubecost.testing.contract.scraped import scraped

pytestmark = [pytest.mark.peers, pytest.mark.timeout(60)]


def agent_binary() -> Path:
    found = find_spec("rotel")
    if found is None or found.origin is None:
        pytest.skip("rotel has no wheel for this Python")
    return Path(found.origin).with_name("rotel-agent")


class Rotel:
    """The agent, which hands everything on to ``behind``; it runs while the context lasts."""

    def __init__(self, folder: Path, behind: OtlpReceiver) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._output = folder / "output"
        self._command = [
            agent_binary(), "start", "--disable-batching",
            "--otlp-http-endpoint", f"127.0.0.1:{port}",
            "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
            "--exporter", "otlp", "--otlp-exporter-protocol", "http",
            "--otlp-exporter-endpoint", behind.url,
            "--pid-file", folder / "pid", "--log-file", folder / "log",
        ]  # fmt: skip

    def __enter__(self) -> Rotel:
        with self._output.open("w") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.3)
            pytest.skip(f"rotel does not start: {self._output.read_text()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def behind():
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_two_tenants_arrive_intact(tmp_path, behind, compression):
    """Resources, names, units, attributes and times; of each tenant its own."""
    pods = [f"pod-{n}" for n in range(300)]
    tenants = MetricsData(
        [
            one
            for tenant in ("one", "two")
            for one in batch(
                columns("cloudtuner_kubecost_pod_total_cost", pods, currency="USD"),
                resource={"tenant.id": tenant, "k8s.cluster.name": "c"},
            ).resource_metrics
        ]
    )
    with Rotel(tmp_path, behind) as rotel:
        queue = {"max_points_per_send": 250}
        exporter = OtlpHttpExporter(endpoint=rotel.url, compression=compression, queue_config=queue)
        assert exporter.export(tenants) is MetricExportResult.SUCCESS
        wait_until(lambda: len(behind.series) == 600)
        exporter.shutdown()
    assert behind.violations == []
    assert behind.series == {
        (
            ("__name__", "cloudtuner_kubecost_pod_total_cost"),
            ("currency", "USD"),
            ("k8s.cluster.name", "c"),
            ("k8s.pod.name", pod),
            ("tenant.id", tenant),
        ): [(NOW, float(value))]
        for tenant in ("one", "two")
        for value, pod in enumerate(pods)
    }
    units = {
        metric.unit
        for message in behind.messages
        for of_resource in message.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    }
    assert units == {"{USD}"}
    assert exporter.stats()[:4] == (600, 600, 0, {})


def test_a_scraped_page_arrives_intact(tmp_path, behind):
    """Types, histograms and summaries, starts, exemplars, attributes that some rows lack."""
    page = scraped(NOW / 1000)
    (request,) = encode(page, 1000, 10**6, "none")
    with Rotel(tmp_path, behind) as rotel:
        exporter = OtlpHttpExporter(endpoint=rotel.url)
        assert exporter.export(page) is MetricExportResult.SUCCESS
        wait_until(lambda: behind.requests)
        exporter.shutdown()
    (arrived,) = behind.messages
    assert arrived == decoded(request.body)


def test_what_waits_while_it_is_away_arrives(tmp_path, behind):
    """It is started after the first batches came."""
    rotel = Rotel(tmp_path, behind)
    exporter = OtlpHttpExporter(endpoint=rotel.url, queue_config={"max_backoff": "100ms"})
    for later in range(3):
        exporter.enqueue(batch(columns("cost", [f"pod-{later}"], NOW + later)))
    assert exporter.force_flush(100) is False
    with rotel:
        assert exporter.force_flush(30_000)
        wait_until(lambda: len(behind.series) == 3)
        exporter.shutdown()
    assert sorted(behind.series.values()) == [[(NOW + later, 0.0)] for later in range(3)]
