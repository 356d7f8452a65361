"""On the wire: no series has two samples of one time in a batch, and no marker beside a sample."""

import logging
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
)
from rw_data import NOW, PATH, batch, counter, gauge, joined, point
from rw_families import at_any_pace

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.pdata import AttributeTable, PointColumns, emptied
from otel_kubecost.testing import (
    RemoteWrite2,
    RemoteWriteReceiver,
    decode,
    decode_v2,
    is_stale,
)

pytestmark = pytest.mark.timeout(120)

SUCCESS = MetricExportResult.SUCCESS
V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
FORGET_POD = {"action": "labeldrop", "regex": "pod"}
ONE_NAME = {"source_labels": ["__name__"], "regex": "a_.*", "target_label": "__name__",
            "replacement": "a"}  # fmt: skip


def columns(name, pods, at=NOW):
    """A metric over columns, the value of a pod its place in the list."""
    table = AttributeTable.of(["pod"], [(pod,) for pod in pods])
    values = [float(place) for place in range(len(pods))]
    points = PointColumns.of(table, values, time_unix_nano=at * 1_000_000)
    return Metric(name, "", "", Gauge(points))


def histogram(name, at=NOW, count=2):
    data = HistogramDataPoint({}, 0, at * 1_000_000, count, 1.0, [1, count - 1], [1.0], 0.0, 9.0)
    return Metric(name, "", "", Histogram([data], AggregationTemporality.CUMULATIVE))


def state(receiver) -> dict[str, list[float | None]]:
    """The values of each series, by the values of its labels; None where it ends."""
    return {
        ",".join(value for _, value in labels): [
            None if is_stale(value) else value for _, value in points
        ]
        for labels, points in sorted(receiver.series.items())
    }


def sent(requests):
    """The series of requests, in order."""
    return [
        series
        for request in requests
        if request.method == "POST"
        for series in (
            decode_v2 if V2 in request.headers["Content-Type"] else decode
        )(request.body).series
    ]  # fmt: skip


# Anything at all.


NAMES = st.sampled_from(["a", "a.b", "a/b", "a_b", "a_c", "a_count", "a_total"])
POINTS = st.lists(st.tuples(st.sampled_from(["x", "y", ""]), st.sampled_from([1.0, 2.0]),
                            st.integers(0, 2)), min_size=1, max_size=4)  # fmt: skip
PODS = st.lists(st.sampled_from("xyz"), unique=True)
RESOURCES = st.sampled_from([{}, {"k8s.cluster.name": "c"}, {"service.name": "s", "os": "l"}])
RULES = st.sampled_from([[], [FORGET_POD], [ONE_NAME], [FORGET_POD, ONE_NAME]])


def points_at(at, drawn):
    return [point({"pod": pod}, value, at + later) for pod, value, later in drawn]


@st.composite
def gauges(draw, at):
    return gauge(draw(NAMES), *points_at(at, draw(POINTS)))


@st.composite
def any_metrics(draw, at):
    name = draw(NAMES)
    return draw(
        st.one_of(
            gauges(at),
            POINTS.map(lambda drawn: counter(name, *points_at(at, drawn))),
            PODS.map(lambda pods: columns(name, pods, at)),
            st.just(histogram(name, at)),
        )
    )


@st.composite
def batches(draw, kinds, at):
    """Scopes of resources, some of them twice; each has a sample of its own at the last time."""
    parts = []
    for scope in draw(st.lists(st.sampled_from("st"), min_size=1, max_size=3)):
        resource = draw(RESOURCES)
        mark = gauge("mark", point({"of": f"{scope}{sorted(resource)}"}, at=at + 2))
        metrics = draw(st.lists(kinds(at), max_size=3))
        parts.append(batch(*metrics, mark, resource=resource, scope=scope))
    return joined(*parts)


@st.composite
def histories(draw):
    """Batches, each later than the one before, with the streams that they come by."""
    return [
        (draw(st.sampled_from(["", "other"])), draw(batches(any_metrics, NOW + 1000 * number)))
        for number in range(draw(st.integers(1, 4)))
    ]


@settings(at_any_pace, max_examples=80)
@given(histories(), RULES, st.sampled_from([V1, V2]), st.sampled_from([2, 10_000]))
def test_whatever_comes_each_sample_is_written_once(history, rules, message, limit):
    """Scopes, resources, points and metrics that share series, relabelling that makes one of
    several, markers: a receiver that forgives nothing has nothing to forgive."""
    with RemoteWriteReceiver(path=PATH, remote_write_2=RemoteWrite2.TAKEN) as receiver:
        exporter = PrometheusRemoteWriteExporter(
            endpoint=receiver.endpoint,
            protobuf_message=message,
            write_relabel_configs=rules,
            queue_config={"max_samples_per_send": limit},
        )
        for stream, data in history:
            known = len(receiver.requests)
            exporter.enqueue(data, stream)
            assert exporter.force_flush()
            series = sent(receiver.requests[known:])
            assert len({one.labels for one in series}) == len(series)
            times = [[at for at, _ in one.points] for one in series]
            assert all(one < other for found in times for one, other in pairwise(found))
        exporter.shutdown()
    assert receiver.violations == []


@settings(at_any_pace, max_examples=60)
@given(batches(gauges, NOW), RULES)
def test_of_the_samples_of_a_time_one_is_written(data, rules):
    """What each point would be alone is what is written, of each series and time one of those
    that there are; where no rules make series one, the first in the batch."""
    with RemoteWriteReceiver() as receiver:
        exporter = PrometheusRemoteWriteExporter(
            endpoint=receiver.endpoint, write_relabel_configs=rules, target_info=False
        )
        candidates = {}
        for of_resource in data.resource_metrics:
            for metric in of_resource.scope_metrics[0].metrics:
                for one in metric.data.data_points:
                    alone = batch(gauge(metric.name, one), resource=of_resource.resource.attributes)
                    [family] = exporter.translate(alone)
                    [(labels, [(at, value)], *_)] = family.series
                    candidates.setdefault((labels, at), []).append(value)
        assert exporter.export(data) is SUCCESS
        exporter.shutdown()
    assert receiver.violations == []
    written = {
        (labels, at): value for labels, found in receiver.series.items() for at, value in found
    }
    assert written.keys() == candidates.keys()
    for place, value in written.items():
        assert value in (candidates[place] if rules else candidates[place][:1])


# Which one wins, and who is told.


@pytest.mark.parametrize(
    "data",
    [
        joined(
            *(
                batch(gauge("two.scopes", point({}, value)), scope=f"{value}")
                for value in (1.0, 2.0)
            )
        ),
        joined(
            *(
                batch(gauge("two.resources", point({}, value)), resource={"host": f"{value}"})
                for value in (1.0, 2.0)
            )
        ),
        batch(gauge("two.points", point({}, 1.0), point({}, 2.0))),
        batch(gauge("two.metrics", point({}, 1.0)), gauge("two/metrics", point({}, 2.0))),
        batch(gauge("two.kinds", point({"pod": "x"}, 0.0)), columns("two/kinds", ["y", "x"])),
    ],
    ids=["scopes", "resources", "points", "metrics", "kinds"],
)
def test_the_loss_of_a_value_is_said_once(exporter_to, caplog, data):
    """Named by its metric, and with a remedy; the next batch says nothing more."""
    caplog.set_level(logging.WARNING, "otel_kubecost")
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        assert [exporter.export(data) for _ in range(2)] == [SUCCESS, SUCCESS]
    assert receiver.violations == []
    [record] = caplog.records
    assert record.metric in record.message
    assert record.hint.startswith("give its points an attribute")


def test_samples_that_agree_are_not_worth_a_word(exporter_to, caplog):
    """Two scopes that say the same lose nothing."""
    caplog.set_level(logging.WARNING, "otel_kubecost")
    nan = float("nan")
    parts = [
        batch(gauge("agreed", point({}, 1.0), point({"pod": "x"}, nan)), scope=scope)
        for scope in "ab"
    ]
    with RemoteWriteReceiver() as receiver:
        assert exporter_to(receiver).export(joined(*parts)) is SUCCESS
        assert {len(points) for points in receiver.series.values()} == {1}
    assert caplog.records == []


# Series that leave.


def test_two_receivers_on_one_exporter_leave_each_other_alone(exporter_to):
    """Their batches come in turn; each speaks for its own resource and scope."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        for number, pods in enumerate(["xy", "x"]):
            at = NOW + number * 1000
            for cluster in ("east", "west"):
                found = pods if cluster == "east" else "xy"
                data = batch(columns("cost", found, at), resource={"k8s.cluster.name": cluster})
                assert exporter.export(data) is SUCCESS
        assert state(receiver) == {
            "cost,east,x": [0.0, 0.0],
            "cost,east,y": [1.0, None],
            "cost,west,x": [0.0, 0.0],
            "cost,west,y": [1.0, 1.0],
        }
    assert receiver.violations == []


def test_what_two_pipelines_bring_ends_with_the_second(exporter_to):
    """The same scope by two streams: what one of them drops the other may still have."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        for number, (one, other) in enumerate([("xy", "xy"), ("x", "xy"), ("x", "x")]):
            at = NOW + number * 1000
            exporter.enqueue(batch(columns("cost", one, at)), "metrics/1")
            exporter.enqueue(batch(columns("cost", other, at)), "metrics/2")
        assert exporter.force_flush()
        assert state(receiver) == {"cost,x": [0.0, 0.0, 0.0], "cost,y": [1.0, 1.0, None]}
    assert receiver.violations == []


def test_an_emptied_scope_ends_all_its_series_at_its_time(exporter_to):
    """Data that became too old: the columns are empty, and say when."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        assert exporter.export(batch(columns("cost", "xy"))) is SUCCESS
        assert exporter.export(emptied(batch(columns("cost", "xy", NOW + 1000)))) is SUCCESS
        assert exporter.export(batch(columns("cost", "y", NOW + 2000))) is SUCCESS
        assert state(receiver) == {"cost,x": [0.0, None], "cost,y": [1.0, None, 0.0]}
        assert {points[1][0] for points in receiver.series.values()} == {NOW + 1000}
    assert receiver.violations == []


def test_a_metric_that_changes_its_type_leaves_no_marker_beside_a_sample(exporter_to):
    """``a_count`` is a histogram's, then a gauge's, then a histogram's again."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        for number, make in enumerate([histogram, gauge, histogram]):
            at = NOW + number * 1000
            metric = make("a", at) if make is histogram else gauge("a.count", point({}, 7.0, at))
            assert exporter.export(batch(metric)) is SUCCESS
        assert state(receiver) == {
            "a_bucket,+Inf": [2.0, None, 2.0],
            "a_bucket,1": [1.0, None, 1.0],
            "a_count": [2.0, 7.0, 2.0],
            "a_sum": [1.0, None, 1.0],
        }
    assert receiver.violations == []


def test_rules_that_change_end_what_they_no_longer_make(exporter_to):
    """A new configuration renames a label and drops a metric: those series end in its first
    batch, those that it leaves alone go on."""
    rules = [
        {"source_labels": ["__name__"], "regex": "dropped", "action": "drop"},
        {"source_labels": ["__name__", "pod"], "regex": "renamed;(.*)", "target_label": "pod",
         "replacement": "new-$1"},
    ]  # fmt: skip
    names = ("dropped", "renamed", "same")
    with RemoteWriteReceiver() as receiver:
        old = exporter_to(receiver)
        assert old.export(batch(*(columns(name, "x") for name in names))) is SUCCESS
        new = exporter_to(receiver, write_relabel_configs=rules)
        new.adopt(old)
        later = batch(*(columns(name, "x", NOW + 1000) for name in names))
        assert new.export(later) is SUCCESS
        assert state(receiver) == {
            "dropped,x": [0.0, None],
            "renamed,new-x": [0.0],
            "renamed,x": [0.0, None],
            "same,x": [0.0, 0.0],
        }
    assert receiver.violations == []


def test_a_restart_ends_nothing(exporter_to):
    """A process knows only of series that it has had itself: they are missed from then on."""
    with RemoteWriteReceiver() as receiver:
        old = exporter_to(receiver)
        assert old.export(batch(columns("cost", "xyz"))) is SUCCESS
        old.shutdown()
        new = exporter_to(receiver)
        assert new.export(batch(columns("cost", "xy", NOW + 1000))) is SUCCESS
        assert new.export(batch(columns("cost", "x", NOW + 2000))) is SUCCESS
        assert state(receiver) == {
            "cost,x": [0.0, 0.0, 0.0],
            "cost,y": [1.0, 1.0, None],
            "cost,z": [2.0],
        }
    assert receiver.violations == []
