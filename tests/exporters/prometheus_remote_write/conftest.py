"""What the tests of the exporter share."""

import pytest

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter


@pytest.fixture
def exporter_to():
    """Makes exporters to a server and shuts them down."""
    exporters = []

    def make(server, **options) -> PrometheusRemoteWriteExporter:
        exporters.append(PrometheusRemoteWriteExporter(endpoint=server.endpoint, **options))
        return exporters[-1]

    yield make
    for exporter in exporters:
        exporter.shutdown(timeout_millis=0)
