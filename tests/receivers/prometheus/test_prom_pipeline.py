"""Pipelines get what was scraped, all of it, also at their end."""

import threading

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from scraping import Target, job, until, values

from otel_kubecost.pdata import count_points
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.receivers.prometheus import PrometheusReceiver


class Kept(MetricExporter):
    """Keeps what it gets."""

    oldest_pending = None

    def __init__(self):
        super().__init__()
        self.batches = []

    def enqueue(self, metrics_data, stream=""):
        self.batches.append(metrics_data)

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.batches.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


def receiver_of(target, **options):
    often = job(target.address, scrape_interval="100ms")
    return PrometheusReceiver(scrape_configs=[often], **options)


def a(exporter):
    return values(exporter.batches, "a").get("a", [])


def test_what_was_scraped_after_the_last_mark_is_exported_at_the_end():
    """A mark that lies a day ahead is not waited for."""
    with Target(metrics=b"a 1\n") as target:
        receiver, exporter = receiver_of(target, emit_interval="1d"), Kept()
        pipeline = Pipeline(receiver, [], [exporter])
        pipeline.start()
        until(lambda: target.request_count > 3)
        assert len(a(exporter)) < 2  # what came before the first mark was collected
        pipeline.shutdown()
    assert len(a(exporter)) >= 3


def test_pipelines_that_share_a_receiver_all_get_everything():
    """One that is slow misses nothing of it."""
    hold = threading.Event()

    def slowly(batch):
        hold.wait(5)
        return batch

    with Target(metrics=b"a 1\n") as target:
        receiver, quick, slow = receiver_of(target, emit_interval="20ms"), Kept(), Kept()
        pipelines = [Pipeline(receiver, [], [quick]), Pipeline(receiver, [slowly], [slow])]
        for pipeline in pipelines:
            pipeline.open()
        for pipeline in pipelines:
            pipeline.start()
        until(lambda: len(a(quick)) > 3)
        assert a(slow) == []
        hold.set()
        for pipeline in pipelines:
            pipeline.shutdown()
    assert a(slow) == a(quick)


def test_what_was_exported_is_said_once_a_minute(caplog):
    """However many marks there are in it; the rest is said at the end."""
    caplog.set_level("INFO", "otel_kubecost.exported")
    with Target(metrics=b"a 1\n") as target:
        receiver, exporter = receiver_of(target, emit_interval="20ms"), Kept()
        pipeline = Pipeline(receiver, [], [exporter])
        pipeline.start()
        until(lambda: len(a(exporter)) > 3)
        pipeline.shutdown()
    first, last = (int(record.message.split()[1]) for record in caplog.records)
    assert first + last == sum(map(count_points, exporter.batches)) == 6 * len(a(exporter))


def test_a_pipeline_that_runs_once_scrapes_once():
    """Nothing is started for it."""
    with Target(metrics=b"a 1\n") as target:
        exporter = Kept()
        pipeline = Pipeline(receiver_of(target), [], [exporter])
        assert pipeline.run_once() == [MetricExportResult.SUCCESS]
        pipeline.shutdown()
        assert target.request_count == 1
    assert a(exporter) == [1.0]
