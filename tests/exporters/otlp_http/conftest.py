"""What the tests of the exporter share."""

import pytest

from otel_kubecost.exporters.otlp_http import OtlpHttpExporter


@pytest.fixture
def exporter_to():
    """Makes exporters to a server and shuts them down."""
    exporters = []

    def make(server, **options) -> OtlpHttpExporter:
        exporters.append(OtlpHttpExporter(endpoint=server.url, **options))
        return exporters[-1]

    yield make
    for exporter in exporters:
        exporter.shutdown(timeout_millis=0)
