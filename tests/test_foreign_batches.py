"""Exporters that others wrote get what an SDK could have given them, of what was scraped too."""

import io
import json

import pytest
from hypothesis import given
from metric_batches import BATCHES
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
)
from prometheus_client import CollectorRegistry, generate_latest
from scraped_batches import ExpositionType, in_otlp, pages, scraped, sparse, summary, target, waits

from otel_kubecost.clock import Deadline
from otel_kubecost.export_thread import ExportThread
from otel_kubecost.exporters.debug import DebugExporter
from otel_kubecost.exporters.otlp_json_file import OtlpJsonFileExporter
from otel_kubecost.foreign_batches import ForeignBatches
from otel_kubecost.pdata import coalesced, each_metric
from otel_kubecost.testing.contract.scraped import scraped as page


class Keeping(MetricExporter):
    """An exporter of the SDK that keeps what it got."""

    def __init__(self):
        super().__init__()
        self.got = []

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.got.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


def given_to(exporter, *batches):
    """Hands ``batches`` over as a pipeline does; whether all were taken."""
    thread = ExportThread(exporter)
    taken = [thread.export(batch, 10_000) for batch in batches]
    thread.end(Deadline(10))
    return all(taken)


TOOK = summary("took", sparse(("quantile",), [("0.5",)]), count=sparse((), [()], [3.0]))


@given(BATCHES)
def test_what_an_sdk_has_is_passed_on_as_it_is(data):
    """The same object: nothing is looked at but the types."""
    assert ForeignBatches(Keeping()).of(data) is data


@given(pages())
def test_the_stock_encoder_sends_the_page_but_for_summaries_and_types(data):
    """Units and starts, histograms with their buckets, rows that lack labels."""
    expected = in_otlp(data)
    for of_resource in expected.resource_metrics:
        told = of_resource.scope_metrics[0].metrics
        left = [one for one in told if one.WhichOneof("data") != "summary"]
        del told[:]
        told.extend(left)
        for metric in told:
            del metric.metadata[:]
    left = [one for one in expected.resource_metrics if one.scope_metrics[0].metrics]
    found = encode_metrics(coalesced(ForeignBatches(Keeping()).of(data)))
    assert [one.SerializeToString(deterministic=True) for one in found.resource_metrics] == [
        one.SerializeToString(deterministic=True) for one in left
    ]


def test_summaries_are_left_out_with_one_line(caplog):
    """However many batches have them; the rest of each arrives."""
    keeping = Keeping()
    assert given_to(keeping, target(TOOK, waits()), target(TOOK), target(waits(), TOOK))
    names = [[one.name for _, _, one in each_metric(batch)] for batch in keeping.got]
    assert names == [["wait"], ["wait"]]
    assert caplog.text.count("Keeping gets no metrics of type Summary, took for one") == 1


@pytest.mark.parametrize("make", [DebugExporter, OtlpJsonFileExporter])
def test_our_own_get_summaries(make, tmp_path, caplog):
    """They say that they take them."""
    options = {"path": str(tmp_path / "file")} if make is OtlpJsonFileExporter else {}
    exporter = make(**options)
    batch = target(TOOK)
    assert ForeignBatches(exporter).of(batch) is batch
    assert given_to(exporter, batch)
    assert "no SDK" not in caplog.text


def test_the_console_shows_a_page():
    """Every metric that an SDK could have, as JSON."""
    out = io.StringIO()
    assert given_to(ConsoleMetricExporter(out=out), page(60.0))
    (of_resource,) = json.loads(out.getvalue())["resource_metrics"]
    (of_scope,) = of_resource["scope_metrics"]
    by_name = {one["name"]: one for one in of_scope["metrics"]}
    assert by_name.keys() == {
        "up", "memory_bytes", "seen", "requests_total", "build_info", "wait_seconds",
    }  # fmt: skip
    (point,) = by_name["wait_seconds"]["data"]["data_points"]
    assert (point["bucket_counts"], point["sum"]) == ([3, 2], 0.9)


def test_a_reader_of_the_sdk_serves_a_page():
    """It asks each point for a value before it looks at its type: a summary would end it all."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    without_sum = waits("other")
    del without_sum.data.data_points.by_suffix["_sum"]
    counted = waits("counted")
    del counted.data.data_points.by_suffix["_bucket"]
    requests = scraped("requests_total", sparse((), [()], [7.0]), ExpositionType.COUNTER)
    data = target(TOOK, waits(), without_sum, counted, requests)
    reader._receive_metrics(ForeignBatches(Keeping()).of(data))
    lines = [line.split("{")[0] for line in generate_latest(registry).decode().splitlines()]
    names = {"wait_seconds_bucket", "wait_seconds_sum", "other_seconds_bucket", "requests_total"}
    assert names <= set(lines)
    assert {"counted_seconds_count"} <= set(lines)
    assert "other_seconds_sum" not in lines
    reader.shutdown()
