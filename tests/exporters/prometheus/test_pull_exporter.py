"""The exporter that is scraped: what its page shows, and from when on."""

import threading

import pytest
import requests
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.prometheus import PrometheusExporter, page
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

ROWS = AttributeTable.of(("k8s.namespace.name",), [("default",), ("shop",)])


def costs(first, second, *, name="cost", scope="kubecost", cluster="prod", seconds=1):
    points = PointColumns.of(ROWS, [first, second], time_unix_nano=seconds * 1_000_000_000)
    metric = gauge(name, "Cost.", "{USD/h}", points)
    scopes = [(InstrumentationScope(scope), [metric])]
    return MetricsData([metrics_of({"k8s.cluster.name": cluster}, scopes)])


def nothing(scope="kubecost", cluster="prod"):
    scopes = [(InstrumentationScope(scope), [])]
    return MetricsData([metrics_of({"k8s.cluster.name": cluster}, scopes)])


@pytest.fixture
def exporter():
    with_port = PrometheusExporter(endpoint="127.0.0.1:0")
    with_port.start()
    yield with_port
    with_port.shutdown()


def scrape(exporter, encoding="gzip"):
    host, port = exporter.address
    headers = {"Accept-Encoding": encoding}
    answer = requests.get(f"http://{host}:{port}/metrics", headers=headers, timeout=9)
    answer.raise_for_status()
    return [line for line in answer.text.splitlines() if not line.startswith("#")]


def test_before_the_first_batch_the_page_is_empty(exporter):
    """A scrape that comes first is answered, with nothing."""
    assert scrape(exporter) == []


def test_the_page_is_the_newest_batch(exporter):
    """A batch replaces the one before it; samples go out without their time."""
    assert exporter.export(costs(1, 2)) is MetricExportResult.SUCCESS
    assert scrape(exporter) == [
        'cost{cluster="prod",namespace="default"} 1',
        'cost{cluster="prod",namespace="shop"} 2',
    ]
    exporter.enqueue(costs(None, 3))
    assert scrape(exporter) == ['cost{cluster="prod",namespace="shop"} 3']


def test_each_scope_keeps_its_own_last_batch(exporter):
    """A batch of one scope or cluster leaves those of others; same names make one family."""
    exporter.export(costs(1, None, cluster="a"))
    exporter.export(costs(2, None, cluster="b"))
    exporter.export(costs(3, None, name="up", scope="agent", cluster="a"))
    exporter.export(costs(4, None, cluster="b"))
    assert scrape(exporter) == [
        'cost{cluster="a",namespace="default"} 1',
        'cost{cluster="b",namespace="default"} 4',
        'up{cluster="a",namespace="default"} 3',
    ]


def test_a_scope_that_comes_empty_is_gone(exporter):
    """An empty scope takes its series off the page, and no others."""
    exporter.export(costs(1, None, cluster="a"))
    exporter.export(costs(2, None, cluster="b"))
    exporter.export(nothing(cluster="a"))
    assert scrape(exporter) == ['cost{cluster="b",namespace="default"} 2']


def test_a_series_of_two_scopes_is_on_the_page_once(exporter):
    """Of a series that two scopes have, the newest sample is shown."""
    exporter.export(costs(1, None, scope="one", seconds=2))
    exporter.export(costs(5, None, scope="two", seconds=1))
    assert scrape(exporter) == ['cost{cluster="prod",namespace="default"} 1']


def test_streams_do_not_replace_each_others_series(exporter):
    """Two pipelines bring the same scope with other series: both are shown, and end apart."""
    exporter.enqueue(costs(1, None), "one")
    exporter.enqueue(costs(None, 2), "other")
    exporter.export(costs(3, None, name="up"))
    default, shop, up = scrape(exporter)
    assert (default, shop) == (
        'cost{cluster="prod",namespace="default"} 1',
        'cost{cluster="prod",namespace="shop"} 2',
    )
    exporter.enqueue(nothing(), "one")
    assert scrape(exporter) == [shop, up]


def test_a_series_of_two_streams_is_on_the_page_once(exporter):
    """Of a series that two pipelines bring the newest sample is shown, and the other pipeline's
    when it leaves the first."""
    exporter.enqueue(costs(1, 2, seconds=1), "one")
    exporter.enqueue(costs(5, None, seconds=2), "other")
    assert scrape(exporter) == [
        'cost{cluster="prod",namespace="default"} 5',
        'cost{cluster="prod",namespace="shop"} 2',
    ]
    exporter.enqueue(nothing(), "other")
    assert scrape(exporter)[0] == 'cost{cluster="prod",namespace="default"} 1'


def test_a_page_is_made_once_and_only_if_asked_for(exporter, monkeypatch):
    """However many scrape, a snapshot is rendered once; one that nobody asks for never is."""
    made = []
    render = page.render
    monkeypatch.setattr(page, "render", lambda families: made.append(1) or render(families))
    exporter.export(costs(1, 2))
    exporter.export(costs(3, 4))
    threads = [
        threading.Thread(target=scrape, args=(exporter, encoding))
        for encoding in ("gzip", "identity") * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_deltas_are_shown_as_totals(exporter):
    """A delta counter of somebody's SDK is a growing total on the page."""
    for at in (1, 2, 3):
        points = [NumberDataPoint({}, 0, at * 1_000_000_000, 5)]
        metric = Metric("hits", "", "", Sum(points, AggregationTemporality.DELTA, True))
        scopes = [(InstrumentationScope("s"), [metric])]
        exporter.export(MetricsData([metrics_of({}, scopes)]))
    assert scrape(exporter) == ["hits_total 15"]


def test_it_is_an_exporter_of_the_sdk(exporter):
    """Under a reader of the SDK its page shows the application's own instruments."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader])
    provider.get_meter("app").create_counter("orders", unit="{order}").add(3, {"shop": "a"})
    assert provider.force_flush()
    [line] = [line for line in scrape(exporter) if line.startswith("orders")]
    assert 'shop="a"' in line
    assert line.startswith("orders_total{")
    assert line.endswith(" 3")
    provider.shutdown()
    assert exporter.export(costs(1, 2)) is MetricExportResult.FAILURE


def test_without_start_batches_are_kept():
    """Used as a library before start: what came is on the page once it is served."""
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    assert exporter.export(costs(1, None)) is MetricExportResult.SUCCESS
    assert exporter.force_flush()
    exporter.start()
    assert len(scrape(exporter)) == 1
    exporter.shutdown()


def test_a_port_in_use_is_named(exporter):
    """Two on one port: the second start says which port and what sets it, in a file or in the
    environment, and can be shut down."""
    host, port = exporter.address
    second = PrometheusExporter(endpoint=f"{host}:{port}")
    with pytest.raises(OSError, match=rf"port {port} is in use") as raised:
        second.start()
    assert "exporters.prometheus.endpoint" in str(raised.value)
    assert "EXPORTER_PORT" in str(raised.value)
    second.shutdown()
    assert scrape(exporter) == []


def test_an_address_that_is_not_ours_is_named():
    """An address of another machine cannot be listened on, and the message says so."""
    exporter = PrometheusExporter(endpoint="192.0.2.1:0")
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        exporter.start()


def test_shutdown_frees_the_port_and_is_harmless_twice():
    """After shutdown nobody answers; without start, or again, it does nothing."""
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.shutdown()
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.start()
    exporter.start()
    host, port = exporter.address
    exporter.shutdown(timeout_millis=1)
    exporter.shutdown()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{host}:{port}/metrics", timeout=9)
    again = PrometheusExporter(endpoint=f"{host}:{port}")
    again.start()
    again.shutdown()
