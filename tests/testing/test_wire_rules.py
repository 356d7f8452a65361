"""Rules of remote write and of the tiny TSDB, over generated data."""

from datetime import UTC, datetime

import cramjam
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest

from otel_kubecost.testing import Message, SentSeries, decode, is_stale
from otel_kubecost.testing.kubecost import Flavour, _query
from otel_kubecost.testing.tsdb import Tsdb
from otel_kubecost.testing.wire import label_faults, message_faults

NOW = 1_767_225_600_000

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
values = st.text(st.characters(codec="utf-8"), min_size=1)
label_sets = st.dictionaries(names, values).map(
    lambda labels: tuple(
        sorted({**labels, "__name__": "cost"}.items(), key=lambda p: p[0].encode())
    )
)
times = st.lists(st.integers(1, NOW), min_size=1, max_size=5, unique=True).map(sorted)
series = st.builds(
    lambda labels, times, value: SentSeries(labels, tuple((at, value) for at in times)),
    label_sets,
    times,
    st.floats(allow_nan=False),
)
messages = st.lists(series, min_size=1, max_size=4, unique_by=lambda one: one.labels).map(
    lambda several: Message(tuple(several))
)


def encode(message):
    request = WriteRequest()
    for one in message.series:
        entry = request.timeseries.add()
        for name, value in one.labels:
            entry.labels.add(name=name, value=value)
        for at, value in one.points:
            entry.samples.add(timestamp=at, value=value)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


@given(messages)
def test_a_message_that_keeps_the_rules_has_no_faults(message):
    """Whatever is encoded comes back equal, and valid series are found valid."""
    assert decode(encode(message)) == message
    assert list(message_faults(message, NOW)) == []


@given(label_sets, st.randoms())
def test_any_other_order_of_labels_is_found(labels, random):
    """Labels in an order that is not sorted are a fault, and the only one."""
    shuffled = list(labels)
    random.shuffle(shuffled)
    expected = [] if tuple(shuffled) == labels else ["labels are not sorted by name"]
    assert list(label_faults(tuple(shuffled))) == expected


@given(st.binary())
def test_any_bytes_are_decoded_or_refused_with_a_reason(body):
    """No body makes the decoder fail in another way than by saying why."""
    try:
        decode(body)
    except ValueError as error:
        assert str(error).startswith("body is ")  # noqa: PT017  either outcome is right


@given(st.integers(0, 2**64 - 1))
def test_only_one_bit_pattern_is_the_stale_marker(bits):
    """Of all values, NaNs included, one alone says that a series has ended."""
    (value,) = memoryview(bits.to_bytes(8, "little")).cast("d")
    assert is_stale(value) is (bits == 0x7FF0000000000002)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from([1.0, 2.0]))))
def test_the_tsdb_keeps_the_first_value_and_the_order(writes):
    """Stored is what a model stores: newer samples, never another value for a known time."""
    tsdb, model = Tsdb(), {}
    for name, at, value in writes:
        refused = list(tsdb.append(SentSeries((("__name__", name),), ((at, value),))))
        points = model.setdefault(name, {})
        taken = points.get(at) == value or at > max(points, default=-1)
        assert bool(refused) is not taken
        if taken:
            points[at] = value
    stored = {dict(labels)["__name__"]: dict(points) for labels, points in tsdb.series.items()}
    assert stored == model


@given(times, st.integers(0, NOW), st.floats(0, 1e9))
def test_latest_is_the_newest_sample_within_the_lookback(at, now, lookback):
    """The value seen is the newest in the half-open stretch before the time asked for."""
    tsdb = Tsdb()
    labels = (("__name__", "cost"),)
    assert list(tsdb.append(SentSeries(labels, tuple((one, float(one)) for one in at)))) == []
    seen = [one for one in at if now - lookback * 1000 < one <= now]
    assert tsdb.latest(now, lookback) == ({labels: float(max(seen))} if seen else {})


@given(st.integers(0, 2**32), st.integers(1, 10**8))
def test_windows_are_read_exactly(start, length):
    """Whole seconds of UTC are read as the seconds that they are."""
    window = ",".join(
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for at in (start, start + length)
    )
    query = _query({"window": window, "aggregate": "cluster,pod"}, Flavour.KUBECOST)
    assert (query.start, query.end) == (start, start + length)
    assert query.aggregate == ("cluster", "pod")
