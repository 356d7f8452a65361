"""Remote write 2.0 over real connections: what is written, and what is done where it is unknown."""

import logging
import threading
from dataclasses import replace

import pytest
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    NumberDataPoint,
)
from rw_data import NOW, PATH, Sink, batch, counter, gauge, point, series

from otel_kubecost.exporters.prometheus_remote_write.config import V2
from otel_kubecost.testing import (
    RemoteWrite2,
    RemoteWriteReceiver,
    Reply,
    decode_v2,
    hang,
    is_stale,
)

pytestmark = pytest.mark.timeout(60)

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE
UNAWARE = [RemoteWrite2.UNSUPPORTED, RemoteWrite2.SWALLOWED, RemoteWrite2.UNREADABLE]
WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"
KIND = {True: "2.0", False: "1.0"}


def receiving(how=RemoteWrite2.TAKEN):
    """Not at CloudTuner's path: 2.0 is no option there."""
    return RemoteWriteReceiver(path=PATH, remote_write_2=how)


@pytest.fixture
def v2_to(exporter_to):
    def make(server, **options):
        return exporter_to(server, protobuf_message=V2, **options)

    return make


def versions(server) -> list[str]:
    """Of each request its version."""
    return [
        KIND["proto=io.prometheus.write.v2.Request" in request.headers["Content-Type"]]
        for request in server.requests
    ]


def everything():
    """A batch with all that there is in series: types, starts, help, units, exemplars."""
    at, since = NOW * 1_000_000, (NOW - 5000) * 1_000_000
    trace = Exemplar({}, 0.25, at, span_id=2, trace_id=1)
    count = NumberDataPoint({"queue": "a"}, since, at, 3, [trace])
    bucket = HistogramDataPoint({}, since, at, 3, 2.5, [1, 2], [1.0], 0.0, 9.0, [trace])
    delay = Histogram([bucket], AggregationTemporality.CUMULATIVE)
    return batch(
        gauge("cost", point({"pod": "a"}), point({"pod": "é"}, 0.0), unit="{USD/h}"),
        counter("jobs", count),
        Metric("delay", "How long.", "s", delay),
        resource={"service.name": "svc", "host.name": "h"},
    )


def sent(server):
    """The series of all requests, by name."""
    found = {}
    for request in server.requests:
        for one in decode_v2(request.body).series:
            found.setdefault(dict(one.labels)["__name__"], []).append(one)
    return found


def test_what_is_written_breaks_no_rule(v2_to):
    """Headers, symbols, labels and times are as 2.0 wants them, and no request is metadata's."""
    with receiving() as receiver:
        exporter = v2_to(receiver, metadata_config={"send": True}, send_exemplars=True)
        assert exporter.export(everything()) is SUCCESS
    assert (receiver.violations, versions(receiver)) == ([], ["2.0"])
    found = sent(receiver)
    assert set(found) == {
        "cost", "jobs_total", "delay_seconds_bucket", "delay_seconds_sum", "delay_seconds_count",
        "target_info",
    }  # fmt: skip
    assert found["cost"][0].described == ("gauge", "About cost", "{USD/h}")
    assert found["delay_seconds_sum"][0].described == ("histogram", "How long.", "s")
    starts = {name: some[0].starts[0] for name, some in found.items()}
    assert {starts.pop("cost"), starts.pop("target_info")} == {0}
    assert set(starts.values()) == {NOW - 5000}
    assert dict(found["jobs_total"][0].exemplars[0].labels)["trace_id"] == f"{1:032x}"
    assert exporter.stats()[:5] == (8, 8, 0, {}, "")


def test_a_receiver_stores_what_it_stores_of_1_0(exporter_to, v2_to):
    """The version changes nothing but the way there."""
    with receiving() as one, receiving() as other:
        assert exporter_to(one).export(everything()) is SUCCESS
        assert v2_to(other).export(everything()) is SUCCESS
    assert one.series == other.series
    assert (versions(one), versions(other)) == (["1.0"], ["2.0"])


def test_a_series_that_leaves_gets_a_stale_marker(v2_to):
    """Described as it was, and with no start: it is no total."""
    with receiving() as receiver:
        exporter = v2_to(receiver)
        exporter.export(batch(counter("n", point({"pod": "a"}), point({"pod": "b"}))))
        exporter.export(batch(counter("n", point({"pod": "a"}, at=NOW + 1000))))
    assert receiver.violations == []
    last = sent(receiver)["n_total"][-1]
    assert is_stale(last.points[0][1])
    assert (last.described.type, last.starts) == ("counter", (0,))


def test_too_large_a_request_is_halved(v2_to):
    """413 splits; halves are 2.0 with symbols of their own."""
    with receiving() as receiver:
        receiver.script([413, 413])
        assert v2_to(receiver).export(series(8)) is SUCCESS
    assert receiver.violations == []
    assert [len(decode_v2(request.body).series) for request in receiver.requests] == [8, 4, 2, 2, 4]
    assert len(receiver.series) == 8


# Receivers that do not know it.


@pytest.mark.parametrize("how", UNAWARE)
def test_a_receiver_that_does_not_know_it_is_sent_the_same_as_1_0(v2_to, how, caplog):
    """However it shows that: nothing is lost, it is not asked again, and that is said once."""
    with receiving(how) as receiver:
        exporter = v2_to(receiver)
        assert exporter.export(everything()) is SUCCESS
        assert exporter.export(series(3)) is SUCCESS
        assert exporter.export(series(3, at=NOW + 1)) is SUCCESS
    assert receiver.violations == []
    assert versions(receiver) == ["2.0", "1.0", "1.0", "1.0"]
    assert sum(map(len, receiver.series.values())) == 14
    assert exporter.stats()[:5] == (14, 14, 0, {}, "")
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "does not know remote write 2.0" in line.message
    assert "protobuf_message" in line.hint


@pytest.mark.parametrize("how", UNAWARE)
def test_what_was_queued_as_2_0_is_sent_as_1_0(v2_to, how):
    """Batches that waited for the receiver to come up arrive in their order, all of them."""
    receiver = receiving(how)
    with receiver:
        exporter = v2_to(receiver)
    for n in range(6):
        exporter.enqueue(series(4, at=NOW + n))
    with receiver:
        assert exporter.force_flush(30_000)
    assert receiver.violations == []
    assert versions(receiver) == ["2.0", *["1.0"] * 6]
    assert {tuple(at - NOW for at, _ in points) for points in receiver.series.values()} == {
        (0, 1, 2, 3, 4, 5)
    }
    assert exporter.stats()[:5] == (24, 24, 0, {}, "")


def test_the_answer_to_1_0_may_get_lost(v2_to):
    """The choice is made by then: what is offered again is 1.0."""
    with receiving(RemoteWrite2.UNSUPPORTED) as receiver:
        receiver.script([lambda reply: reply, hang, 503])
        assert v2_to(receiver, timeout=0.3).export(series(2)) is SUCCESS
    assert versions(receiver) == ["2.0", "1.0", "1.0", "1.0"]
    assert receiver.violations == []


def test_metadata_is_sent_apart_again(v2_to):
    """1.0 does not describe series: where metadata was asked for, it is sent as 1.0 sends it."""
    with receiving(RemoteWrite2.SWALLOWED) as receiver:
        exporter = v2_to(receiver, metadata_config={"send": True})
        for n in range(2):
            assert exporter.export(batch(gauge("cost", point({}, at=NOW + n)))) is SUCCESS
            assert exporter.force_flush()
    assert versions(receiver) == ["2.0", "1.0", "1.0", "1.0"]
    assert receiver.sample_count == 2


def test_a_refusal_of_what_is_in_it_is_no_refusal_of_2_0(v2_to, caplog):
    """Where 1.0 is refused as well, and each series alone, the request is settled for the reason
    given, and 2.0 is written on; once the receiver has counted something, no 400 makes anybody
    doubt it."""
    refusal = Reply(400, b"out of order sample")
    with receiving() as receiver:
        receiver.script([refusal] * 6)
        exporter = v2_to(receiver)
        assert exporter.export(series(2)) is FAILURE
        assert exporter.stats().dropped == {"out_of_order": 2}
    assert versions(receiver) == ["2.0", "1.0"] * 3
    assert "does not know" not in caplog.text
    with receiving() as receiver:
        exporter = v2_to(receiver)
        assert exporter.export(series(2)) is SUCCESS
        receiver.script([refusal] * 3)
        assert exporter.export(series(2, at=NOW + 1)) is FAILURE
    assert versions(receiver) == ["2.0"] * 4


def test_a_receiver_of_2_0_alone_says_itself_what_is_wrong(v2_to, caplog):
    """1.0 is tried, not known (415), and forgotten."""
    caplog.set_level(logging.INFO)
    with receiving() as receiver:
        receiver.script([Reply(400, b"no tenant"), 415])
        exporter = v2_to(receiver)
        assert exporter.export(series(2)) is SUCCESS
        assert exporter.export(series(2, at=NOW + 1)) is SUCCESS
    assert versions(receiver)[:3] == ["2.0", "1.0", "2.0"]
    assert set(versions(receiver)[3:]) == {"2.0"}
    assert "no tenant" in caplog.text


def test_a_bad_series_is_found_in_2_0(v2_to, caplog):
    """Its request is taken apart with symbols of their own; the others arrive, and 2.0 is written
    on."""
    with receiving() as receiver:
        receiver.poison = lambda labels: ("n", "11") in labels
        exporter = v2_to(receiver)
        assert exporter.export(series(20)) is FAILURE
        assert exporter.stats()[:4] == (20, 19, 0, {"refused": 1})
        receiver.poison = None
        assert exporter.export(series(20, at=NOW + 1)) is SUCCESS
    assert receiver.violations == []
    assert set(versions(receiver)) == {"2.0"}
    assert caplog.records[-1].series == ['many{n="11"}']


def test_1_0_at_a_receiver_of_2_0_alone_says_what_to_do(exporter_to, caplog):
    """The remedy is the option that was left out."""
    with Sink(415) as server:
        assert exporter_to(server).export(series(1)) is FAILURE
    (line,) = caplog.records
    assert f"protobuf_message: {V2}" in line.hint


# How much was written.


def test_a_conflict_costs_its_sample_alone(v2_to, caplog):
    """The ledger has what the answer counts; the rest of the request is stored."""
    with receiving() as receiver:
        exporter = v2_to(receiver)
        caplog.set_level(logging.INFO)
        assert exporter.export(batch(gauge("cost", point({"pod": "a"}, 1.0)))) is SUCCESS
        pods = [point({"pod": pod}, 2.0) for pod in "abc"]
        assert exporter.export(batch(gauge("cost", *pods))) is FAILURE
    assert exporter.stats()[:5] == (4, 3, 0, {"duplicate": 1}, "")
    assert len(receiver.series) == 3
    # An exporter of an earlier test may still say that its receiver is gone.
    (line,) = [one for one in caplog.records if one.endpoint == exporter.name]
    assert line.message.startswith("The receiver stored 2 of 3 samples (400): 'duplicate sample")
    assert (line.samples, versions(receiver)) == (1, ["2.0", "2.0"])


def test_a_success_that_stored_less_is_not_taken_for_one(v2_to, caplog):
    """What a receiver says that it wrote is what counts, and the body of a success is nothing."""
    few = Reply(200, b"body", headers={WRITTEN: "3"})
    none = Reply(204, headers={WRITTEN.replace("Samples", "Histograms"): "0"})
    with Sink(few, none) as server:
        exporter = v2_to(server)
        assert exporter.export(series(5)) is FAILURE
        assert exporter.export(series(5, at=NOW + 1)) is FAILURE
    assert exporter.stats()[:5] == (10, 3, 0, {"not_written": 7}, "")
    assert "The receiver stored 3 of 5 samples (200)" in caplog.text
    assert "body" not in caplog.text


def test_a_refusal_after_all_samples_were_stored_is_done(v2_to, caplog):
    """Exemplars that come too late, say, are not worth an alarm about samples."""
    with Sink(Reply(400, b"exemplar", headers={WRITTEN: "2"})) as server:
        exporter = v2_to(server)
        assert exporter.export(series(2)) is SUCCESS
    assert exporter.stats()[:5] == (2, 2, 0, {}, "")
    assert "stored 2 of 2 samples (400): 'exemplar'" in caplog.text


def test_what_is_to_be_sent_again_is_sent_whole(v2_to):
    """A busy receiver that stored a part is offered all of it, and counts it once."""
    with receiving() as receiver:
        receiver.script([lambda reply: replace(reply, status=503)])
        exporter = v2_to(receiver)
        assert exporter.export(series(4)) is SUCCESS
    assert exporter.stats()[:5] == (4, 4, 0, {}, "")
    assert receiver.violations == []


# One configuration after another.


@pytest.mark.parametrize(("before", "after"), [(V2, "prometheus.WriteRequest"),
                                               ("prometheus.WriteRequest", V2)])  # fmt: skip
def test_a_queue_outlives_a_change_of_the_version(exporter_to, before, after):
    """What waits is sent in a version that the new configuration allows, oldest first."""
    with receiving() as receiver:
        receiver.script([401])
        old = exporter_to(receiver, protobuf_message=before)
        assert old.export(series(3)) is FAILURE
        new = exporter_to(receiver, protobuf_message=after)
        new.adopt(old)
        new.start()
        assert new.export(series(3, at=NOW + 1)) is SUCCESS
    assert receiver.violations == []
    assert versions(receiver)[1:] == (["1.0", "1.0"] if before == V2 else ["1.0", "2.0"])
    assert new.stats()[:5] == (6, 6, 0, {}, "")


def test_several_threads_find_out_once(v2_to, caplog):
    """Exports at the same time all arrive, and the line is one."""
    with receiving(RemoteWrite2.UNSUPPORTED) as receiver:
        exporter = v2_to(receiver)
        batches = [batch(gauge(f"m{n}"), scope=f"s{n}") for n in range(6)]
        threads = [threading.Thread(target=exporter.export, args=[data]) for data in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(receiver.series) == 6
    assert caplog.text.count("does not know remote write 2.0") == 1
