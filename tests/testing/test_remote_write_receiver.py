"""The receiver refuses what the specification and CloudTuner refuse, and says why."""

import socket
import struct
import threading

import cramjam
import pytest
import requests
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest

from otel_kubecost.testing import FakeClock, RemoteWriteReceiver, Reply, decode, hang, is_stale

NOW = 1_767_225_600
NOW_MS = NOW * 1000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
COST = (("__name__", "cost"), ("cluster", "c"), ("namespace", "shop"))
OTHER = (("__name__", "cost"), ("cluster", "c"), ("namespace", "dev"))
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "test/1.0",
}


def encode(*series):
    """A body with (labels, [(milliseconds, value), ...]) for each series."""
    message = WriteRequest()
    for labels, points in series:
        entry = message.timeseries.add()
        for name, value in labels:
            entry.labels.add(name=name, value=value)
        for at, value in points:
            entry.samples.add(timestamp=at, value=value)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


def write(receiver, body, method="POST", url=None, **headers):
    every = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = {name: value for name, value in every.items() if value is not None}
    return requests.request(
        method, url or receiver.endpoint, data=body, headers=sent, timeout=9, allow_redirects=False
    )


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def receiver(clock):
    with RemoteWriteReceiver(clock=clock) as server:
        yield server


def test_a_good_request_is_taken_and_stored(receiver):
    """A request that keeps every rule gets 200, and its samples are there."""
    answer = write(receiver, encode((COST, [(NOW_MS - 1000, 1.5), (NOW_MS, 0.0)])))
    assert (answer.status_code, answer.content) == (200, b"")
    assert receiver.violations == []
    assert receiver.series == {COST: [(NOW_MS - 1000, 1.5), (NOW_MS, 0.0)]}
    assert (receiver.request_count, receiver.sample_count) == (1, 2)
    (request,) = receiver.requests
    assert request.headers["user-agent"] == "test/1.0"
    assert decode(request.body).series[0].labels == COST


def labels(*pairs):
    return (tuple(pairs), [(NOW_MS, 1.0)])


NAME = ("__name__", "cost")


@pytest.mark.parametrize(
    ("series", "violation"),
    [
        (labels(NAME, ("b", "1"), ("a", "1")), 'labels are not sorted by name in cost{b="1", a='),
        (labels(NAME, ("ab", "1"), ("aB", "1")), "labels are not sorted"),
        (labels(NAME, ("a", "1"), ("a", "2")), "label name is repeated"),
        (labels(NAME, ("a", "")), "label 'a' has an empty value"),
        (labels(("", "x"), NAME), "label name '' is invalid"),
        (labels(NAME, ("a.b", "1")), "label name 'a.b' is invalid"),
        (labels(NAME, ("ä", "1")), "label name 'ä' is invalid"),
        (labels(NAME, ("9a", "1")), "labels are not sorted"),
        (labels(("a", "1")), "metric name is missing or invalid"),
        (labels(("__name__", "a.b")), "metric name is missing or invalid"),
        (((), [(NOW_MS, 1.0)]), "metric name is missing or invalid"),
        ((COST, []), "series without a sample"),
        ((COST, [(NOW_MS, 1.0), (NOW_MS - 1, 1.0)]), "timestamps are not ascending"),
        ((COST, [(NOW_MS, 1.0), (NOW_MS, 1.0)]), "timestamps are not ascending"),
        ((COST, [(NOW_MS + 1, 1.0)]), f"timestamp {NOW_MS + 1} lies 1 ms ahead of the receiver"),
    ],
)  # fmt: skip
def test_a_broken_series_is_refused(receiver, series, violation):
    """Each rule of a series, broken alone, is answered 400 with its own text; nothing is stored."""
    answer = write(receiver, encode((OTHER, [(NOW_MS, 1.0)]), series))
    assert answer.status_code == 400
    assert any(text.startswith(violation) for text in receiver.violations), receiver.violations
    assert answer.text == "\n".join(receiver.violations)
    assert receiver.series == {}
    assert receiver.sample_count == 0


def test_a_sample_twice_in_a_request_is_refused(receiver):
    """One series may stand twice in a request, but not with the same sample."""
    assert write(receiver, encode((COST, [(NOW_MS - 1, 1)]), (COST, [(NOW_MS, 1)]))).ok
    assert (
        write(receiver, encode((OTHER, [(NOW_MS, 1)]), (OTHER, [(NOW_MS, 1)]))).status_code == 400
    )
    (violation,) = receiver.violations
    assert violation.startswith(f"sample of {NOW_MS} is twice in the request")


@pytest.mark.parametrize(
    ("headers", "violation"),
    [
        ({"Content_Encoding": None}, "header Content-Encoding is None, not 'snappy'"),
        ({"Content_Encoding": "gzip"}, "header Content-Encoding is 'gzip', not 'snappy'"),
        ({"Content_Type": "application/json"}, "header Content-Type is 'application/json'"),
        (
            {"Content_Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
            "header Content-Type is",
        ),
        ({"X_Prometheus_Remote_Write_Version": None}, "header X-Prometheus-Remote-Write-Version"),
        ({"X_Prometheus_Remote_Write_Version": "2.0.0"}, "header X-Prometheus-Remote-Write-"),
        ({"User_Agent": ""}, "header User-Agent is '', not <name>/<version>"),
        ({"User_Agent": "someone"}, "header User-Agent is 'someone'"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(receiver, headers, violation):
    """Each header that the specification demands is missed when it is absent or another."""
    assert write(receiver, encode((COST, [(NOW_MS, 1.0)])), **headers).status_code == 400
    assert [text for text in receiver.violations if not text.startswith(violation)] == []
    assert len(receiver.violations) == 1


@pytest.mark.parametrize("kind", ["proto=prometheus.WriteRequest", "proto=prometheus.writerequest"])
def test_the_message_may_be_named_in_the_content_type(receiver, kind):
    """The 1.0 message may be named in the content type, as the 2.0 specification allows."""
    body = encode((COST, [(NOW_MS, 1.0)]))
    assert write(receiver, body, Content_Type=f"application/x-protobuf; {kind}").ok


def test_a_chunked_request_is_refused(receiver):
    """A body without Content-Length is refused: CloudTuner answers it with 503."""
    assert write(receiver, iter([encode((COST, [(NOW_MS, 1.0)]))])).status_code == 400
    assert receiver.violations[0].startswith("body without Content-Length (chunked)")


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        (b"plain", "body is not snappy block format"),
        (bytes(cramjam.snappy.compress(b"x" * 99)), "body is snappy's framed format"),
        (bytes(cramjam.snappy.compress_raw(b"\xff\xff")), "body is not a prometheus.WriteRequest"),
        (bytes(cramjam.snappy.compress_raw(b"")), "request with nothing in it"),
        (bytes(cramjam.snappy.compress_raw(b"\x22\x00\x22\x01a")), "request with nothing in it"),
    ],
    ids=["not snappy", "framed", "not protobuf", "empty", "remote write 2.0"],
)
def test_a_body_that_is_no_message_is_refused(receiver, body, violation):
    """Bodies that real receivers drop or cannot read are each named for what they are."""
    assert write(receiver, body).status_code == 400
    assert receiver.violations[0].startswith(violation)


def test_label_values_may_be_any_text(receiver):
    """Quotes, line ends and other scripts in a label value are no fault, and come back as sent."""
    series = (("__name__", "cost"), ("pod", 'a"b\\c\nd é 費用'))
    assert write(receiver, encode((series, [(NOW_MS, 1.0)]))).ok
    assert receiver.series == {series: [(NOW_MS, 1.0)]}


def test_metadata_alone_is_taken(receiver):
    """A request with nothing but metadata, as Prometheus sends every minute, is no fault."""
    message = WriteRequest()
    message.metadata.add(metric_family_name="cost", help="What it costs.")
    assert write(receiver, bytes(cramjam.snappy.compress_raw(message.SerializeToString()))).ok


def test_a_retry_is_taken_again(receiver):
    """The same samples sent again are taken, even behind newer ones, and stored once."""
    first, second = encode((COST, [(NOW_MS - 2, 1.0)])), encode((COST, [(NOW_MS, STALE)]))
    for body in (first, second, second, first):
        assert write(receiver, body).status_code == 200
    assert len(receiver.series[COST]) == 2


@pytest.mark.parametrize(
    ("point", "violation"),
    [
        ((NOW_MS - 1, 1.0), f"out of order sample: {NOW_MS - 1} after {NOW_MS}"),
        ((NOW_MS, 2.0), f"duplicate sample for timestamp {NOW_MS}: 2.0 after 1.0"),
        ((NOW_MS, STALE), f"duplicate sample for timestamp {NOW_MS}: nan after 1.0"),
    ],
)
def test_a_conflict_refuses_its_sample_alone(receiver, point, violation):
    """Old and contradicting samples get 409 across requests; their neighbours are stored."""
    assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).ok
    answer = write(receiver, encode((COST, [point]), (OTHER, [(NOW_MS, 5.0)])))
    assert answer.status_code == 409
    assert [text.startswith(violation) for text in receiver.violations] == [True]
    assert receiver.series == {COST: [(NOW_MS, 1.0)], OTHER: [(NOW_MS, 5.0)]}


def test_stale_and_ordinary_nan_are_two_values(receiver):
    """An ordinary NaN does not pass for the stale marker at the same time."""
    assert write(receiver, encode((COST, [(NOW_MS, STALE)]))).ok
    assert write(receiver, encode((COST, [(NOW_MS, float("nan"))]))).status_code == 409


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Cloud_Account_Id": "other"}, 422),
        ({"Cloud_Account_Id": "acme"}, 401),
        ({"Cloud_Account_Id": "acme", "Authorization": "basic a3ViZWNvc3Q6c2VjcmV0"}, 401),
        ({"Cloud_Account_Id": "acme", "Authorization": "Basic a3ViZWNvc3Q6c2VjcmV0"}, 200),
    ],
)
def test_account_and_credentials_are_demanded(clock, headers, status):
    """The account comes first (400, 422), then the exact credentials (401), as at CloudTuner."""
    with RemoteWriteReceiver(
        clock=clock, account_id="acme", basic_auth=("kubecost", "secret")
    ) as receiver:
        answer = write(receiver, encode((COST, [(NOW_MS, 1.0)])), **headers)
        assert answer.status_code == status
        assert len(receiver.violations) == (status != 200)
        assert bool(receiver.series) is (status == 200)


def test_other_methods_and_paths_are_refused(receiver):
    """Only POST to the one path writes."""
    body = encode((COST, [(NOW_MS, 1.0)]))
    assert write(receiver, body, method="PUT").status_code == 405
    assert write(receiver, body, url=receiver.url + "/api/v1/write").status_code == 404
    assert receiver.series == {}


def test_the_path_can_be_chosen(clock):
    """A receiver may stand in for another product's address."""
    with RemoteWriteReceiver(clock=clock, path="/api/v1/write") as receiver:
        assert receiver.endpoint == receiver.url + "/api/v1/write"
        assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).ok


def test_scripted_refusals_store_nothing_and_are_no_violations(receiver):
    """Each scripted answer serves one request; the last of the script is normal behaviour."""
    receiver.script([503, (429, {"Retry-After": "1"}), Reply(302, headers={"Location": "/x"}), 204])
    body = encode((COST, [(NOW_MS, 1.0)]))
    answers = []
    for _ in range(3):
        answers.append(write(receiver, body))
        assert receiver.series == {}
    answers += [write(receiver, body), write(receiver, body)]
    assert [answer.status_code for answer in answers] == [503, 429, 302, 204, 200]
    assert answers[1].headers["Retry-After"] == "1"
    assert [request.body for request in receiver.requests] == [body] * 5
    assert receiver.series == {COST: [(NOW_MS, 1.0)]}
    assert receiver.sample_count == 2
    assert receiver.violations == []


def test_a_scripted_success_forgives_nothing(receiver):
    """A rule that is broken is answered 400 though the script says 204."""
    receiver.script([204])
    assert write(receiver, encode((COST, []))).status_code == 400


def test_an_answer_can_get_lost_after_the_work(receiver):
    """A hanging answer comes after storing: that is the retry that must be harmless."""
    receiver.script([hang])
    body = encode((COST, [(NOW_MS, 1.0)]))
    with pytest.raises(requests.ReadTimeout):
        requests.post(receiver.endpoint, data=body, headers=HEADERS, timeout=0.2)
    assert receiver.series == {COST: [(NOW_MS, 1.0)]}
    assert write(receiver, body).status_code == 200


def test_latest_sees_what_an_instant_query_sees(receiver, clock):
    """The newest sample counts, until a stale marker or until the lookback has passed."""
    write(
        receiver, encode((COST, [(NOW_MS - 60_000, 1.0), (NOW_MS, 2.0)]), (OTHER, [(NOW_MS, 9.0)]))
    )
    assert receiver.latest() == {COST: 2.0, OTHER: 9.0}
    assert receiver.latest(NOW_MS - 1) == {COST: 1.0}
    assert receiver.latest(NOW_MS - 60_001) == {}
    clock.advance(60)
    write(receiver, encode((COST, [(NOW_MS + 60_000, STALE)])))
    assert is_stale(receiver.series[COST][-1][1])
    assert receiver.latest() == {OTHER: 9.0}
    assert receiver.latest(lookback=60) == {}
    assert receiver.latest(NOW_MS + 299_999) == {OTHER: 9.0}
    assert receiver.latest(NOW_MS + 300_000) == {}


def test_retention_bounds_what_is_kept(clock):
    """Samples and series older than the retention are forgotten; counters are not."""
    with RemoteWriteReceiver(clock=clock, retention=100) as receiver:
        write(receiver, encode((COST, [(NOW_MS, 1.0)]), (OTHER, [(NOW_MS, 1.0)])))
        clock.advance(60)
        write(receiver, encode((OTHER, [(NOW_MS + 60_000, 1.0)])))
        clock.advance(60)
        write(receiver, encode((OTHER, [(NOW_MS + 120_000, 1.0)])))
        assert receiver.series == {OTHER: [(NOW_MS + 60_000, 1.0), (NOW_MS + 120_000, 1.0)]}
        assert (receiver.request_count, receiver.sample_count) == (3, 4)


def test_a_condition_is_asked_after_the_request_was_stored(receiver):
    """Who waits for a series goes on when it is there."""
    thread = threading.Thread(target=write, args=[receiver, encode((COST, [(NOW_MS, 1.0)]))])
    thread.start()
    assert receiver.wait_for(lambda them: COST in them.series)
    thread.join()


def test_a_broken_connection_is_not_a_request():
    """A client that leaves in the middle of its body leaves nothing behind."""
    with RemoteWriteReceiver() as receiver:
        port = int(receiver.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /write HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
    assert (receiver.request_count, receiver.violations) == (0, [])


def test_a_look_is_no_request(receiver, clock):
    """HEAD is answered 405 with the receiver's time, as by CloudTuner; it breaks no rule, meets no
    script and does not count."""
    receiver.script([503])
    receiver.clock_offset = 90.4
    clock.advance(0.7)
    answer = requests.head(receiver.endpoint, timeout=9)
    assert (answer.status_code, answer.headers["Date"]) == (405, "Thu, 01 Jan 2026 00:01:31 GMT")
    assert (receiver.violations, receiver.request_count) == ([], 0)
    assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).status_code == 503


def test_the_receiver_has_a_clock_of_its_own(receiver):
    """A sample that is new to the sender may lie ahead of a receiver whose clock is late."""
    receiver.clock_offset = -120
    assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).status_code == 400
    assert "lies 120000 ms ahead" in receiver.violations[0]
    receiver.clock_offset = 0
    assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).status_code == 200


@pytest.mark.parametrize("status", [400, 500])
def test_a_poisonous_series_costs_its_request(receiver, status):
    """Nothing of a request with it is stored, one without it is taken, and no rule was broken."""
    receiver.poison, receiver.poison_status = lambda labels: labels == COST, status
    both = encode((OTHER, [(NOW_MS, 1.0)]), (COST, [(NOW_MS, 1.0)]))
    assert write(receiver, both).status_code == status
    assert write(receiver, encode((OTHER, [(NOW_MS, 1.0)]))).status_code == 200
    assert set(receiver.series) == {OTHER}
    assert receiver.violations == []


def test_a_conflict_is_counted_in_the_words_of_thanos(receiver):
    """How many samples were refused and why is in the answer, without the series."""
    write(receiver, encode((COST, [(NOW_MS, 1.0)]), (OTHER, [(NOW_MS, 1.0)])))
    old, other = (COST, [(NOW_MS - 1, 1.0)]), (OTHER, [(NOW_MS - 1, 1.0), (NOW_MS, 2.0)])
    assert write(receiver, encode(old, other)).text == (
        "add 2 samples: out of order sample; add 1 samples: duplicate sample for timestamp\n"
    )


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("window", "age", "status", "words"),
    [
        (0, HOUR_MS, 200, ""),
        (0, HOUR_MS + 1, 409, "out of bounds"),
        (3600, HOUR_MS, 200, ""),
        (3600, HOUR_MS + 1, 409, "too old sample"),
        (7200, 2 * HOUR_MS, 200, ""),
        (None, 9 * HOUR_MS, 200, ""),
    ],
)
def test_what_is_too_old_is_refused(clock, window, age, status, words):
    """The newest sample of all series decides how old one may be."""
    with RemoteWriteReceiver(clock=clock, out_of_order_window=window) as receiver:
        assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).ok
        answer = write(receiver, encode((OTHER, [(NOW_MS - age, 1.0)])))
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize(("window", "stored"), [(0, 1), (3600, 2)])
def test_a_window_takes_what_is_out_of_order(clock, window, stored):
    """Without one a series takes nothing behind its newest sample, not even what it has."""
    first, second = encode((COST, [(NOW_MS - 1, 1.0)])), encode((COST, [(NOW_MS, 1.0)]))
    with RemoteWriteReceiver(clock=clock, out_of_order_window=window) as receiver:
        answers = [write(receiver, body).ok for body in (second, first, first)]
    assert answers == [True, stored == 2, stored == 2]
    assert len(receiver.series[COST]) == stored


@pytest.mark.parametrize(
    ("window", "age", "status", "words"),
    [(0, 1, 400, "out of order sample\n"), (3600, 2 * HOUR_MS, 500, "too old sample\n")],
)
def test_prometheus_takes_all_of_a_request_or_nothing(clock, window, age, status, words):
    """One refused sample rolls the request back, and the answer has the words for it alone."""
    with RemoteWriteReceiver(
        clock=clock, out_of_order_window=window, product="prometheus"
    ) as receiver:
        assert write(receiver, encode((COST, [(NOW_MS, 1.0)]))).ok
        old = (COST, [(NOW_MS - age, 2.0)])
        answer = write(receiver, encode((OTHER, [(NOW_MS, 1.0)]), old))
    assert (answer.status_code, answer.text) == (status, words)
    assert receiver.series == {COST: [(NOW_MS, 1.0)]}
