"""The receiver refuses what remote write 2.0 refuses, and can be one that does not know 2.0."""

import cramjam
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.testing import (
    Described,
    FakeClock,
    RemoteWrite2,
    RemoteWriteReceiver,
    SentExemplar,
    decode_v2,
)
from otel_kubecost.testing.wire_v2 import MESSAGE, request_class

NOW = 1_767_225_600
NOW_MS = NOW * 1000
NAME = [1, 2]
SYMBOLS = ["", "__name__", "cost", "pod", "a", "About."]
COST = (("__name__", "cost"),)
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": f"application/x-protobuf;proto={MESSAGE}",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
    "User-Agent": "test/1.0",
}
WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


def body(*series, symbols=SYMBOLS[:3]):
    """Each series as the fields that it has beside the labels and the sample of a good one."""
    message = request_class()(symbols=symbols)
    for fields in series:
        good = {"labels_refs": NAME, "samples": [{"timestamp": NOW_MS, "value": 1.0}]}
        message.timeseries.add(**good | fields)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


def write(receiver, data, **headers):
    every = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(receiver.endpoint, data=data, headers=every, timeout=9)


def written(answer):
    """Samples, histograms and exemplars that are stored, says the answer."""
    kinds = ("Samples", "Histograms", "Exemplars")
    return tuple(answer.headers.get(WRITTEN.format(kind)) for kind in kinds)


@pytest.fixture
def receiver():
    with RemoteWriteReceiver(clock=FakeClock(NOW), remote_write_2=RemoteWrite2.TAKEN) as server:
        yield server


def test_a_good_request_is_stored_and_counted(receiver):
    """The answer says how much of each kind was written."""
    exemplar = {"labels_refs": [3, 4], "value": 0.5, "timestamp": NOW_MS}
    one = {
        "samples": [{"timestamp": NOW_MS, "value": 2.0, "start_timestamp": NOW_MS - 9}],
        "exemplars": [exemplar],
        "metadata": {"type": 1, "help_ref": 5},
    }
    answer = write(receiver, body(one, symbols=SYMBOLS))
    assert (answer.status_code, written(answer)) == (200, ("1", "0", "1"))
    assert receiver.violations == []
    assert receiver.series == {COST: [(NOW_MS, 2.0)]}
    (sent,) = decode_v2(receiver.requests[0].body).series
    assert sent.starts == (NOW_MS - 9,)
    assert sent.described == Described("counter", "About.", "")
    assert sent.exemplars == (SentExemplar((("pod", "a"),), NOW_MS, 0.5),)


@pytest.mark.parametrize(
    ("data", "violation"),
    [
        (body({}, symbols=[]), "body has symbols that do not begin with the empty string"),
        (body({}, symbols=["x", "__name__", "cost"]), "body has symbols that do not begin"),
        (body({}, symbols=[*SYMBOLS[:3], "cost"]), "body has a symbol twice"),
        (body({}, symbols=[*SYMBOLS[:3], "x"]), "body has symbols that nothing refers to: 'x'"),
        (body({"labels_refs": [1, 2, 1]}), "body has 3 references to labels, which is odd"),
        (body({"labels_refs": [1, 3]}), "body refers to symbol 3 of 3"),
        (body({"metadata": {"unit_ref": 7}}), "body refers to symbol 7 of 3"),
        (body({"metadata": {"type": 8}}), "body has metadata of the unknown type 8"),
        (body({"histograms": [{"timestamp": NOW_MS}]}), "body has native histograms"),
        (body({"labels_refs": [3, 4, 1, 2]}, symbols=SYMBOLS[:5]), "labels are not sorted"),
        (body({"labels_refs": [1, 2, 1, 2]}), "label name is repeated"),
        (body({"labels_refs": [1, 2, 3, 0]}, symbols=SYMBOLS[:4]), "label 'pod' has an empty"),
        (body({"samples": []}), "series without a sample"),
        (body({"samples": [{"timestamp": NOW_MS + 1}]}), f"timestamp {NOW_MS + 1} lies 1 ms ahead"),
        (
            body({"samples": [{"timestamp": NOW_MS, "start_timestamp": NOW_MS + 1}]}),
            f"start {NOW_MS + 1} lies after the sample",
        ),
        (body({"exemplars": [{"value": 1.0}]}), "exemplar without a timestamp"),
        (body(symbols=[""]), "request with nothing in it"),
        (b"plain", "body is not snappy block format"),
        (bytes(cramjam.snappy.compress_raw(b"\xff\xff")), f"body is not an {MESSAGE}"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_nothing_is_written(receiver, data, violation):
    """Each with one reason; also then the answer counts, for the message was understood."""
    answer = write(receiver, data)
    assert (answer.status_code, written(answer)) == (400, ("0", "0", "0"))
    assert [text[: len(violation)] for text in receiver.violations] == [violation]
    assert receiver.series == {}


def test_the_headers_are_those_of_2_0(receiver):
    """The version of 1.0 beside the message of 2.0 is a fault."""
    assert write(receiver, body({}), X_Prometheus_Remote_Write_Version="0.1.0").status_code == 400
    assert receiver.violations == [
        "header X-Prometheus-Remote-Write-Version is '0.1.0', not '2.0.0'"
    ]


def test_a_conflict_is_written_in_part(receiver):
    """Valid samples of the request are stored, and the answer says how many."""
    assert write(receiver, body({})).ok
    other = {"labels_refs": [1, 2, 3, 4]}
    two = {"samples": [{"timestamp": NOW_MS, "value": 2.0}]}
    answer = write(receiver, body(two, other, symbols=SYMBOLS[:5]))
    assert (answer.status_code, written(answer)) == (400, ("1", "0", "0"))
    assert len(receiver.series) == 2
    assert receiver.violations[0].startswith("duplicate sample for timestamp")


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (RemoteWrite2.UNSUPPORTED, 415),
        (RemoteWrite2.SWALLOWED, 200),
        (RemoteWrite2.UNREADABLE, 400),
    ],
)
def test_a_receiver_may_not_know_2_0(how, status):
    """It stores nothing, counts nothing, and there is nothing wrong with asking."""
    with RemoteWriteReceiver(clock=FakeClock(NOW), remote_write_2=how) as receiver:
        answer = write(receiver, body({}))
        assert (answer.status_code, written(answer)) == (status, (None, None, None))
        assert (receiver.series, receiver.violations) == ({}, [])


def test_2_0_is_a_fault_where_nobody_asked_for_it():
    """CloudTuner would drop it without a word: a stand-in for it has to say something."""
    with RemoteWriteReceiver(clock=FakeClock(NOW)) as receiver:
        assert write(receiver, body({})).status_code == 400
        assert any("remote write 2.0" in text for text in receiver.violations)


@given(st.binary())
def test_any_bytes_are_decoded_or_refused_with_a_reason(data):
    """No body makes the decoder fail in another way than by saying why."""
    for one in (data, bytes(cramjam.snappy.compress_raw(data))):
        try:
            decode_v2(one)
        except ValueError as error:
            assert str(error).startswith("body ")  # noqa: PT017  either outcome is right
