"""What was scraped, on the wire: as Prometheus itself would write it."""

import struct
from array import array
from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import MetricsData
from peers import wait_until
from rw_data import NOW, PATH, Sink
from scraped_series import at, histogram, nanos, rows, scraped, summary, target

from otel_kubecost.exporters.prometheus_remote_write.codec import decompressed, encode
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import encode_v2
from otel_kubecost.exporters.prometheus_remote_write.config import V2
from otel_kubecost.exporters.prometheus_remote_write.frames import series_frame
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import ExpositionType, PointDetails
from otel_kubecost.testing import RemoteWrite2, RemoteWriteReceiver, Reply, decode, decode_v2

pytestmark = pytest.mark.timeout(60)

CODES = {"unknown": 0, "counter": 1, "gauge": 2, "histogram": 3, "gaugehistogram": 4,
         "summary": 5, "info": 6, "stateset": 7}  # fmt: skip
"""Of types in metadata, as Prometheus has them (prompb/types.proto)."""


def batch(*resources):
    return MetricsData(list(resources))


def families(*resources):
    return Translator().translate(batch(*resources))


def now(*labels, **more):
    """Points of this time, which a receiver is not sent later than it has."""
    return rows(*labels, time=NOW, **more)


def described(server):
    """The metadata of each message that has some."""
    return [
        [(one.type, one.metric_family_name, one.help, one.unit) for one in message.metadata]
        for message in server.messages
        if message.metadata
    ]


# Metadata.


def test_all_eight_types_have_their_numbers(exporter_to):
    """A histogram of three names is described once, by its own; what says nothing is not."""
    metrics = [scraped(f"m_{kind}", now({}), kind) for kind in ExpositionType]
    parts = {"bucket": now({"le": "1"}), "sum": now({}), "count": now({})}
    more = [
        histogram("h", **parts),
        summary("s", now({"quantile": "1"}), count=now({})),
        scraped("c_total", now({}), "counter", family="c", unit="seconds"),
        scraped("silent", now({}), "unknown", description=""),
    ]
    with Sink() as server:
        exporter = exporter_to(server, metadata_config={"send": True})
        exporter.export(batch(target(*metrics, *more)))
    [found] = described(server)
    assert found == [
        *((CODES[kind], f"m_{kind}", f"About m_{kind}.", "") for kind in ExpositionType),
        (3, "h", "About h.", "s"),
        (5, "s", "About s.", ""),
        (1, "c", "About c_total.", "seconds"),
    ]


def test_metadata_is_that_of_all_targets(exporter_to):
    """Each batch has some of them: what they said since the last sending goes with the next."""
    with Sink() as server:
        exporter = exporter_to(server, metadata_config={"send": True, "send_interval": "1h"})
        for number in range(3):
            metric = scraped(f"m{number}", now({}))
            exporter.export(batch(target(metric, scraped("up", now({})), instance=f"h{number}")))
        exporter._metadata_due = 0.0
        exporter.export(batch(target(scraped("up", rows({}, time=NOW + 1)))))
    assert [[name for _, name, _, _ in one] for one in described(server)] == [
        ["m0", "up"], ["m1", "up", "m2"],
    ]  # fmt: skip


def test_targets_that_describe_a_name_differently_are_each_heard(exporter_to):
    """As Prometheus has it."""
    with Sink() as server:
        exporter = exporter_to(server, metadata_config={"send": True})
        exporter.export(
            batch(
                target(scraped("m", now({}), "counter")),
                target(scraped("m", now({})), instance="other"),
            )
        )
    assert [kind for kind, *_ in described(server)[0]] == [1, 2]


def test_2_0_describes_each_series_inline(exporter_to):
    """With the type of its target, its help and the unit that the page says."""
    metrics = [scraped(f"m_{kind}", now({}), kind, unit="volts") for kind in ExpositionType]
    metrics.append(histogram("h", bucket=now({"le": "1"}), count=now({})))
    with RemoteWriteReceiver(path=PATH, remote_write_2=RemoteWrite2.TAKEN) as server:
        exporter = exporter_to(server, protobuf_message=V2)
        exporter.export(batch(target(*metrics)))
        [request] = [one for one in server.requests if one.method == "POST"]
    assert server.violations == []
    found = {
        dict(one.labels)["__name__"]: tuple(one.described) for one in decode_v2(request.body).series
    }
    assert found == {
        **{
            f"m_{kind}": (kind.replace("unknown", "unspecified"), f"About m_{kind}.", "volts")
            for kind in ExpositionType
        },
        "h_bucket": ("histogram", "About h.", "s"),
        "h_count": ("histogram", "About h.", "s"),
    }


# Times, starts and exemplars of single rows.


TIME_OF = [NOW, NOW - 70_000, 1, -5, 127, 2**35]
"""Of one to ten bytes."""


def many(count, metrics=2, **details):
    labels = [{"pod": f"p{number}", "ns": f"n{number % 7}"} for number in range(count)]
    points = rows(*labels)
    points.details = PointDetails(**details)
    return [scraped(f"m{number}", points, "counter") for number in range(metrics)]


def test_rows_with_times_of_their_own_are_what_their_series_are():
    """More than are encoded at once, with times of any length: byte for byte, and a request is as
    new as its newest sample."""
    times = [TIME_OF[place % len(TIME_OF)] + place for place in range(5000)]
    found = families(target(*many(5000, times=array("q", map(nanos, times)))))
    plain = b"".join(series_frame(one)[0] for row in zip(*(f.series for f in found), strict=True)
                     for one in row)  # fmt: skip
    requests = list(encode(found, 3000))
    assert b"".join(decompressed(one.body) for one in requests) == plain
    for one in requests:
        assert one.newest == max(time for series in decode(one.body).series
                                 for time, _ in series.points)  # fmt: skip


def test_2_0_has_the_time_and_the_start_of_each_row():
    """Where there is no start, none is said."""
    details = {"times": array("q", map(nanos, range(100, 110))),
               "starts": array("q", map(nanos, [5, 0] * 5))}  # fmt: skip
    [request] = encode_v2(families(target(*many(10, **details))), 100)
    found = [(one.points[0][0], one.starts) for one in decode_v2(request.body).series]
    expected = [(100 + row, ((5, 0)[row % 2],)) for row in range(10)]
    assert found == [*chain.from_iterable(zip(expected, expected, strict=True))]


@pytest.mark.parametrize("write", [encode, encode_v2])
def test_rows_have_their_exemplars_on_request(write):
    """The others stay columns; the labels are those of the page."""
    one = Exemplar({"trace_id": "not hex", "user": "u"}, 0.5, nanos(NOW), None, None)
    other = Exemplar({}, 0.25, nanos(NOW), 2, 1)
    details = {"exemplars": {3: [one], 7: [other]}}
    found = families(target(*many(10, metrics=1, **details)))
    read = decode if write is encode else decode_v2
    with_them, without = (
        [series for request in write(found, 100, exemplars=asked)
         for series in read(request.body).series]
        for asked in (True, False)
    )  # fmt: skip
    assert Counter(series.labels for series in with_them) == Counter(
        series.labels for series in without
    )
    assert {dict(series.labels)["pod"]: series.exemplars for series in with_them
            if series.exemplars} == {
        "p3": (((("trace_id", "not hex"), ("user", "u")), NOW, 0.5),),
        "p7": (((("span_id", f"{2:016x}"), ("trace_id", f"{1:032x}")), NOW, 0.25),),
    }  # fmt: skip
    assert not any(series.exemplars for series in without)


def test_an_ordinary_nan_keeps_its_bits(exporter_to):
    """That of a page is another than the one that ends a series, which no page can bring."""
    (nan,) = struct.unpack("<d", (0x7FF8000000000001).to_bytes(8, "little"))
    points = [now({}, values=[nan]), now(*({"n": str(n)} for n in range(9)), values=[nan] * 9)]
    with RemoteWriteReceiver(path=PATH) as server:
        exporter_to(server).export(batch(target(scraped("a", points[0]), scraped("b", points[1]))))
    values = [value for points in server.series.values() for _, value in points]
    assert {struct.pack("<d", value) for value in values} == {
        (0x7FF8000000000001).to_bytes(8, "little")
    }
    assert len(values) == 10


def test_labels_are_in_order_and_each_once(exporter_to):
    """Names that sort before ``__name__`` too; the receiver looks at each series."""
    labels = {"A": "1", "_a": "2", "__b": "3", "z": "4", "le": "5"}
    with RemoteWriteReceiver(path=PATH) as server:
        exporter = exporter_to(server, external_labels={"B": "6", "job": "never"})
        exporter.export(
            batch(target(scraped("m", now(labels, *({"n": str(n)} for n in range(9))))))
        )
    assert server.violations == []
    first = next(iter(server.series))
    assert first == (
        ("A", "1"), ("B", "6"), ("__b", "3"), ("__name__", "m"), ("_a", "2"),
        ("instance", "host:9100"), ("job", "node"), ("le", "5"), ("z", "4"),
    )  # fmt: skip


def test_write_relabelling_keeps_what_rows_have(exporter_to):
    """Times, exemplars and descriptions go along, in columns or out of them."""
    exemplar = Exemplar({"user": "u"}, 0.5, nanos(NOW), None, None)
    details = replace(at(*range(NOW - 9, NOW + 1)), exemplars={2: [exemplar]})
    points = now(*({"n": str(n)} for n in range(10)), details=details)
    metric = scraped("m_total", points, "counter", family="m", is_tracked=False)
    keep = {"source_labels": ["n"], "regex": "[2-9]", "action": "keep"}
    rename = {"source_labels": ["n"], "regex": "(8)", "target_label": "n", "replacement": "x$1"}
    for rules in ([keep], [keep, rename]):
        with Sink() as server:
            exporter = exporter_to(server, write_relabel_configs=rules, send_exemplars=True,
                                   metadata_config={"send": True})  # fmt: skip
            exporter.export(batch(target(metric)))
        series = [one for message in server.messages for one in message.timeseries]
        times = sorted(one.samples[0].timestamp for one in series)
        assert times == [*range(NOW - 7, NOW + 1)]
        assert [one.samples[0].timestamp for one in series if one.exemplars] == [NOW - 7]
        assert described(server) == [[(1, "m", "About m_total.", "")]]


# Order.


def test_what_is_scraped_leaves_in_the_order_in_which_it_came(exporter_to):
    """Also where a page of times that are long ago comes after one of times that are not."""
    with RemoteWriteReceiver() as receiver:
        take, receiver._handler = receiver._handler, lambda _: Reply(503)
        exporter = exporter_to(receiver, queue_config={"max_samples_per_send": 2})
        said = [(NOW - 30_000, NOW), (NOW - 20_000, NOW + 10_000), (NOW - 15_000, NOW + 11_000)]
        for number, (time, scrape) in enumerate(said):
            # At first in one request with what is newer, then in one of its own.
            others = rows(*({"n": str(n)} for n in range(1 + number % 2)), time=scrape)
            old = scraped("m", rows({}, time=scrape, details=at(time)), is_tracked=False)
            exporter.enqueue(batch(target(scraped("a", others), old)))
        wait_until(lambda: receiver.requests)
        receiver._handler = take
        assert exporter.force_flush(30_000)
    assert receiver.violations == []
    (series,) = [key for key in receiver.series if ("__name__", "m") in key]
    assert [at for at, _ in receiver.series[series]] == [time for time, _ in said]
