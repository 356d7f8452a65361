"""What a real Prometheus makes of a conflict."""

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult
from peers import Prometheus
from rw_data import NOW, batch, gauge, point

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter

pytestmark = pytest.mark.peers


def test_a_duplicate_rolls_the_whole_request_back(tmp_path):
    """Prometheus stores nothing of a request with one conflict, and that is what is booked; the
    same sample with the same value is no conflict."""
    first = batch(gauge("cost", point({"pod": "a"}, 1.0)))
    conflict = batch(gauge("cost", point({"pod": "a"}, 2.0), point({"pod": "b"}, 2.0)))
    with Prometheus(tmp_path) as prometheus:
        exporter = PrometheusRemoteWriteExporter(endpoint=prometheus.write_url)
        assert exporter.export(first) is MetricExportResult.SUCCESS
        assert exporter.export(first) is MetricExportResult.SUCCESS
        assert exporter.export(conflict) is MetricExportResult.FAILURE
        exporter.shutdown()
        found = prometheus.query("cost", at=NOW / 1000)
    assert exporter.stats() == (4, 2, 0, {"duplicate": 2}, "")
    assert [(one["metric"]["pod"], one["value"][1]) for one in found] == [("a", "1")]
