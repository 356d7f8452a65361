"""What users write under ``prometheus``."""

import pytest

from otel_kubecost.component import ComponentID, Kind, QueuedExporter, Settings, Startable
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.prometheus import (
    FACTORY,
    PrometheusExporter,
    PrometheusExporterOptions,
)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("0.0.0.0:9103", ("0.0.0.0", 9103)),
        (":9103", ("", 9103)),
        ("localhost:0", ("localhost", 0)),
        (" 127.0.0.1:80 ", ("127.0.0.1", 80)),
        ("[::1]:9103", ("::1", 9103)),
    ],
)
def test_an_endpoint_is_host_and_port(endpoint, address):
    """Names, addresses of both kinds, no host at all, and port 0 are endpoints."""
    assert PrometheusExporterOptions(endpoint=endpoint).address == address


@pytest.mark.parametrize(
    "endpoint",
    ["9103", "host", "http://host:9103", "::1:9103", "host:port", "a b:1", "h:65536", ""],
)
def test_anything_else_is_refused_with_a_remedy(endpoint):
    """A wrong endpoint is a ConfigError that names the key and says how to write it."""
    with pytest.raises(ConfigError, match="endpoint: ") as refused:
        PrometheusExporter(endpoint=endpoint)
    [problem] = refused.value.problems
    assert problem.hint


def test_every_mistake_is_named():
    """An unknown key and a wrong value are two problems of one error."""
    with pytest.raises(ConfigError) as refused:
        PrometheusExporter(endpoint="x", endpont="y")
    assert sorted(problem.path for problem in refused.value.problems) == ["endpoint", "endpont"]


def test_the_default_is_the_guides_port():
    """Without options the page is on port 9103 of every address."""
    assert PrometheusExporter().address == ("0.0.0.0", 9103)


def test_the_factory_makes_the_exporter():
    """A configuration's ``prometheus`` is this exporter, which has to be started and can queue."""
    assert (FACTORY.kind, FACTORY.name) == (Kind.EXPORTER, "prometheus")
    settings = Settings(ComponentID("prometheus"))
    exporter = FACTORY.build(FACTORY.options(endpoint="127.0.0.1:0"), settings)
    assert isinstance(exporter, PrometheusExporter)
    assert isinstance(exporter, Startable)
    assert isinstance(exporter, QueuedExporter)
