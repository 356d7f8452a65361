"""What a request of remote write 1.0 has to be, around its message and in it.

One process scrapes a page in the text format and one in OpenMetrics' and writes what it finds to
endpoints that take everything; each test holds one sentence of the specification against all that
came there. What cannot be seen from a receiver: how a receiver of several versions announces
itself (1.0 "Backward and forward compatibility" has an empty request before all others, which 2.0
gave up), HTTP/2, and native histograms, which no page in text has.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from peers import run_command
from running import Running
from wire_agent import configuration, for_a_while, static, to
from wire_reading import NAN, Series, bits, decompressed, message, unknown_fields
from wire_receiver import Endpoint, Receiver
from wire_target import (
    CREATED,
    ODD_TEXT,
    REFUSED,
    STAMP,
    TRACE,
    UNTOLD,
    VALUES,
    Target,
    everything,
    few,
    openmetrics,
)

from otel_kubecost.testing import Reply

pytestmark = pytest.mark.peers

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Of RFC 9110, with a version."""

RESERVED = (
    "Content-Encoding", "Content-Type", "User-Agent", "X-Prometheus-Remote-Write-Version",
    "Host", "Content-Length", "Connection", "Keep-Alive", "Accept-Encoding", "Authorization",
    "Proxy-Authenticate", "Proxy-Authorization", "WWW-Authenticate",
    "X-Prometheus-Remote-Read-Version",
)  # fmt: skip
"""The four of the specification, and those of prometheus#8416."""
FORBIDDEN = (*RESERVED, "content-type", "USER-AGENT")


MISRULES = {
    "a rule for a name with a hyphen": {"target_label": "__name__", "replacement": "bad-name"},
    "a rule for no name": {"target_label": "__name__", "replacement": ""},
}
"""Of jobs that scrape a good page: what they make of it nobody may send."""

RULES = [
    {"source_labels": ["__name__"], "target_label": "__name__", **rule}
    for rule in (
        {"regex": "room_celsius", "replacement": "room-celsius"},
        {"regex": "load_ratio", "replacement": ""},
    )
]
RULES += [
    {"action": "labelmap", "regex": "x(9)", "replacement": "${1}"},
    {"source_labels": ["zone"], "regex": "z", "target_label": "area", "replacement": ""},
]
"""Of an exporter: they make names that nobody may send, and a label without a value."""


@dataclass
class Evidence:
    plain: Endpoint
    small: Endpoint
    short: Endpoint
    secret: Endpoint
    renamed: Endpoint
    address: str
    began: float
    """Seconds since the epoch, and of ``ended``."""
    ended: float = 0.0

    @cached_property
    def everywhere(self):
        return [
            one
            for endpoint in (self.plain, self.small, self.short, self.secret, self.renamed)
            for one in endpoint.arrivals
        ]

    @cached_property
    def series(self) -> list[Series]:
        return [series for one in self.plain.arrivals for series in one.series]

    def named(self, name, **labels) -> list[Series]:
        return [
            one for one in self.series if one.name == name and labels.items() <= set(one.labels)
        ]

    @cached_property
    def metadata(self) -> list:
        return [
            entry
            for one in self.plain.arrivals
            for entry in message(one.body, in_v2=False).metadata
        ]

    def described(self, family):
        """Type, help and unit, which are the same each time."""
        said = {
            (one.type, one.help, one.unit)
            for one in self.metadata
            if one.metric_family_name == family
        }
        (only,) = said
        return only


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    directory = tmp_path_factory.mktemp("message_1")
    password = directory / "password"
    password.write_text("first")
    pages = {"text": everything, "open": openmetrics, "few": few}
    pages |= {slug(name): lambda _, text=text: text for name, text in REFUSED.items()}
    with Target(**pages) as target, Receiver() as receiver:
        lost = Reply(200, b'{"error": "nothing was written, send it again"}')
        seen = Evidence(
            receiver.endpoint("plain", [lost, 202, 204], then=lost),
            receiver.endpoint("small"),
            receiver.endpoint("short"),
            receiver.endpoint("secret"),
            receiver.endpoint("renamed"),
            target.address,
            time.time(),
        )
        jobs = {name: static(target, name) for name in ("text", "open")}
        jobs |= {name: static(target, slug(name)) for name in REFUSED}
        for name, rule in MISRULES.items():
            jobs[name] = {**static(target, "few"), "metric_relabel_configs": [rule]}
        path = configuration(
            directory,
            jobs,
            {
                "plain": to(
                    seen.plain,
                    send_exemplars=True,
                    metadata_config={"send": True, "send_interval": "500ms"},
                    headers={"Cloud-Account-Id": "acme"},
                ),
                "small": to(seen.small, queue_config={"max_samples_per_send": 10}),
                "short": to(seen.short, max_batch_size_bytes="1kB"),
                "secret": to(
                    seen.secret,
                    basic_auth={"username": "u", "password_file": str(password)},
                    metadata_config={"send": True, "send_interval": "1h"},
                ),
                "renamed": to(seen.renamed, write_relabel_configs=RULES),
            },
        )
        with Running(path) as agent:
            for_a_while(lambda: len(seen.secret.arrivals) >= 2, agent)
            password.write_text("second")
            for_a_while(
                lambda: (
                    min(target.scrapes["text"], target.scrapes["open"]) >= 5
                    and len(seen.plain.arrivals) >= 6
                ),
                agent,
            )
        seen.ended = time.time()
    return seen


# Transport.


def test_each_message_is_the_body_of_a_post_to_the_path(evidence):
    """Senders MUST encode the write request in the body of an HTTP POST and send it to the path
    that was provided (1.0, Protocol)."""
    assert len(evidence.plain.arrivals) >= 6
    assert {one.request.method for one in evidence.everywhere} == {"POST"}
    assert {one.request.path for one in evidence.plain.arrivals} == {"/plain"}
    assert all(one.body for one in evidence.everywhere)


def test_the_encoding_is_snappy(evidence):
    """The header ``Content-Encoding: snappy`` MUST be sent (1.0, Protocol)."""
    assert headers(evidence, "Content-Encoding") == {"snappy"}


def test_the_body_is_in_the_block_format(evidence):
    """The body MUST be compressed with snappy, in the block format; the framed format MUST NOT be
    used (1.0, Protocol)."""
    assert not [one for one in evidence.everywhere if b"sNaPpY" in one.body[:10]]
    assert all(decompressed(one.body) for one in evidence.everywhere)


def test_the_type_is_protobuf(evidence):
    """The header ``Content-Type: application/x-protobuf`` MUST be sent (1.0, Protocol); to
    receivers of 1.x senders SHOULD send it without a parameter (2.0, Content-Type)."""
    assert headers(evidence, "Content-Type") == {"application/x-protobuf"}


def test_the_version_is_said(evidence):
    """The header ``X-Prometheus-Remote-Write-Version: 0.1.0`` MUST be sent (1.0, Protocol and
    Negotiation; 2.0, of messages to receivers of 1.x)."""
    assert headers(evidence, "X-Prometheus-Remote-Write-Version") == {"0.1.0"}


def test_the_sender_says_its_name_and_version(evidence):
    """The header ``User-Agent`` MUST be sent, with name and version of the sender (1.0, Protocol);
    it SHOULD be as RFC 9110 has it (2.0, User-Agent)."""
    (agent,) = headers(evidence, "User-Agent")
    assert PRODUCT.fullmatch(agent)
    assert agent.startswith("otel-kubecost/")


def test_users_have_headers_of_their_own(evidence):
    """Clients MAY allow users to send custom headers (1.0, Protocol)."""
    assert headers(evidence, "Cloud-Account-Id", evidence.plain) == {"acme"}
    assert headers(evidence, "Cloud-Account-Id", evidence.small) == {None}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_protocols_headers_are_not_for_users(refused, name):
    """Clients MUST NOT allow users to configure reserved headers (1.0 and 2.0, Protocol; the whole
    list is that of prometheus#8416), however they spell them."""
    code, output, arrivals = refused
    assert code != 0
    assert f"header {name} is the protocol's own" in output
    assert arrivals == []


def test_there_is_one_way_to_authenticate(refused):
    """Prometheus takes at most one of basic_auth, authorization and oauth2 for an endpoint, and
    says so before it starts (configuration, remote_write)."""
    _, output, _ = refused
    assert "basic_auth and authorization exclude each other" in output


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Exit code, output, and what arrived, of a configuration with each forbidden header."""
    directory: Path = tmp_path_factory.mktemp("refused")
    with Target(text=everything) as target, Receiver() as receiver:
        endpoint = receiver.endpoint("any")
        exporters = {name: to(endpoint, headers={name: "x"}) for name in FORBIDDEN}
        exporters["two"] = to(
            endpoint,
            basic_auth={"username": "u", "password": "p"},
            authorization={"credentials": "c"},
        )
        path = configuration(directory, {"text": static(target, "text")}, exporters)
        finished = run_command("run", "--config", path)
        return finished.returncode, finished.stdout + finished.stderr, endpoint.arrivals


def test_secrets_in_files_are_read_again(evidence):
    """Prometheus reads ``password_file`` for each request, so that a rotation needs no restart
    (prometheus/common, http_config)."""
    seen = [one.request.headers["Authorization"] for one in evidence.secret.arrivals]
    told = [base64.b64decode(one.removeprefix("Basic ")).decode() for one in seen]
    assert told[0] == "u:first"
    assert told[-1] == "u:second"


def test_the_body_of_an_answer_is_ignored(evidence):
    """Clients MUST ignore the body of a success (1.0, Protocol), and MUST NOT retry on 2xx (1.0,
    Retries & Backoff), whichever it is and whatever it says."""
    bodies = [one.body for one in evidence.plain.arrivals if samples_in([one])]
    assert len(set(bodies)) == len(bodies)


# The message.


def test_the_message_is_the_one_of_the_schema(evidence):
    """The request MUST be encoded with Protobuf 3 and MUST use the schema (1.0, Protocol): fields
    are those that it has, and Prometheus' own for metadata and exemplars."""
    messages = [message(one.body, in_v2=False) for one in evidence.everywhere]
    assert [field for one in messages for field in unknown_fields(one)] == []


def test_times_are_milliseconds_since_the_epoch(evidence):
    """Timestamps MUST be int64 in milliseconds since the Unix epoch (1.0, Protocol): to the
    millisecond, those of scrapes and those that a page gives; the first of all is 0."""
    times = {at for one in evidence.series if one.name not in UNTOLD for at, _ in one.samples}
    assert times
    assert evidence.began * 1000 - 1 <= min(times) <= max(times) <= evidence.ended * 1000
    assert len({at % 1000 for at in times}) > 1
    assert {one.samples for one in evidence.named("stamped")} == {((STAMP, 7.0),)}
    assert {one.samples for one in evidence.named("beginning")} == {((0, 0.0),)}


def test_values_are_floats_of_64_bits(evidence):
    """Values MUST be float64 (1.0, Protocol): each arrives as it is on the page, to the bit."""
    for name, value in VALUES.items():
        found = evidence.named("exact", of=name)
        assert {bits(got) for one in found for _, got in one.samples} == {bits(value)}


def test_a_value_that_is_no_number_arrives_as_one(evidence):
    """Values MUST be float64 (1.0, Protocol): NaN is one, with the bits that Prometheus has."""
    found = [*evidence.named("unknown_number"), *evidence.named("answer_seconds", quantile="0.5")]
    assert {bits(value) for one in found for _, value in one.samples} == {NAN}


def test_each_sample_comes_with_all_its_labels(evidence):
    """The complete set of labels MUST be sent with each sample (1.0, Labels): the page's and the
    target's."""
    wanted = {"__name__": "jobs_total", "zone": "z", "Area": "A", "area": "a", "_place": "1"}
    wanted |= {"job": "text", "instance": evidence.address}
    found = evidence.named("jobs_total", zone="z")
    assert found
    assert all(dict(one.labels) == wanted for one in found)


def test_labels_are_sorted(evidence):
    """Label names MUST be sorted in lexicographical order (1.0, Labels): that of bytes, in which
    capitals come before an underscore and that before small letters."""
    unsorted = [
        one for one in all_series(evidence) if names(one) != sorted(names(one), key=str.encode)
    ]
    assert unsorted == []
    (first, *_) = evidence.named("jobs_total", zone="z")
    assert names(first)[:4] == ["Area", "__name__", "_place", "area"]


def test_no_label_is_there_twice(evidence):
    """The label set MUST NOT contain repeated label names (1.0, Labels)."""
    assert [one for one in all_series(evidence) if len(set(names(one))) < len(one.labels)] == []


def test_no_label_is_empty(evidence):
    """The label set MUST NOT contain empty label names or values (1.0, Labels): an empty one on
    the page is none."""
    assert [one for one in all_series(evidence) if not all(map(all, one.labels))] == []
    assert not any("empty" in dict(one.labels) for one in all_series(evidence))


def test_each_series_has_a_name(evidence):
    """The label set SHOULD contain ``__name__`` (1.0, Labels)."""
    assert all(one.name for one in all_series(evidence))


def test_names_of_metrics_are_valid(evidence):
    """Metric names MUST adhere to ``[a-zA-Z_:]([a-zA-Z0-9_:])*`` (1.0, Labels)."""
    assert all(METRIC_NAME.fullmatch(one.name) for one in all_series(evidence))


def test_names_of_labels_are_valid(evidence):
    """Label names MUST adhere to ``[a-zA-Z_]([a-zA-Z0-9_])*`` (1.0, Labels)."""
    assert all(LABEL_NAME.fullmatch(name) for one in all_series(evidence) for name in names(one))


def test_reserved_labels_stay_inside(evidence):
    """Label names that begin with ``__`` SHOULD NOT be used (1.0, Labels): discovery's own do not
    leave the process."""
    reserved = {name for one in all_series(evidence) for name in names(one) if name[:2] == "__"}
    assert reserved == {"__name__"}


def test_values_of_labels_are_any_text(evidence):
    """Label values MAY be any sequence of UTF-8 characters (1.0, Labels): what a page escapes
    arrives as it was meant."""
    assert evidence.named("jobs_total", queue=ODD_TEXT)
    assert evidence.named("room_celsius", city="Zürich")


@pytest.mark.parametrize("job", [*REFUSED, *MISRULES])
def test_what_nobody_may_send_is_not_sent(evidence, job):
    """Senders MUST only send valid names and values, and no label twice (1.0, Labels): where a
    page has others, or relabelling makes them, the scrape has failed and nothing of it is sent."""
    found = [one for one in evidence.series if dict(one.labels)["job"] == job]
    assert {one.name for one in found if not one.name.startswith("scrape_")} == {"up"}
    assert {value for one in found if one.name == "up" for _, value in one.samples} == {0.0}


def test_rules_make_nothing_that_nobody_may_send(evidence):
    """Senders MUST only send valid names, and no label without a value (1.0, Labels), whatever
    ``write_relabel_configs`` ask for: a series whose name they spoil is left out, a label whose
    name would not be one is not set, and one without a value is none."""
    series = [each for one in evidence.renamed.arrivals for each in one.series]
    labels = {name: [dict(each.labels) for each in series if each.name == name] for name in NAMES}
    assert not {"room-celsius", "room_celsius", "load_ratio", ""} & {each.name for each in series}
    assert any("x9" in one for one in labels["ragged"])
    assert any("zone" in one for one in labels["jobs_total"])
    assert not any({"9", "area"} & one.keys() for name in NAMES for one in labels[name])


NAMES = ("ragged", "jobs_total")


def test_a_series_has_one_sample_a_time(evidence):
    """A sample is a time and a value of its series (1.0, Glossary): where a page has two for one
    time the first is sent, as Prometheus stores it."""
    values = [value for one in evidence.named("repeated") for _, value in one.samples]
    assert values
    assert max(values) < 1000
    (late,) = evidence.named("late")
    assert late.samples == ((STAMP, 1.0), (STAMP + 5, 3.0))


def test_classic_histograms_and_summaries_are_series(evidence):
    """There are no histograms in the schema (1.0, Protocol): theirs are series with ``le`` and
    ``quantile``, ``_bucket``, ``_sum`` and ``_count``, and all of them are sent."""
    wanted = [
        ("waiting_seconds_bucket", {"le": "0.1"}), ("waiting_seconds_bucket", {"le": "+Inf"}),
        ("waiting_seconds_sum", {}), ("waiting_seconds_count", {}),
        ("answer_seconds", {"quantile": "0.5"}), ("answer_seconds_sum", {}),
        ("answer_seconds_count", {}), ("wait_seconds_bucket", {"le": "1.0"}),
        ("depth_bucket", {"le": "+Inf"}), ("depth_gsum", {}), ("depth_gcount", {}),
    ]  # fmt: skip
    assert [one for one in wanted if not evidence.named(one[0], **one[1])] == []


def test_times_of_creation_are_series(evidence):
    """There are no start timestamps in the schema (1.0, Protocol): what a page says of them
    are series as Prometheus 2 writes them."""
    for name in ("orders_created", "wait_seconds_created"):
        found = evidence.named(name)
        assert {value for one in found for _, value in one.samples} == {CREATED / 1000}


# Requests, and what they describe.


def test_many_series_share_a_request(evidence):
    """Senders SHOULD send samples of multiple series in a single request (2.0, Partial Write; 1.0
    calls it batching)."""
    assert max(len(one.series) for one in evidence.plain.arrivals) > 20


def test_a_request_has_no_more_samples_than_was_said(evidence):
    """Implementations impose reasonable limits (1.0, Limits): ``max_samples_per_send`` is kept,
    and without it 10,000 (prometheus/compliance, batch size)."""
    assert len(evidence.small.arrivals) > len(evidence.plain.taken) / 2
    assert max(samples_in([one]) for one in evidence.small.arrivals) == 10
    assert max(samples_in([one]) for one in evidence.plain.arrivals) <= 10_000


def test_a_request_has_no_more_bytes_than_was_said(evidence):
    """Implementations impose reasonable limits (1.0, Limits): Prometheus refuses to read more than
    32 MiB; ``max_batch_size_bytes`` is kept, before compression."""
    sizes = [len(decompressed(one.body)) for one in evidence.short.arrivals]
    assert 500 < max(sizes) <= 1000


def test_metadata_comes_in_requests_of_its_own(evidence):
    """The schema reserves field 3, in which Prometheus sends metadata (1.0, Protocol): in messages
    without a sample, of 2000 families at most, so that who does not know them loses nothing."""
    messages = [message(one.body, in_v2=False) for one in evidence.plain.arrivals]
    assert any(one.metadata for one in messages)
    assert not any(one.metadata and one.timeseries for one in messages)
    assert max(len(one.metadata) for one in messages) <= 2000


def test_metadata_says_type_help_and_unit(evidence):
    """Metadata is type and help (1.0, Future Plans: Prometheus' experimental support), by the name
    that the page has."""
    unknown, counter, gauge, histogram, gauge_histogram, summary, info, stateset = range(8)
    assert evidence.described("jobs_total") == (counter, "Jobs that were done.", "")
    assert evidence.described("room_celsius") == (gauge, "How warm it is.", "")
    assert evidence.described("waiting_seconds") == (histogram, "", "")
    assert evidence.described("answer_seconds") == (summary, "", "")
    assert evidence.described("orders") == (counter, "Orders that came.", "")
    assert evidence.described("wait_seconds") == (histogram, "How long they waited.", "seconds")
    assert evidence.described("build") == (info, "What runs.", "")
    assert evidence.described("mode") == (stateset, "", "")
    assert evidence.described("depth") == (gauge_histogram, "", "")
    assert unknown not in {one.type for one in evidence.metadata if one.help}


def test_metadata_is_repeated(evidence):
    """Prometheus sends metadata every ``send_interval``, since a receiver may have forgotten it
    (configuration, metadata_config): again after half a second, and not within an hour."""
    assert [one.metric_family_name for one in evidence.metadata].count("jobs_total") >= 2
    messages = [message(one.body, in_v2=False) for one in evidence.secret.arrivals]
    assert len(messages) > 3
    assert len([one for one in messages if one.metadata]) == 1


def test_an_exemplar_comes_once(evidence):
    """Prometheus sends exemplars that are newer than the last of their series (storage/remote,
    queue_manager.go): one that stays on its page is sent with the first scrape alone."""
    (series,) = evidence.named("wait_seconds_bucket", le="1.0")[:1]
    others = evidence.named("wait_seconds_bucket", le="1.0")[1:]
    assert len(series.exemplars) == 1
    assert others
    assert not any(one.exemplars for one in others)


def test_exemplars_come_with_their_series(evidence):
    """Exemplars are sent along with the samples (1.0, Future Plans: Prometheus' experimental
    support), where an exporter says so: labels, value and time."""
    for name in ("orders_total", "wait_seconds_bucket"):
        (exemplar, *_) = [each for one in evidence.named(name) for each in one.exemplars]
        assert dict(exemplar.labels)["trace_id"] == TRACE
        assert evidence.began * 1000 - 1 <= exemplar.time <= evidence.ended * 1000
    assert exemplar.value == 0.25
    assert not any(one.exemplars for got in evidence.small.arrivals for one in got.series)


def slug(name):
    return name.replace(" ", "_")


def headers(evidence, name, endpoint=None):
    """All values that a header had, in requests to one endpoint or to all."""
    arrivals = evidence.everywhere if endpoint is None else endpoint.arrivals
    return {one.request.headers[name] for one in arrivals}


def all_series(evidence):
    return [series for one in evidence.everywhere for series in one.series]


def names(series):
    return [name for name, _ in series.labels]


def samples_in(arrivals):
    return sum(len(series.samples) for one in arrivals for series in one.series)
