"""The agent's own metrics on the page, beside the costs."""

import gzip
import itertools
import zlib

import pytest
import requests
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from peers import lint

from otel_kubecost.component import ComponentID, Settings
from otel_kubecost.exporters.prometheus import FACTORY, PrometheusExporter
from otel_kubecost.own_metrics import OwnMetrics, own_batch, own_metric
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

COSTS = 500


def costs():
    table = AttributeTable.of(("k8s.pod.name",), [(f"pod-{at}",) for at in range(COSTS)])
    points = PointColumns.of(table, [1.0] * COSTS, time_unix_nano=1_000_000_000)
    scopes = [(InstrumentationScope("kubecost"), [gauge("cost", "Cost.", "", points)])]
    return MetricsData([metrics_of({}, scopes)])


@pytest.fixture
def own():
    """Something that counts how often it was asked."""
    registry, asked = OwnMetrics(), itertools.count(1)

    def observe():
        return own_batch("test", [own_metric("asked_total", "Asked.", [({}, next(asked))], 1.0)])

    registry.register("test", observe)
    return registry


@pytest.fixture
def exporter(own):
    options = FACTORY.options(endpoint="127.0.0.1:0")
    made = FACTORY.build(options, Settings(ComponentID("prometheus"), own_metrics=own))
    made.start()
    yield made
    made.shutdown()


def get(exporter, encoding="identity"):
    """The answer to a scrape, as it came over the wire."""
    host, port = exporter.address
    headers = {"Accept-Encoding": encoding}
    url = f"http://{host}:{port}/metrics"
    with requests.get(url, headers=headers, timeout=9, stream=True) as answer:
        assert answer.headers.get("Content-Encoding", "identity") == encoding
        return answer.raw.read(decode_content=False)


def test_they_are_read_at_each_scrape(exporter):
    """The costs stand still between two marks; what the agent says of itself does not."""
    exporter.export(costs())
    for asked in (1, 2, 3):
        page = get(exporter).decode()
        assert page.endswith(
            f"# HELP asked_total Asked.\n# TYPE asked_total counter\nasked_total {asked}\n"
        )
        assert page.count("\ncost{") == COSTS


def test_they_are_there_before_the_first_costs(exporter):
    """An agent whose Kubecost never answers can be seen all the same."""
    assert b"\nasked_total 1\n" in get(exporter)


def test_compressed_they_are_the_same(exporter):
    """The page is compressed once, with another end each time, and stays one member of gzip: curl
    and others read no second one (curl#22156)."""
    exporter.export(costs())
    for asked in range(1, 8, 2):
        body = get(exporter, "gzip")
        whole = zlib.decompressobj(16 + zlib.MAX_WBITS)
        page = whole.decompress(body)
        assert whole.eof
        assert whole.unused_data == b""
        assert page == gzip.decompress(body)
        assert page.replace(b"total %d" % asked, b"total %d" % (asked + 1)) == get(exporter)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_family_that_others_bring_too_stands_there_once(exporter, encoding):
    """Whoever sends through this agent what it scraped of another: one family, and all series."""
    exporter.export(own_batch("scraped", [own_metric("asked_total", "", [({"of": "b"}, 7)], 1.0)]))
    body = get(exporter, encoding)
    page = (gzip.decompress(body) if encoding == "gzip" else body).decode()
    assert page.splitlines() == [
        "# TYPE asked_total counter",
        "asked_total 1",
        'asked_total{of="b"} 7',
    ]


def test_a_page_of_a_library_user_has_none():
    """Who builds a page by hand sees the costs alone, or what was registered by hand."""
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.start()
    exporter.export(costs())
    assert get(exporter).count(b"# TYPE") == 1
    exporter.shutdown()


def test_a_successor_shows_its_own(exporter):
    """After a reload the page that stayed asks those of the new configuration."""
    newer = OwnMetrics()
    newer.register("new", lambda: own_batch("new", [own_metric("new", "New.", [({}, 1)], 1.0)]))
    successor = PrometheusExporter(endpoint="127.0.0.1:0", own_metrics=newer)
    exporter.export(costs())
    successor.adopt(exporter)
    page = get(successor)
    assert page.count(b"\ncost{") == COSTS
    assert b"\nnew 1\n" in page
    assert b"asked_total" not in page
    successor.shutdown()


@pytest.mark.peers
def test_promtool_finds_no_fault(exporter):
    """Costs and own metrics together are a page as Prometheus wants it."""
    exporter.export(costs())
    assert lint(get(exporter)) == (0, b"", b"")
