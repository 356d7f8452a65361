"""The defects of ``PrometheusRemoteWriteMetricsExporter`` 0.66b1, each shown there and absent here.

One test a defect. Both classes get the same data and the same server, so that a test fails if
upstream mends something, and the difference is worth knowing then.
"""

from __future__ import annotations

import importlib.metadata
import logging
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from rw_data import NOW, Sink, batch, counter, gauge, histogram, joined, point, series

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import Reply, TlsFiles

pytestmark = pytest.mark.timeout(60)

Upstream = PrometheusRemoteWriteMetricsExporter
Ours = PrometheusRemoteWriteExporter
SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def export(kind, server, data, **options):
    """The result of exporting ``data`` with an exporter that lives as long as the call."""
    exporter = kind(endpoint=server.endpoint, **options)
    try:
        return exporter.export(data, timeout_millis=5_000)
    finally:
        exporter.shutdown(timeout_millis=100)


def sent_by(kind, data, **options) -> Sink:
    """A server after one successful export."""
    with Sink() as server:
        assert export(kind, server, data, **options) is SUCCESS
    return server


def label_names(server) -> list[list[str]]:
    return [[name for name, _ in labels] for labels in server.labels]


@pytest.fixture
def certificate(tmp_path) -> TlsFiles:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return TlsFiles(str(tmp_path / "server.pem"), str(tmp_path / "server.pem"))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_defect_1_insecure_skip_verify_is_inverted(certificate):
    """``false`` verifies and ``true`` does not; upstream has it the other way (contrib#1467)."""
    verify, skip = {"insecure_skip_verify": False}, {"insecure_skip_verify": True}
    with Sink(tls=certificate) as server:
        assert export(Upstream, server, batch(gauge("a")), tls_config=skip) is FAILURE
        assert export(Upstream, server, batch(gauge("a")), tls_config=verify) is SUCCESS
        assert len(server.requests) == 1
        ours = Ours(endpoint=server.endpoint, tls_config=verify)
        assert ours.export(batch(gauge("a")), timeout_millis=300) is FAILURE
        ours.shutdown(timeout_millis=0)
        assert len(server.requests) == 1
        assert export(Ours, server, batch(gauge("a")), tls_config=skip) is SUCCESS


def test_defect_2_labels_are_sorted_before_they_are_sanitised():
    """Labels are sorted as they are sent; Thanos refuses others with 409 (contrib#2078)."""
    data = batch(gauge("m", point({"a.b": "1", "a1": "2", "a_": "3"})))
    assert label_names(sent_by(Upstream, data)) == [["__name__", "a_b", "a1", "a_"]]
    assert label_names(sent_by(Ours, data)) == [["__name__", "a1", "a_", "a_b"]]


def test_defect_3_resource_and_point_attributes_repeat_a_label():
    """An attribute of the point wins over the resource's of the same name."""
    resource = {"k8s.cluster.name": "resource"}
    data = batch(gauge("m", point({"k8s.cluster.name": "point"})), resource=resource)
    assert label_names(sent_by(Upstream, data)) == [
        ["__name__", "k8s_cluster_name", "k8s_cluster_name"]
    ]
    assert sent_by(Ours, data).values == {'m{cluster="point"}': 1.0}


def test_defect_3b_keys_collide_when_sanitised():
    """Values of keys that become one label are joined; ``__name__`` is never an attribute's."""
    data = batch(gauge("m", point({"a.b": "1", "a_b": "2", "__name__": "x"})))
    assert label_names(sent_by(Upstream, data)) == [["__name__", "__name__", "a_b", "a_b"]]
    assert sent_by(Ours, data).values == {'m{a_b="1;2"}': 1.0}


def test_defect_4_empty_label_values_are_sent():
    """An empty value is no label: remote write 1.0 forbids it."""
    data = batch(gauge("m", point({"ns": "", "pod": "a"})))
    assert ("ns", "") in sent_by(Upstream, data).labels[0]
    assert sent_by(Ours, data).labels == [[("__name__", "m"), ("pod", "a")]]


@pytest.mark.parametrize(
    ("name", "unit", "upstream", "ours"),
    [
        ("cost", "{USD}", "cost__USD_", "cost"),
        ("cost", "1", "cost_1", "cost_ratio"),
        ("cost", "%", "cost__", "cost_percent"),
        ("cost", "By", "cost_By", "cost_bytes"),
        ("cost_USD", "USD", "cost_USD_USD", "cost_USD"),
    ],
)
def test_defect_5_units_are_appended_raw(name, unit, upstream, ours):
    """Units are translated as the Collector does it, and a counter ends in ``_total``."""
    data = batch(gauge(name, unit=unit))
    assert list(sent_by(Upstream, data).values) == [upstream]
    assert list(sent_by(Ours, data).values) == [ours]
    assert list(sent_by(Upstream, batch(counter("c"))).values) == ["c"]
    assert list(sent_by(Ours, batch(counter("c"))).values) == ["c_total"]


@pytest.mark.parametrize(
    ("key", "upstream", "ours"),
    [("coût", "coût", "co_t"), ("9abc", "_abc", "key_9abc")],
)
def test_defect_6_sanitising_lets_unicode_pass_and_loses_digits(key, upstream, ours):
    """Label names are ASCII, and a leading digit is kept behind a prefix."""
    data = batch(gauge("m", point({key: "v"})))
    assert sent_by(Upstream, data).values == {f'm{{{upstream}="v"}}': 1.0}
    assert sent_by(Ours, data).values == {f'm{{{ours}="v"}}': 1.0}


def test_defect_7_histograms_are_not_histograms():
    """Buckets are cumulative, named ``_bucket``, and the bound 0 keeps its ``le``."""
    data = batch(histogram("lat", [0.0, 1.0], [1, 2, 3], total=12.5))
    assert sent_by(Upstream, data).values == {
        "lat": 1.0,
        'lat{le="1.0"}': 2.0,
        'lat{le="+Inf"}': 3.0,
        "lat_sum": 12.5,
        "lat_count": 6.0,
    }
    assert sent_by(Ours, data).values == {
        'lat_bucket{le="0"}': 1.0,
        'lat_bucket{le="1"}': 3.0,
        'lat_bucket{le="+Inf"}': 6.0,
        "lat_sum": 12.5,
        "lat_count": 6.0,
    }


def test_defect_8_deltas_are_sent_as_they_are():
    """Prometheus knows totals only: deltas are added up, batch after batch."""

    def deltas(kind) -> list[float]:
        with Sink() as server:
            exporter = kind(endpoint=server.endpoint)
            for at, value in ((NOW, 5.0), (NOW + 1000, 3.0)):
                delta = AggregationTemporality.DELTA
                exporter.export(batch(counter("c", point({}, value, at), temporality=delta)))
            exporter.shutdown()
        return [value for samples in server.samples.values() for _, value in samples]

    assert deltas(Upstream) == [5.0, 3.0]
    assert deltas(Ours) == [5.0, 8.0]


@pytest.mark.parametrize(
    "answer", [503, 500, 408, Reply(429, headers={"Retry-After": "0"}), Reply(200, hang=True)]
)
def test_defect_9_nothing_is_sent_again(answer):
    """A receiver that is busy, or silent, gets the same bytes again until it takes them."""
    with Sink(answer) as server:
        assert export(Upstream, server, batch(gauge("a")), timeout=0.3) is FAILURE
    assert len(server.requests) == 1
    with Sink(answer) as server:
        assert export(Ours, server, batch(gauge("a")), timeout=0.3) is SUCCESS
    first, second = server.requests
    assert first.body == second.body
    assert (first.headers["Retry-Attempt"], second.headers["Retry-Attempt"]) == (None, "1")


def test_defect_10_every_export_opens_a_connection():
    """Export after export goes over one connection."""
    ports: dict[type, set[int]] = {Upstream: set(), Ours: set()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            ports[kind].add(self.client_address[1])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for kind in (Upstream, Ours):
            exporter = kind(endpoint=f"http://127.0.0.1:{server.server_port}/write")
            assert [exporter.export(series(1, at=NOW + n)) for n in range(5)] == [SUCCESS] * 5
            exporter.shutdown()
        server.shutdown()
        thread.join()
    assert (len(ports[Upstream]), len(ports[Ours])) == (5, 1)


def test_defect_11_series_are_repeated_and_samples_out_of_order():
    """In a request each series comes once, each time once, and the samples ascend."""
    twice = joined(batch(gauge("m", point({})), scope="a"), batch(gauge("m", point({})), scope="b"))
    assert label_names(sent_by(Upstream, twice)) == [["__name__"], ["__name__"]]
    assert label_names(sent_by(Ours, twice)) == [["__name__"]]
    unsorted = batch(gauge("m", point({}, 2.0, NOW), point({}, 1.0, NOW - 1000), point({}, 3.0)))
    assert sent_by(Upstream, unsorted).samples == {"m": [(NOW, 2.0), (NOW - 1000, 1.0), (NOW, 3.0)]}
    assert sent_by(Ours, unsorted).samples == {"m": [(NOW - 1000, 1.0), (NOW, 2.0)]}


@pytest.mark.parametrize("data", [MetricsData([]), batch()])
def test_defect_12_nothing_to_send_is_a_failure(caplog, data):
    """No data is no failure, no request and no line in the log."""
    caplog.set_level(logging.DEBUG, "otel_kubecost")
    with Sink() as server:
        assert export(Upstream, server, data) is FAILURE
        assert "unsupported aggregators" in caplog.text
        caplog.clear()
        assert export(Ours, server, data) is SUCCESS
    assert (server.requests, caplog.records) == ([], [])


def test_defect_13_a_batch_is_one_request_however_large():
    """A request has ``max_samples_per_send`` samples at most."""
    assert [len(message.timeseries) for message in sent_by(Upstream, series(25)).messages] == [25]
    queue = {"max_samples_per_send": 10}
    ours = sent_by(Ours, series(25), queue_config=queue)
    assert [len(message.timeseries) for message in ours.messages] == [10, 10, 5]


def test_defect_14_no_metadata_no_exemplars_no_user_agent():
    """Metadata and exemplars are sent where asked for, and requests say who sends them.

    Remote write 2.0 and start timestamps, which upstream lacks too, are for a later version.
    """
    exemplar = Exemplar({"user": "u"}, 3.0, NOW * 1_000_000, 0xABCD, 0x1234)
    data = batch(counter("c", point({}, exemplars=[exemplar])))
    upstream = sent_by(Upstream, data)
    assert upstream.requests[0].headers["User-Agent"].startswith("python-requests/")
    assert not upstream.messages[0].metadata
    assert not upstream.messages[0].timeseries[0].exemplars
    ours = sent_by(Ours, data, metadata_config={"send": True}, send_exemplars=True)
    metadata, samples = ours.messages
    assert ours.requests[0].headers["User-Agent"].startswith("otel-kubecost/")
    assert [one.metric_family_name for one in metadata.metadata] == ["c_total"]
    (found,) = samples.timeseries[0].exemplars
    assert (found.value, found.timestamp) == (3.0, NOW)
    assert "trace_id" in {label.name for label in found.labels}


@pytest.mark.parametrize(
    ("attributes", "error"), [({"list": ["x", "y"]}, TypeError), (None, AttributeError)]
)
def test_defect_15_an_unusual_attribute_loses_the_batch(attributes, error):
    """Lists and missing attributes are translated; nobody else's data suffers from them."""
    data = batch(gauge("m", point(attributes)), gauge("other"))
    with Sink() as server, pytest.raises(error):
        export(Upstream, server, data)
    assert server.requests == []
    expected = 'm{list="["x","y"]"}' if attributes else "m"
    assert sent_by(Ours, data).values == {expected: 1.0, "other": 1.0}


def test_defect_15_values_that_python_thinks_equal_are_one_series():
    """``1``, ``1.0`` and ``True`` are three values of an attribute, and so three series."""
    data = batch(gauge("m", point({"a": 1}), point({"a": 1.0}), point({"a": True})))
    assert len(sent_by(Upstream, data).values) == 1
    assert set(sent_by(Ours, data).values) == {'m{a="1"}', 'm{a="1.0"}', 'm{a="true"}'}


def test_defect_16_the_callers_credentials_are_changed(tmp_path):
    """A dict given stays as it is, serves twice, and its ``password_file`` may be rotated."""
    password = tmp_path / "password"

    def passwords(kind) -> tuple[dict[str, str], list[str]]:
        password.write_text("old")
        given = {"username": "u", "password_file": str(password)}
        with Sink() as server:
            exporter = kind(endpoint=server.endpoint, basic_auth=given)
            exporter.export(series(1))
            password.write_text("newer")
            exporter.export(series(1, at=NOW + 1))
            exporter.shutdown()
        return given, [request.headers["Authorization"] for request in server.requests]

    given, sent = passwords(Upstream)
    assert given["password"] == "old"
    assert sent[0] == sent[1]
    with pytest.raises(ValueError, match="password and password_file"):
        Upstream(endpoint="http://host/", basic_auth=given)
    given, sent = passwords(Ours)
    assert given == {"username": "u", "password_file": str(password)}
    assert sent[0] != sent[1]
    Ours(endpoint="http://host/", basic_auth=given)


def test_defect_17_timeout_millis_is_ignored():
    """``export`` returns when its time is over; upstream waits for the server all the same."""
    release = threading.Event()

    def wait(reply):
        release.wait(30)
        return reply

    with Sink(wait, wait) as server:
        results: list[MetricExportResult] = []
        upstream = Upstream(endpoint=server.endpoint)
        ours = Ours(endpoint=server.endpoint)
        thread = threading.Thread(
            target=lambda: results.append(upstream.export(series(1), timeout_millis=1))
        )
        thread.start()
        assert ours.export(series(1), timeout_millis=1) is FAILURE
        thread.join(0.5)
        assert thread.is_alive()
        release.set()
        thread.join()
        assert results == [SUCCESS]
        assert ours.force_flush() is True
        assert len(server.requests) == 2
        ours.shutdown()


def test_defect_17_exports_go_on_after_the_shutdown():
    """After the shutdown nothing is sent."""
    with Sink() as server:
        for kind, result, requests in ((Upstream, SUCCESS, 1), (Ours, FAILURE, 0)):
            server.requests.clear()
            exporter = kind(endpoint=server.endpoint)
            exporter.shutdown()
            assert exporter.export(series(1)) is result
            assert len(server.requests) == requests


@pytest.mark.parametrize("status", [301, 302, 303])
def test_defect_18_a_redirect_counts_as_success_and_loses_the_data(status):
    """A redirect is not followed and not a success; the data stays."""
    with Sink() as login:
        moved = Reply(status, headers={"Location": f"{login.url}/login"})
        with Sink(moved) as server:
            assert export(Upstream, server, series(1)) is SUCCESS
        assert [request.method for request in login.requests] == ["GET"]
        login.requests.clear()
        with Sink(moved) as server:
            exporter = Ours(endpoint=server.endpoint)
            assert exporter.export(series(1)) is FAILURE
            assert exporter.stats().pending == 1
            exporter.shutdown()
    assert login.requests == []


def test_defect_19_every_series_carries_the_whole_resource():
    """A restart makes no new series: of a resource only what identifies it is on each.

    What else the resource says is in ``target_info``, once.
    """

    def labels_of_sdk(kind) -> list[set[str]]:
        with Sink() as server:
            reader = PeriodicExportingMetricReader(kind(endpoint=server.endpoint), math.inf)
            provider = MeterProvider([reader], shutdown_on_exit=False)
            provider.get_meter("test").create_gauge("m").set(1)
            provider.force_flush()
            provider.shutdown()
        return [set(dict(one)) for one in server.labels if dict(one)["__name__"] == "m"]

    assert labels_of_sdk(Upstream)[0] >= {"service_name", "telemetry_sdk_version"}
    assert labels_of_sdk(Ours)[0] <= {"__name__", "job", "instance"}


def test_defect_20_no_entry_point(monkeypatch):
    """The class can be named in OTEL_METRICS_EXPORTER and made with no argument at all."""
    monkeypatch.setenv("REMOTE_WRITE_URL", "http://127.0.0.1:1/write")
    upstream = importlib.metadata.distribution("opentelemetry-exporter-prometheus-remote-write")
    assert list(upstream.entry_points) == []
    (found,) = importlib.metadata.entry_points(
        group="opentelemetry_metrics_exporter", name="kubecost_prometheus_remote_write"
    )
    assert issubclass(found.load(), Ours)
    exporter = found.load()()
    assert exporter.endpoint == "http://127.0.0.1:1/write"
    exporter.shutdown()


def test_defect_21_exponential_histograms_are_refused():
    """An exponential histogram arrives as a classic one: remote write 1.0 has no other."""
    buckets = Buckets(0, [1, 2]), Buckets(0, [])
    data_point = ExponentialHistogramDataPoint(
        {}, 0, NOW * 1_000_000, 4, 9.5, 0, 1, *buckets, 0, 0.0, 4.0
    )
    cumulative = AggregationTemporality.CUMULATIVE
    data = batch(Metric("lat", "", "", ExponentialHistogram([data_point], cumulative)))
    with Sink() as server:
        assert export(Upstream, server, data) is FAILURE
    values = sent_by(Ours, data).values
    assert (values["lat_count"], values["lat_sum"]) == (4.0, 9.5)
    assert values['lat_bucket{le="+Inf"}'] == 4.0
    assert (values['lat_bucket{le="2"}'], values['lat_bucket{le="4"}']) == (2.0, 4.0)
