"""A new configuration goes on with targets, or ends them, all the way to the destination."""

import math

import pytest
from scraping import Target, job, until

from otel_kubecost.clock import SystemClock
from otel_kubecost.components import factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.graph import Graph
from otel_kubecost.testing import RemoteWriteReceiver


def graph(receiver, name="prometheus", before=None, **options):
    exporter = {"prometheus_remote_write": {"endpoint": receiver.endpoint}}
    pipeline = {"receivers": [name], "exporters": list(exporter)}
    config = {
        "receivers": {name: options},
        "exporters": exporter,
        "service": {"pipelines": {"metrics": pipeline}},
    }
    return Graph(parse_config(ConfMap(config), factories()), SystemClock(), before)


@pytest.fixture
def reloaded():
    """What a destination has after two configurations were in use, one after the other."""

    def run(target, first, second):
        with RemoteWriteReceiver() as receiver:
            old = graph(receiver, **first)
            old.start()
            until(lambda: target.request_count > 1)
            new = graph(receiver, before=old, **second)
            new.follow(old, 5_000)
            seen = target.request_count
            until(lambda: target.request_count > seen + 1)
            new.shutdown(5_000)
            assert receiver.violations == []
            return {dict(key)["job"]: samples for key, samples in receiver.series.items()
                    if dict(key)["__name__"] == "a"}  # fmt: skip

    return run


def ends(samples):
    """The places of stale markers."""
    return [place for place, (_, value) in enumerate(samples) if math.isnan(value)]


def test_series_of_targets_that_stay_go_on(reloaded):
    """Without a marker in between."""
    with Target(metrics=b"a 1\n") as target:
        jobs = [job(target.address, scrape_interval="100ms")]
        series = reloaded(
            target,
            {"scrape_configs": jobs},
            {"scrape_configs": jobs, "emit_interval": "500ms"},
        )
    assert ends(series["j"]) == []
    assert len(series["j"]) >= 3


def test_series_of_a_receiver_that_nobody_follows_end(reloaded):
    """With one marker each, the last of their samples."""
    with Target(metrics=b"a 1\n") as target:
        often = {"scrape_interval": "100ms"}
        series = reloaded(
            target,
            {"scrape_configs": [job(target.address, name="first", **often)]},
            {"name": "prometheus/2", "scrape_configs": [job(target.address, **often)]},
        )
    assert ends(series["first"]) == [len(series["first"]) - 1]
    assert ends(series["j"]) == []
