"""A queue's ledger under the names that Prometheus and the Collector have for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricExportResult
from peers import lint
from rw_data import NOW as RECENT
from rw_data import series

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.exporters.prometheus_remote_write.answers import TABLE
from otel_kubecost.exporters.prometheus_remote_write.own_metrics import (
    OURS,
    About,
    queue_metrics,
)
from otel_kubecost.exporters.sending import losses
from otel_kubecost.exporters.sending.answers import WORDS
from otel_kubecost.exporters.sending.retry import Verdict
from otel_kubecost.exporters.sending.stats import ShardStats, Stats
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.model import Type
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import each_metric
from otel_kubecost.testing import RemoteWriteReceiver

NOW = 1_790_000_000.0
ABOUT = About("prometheus_remote_write/a", "https://host/write", max_samples_per_send=10_000)
STATS = Stats(
    accepted=100,
    delivered=60,
    pending=22,
    dropped={"refused": 5, "duplicate": 2, "too_old": 4, "queue_full": 7},
    trouble="status_503",
    skew=-3,
    retried=9,
    newest_accepted=1_789_999_980_000,
    newest_delivered=1_789_999_920_500,
    requests=2,
    bytes=700,
    capacity=50_000,
    sent_bytes=4096,
    shards=ShardStats(minimum=1, maximum=4, current=2, desired=6.5),
    fault="full",
    set_aside={"damaged": 2},
)
ENDPOINT = {"remote_name": ABOUT.name, "url": ABOUT.url}
EXPORTER = {"exporter": ABOUT.name}

REMOTE_STORAGE = {
    "samples_total": 67,
    "samples_failed_total": 7,
    "samples_retried_total": 9,
    "samples_pending": 22,
    "bytes_total": 4096,
    "queue_highest_timestamp_seconds": 1_789_999_980,
    "queue_highest_sent_timestamp_seconds": 1_789_999_920.5,
    "shards": 2,
    "shards_min": 1,
    "shards_max": 4,
    "shards_desired": 6.5,
    "shard_capacity": 50_000,
    "max_samples_per_send": 10_000,
}
COLLECTOR = {
    "sent_metric_points": 60,
    "send_failed_metric_points": 11,
    "enqueue_failed_metric_points": 7,
}


def families(stats=STATS, about=ABOUT, **times):
    data = queue_metrics(stats, about, now=NOW, **times)
    return {family.name: family for family in Translator().translate(data)}


def samples(stats=STATS, about=ABOUT, **times):
    """Values by labels, the name among them."""
    return {
        frozenset(series.labels): series.samples[-1].value
        for family in families(stats, about, **times).values()
        for series in family.series
    }


def of(name, **labels):
    return frozenset({"__name__": name, **labels}.items())


@pytest.mark.parametrize(("name", "value"), REMOTE_STORAGE.items())
def test_prometheus_names(name, value):
    """Every metric of remote storage that alerts and dashboards know, with its labels."""
    assert samples()[of(f"prometheus_remote_storage_{name}", **ENDPOINT)] == value


@pytest.mark.parametrize(("name", "value"), COLLECTOR.items())
def test_collector_names(name, value):
    """With and without _total: both are in the field."""
    assert samples()[of(f"otelcol_exporter_{name}", **EXPORTER)] == value
    assert samples()[of(f"otelcol_exporter_{name}_total", **EXPORTER)] == value


def test_the_queue_by_the_collectors_names():
    """Size and capacity in one unit, samples, so that their quotient says how full it is."""
    found, labels = samples(), {**EXPORTER, "data_type": "metrics"}
    assert found[of("otelcol_exporter_queue_size", **labels)] == 22
    assert found[of("otelcol_exporter_queue_capacity", **labels)] == 50_000


def test_a_spool_has_no_capacity_in_samples():
    """What memory holds would make an outage that loses nothing look like one that does."""
    spooled = samples(about=ABOUT._replace(has_spool=True))
    assert not any(dict(labels)["__name__"].endswith("queue_capacity") for labels in spooled)


def test_our_own_names():
    """The spool, the oldest sample that waits and the clocks have no name at either of the two."""
    found = samples(about=ABOUT._replace(has_spool=True), oldest_pending=1_789_990_000.5)
    ours = {key: value for key, value in found.items() if "otel_kubecost" in str(dict(key))}
    assert ours == {
        of("otel_kubecost_spool_up", **EXPORTER): 0,
        of("otel_kubecost_spool_fault", **EXPORTER, reason="full"): 1,
        of("otel_kubecost_spool_set_aside", **EXPORTER, reason="damaged"): 2,
        of("otel_kubecost_exporter_trouble", **EXPORTER, reason="status_503"): 1,
        of("otel_kubecost_exporter_oldest_pending_timestamp_seconds", **EXPORTER): 1_789_990_000.5,
        of("otel_kubecost_exporter_clock_skew_seconds", **EXPORTER): -3,
    }


def test_what_is_well_has_no_reason():
    """A spool that works is up; without trouble, skew or backlog there is nothing to say of it."""
    well = STATS._replace(trouble="", fault="", skew=None, set_aside={})
    names = families(well, ABOUT._replace(has_spool=True)).keys()
    assert {name for name in names if name.startswith("otel_kubecost")} == {
        "otel_kubecost_spool_up"
    }
    assert samples(well, ABOUT._replace(has_spool=True))[of("otel_kubecost_spool_up", **EXPORTER)]


def test_without_a_spool_nothing_is_said_of_one():
    """An exporter whose queue is in memory has none that could fail."""
    assert "otel_kubecost_spool_up" not in families(STATS._replace(fault=""))


def test_times_of_samples_that_never_were_are_absent():
    """Zero would be a delay of fifty years."""
    names = families(Stats()).keys()
    assert not any("highest" in name for name in names)


def test_each_reason_of_ours_is_there_from_the_start():
    """A counter that appears with its first loss has not increased, and no alert would fire."""
    name = "prometheus_remote_storage_samples_dropped_total"
    found = {dict(series.labels)["reason"]: series for series in families()[name].series}
    assert found.keys() == OURS
    assert {why: one.samples[0].value for why, one in found.items() if one.samples[0].value} == {
        "too_old": 4,
        "queue_full": 7,
    }


def test_every_loss_of_the_queue_is_ours():
    """A reason that is new there is not taken for a refusal of the receiver."""
    verdicts = [one for one in vars(losses).values() if isinstance(one, Verdict)]
    assert {verdict.reason for verdict in verdicts} == OURS


def test_no_refusal_of_a_receiver_is_ours():
    """What the receiver said and what was decided here are never counted as one."""
    refusals = {row.reason for row in (*TABLE, *WORDS)}
    assert refusals & OURS == set()


REASONS = st.sampled_from([*sorted(OURS), "refused", "duplicate", "status_429", "unheard_of"])


@given(
    delivered=st.integers(0, 10**9),
    pending=st.integers(0, 10**9),
    dropped=st.dictionaries(REASONS, st.integers(0, 10**9)),
)
def test_every_sample_is_counted_once(delivered, pending, dropped):
    """Accepted is what was sent, thrown away and waits, by the names of both."""
    accepted = delivered + pending + sum(dropped.values())
    stats = Stats(accepted, delivered, pending, dropped)
    by_name = {}
    for labels, value in samples(stats).items():
        name = dict(labels)["__name__"]
        by_name[name] = by_name.get(name, 0) + value
    assert accepted == sum(
        by_name[f"prometheus_remote_storage_samples_{name}"]
        for name in ("total", "dropped_total", "pending")
    )
    assert accepted == by_name["otelcol_exporter_queue_size"] + sum(
        by_name[f"otelcol_exporter_{name}_total"] for name in COLLECTOR
    )


def test_two_exporters_share_the_one_series_that_has_no_labels():
    """Prometheus' alert joins each endpoint to it, which must be one series: the newest."""
    later = STATS._replace(newest_accepted=STATS.newest_accepted + 60_000)
    other = ABOUT._replace(name="prometheus_remote_write/b")
    name = "prometheus_remote_storage_highest_timestamp_in_seconds"
    for first, second in ((STATS, later), (later, STATS)):
        data = queue_metrics(first, ABOUT, now=NOW)
        more = queue_metrics(second, other, now=NOW)
        data.resource_metrics.extend(more.resource_metrics)
        page = render(Translator().translate(data)).decode()
        assert [line for line in page.splitlines() if line.startswith(name)] == [
            f"{name} 1790000040"
        ]


def test_counters_and_gauges_are_declared_as_such():
    """But for the Collector's counters without their suffix, which the format calls gauges."""
    for name, family in families().items():
        assert family.type is (Type.COUNTER if name.endswith("_total") else Type.GAUGE)
        assert family.help


def test_everything_is_told_that_has_a_name():
    """All but how many requests wait, of how many bytes, and what the other counters add up to."""
    changed = {
        field
        for field, default in Stats._field_defaults.items()
        if samples(STATS._replace(**{field: default})) != samples()
    }
    assert set(Stats._fields) - changed == {"accepted", "requests", "bytes"}


@pytest.mark.peers
def test_promtool_finds_no_fault():
    """Names, types and help are as Prometheus wants them."""
    data = queue_metrics(STATS, ABOUT._replace(has_spool=True), now=NOW, oldest_pending=NOW)
    assert lint(render(Translator().translate(data))) == (0, b"", b"")


def told(exporter):
    """What an exporter says now: values by name, of series with no reason."""
    return {
        metric.name: point.value
        for _, _, metric in each_metric(exporter.own_metrics())
        for point in metric.data.data_points
        if "reason" not in point.attributes
    }


def test_an_exporter_in_a_program_of_ones_own_can_be_asked(exporter_to):
    """Before, while and after its endpoint is down, in a batch that is as any of the SDK."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, queue_config={"max_samples_per_send": 100})
        before = told(exporter)
        receiver.poison, receiver.poison_status = (lambda _: True), 503
        assert exporter.export(series(7), timeout_millis=300) is MetricExportResult.FAILURE
        meanwhile = told(exporter)
        receiver.poison = None
        assert exporter.force_flush()
        after = told(exporter)
        written = json.loads(exporter.own_metrics().to_json())
    storage, waits = "prometheus_remote_storage", "oldest_pending_timestamp_seconds"
    assert before[f"{storage}_samples_pending"] == before[f"{storage}_samples_total"] == 0
    assert before[f"{storage}_max_samples_per_send"] == 100
    assert meanwhile[f"{storage}_samples_pending"] == 7
    assert meanwhile[f"{storage}_samples_retried_total"] >= 7
    assert meanwhile[f"otel_kubecost_exporter_{waits}"] == RECENT / 1000
    assert meanwhile[f"{storage}_queue_highest_sent_timestamp_seconds"] == RECENT / 1000
    assert after[f"{storage}_samples_total"] == after["otelcol_exporter_sent_metric_points"] == 7
    assert after[f"{storage}_queue_highest_sent_timestamp_seconds"] == RECENT / 1000
    assert after[f"{storage}_bytes_total"] > 0
    assert f"otel_kubecost_exporter_{waits}" not in after
    assert written["resource_metrics"]


def test_an_exporter_with_a_spool_says_that_it_is_used(tmp_path):
    """And one without does not speak of any."""
    storage = FileStorage(directory=str(tmp_path))
    storage.start()
    spooled = PrometheusRemoteWriteExporter(
        endpoint="http://127.0.0.1:9/write", spool=storage.queue("a")
    )
    plain = PrometheusRemoteWriteExporter(endpoint="http://127.0.0.1:9/write")
    assert told(spooled)["otel_kubecost_spool_up"] == 1
    assert "otel_kubecost_spool_up" not in told(plain)
    storage.shutdown()
