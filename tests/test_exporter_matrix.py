"""What a receiver gives, through the exporters that others wrote, down to the wire of each.

Points are columns inside and a sequence of NumberDataPoint to whoever looks. Each exporter gets
them as a pipeline hands them over, and once more as plain lists; what arrives is the same.

The stock exporter of OTLP JSON files wants another SDK than the newest, so none can be installed
beside it: what its file has, OTLP's JSON of the stock encoder's message, is made here by protobuf.
"""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import cramjam
import grpc
import pytest
from expectations import RECORDED
from google.protobuf.json_format import MessageToJson
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as OverHttp
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from otel_kubecost.foreign_calls import export_in_parts
from otel_kubecost.pdata import PointColumns, coalesced, count_points, each_metric, map_scopes
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import FakeKubecost, Flavour
from otel_kubecost.testing.exchange import Reply
from otel_kubecost.testing.server import HttpServer

ANSWERS = {
    "tenant-a": "14_opencost_namespace_deployment_pod_container_1h",
    "tenant-b": "13_opencost_namespace_24h_partial_unmounted",
}
LEVELS = ["cluster", "namespace", "pod"]
TOTAL = "cloudtuner_kubecost_namespace_total_cost"


def collected(tenant, mark):
    """What the receiver gives at ``mark`` of the answer that is recorded for ``tenant``."""
    answer = (RECORDED / ANSWERS[tenant] / "allocation.json").read_bytes()
    with FakeKubecost(answer, flavour=Flavour.OPENCOST) as kubecost:
        receiver = KubecostReceiver(
            endpoint=kubecost.url, tenant_id=tenant, cluster_name="prod", levels=LEVELS
        )
        batches = list(receiver.collect(mark))
        receiver.shutdown()
    return [of_resource for batch in batches for of_resource in batch.resource_metrics]


@pytest.fixture(scope="module")
def lazy():
    """Costs and the receiver's own metrics of two tenants, every point of them in a column."""
    mark = time.time() // 60 * 60
    data = MetricsData([one for tenant in ANSWERS for one in collected(tenant, mark)])
    points = [metric.data.data_points for _, _, metric in each_metric(data)]
    assert all(isinstance(one, PointColumns) for one in points)
    assert count_points(data) > 100
    return data


@pytest.fixture(scope="module")
def plain(lazy):
    """The same as an SDK would have it: joined, with lists of points."""

    def listed(_, metrics):
        return [
            replace(one, data=replace(one.data, data_points=list(one.data.data_points)))
            for one in metrics
        ]

    return map_scopes(coalesced(lazy), listed)


def of_tenants(data):
    """The number of points of each tenant."""
    counts = dict.fromkeys(ANSWERS, 0)
    for of_resource, _, metric in each_metric(data):
        counts[of_resource.resource.attributes["tenant.id"]] += len(metric.data.data_points)
    return counts


def received_of_tenants(requests):
    """As ``of_tenants``, of OTLP requests."""
    counts = dict.fromkeys(ANSWERS, 0)
    for request in requests:
        for of_resource in request.resource_metrics:
            (tenant,) = (
                one.value.string_value
                for one in of_resource.resource.attributes
                if one.key == "tenant.id"
            )
            counts[tenant] += sum(
                len(getattr(metric, metric.WhichOneof("data")).data_points)
                for of_scope in of_resource.scope_metrics
                for metric in of_scope.metrics
            )
    return counts


def test_the_console_prints_the_same(lazy, plain):
    """Every resource, scope, metric and point, as indented JSON."""
    printed, expected = io.StringIO(), io.StringIO()
    assert export_in_parts(ConsoleMetricExporter(out=printed), lazy)
    ConsoleMetricExporter(out=expected).export(plain)
    assert printed.getvalue() == expected.getvalue()
    assert printed.getvalue().count('"time_unix_nano"') == count_points(lazy)


def test_otlp_over_http_carries_the_same(lazy, plain):
    """Messages that a server decodes are equal, and each tenant has its resource and points."""
    bodies = []

    def handle(request):
        bodies.append(ExportMetricsServiceRequest.FromString(request.body))
        return Reply(content_type="application/x-protobuf")

    with HttpServer(handle) as server:
        exporter = OverHttp(endpoint=f"{server.url}/v1/metrics")
        assert export_in_parts(exporter, lazy)
        exporter.export(plain)
        exporter.shutdown()
    assert bodies[0] == bodies[1]
    assert received_of_tenants(bodies[:1]) == of_tenants(lazy)


class Collector(MetricsServiceServicer):
    """OTLP's service, which keeps what it gets."""

    def __init__(self):
        self.requests = []

    def Export(self, request, context):  # noqa: N802  the service's name for it
        self.requests.append(request)
        return ExportMetricsServiceResponse()


@contextmanager
def serving(collector):
    """The address at which a server of gRPC serves ``collector``."""
    server = grpc.server(ThreadPoolExecutor(1))
    add_MetricsServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_otlp_over_grpc_carries_the_same(lazy, plain):
    """As over HTTP, through a real server of gRPC."""
    collector = Collector()
    with serving(collector) as address:
        exporter = OverGrpc(endpoint=address, insecure=True)
        assert export_in_parts(exporter, lazy)
        exporter.export(plain)
        exporter.shutdown()
    assert collector.requests[0] == collector.requests[1]
    assert received_of_tenants(collector.requests[:1]) == of_tenants(lazy)


def test_otlp_json_is_the_same(lazy, plain):
    """What a file for the Collector's otlpjsonfile receiver has, line for line."""
    line = MessageToJson(encode_metrics(coalesced(lazy)), indent=None)
    assert line == MessageToJson(encode_metrics(plain), indent=None)
    assert all(f'"{tenant}"' in line for tenant in ANSWERS)


def scraped(data, **options):
    """The page of the SDK's reader for Prometheus, whose callback gives ``data``."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry, **options)
    reader._set_collect_callback(lambda reader, timeout_millis: data)
    page = generate_latest(registry).decode()
    reader.shutdown()
    return page


def totals(page):
    """Namespaces of each tenant with their total cost."""
    return {
        (sample.labels["tenant_id"], sample.labels["k8s_namespace_name"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith(TOTAL)
    }


def test_each_metric_has_one_set_of_attributes_whatever_its_resource(plain):
    """The SDK's reader for Prometheus takes the label names of a metric from its first resource
    alone, and would put the values of another set of them under the wrong names."""
    keys = {}
    for _, _, metric in each_metric(plain):
        keys.setdefault(metric.name, set()).update(
            frozenset(point.attributes) for point in metric.data.data_points
        )
    assert {name: len(sets) for name, sets in keys.items()} == dict.fromkeys(keys, 1)


def test_the_prometheus_reader_shows_the_same(lazy, plain):
    """With the resource as labels each tenant's namespaces stand there with their own costs."""
    options = {"resource_attribute_filter": {"tenant.id"}.__contains__}
    page = scraped(coalesced(lazy), **options)
    assert page == scraped(plain, **options)
    assert totals(page) == {
        (of.resource.attributes["tenant.id"], point.attributes["k8s.namespace.name"]): point.value
        for of, _, metric in each_metric(plain)
        if metric.name == TOTAL
        for point in metric.data.data_points
    }


def test_stock_remote_write_sends_the_same(lazy, plain):
    """Series for series, label for label, down to the bytes of the request."""
    bodies = []

    def handle(request):
        bodies.append(bytes(cramjam.snappy.decompress_raw(request.body)))
        return Reply(status=204)

    with HttpServer(handle) as server:
        exporter = PrometheusRemoteWriteMetricsExporter(f"{server.url}/api/v1/write")
        assert export_in_parts(exporter, lazy)
        exporter.export(plain)
    assert bodies[0] == bodies[1]
    series = WriteRequest.FromString(bodies[0]).timeseries
    labels = [{label.name: label.value for label in one.labels} for one in series]
    counts = {
        tenant: sum(one["tenant_id"] == tenant for one in labels) for tenant in of_tenants(lazy)
    }
    assert counts == of_tenants(lazy)
