"""What a request of remote write 2.0 has to be, around its message and in it.

One process scrapes a page in the text format and one in OpenMetrics' and writes what it finds to
receivers of 2.0, which say how much they have written. What cannot be seen here: native
histograms, which no page in text has, so that of ``samples`` and ``histograms`` it is always the
samples; and names beyond the legacy characters, which the pages of Prometheus 2 cannot have.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from running import Running
from wire_agent import configuration, for_a_while, static, to
from wire_reading import (
    NAN,
    Series,
    bits,
    decompressed,
    is_stale,
    message,
    unknown_fields,
)
from wire_receiver import Endpoint, Receiver, takes_v2
from wire_target import (
    CREATED,
    ODD_TEXT,
    STAMP,
    TRACE,
    UNTOLD,
    VALUES,
    Target,
    everything,
    openmetrics,
    without,
)

pytestmark = pytest.mark.peers

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
V2 = {"protobuf_message": "io.prometheus.write.v2.Request"}


@dataclass
class Evidence:
    whole: Endpoint
    small: Endpoint
    address: str
    began: float
    """Seconds since the epoch, and of ``ended``."""
    ended: float = 0.0

    @cached_property
    def everywhere(self):
        return [*self.whole.arrivals, *self.small.arrivals]

    @cached_property
    def messages(self) -> list[Any]:
        """As the specification's fields have them."""
        return [message(one.body, in_v2=True) for one in self.everywhere]

    @cached_property
    def timeseries(self) -> list[Any]:
        return [series for one in self.messages for series in one.timeseries]

    @cached_property
    def series(self) -> list[Series]:
        """The same, with words instead of references."""
        return [series for one in self.everywhere for series in one.series]

    def named(self, name, **labels) -> list[Series]:
        """Without those that only say that a series has ended."""
        return [
            one
            for one in self.series
            if one.name == name
            and labels.items() <= set(one.labels)
            and not any(is_stale(value) for _, value in one.samples)
        ]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    directory = tmp_path_factory.mktemp("message_2")
    with Target(text=everything, open=openmetrics) as target, Receiver() as receiver:
        seen = Evidence(
            receiver.endpoint("whole", then=takes_v2),
            receiver.endpoint("small", then=takes_v2),
            target.address,
            time.time(),
        )
        path = configuration(
            directory,
            {"text": static(target, "text"), "open": static(target, "open")},
            {
                "whole": to(seen.whole, send_exemplars=True, **V2),
                "small": to(seen.small, queue_config={"max_samples_per_send": 10}, **V2),
            },
        )
        with Running(path) as agent:
            scraped(target, agent, 3)
            target.pages["text"] = without(everything, "room_celsius")
            scraped(target, agent, 3)
            for_a_while(lambda: len(seen.whole.arrivals) >= 5, agent)
        seen.ended = time.time()
    return seen


def scraped(target, agent, more):
    wanted = {name: target.scrapes[name] + more for name in target.pages}
    for_a_while(lambda: all(target.scrapes[name] >= wanted[name] for name in wanted), agent)


# Transport.


def test_each_message_is_the_body_of_a_post_to_the_path(evidence):
    """Senders MUST send the message in the body of an HTTP POST to the path that was provided
    (2.0, Protocol)."""
    assert len(evidence.whole.arrivals) >= 5
    assert {one.request.method for one in evidence.everywhere} == {"POST"}
    assert {one.request.path for one in evidence.everywhere} == {"/whole", "/small"}


def test_the_body_is_in_snappys_block_format(evidence):
    """The message MUST be compressed with snappy in its block format, and the framed format MUST
    NOT be used (2.0, Protocol); senders MUST send ``Content-Encoding: snappy`` (2.0,
    Content-Encoding)."""
    assert headers(evidence, "Content-Encoding") == {"snappy"}
    assert not [one for one in evidence.everywhere if b"sNaPpY" in one.body[:10]]
    assert all(decompressed(one.body) for one in evidence.everywhere)


def test_the_type_names_the_message(evidence):
    """Senders MUST send one of three content types, and SHOULD send the one with
    ``proto=io.prometheus.write.v2.Request`` with the message of 2.0 (2.0, Content-Type)."""
    wanted = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert headers(evidence, "Content-Type") == {wanted}


def test_the_version_is_said(evidence):
    """Senders MUST send ``X-Prometheus-Remote-Write-Version`` and SHOULD say the newest version
    that they know (2.0, X-Prometheus-Remote-Write-Version)."""
    assert headers(evidence, "X-Prometheus-Remote-Write-Version") == {"2.0.0"}


def test_the_sender_says_its_name(evidence):
    """Senders MUST include a ``User-Agent``, which SHOULD be as RFC 9110 has it (2.0,
    User-Agent)."""
    (agent,) = headers(evidence, "User-Agent")
    assert re.fullmatch(r"otel-kubecost/[0-9][\w.+-]*", agent)


# Symbols.


def test_the_message_is_the_one_of_the_schema(evidence):
    """Senders MUST support ``io.prometheus.write.v2.Request`` (2.0, Protocol): there is no field
    that it does not have, and none of those reserved for 1.0."""
    assert [field for one in evidence.messages for field in unknown_fields(one)] == []
    assert all(one.timeseries for one in evidence.messages)


def test_symbols_begin_with_the_empty_one(evidence):
    """The table of symbols MUST be provided, and its first element MUST be an empty string (2.0,
    Symbols)."""
    assert {one.symbols[0] for one in evidence.messages} == {""}


def test_symbols_are_there_once(evidence):
    """The table MUST contain deduplicated strings (2.0, Symbols)."""
    assert all(len(set(one.symbols)) == len(one.symbols) for one in evidence.messages)


def test_symbols_are_those_of_the_request(evidence):
    """The table contains strings that are used in series, exemplars and metadata (2.0, Symbols):
    no others, also where a request was full when a series came."""
    for one in evidence.messages:
        assert {*range(1, len(one.symbols))} <= {0, *references(one)}


def test_references_point_at_symbols(evidence):
    """References MUST point to an existing index of the table (2.0, Symbols)."""
    assert all(max(references(one)) < len(one.symbols) for one in evidence.messages)


# Labels.


def test_labels_come_in_pairs(evidence):
    """``labels_refs`` MUST be provided, and their number is always a multiple of two (2.0,
    Protobuf Message)."""
    assert evidence.timeseries
    assert all(one.labels_refs and len(one.labels_refs) % 2 == 0 for one in evidence.timeseries)


def test_each_sample_comes_with_all_its_labels(evidence):
    """The complete set of labels MUST be sent with each sample (2.0, Series Labels)."""
    wanted = {"__name__": "jobs_total", "zone": "z", "Area": "A", "area": "a", "_place": "1"}
    wanted |= {"job": "text", "instance": evidence.address}
    found = evidence.named("jobs_total", zone="z")
    assert found
    assert all(dict(one.labels) == wanted for one in found)


def test_labels_are_sorted_and_there_once(evidence):
    """Label names MUST be sorted in lexicographical order and MUST NOT be repeated (2.0, Series
    Labels)."""
    for one in evidence.series:
        assert names(one) == sorted(set(names(one)), key=str.encode)
    (first, *_) = evidence.named("jobs_total", zone="z")
    assert names(first)[:4] == ["Area", "__name__", "_place", "area"]


def test_no_label_is_empty(evidence):
    """The label set MUST NOT contain empty label names or values (2.0, Series Labels)."""
    assert [one for one in evidence.series if not all(map(all, one.labels))] == []


def test_names_are_such_that_all_can_use_them(evidence):
    """Series SHOULD have a ``__name__``; names of metrics and labels SHOULD be of the legacy
    characters, and those that begin with ``__`` SHOULD NOT be used (2.0, Series Labels)."""
    for one in evidence.series:
        assert METRIC_NAME.fullmatch(one.name)
        assert all(LABEL_NAME.fullmatch(name) for name in names(one))
        assert [name for name in names(one) if name.startswith("__")] == ["__name__"]


def test_values_of_labels_are_any_text(evidence):
    """Names and values MUST be UTF-8, any of it (2.0, Series Labels)."""
    assert evidence.named("jobs_total", queue=ODD_TEXT)
    assert evidence.named("room_celsius", city="Zürich")


# Samples.


def test_each_series_has_samples(evidence):
    """At least one sample or histogram MUST be provided with a series, and MUST NOT be of both
    kinds (2.0, Protobuf Message): also where its value and its time are 0, which in Protobuf are
    the same as nothing."""
    assert all(one.samples and not one.histograms for one in evidence.timeseries)
    assert evidence.named("beginning")


def test_times_are_milliseconds_since_the_epoch(evidence):
    """All timestamps MUST be int64 in milliseconds since the Unix epoch (2.0, Protobuf
    Message)."""
    times = {at for one in evidence.series if one.name not in UNTOLD for at, _ in one.samples}
    assert times
    assert evidence.began * 1000 - 1 <= min(times) <= max(times) <= evidence.ended * 1000
    assert len({at % 1000 for at in times}) > 1
    assert {one.samples for one in evidence.named("stamped")} == {((STAMP, 7.0),)}
    assert {one.samples for one in evidence.named("beginning")} == {((0, 0.0),)}


def test_values_are_floats_of_64_bits(evidence):
    """Values MUST be float64 (2.0, Protobuf Message): to the bit, NaN with those of Prometheus."""
    for name, value in VALUES.items():
        found = evidence.named("exact", of=name)
        assert {bits(got) for one in found for _, got in one.samples} == {bits(value)}
    found = evidence.named("unknown_number")
    assert {bits(value) for one in found for _, value in one.samples} == {NAN}


def test_samples_come_in_the_order_of_time(evidence):
    """Senders MUST send samples of a series in the order of time (2.0, Samples): in a request and
    from one to the next."""
    for endpoint in (evidence.whole, evidence.small):
        newest: dict[frozenset[tuple[str, str]], int] = {}
        for series in (each for one in endpoint.arrivals for each in one.series):
            for at, _ in series.samples:
                assert at > newest.get(series.key, -1), series.labels
                newest[series.key] = at


def test_totals_say_since_when(evidence):
    """``start_timestamp`` SHOULD be provided for counters and histograms (2.0, Samples), in
    milliseconds, where the page says it."""
    for name in ("orders_total", "wait_seconds_bucket", "wait_seconds_sum", "wait_seconds_count"):
        found = evidence.named(name)
        assert {start for one in found for start in one.starts} == {CREATED}, name


def test_what_is_no_total_has_no_start(evidence):
    """``start_timestamp`` is of what counts, and 0 means that it is not set (2.0, Samples): none
    is made up."""
    for name in ("room_celsius", "load_ratio", "jobs_total", "depth_bucket", "build_info"):
        found = evidence.named(name)
        assert {start for one in found for start in one.starts} == {0}, name


def test_a_series_that_ends_gets_a_stale_marker(evidence):
    """Senders SHOULD send stale markers when a series will no longer be appended to, and MUST
    where that can be detected, as of what is scraped (2.0, Samples)."""
    for endpoint in (evidence.whole, evidence.small):
        samples = [
            value
            for one in endpoint.arrivals
            for series in one.series
            if series.name == "room_celsius"
            for _, value in series.samples
        ]
        assert [is_stale(value) for value in samples] == [False] * (len(samples) - 1) + [True]


# What describes them.


def test_series_say_type_help_and_unit(evidence):
    """The fields of ``metadata`` SHOULD be provided with every series (2.0, Protobuf Message),
    following the guidelines for types, help and units (2.0, Metadata)."""
    orders, waits = "Orders that came.", "How long they waited."
    wanted = {
        "jobs_total": ("counter", "Jobs that were done.", ""),
        "room_celsius": ("gauge", "How warm it is.", ""),
        "waiting_seconds_bucket": ("histogram", "", ""),
        "waiting_seconds_sum": ("histogram", "", ""),
        "waiting_seconds_count": ("histogram", "", ""),
        "answer_seconds": ("summary", "", ""),
        "answer_seconds_count": ("summary", "", ""),
        "orders_total": ("counter", orders, ""),
        "wait_seconds_bucket": ("histogram", waits, "seconds"),
        "build_info": ("info", "What runs.", ""),
        "mode": ("stateset", "", ""),
        "depth_bucket": ("gaugehistogram", "", ""),
        "size_bytes": ("summary", "", "bytes"),
        "load_ratio": ("gauge", "How busy.", "ratio"),
    }
    found = {name: {one.described for one in evidence.named(name)} for name in wanted}
    assert found == {name: {described} for name, described in wanted.items()}


def test_series_without_a_type_say_so(evidence):
    """Receivers MAY reject series of an unspecified type (2.0, Protobuf Message): a type that the
    page does not say is not made up."""
    assert {one.described for one in evidence.named("without_a_type")} == {("unspecified", "", "")}


def test_exemplars_have_value_and_time(evidence):
    """Exemplars SHOULD be provided if there are any (2.0, Protobuf Message); they MUST contain a
    value and a timestamp, that of the scrape where the page has none (2.0, Exemplars)."""
    (order, *_) = [one for one in evidence.named("orders_total") if one.exemplars]
    (exemplar,) = order.exemplars
    assert (exemplar.value - 0.5).is_integer()
    assert evidence.began * 1000 - 1 <= exemplar.time <= evidence.ended * 1000
    (bucket, *_) = [one for one in evidence.named("wait_seconds_bucket") if one.exemplars]
    assert bucket.exemplars[0].value == 0.25
    assert bucket.exemplars[0].time == bucket.samples[0][0]


def test_exemplars_name_their_trace(evidence):
    """If an exemplar references a trace it SHOULD do so by the label ``trace_id`` (2.0,
    Exemplars); the labels are pairs, sorted as those of series."""
    found = [each for one in evidence.series for each in one.exemplars]
    assert {dict(each.labels)["trace_id"] for each in found} == {TRACE}
    assert any(each.labels == (("span", "b"), ("trace_id", TRACE)) for each in found)


def test_a_request_has_no_more_samples_than_was_said(evidence):
    """Senders SHOULD send samples of multiple series in a request (2.0, Partial Write), and
    ``max_samples_per_send`` is kept."""
    counts = [
        [sum(len(series.samples) for series in one.series) for one in endpoint.arrivals]
        for endpoint in (evidence.whole, evidence.small)
    ]
    assert max(counts[0]) > 20
    assert max(counts[1]) == 10


def headers(evidence, name):
    return {one.request.headers[name] for one in evidence.everywhere}


def references(request):
    """All places of the table that a request refers to."""
    for series in request.timeseries:
        yield from series.labels_refs
        yield from (series.metadata.help_ref, series.metadata.unit_ref)
        for exemplar in series.exemplars:
            yield from exemplar.labels_refs


def names(series):
    return [name for name, _ in series.labels]
