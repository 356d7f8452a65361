"""The receiver's side: what becomes of the data with each answer (the cases by their numbers)."""

from __future__ import annotations

import hashlib
import logging
import socket
import struct
import time

import cramjam
import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult
from rw_data import NOW, InstantClock, Sink, batch, gauge, point, series

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import RemoteWriteReceiver, Reply, cut_after, hang

pytestmark = pytest.mark.timeout(60)

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE
PAGE = Reply(503, b"<html>The solution is currently being loaded</html>", "text/html")


@pytest.fixture
def clock():
    """The right time, and no waiting."""
    return InstantClock(time.time())


def settle(exporter: PrometheusRemoteWriteExporter) -> None:
    """Wait through what is held, too."""
    while exporter.stats().pending:
        exporter.force_flush()


def look(exporter: PrometheusRemoteWriteExporter) -> tuple:
    return exporter.stats()[:4]


@pytest.mark.parametrize("status", [200, 204])
def test_success_is_success(exporter_to, status):
    """Case 33: Thanos says 200, Prometheus 204."""
    with Sink(status) as server:
        exporter = exporter_to(server)
        assert exporter.export(series(3)) is SUCCESS
    assert look(exporter) == (3, 3, 0, {})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (400, "refuses_everything"),  # 34: a header is missing, or nothing can be decoded
        (401, "credentials_refused"),  # 35
        (403, "forbidden"),
        (404, "wrong_url"),  # 37
        (405, "wrong_url"),  # 38
        (422, "account_unknown"),  # 36
        (410, "refuses_everything"),
        (415, "refuses_everything"),
        (503, "status_503"),  # 43: also the first write of a new tenant
        (PAGE, "status_503"),  # 44
        (599, "status_599"),  # 45
        *[(Reply(status, headers={"Location": "https://a.example/"}), "redirected")
          for status in (301, 302, 307, 308)],  # 46
    ],
)  # fmt: skip
def test_what_is_not_the_datas_fault_costs_none(exporter_to, clock, answer, reason):
    """Cases 34 to 38 and 43 to 46: all is kept, in order, and arrives when the answer changes,
    each sample once."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.script([answer] * 20)
        exporter = exporter_to(receiver, clock=clock)
        for n in range(4):
            exporter.enqueue(series(5, at=NOW + n))
        assert receiver.wait_for(15)
        assert exporter.stats().trouble == reason
        assert look(exporter) == (20, 0, 20, {})
        settle(exporter)
    assert look(exporter) == (20, 20, 0, {})
    assert receiver.violations == []
    times = [[at for at, _ in points] for points in receiver.series.values()]
    assert times == [[NOW + n for n in range(4)]] * 5


def test_a_web_page_is_said_and_not_shown(exporter_to, clock, caplog):
    """Case 44: an ingress answers for a receiver that is down."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.script([PAGE])
        assert exporter_to(receiver, clock=clock).export(series(1)) is SUCCESS
    assert "a web page" in caplog.text
    assert "solution" not in caplog.text


def test_a_rotated_password_loses_nothing(exporter_to, clock):
    """Case 35: CloudTuner knows the new one a minute later."""
    with RemoteWriteReceiver(clock=clock, account_id="a", basic_auth=("u", "p")) as receiver:
        receiver.script([401])
        exporter = exporter_to(
            receiver,
            clock=clock,
            headers={"Cloud-Account-Id": "a"},
            basic_auth={"username": "u", "password": "p"},
        )
        began = clock.monotonic()
        exporter.enqueue(series(2))
        settle(exporter)
    assert look(exporter) == (2, 2, 0, {})
    assert clock.monotonic() - began == pytest.approx(60)


def test_a_partial_refusal_is_counted(exporter_to, caplog):
    """Case 39: Thanos stores what it can and says how many it did not; that is settled, counted,
    and no warning: with a second agent it is in order."""
    caplog.set_level(logging.INFO)
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, stale_markers=False)
        assert exporter.export(batch(gauge("cost", point({"pod": "a"}, 1.0)))) is SUCCESS
        both = batch(gauge("cost", point({"pod": "a"}, 2.0), point({"pod": "b"}, 2.0)))
        assert exporter.export(both) is SUCCESS
        assert exporter.export(batch(gauge("cost", point({"pod": "a"}, 1.0, NOW - 1)))) is SUCCESS
        assert receiver.request_count == 3
    assert look(exporter) == (4, 2, 0, {"duplicate": 1, "out_of_order": 1})
    assert [one.samples for one in caplog.records] == [1]
    assert "duplicate sample for timestamp" in caplog.records[0].message
    assert caplog.records[0].levelname == "INFO"


def test_a_409_in_foreign_words_is_a_warning_at_once(exporter_to, caplog):
    """Something in between may say so to everything: who looks at the log can see it."""
    with Sink(Reply(409, b"the cat sat on the mat")) as server:
        assert exporter_to(server).export(series(3)) is SUCCESS
    (line,) = caplog.records
    assert (line.levelname, line.reason) == ("WARNING", "partly_stored")
    assert "the cat sat on the mat" in line.message


class Narrow(RemoteWriteReceiver):
    """Behind a proxy with a limit, which has a body of more bytes than that answered with 413."""

    limit = 10**9

    def _answer(self, request):
        is_large = request.method == "POST" and len(request.body) > self.limit
        return Reply(413) if is_large else super()._answer(request)


def test_too_large_a_request_is_split_until_a_series_is_left(exporter_to, clock, caplog):
    """Case 40: what is too large alone is given up beside one that is taken, the others arrive."""
    noise = hashlib.shake_256(b"").hexdigest(2000)
    points = [point({"pod": "a"}), point({"pod": noise}), point({"pod": "b"}), point({"pod": "c"})]
    with Narrow(clock=clock) as receiver:
        receiver.limit = 1000
        exporter = exporter_to(receiver, clock=clock)
        exporter.enqueue(batch(gauge("cost", *points)))
        settle(exporter)
    assert look(exporter) == (4, 3, 0, {"too_large": 1})
    assert "One series alone is too large" in caplog.text
    assert receiver.violations == []


def test_a_limit_below_every_series_loses_nothing(exporter_to, clock, caplog):
    """As with 400: the fault is the endpoint's. All is kept, a line says what to raise, and when
    that is done everything arrives in its order."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.script([413] * 30)
        exporter = exporter_to(receiver, clock=clock)
        for mark in range(4):
            exporter.enqueue(series(20, at=NOW + mark))
        assert receiver.wait_for(15)
        assert exporter.stats().trouble == "too_large"
        assert look(exporter) == (80, 0, 80, {})
        settle(exporter)
    assert look(exporter) == (80, 80, 0, {})
    assert receiver.violations == []
    (line,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "takes no series" in line.message
    assert "client_max_body_size" in line.hint


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["7", "date", "86400"])
def test_the_receiver_says_when(exporter_to, clock, status, form):
    """Case 41: seconds, a date by the receiver's clock, and never more than ten minutes."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(clock.time() + 100))
        receiver.script([(status, {"Retry-After": date if form == "date" else form})])
        exporter = exporter_to(receiver, clock=clock)
        began = clock.monotonic()
        assert exporter.export(series(1)) is SUCCESS
        waited = clock.monotonic() - began
    expected = {"7": 7, "date": 100, "86400": 600}[form]
    assert expected - 1 <= waited <= expected


@pytest.mark.parametrize("window", [0, 3600])
def test_what_is_too_old_for_prometheus_is_settled(exporter_to, clock, caplog, window):
    """Case 42: 400 or 500, the samples that are too old are counted, and the others of their
    request arrive though it was refused as a whole."""
    with RemoteWriteReceiver(
        clock=clock, product="prometheus", out_of_order_window=window
    ) as receiver:
        exporter = exporter_to(receiver, clock=clock, stale_markers=False)
        assert exporter.export(batch(gauge("cost", point({"pod": "a"})))) is SUCCESS
        old = NOW - 7_200_000
        late = [point({"pod": str(n)}, at=old if n % 10 == 0 else NOW) for n in range(30)]
        assert exporter.export(batch(gauge("cost", *late))) is FAILURE
        settle(exporter)
    assert look(exporter) == (31, 28, 0, {"out_of_order": 3})
    assert len(receiver.series) == 28
    assert caplog.records == []


@pytest.mark.parametrize("status", [400, 500])
def test_a_poisonous_series_among_540(exporter_to, clock, caplog, status):
    """Case 50: 539 arrive, the bad one is counted and named, and the next batch is no worse."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.poison = lambda labels: ("n", "321") in labels
        receiver.poison_status = status
        exporter = exporter_to(receiver, clock=clock)
        for mark in range(3):
            exporter.enqueue(series(540, at=NOW + mark))
        settle(exporter)
        assert receiver.request_count < 3 * 40
    assert look(exporter) == (1620, 1617, 0, {"refused": 3})
    assert receiver.violations == []
    assert len(receiver.series) == 539
    assert {len(points) for points in receiver.series.values()} == {3}
    named = [one for one in caplog.records if getattr(one, "series", None)]
    assert named[0].series == ['many{n="321"}']
    assert "cannot take many" in named[0].message


def test_an_answer_that_never_comes(exporter_to):
    """Case 47: it was stored, and the same again does no harm."""
    with RemoteWriteReceiver() as receiver:
        receiver.script([hang, cut_after(0)])
        exporter = exporter_to(receiver, timeout=0.3)
        assert exporter.export(series(3), timeout_millis=20_000) is SUCCESS
    assert look(exporter) == (3, 3, 0, {})
    assert {len(points) for points in receiver.series.values()} == {1}
    assert receiver.violations == []


def test_a_connection_that_is_reset(exporter_to):
    """Case 48: in the middle of the body; the whole request is sent again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        options = {"endpoint": f"http://127.0.0.1:{port}/", "timeout": 5}
        exporter = PrometheusRemoteWriteExporter(**options)
        exporter.enqueue(series(500))
        for _ in range(3):
            connection, _ = listener.accept()
            connection.recv(10)
            linger = struct.pack("ii", 1, 0)  # close with RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()
        assert look(exporter) == (500, 0, 500, {})
        assert exporter.stats().trouble == "network_reset"
    exporter.shutdown(timeout_millis=0)


@pytest.mark.parametrize("product", ["thanos", "prometheus"])
def test_a_batch_that_is_stored_already(exporter_to, clock, product):
    """Case 54: the same bytes again, before anything newer, are no refusal at all."""
    with RemoteWriteReceiver(clock=clock, product=product, out_of_order_window=0) as receiver:
        for _ in range(2):
            exporter = exporter_to(receiver, clock=clock)
            assert exporter.export(series(9)) is SUCCESS
            assert look(exporter) == (9, 9, 0, {})
    assert receiver.violations == []


def test_an_outage_of_twelve_hours(exporter_to, clock):
    """Case 51: a mark each five minutes, all 144 in their order, oldest first."""
    with RemoteWriteReceiver(clock=clock, out_of_order_window=0) as receiver:
        exporter = exporter_to(receiver, clock=clock)
    start = NOW - 144 * 300_000
    for mark in range(144):
        exporter.enqueue(series(10, at=start + mark * 300_000))
    with receiver:
        settle(exporter)
    assert look(exporter) == (1440, 1440, 0, {})
    assert receiver.violations == []
    for points in receiver.series.values():
        assert [at for at, _ in points] == [start + mark * 300_000 for mark in range(144)]


def test_one_destination_does_not_wait_for_another(exporter_to, clock):
    """Case 55: one is down, the other has everything."""
    with RemoteWriteReceiver(clock=clock) as receiver, Sink(*[503] * 9999) as down:
        dead, alive = exporter_to(down, clock=clock), exporter_to(receiver, clock=clock)
        for mark in range(10):
            dead.enqueue(series(4, at=NOW + mark))
            alive.enqueue(series(4, at=NOW + mark))
        settle(alive)
        assert look(alive) == (40, 40, 0, {})
        assert look(dead) == (40, 0, 40, {})


def test_a_request_that_cannot_be_read_is_kept(exporter_to, clock):
    """Case 34: were a defect of ours to spoil the encoding, nothing would be thrown away."""

    def spoilt(reply: Reply) -> Reply:
        return Reply(400, b"snappy: corrupt input")

    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.script([spoilt] * 8)
        exporter = exporter_to(receiver, clock=clock)
        exporter.enqueue(series(6))
        settle(exporter)
    assert look(exporter) == (6, 6, 0, {})


def test_what_is_said_is_bounded_and_fit_for_a_log(exporter_to, caplog):
    """The receiver's own words, on one line, without control characters, 256 of them."""
    body = b"store locally: conflict: 3 of 540 samples\n\x1b[31m" + b"x" * 9999
    caplog.set_level(logging.INFO)
    with Sink(Reply(409, body)) as server:
        assert exporter_to(server).export(series(1)) is SUCCESS
    assert "conflict: 3 of 540 samples" in caplog.text
    assert "\x1b" not in caplog.text
    assert len(caplog.records[0].message) < 400


def test_requests_are_taken_apart_by_series(exporter_to, clock):
    """What is sent then is snappy and protobuf as ever; the compressed parts are checked whole."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        receiver.poison = lambda labels: ("n", "3") in labels
        exporter = exporter_to(receiver, clock=clock)
        exporter.enqueue(series(7))
        settle(exporter)
        sizes = [len(bytes(cramjam.snappy.decompress_raw(one.body))) for one in receiver.requests]
    assert receiver.violations == []
    assert len(set(sizes)) > 2
