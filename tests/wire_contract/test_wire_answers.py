"""What the sender does on each answer, and where none comes.

One process scrapes one page and writes it to some forty endpoints at once, each of which answers
its first requests in its own bad way; what is judged is what came to each of them afterwards. Of
times only this is said: that a pause was not shorter than it had to be.

Where this sender departs from the letter, on purpose: of a request that was refused with 400 the
series are offered again in parts, since Prometheus stores nothing of it; what waits for a person
(401, 403, 404, 405, 407, 422) is kept and offered once a minute; 408 and 425, which mean later, are
tried again; and a word for samples that the receiver already has is read in the body of a refusal.
How the process counts what became of its samples is read from its own page.
"""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from running import Running
from wire_agent import configuration, for_a_while, page_of, static, to
from wire_reading import bits, written
from wire_receiver import Answer, Endpoint, Receiver, break_off, takes_v2
from wire_target import Target, few

from otel_kubecost.testing import Reply

pytestmark = pytest.mark.peers

V2 = {"protobuf_message": "io.prometheus.write.v2.Request"}
PAUSE = 0.03
"""Before the first retry: the default of ``min_backoff``."""
AGE_LIMIT = 1.0
REASON = 'the-reason-4711 has "quotes"'
LARGE = b"x" * 4_000_000

SERVER_ERRORS = (500, 502, 503, 504, 507)
REFUSALS = (400, 402, 406, 410, 418, 431)
"""After which the rest goes on."""
V2_REFUSALS = (400, 410, 413)
CONFIGURATION_ERRORS = (401, 403, 404, 405, 407, 422)
"""After which nothing goes until somebody has mended them."""
INTERRUPTIONS: dict[str, Answer] = {
    "hanging": Reply(hang=True),
    "broken_off": break_off,
    "malformed": Reply(9, b"\x00\xff"),
    "cut_500": Reply(500, LARGE, cut_after=10),
    "large_500": Reply(500, LARGE),
}
SUCCESSES: dict[str, Answer] = {
    "large_200": Reply(200, LARGE),
    "cut_200": Reply(200, LARGE, cut_after=10),
    "telling_200": Reply(200, b"503 Service Unavailable, please send it again"),
}


def in_two_seconds(_) -> Reply:
    return Reply(503, headers={"Retry-After": formatdate(time.time() + 2, usegmt=True)})


def telling_v2(request) -> Reply:
    return Reply(200, b"415 Unsupported Media Type", headers=written(request.body))


def only_version_1(request) -> int:
    """As a receiver of 1.0 that reads the message and finds that it is none."""
    return 400 if "proto=io" in request.headers["Content-Type"] else 204


def claims_version_1(request) -> Reply:
    return Reply(204, headers={**written(request.body), VERSION: "0.1.0"})


VERSION = "X-Prometheus-Remote-Write-Version"
PARTLY = {
    "X-Prometheus-Remote-Write-Samples-Written": "3",
    "X-Prometheus-Remote-Write-Histograms-Written": "0",
    "X-Prometheus-Remote-Write-Exemplars-Written": "0",
}


class Ageing:
    """503 until the first request is older than its exporter keeps samples, and a second more."""

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, _) -> int:
        self._began = self._began or time.monotonic()
        return 503 if time.monotonic() < self._began + AGE_LIMIT + 1 else 204


NO_TIMES = ("-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT")
"""As ``Retry-After``: they say nothing of when to come again."""

ENDPOINTS: dict[str, tuple[list[Answer], Answer, dict[str, Any]]] = {
    "good": ([], 204, {}),
    **{f"status_{status}": ([status] * 2, 204, {}) for status in SERVER_ERRORS},
    **{
        f"status_{status}": ([Reply(status, REASON.encode())], 204, {})
        for status in (*REFUSALS, *CONFIGURATION_ERRORS, 409, 413, 415)
    },
    **{name: ([answer] * 2, 204, {"timeout": "600ms"}) for name, answer in INTERRUPTIONS.items()},
    **{name: ([answer] * 2, 204, {}) for name, answer in SUCCESSES.items()},
    "backoff": ([503] * 7, 204, {}),
    "busy": ([Reply(429)], 204, {}),
    "busy_for_a_second": ([Reply(429, headers={"Retry-After": "1"})], 204, {}),
    "down_for_a_second": ([Reply(503, headers={"Retry-After": "1"})], 204, {}),
    "down_until": ([in_two_seconds], 204, {}),
    "down_since": ([Reply(503, headers={"Retry-After": text}) for text in NO_TIMES], 204, {}),
    "opted_out": ([429], 204, {"queue_config": {"retry_on_http_429": False}}),
    "telling_400": ([Reply(400, b"503 Service Unavailable, Retry-After: 0")], 204, {}),
    "ageing": ([], Ageing(), {"queue_config": {"sample_age_limit": f"{AGE_LIMIT}s"}}),
    "announcing_2": ([], Reply(204, headers={VERSION: "2.0.0", **PARTLY}), {}),
    "v2": ([500], takes_v2, V2),
    "v2_busy": ([429], takes_v2, V2),
    "v2_telling": ([], telling_v2, V2),
    **{
        f"v2_{status}": ([takes_v2, Reply(status, REASON.encode())], takes_v2, V2)
        for status in V2_REFUSALS
    },
    "v2_unsupported": ([415], 204, V2),
    "v2_swallowed": ([], 204, V2),
    "v2_unreadable": ([], only_version_1, V2),
    "v2_claiming_1": ([], claims_version_1, V2),
    "v2_partly_400": ([Reply(400, REASON.encode(), headers=PARTLY)], takes_v2, V2),
    "v2_partly_500": ([Reply(500, headers=PARTLY)] * 2, takes_v2, V2),
}
"""By name the answers to the first requests, to all others, and options of the exporter."""


@dataclass
class Evidence:
    by_name: dict[str, Endpoint]
    was_alive: bool = False
    page: str = ""
    """Of the process itself."""
    log: str = ""

    def __getitem__(self, name: str) -> Endpoint:
        return self.by_name[name]

    @property
    def has_come_far(self) -> bool:
        """Whether each endpoint that takes anything had the time to be judged by it."""
        waiting = {f"status_{status}" for status in CONFIGURATION_ERRORS}
        return all(len(self[name].taken) >= 4 for name in ENDPOINTS.keys() - waiting)

    def counted(self, what: str, name: str) -> float:
        """What the process says of its samples to an endpoint."""
        about = f'{{remote_name="prometheus_remote_write/{name}",'
        (line,) = re.findall(rf"prometheus_remote_storage_{what}_total{about}.* (\S+)", self.page)
        return float(line)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    directory = tmp_path_factory.mktemp("answers")
    outage = Receiver()
    with outage:
        refusing = outage.endpoint("refusing")
    with Target(page=few) as target, Receiver() as receiver:
        seen = Evidence(
            {
                name: receiver.endpoint(name, answers, then)
                for name, (answers, then, _) in ENDPOINTS.items()
            }
        )
        seen.by_name["elsewhere"] = receiver.endpoint("elsewhere")
        moved = Reply(307, headers={"Location": seen["elsewhere"].url})
        seen.by_name["redirected"] = receiver.endpoint("redirected", then=moved)
        seen.by_name["refusing"] = refusing
        exporters = {name: to(seen[name], **ENDPOINTS[name][2]) for name in ENDPOINTS}
        exporters["redirected"] = to(seen["redirected"])
        exporters["refusing"] = to(seen["refusing"])
        exporters["nowhere"] = {"endpoint": "http://nobody.invalid/write"}
        exporters["no_tls"] = {"endpoint": receiver.url.replace("http", "https") + "/good"}
        path = configuration(directory, {"page": static(target, "page")}, exporters, page=True)
        with Running(path) as agent:
            for_a_while(lambda: target.scrapes["page"] >= 3, agent)
            with outage:
                for_a_while(lambda: len(seen["backoff"].arrivals) > 7, agent)
                for_a_while(lambda: seen["ageing"].taken, agent)
                for_a_while(lambda: len(seen["refusing"].taken) > 4, agent)
                for_a_while(lambda: target.scrapes["page"] >= 7, agent)
                for_a_while(lambda: seen.has_come_far, agent)
                seen.was_alive = agent.runs
                seen.page = page_of(agent)
                # Some of the endpoints would take the whole time for draining.
                agent.signal(signal.SIGKILL)
                agent.wait()
                seen.log = agent.log
    return seen


# What succeeds.


@pytest.mark.parametrize("name", ["good", *SUCCESSES, "announcing_2", "v2_telling"])
def test_a_success_is_one(evidence, name):
    """Senders MUST NOT retry on 2xx (1.0, Retries & Backoff) and MUST ignore the body of the
    answer (1.0, Protocol; 2.0, Response), however long it is and wherever it breaks off."""
    came = [each for one in evidence[name].arrivals for each in samples(one)]
    assert len(set(came)) == len(came)
    assert len(times(evidence[name].arrivals)) >= 4


# What is tried again.


@pytest.mark.parametrize(
    "name", [*(f"status_{status}" for status in SERVER_ERRORS), "v2", "down_since"]
)
def test_a_server_error_is_tried_again(evidence, name):
    """Senders MUST retry write requests on HTTP 5xx responses (1.0 and 2.0, Retries & Backoff):
    the same request until it is taken, and before all others."""
    arrivals = evidence[name].arrivals
    failures = [one.status for one in arrivals].index(204)
    assert failures == len(ENDPOINTS[name][0])
    assert {one.body for one in arrivals[: failures + 1]} == {arrivals[0].body}
    assert arrivals[0].body not in {one.body for one in arrivals[failures + 1 :]}


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_no_answer_is_as_good_as_a_server_error(evidence, name):
    """Data is not lost when there are errors on the side of the server (1.0, Retries & Backoff):
    where no answer comes, or none that can be read, Prometheus retries as after 5xx."""
    first, second, third, *_ = evidence[name].arrivals
    assert first.body == second.body == third.body
    assert (first.is_taken, second.is_taken, third.is_taken) == (False, False, True)


def test_pauses_grow(evidence):
    """Senders MUST use a backoff algorithm (1.0 and 2.0, Retries & Backoff): each pause is twice
    the one before, to a tenth of chance."""
    attempts = evidence["backoff"].arrivals[:8]
    pauses = [after.began - before.began for before, after in pairwise(attempts)]
    assert len({one.body for one in attempts}) == 1
    assert [pause >= 0.9 * PAUSE * 2**n for n, pause in enumerate(pauses)] == [True] * 7


def test_attempts_are_counted(evidence):
    """Prometheus says with ``Retry-Attempt`` how often a request was tried before; not with the
    first attempt (prometheus, storage/remote/client.go)."""
    counts = [one.request.headers["Retry-Attempt"] for one in evidence["backoff"].arrivals[:9]]
    assert counts[:8] == [None, "1", "2", "3", "4", "5", "6", "7"]
    assert counts[8:] in ([], [None])


@pytest.mark.parametrize("name", ["busy", "v2_busy"])
def test_too_many_requests_are_tried_again(evidence, name):
    """Senders MAY retry on 429 (1.0 and 2.0, Retries & Backoff): this one does."""
    first, second, *_ = evidence[name].arrivals
    assert first.body == second.body
    assert second.is_taken


def test_too_many_requests_are_given_up_where_somebody_says_so(evidence):
    """Senders MAY retry on 429 (1.0 and 2.0, Retries & Backoff), and need not:
    ``retry_on_http_429: false`` goes on with what is newer."""
    first, *others = evidence["opted_out"].arrivals
    assert first.body not in {one.body for one in others}
    assert others[0].series[0].samples > first.series[0].samples


@pytest.mark.parametrize("name", ["busy_for_a_second", "down_for_a_second", "down_until"])
def test_the_receiver_says_when_to_come_again(evidence, name):
    """Senders MAY handle ``Retry-After`` (2.0, Retries & Backoff): of 429 and of 5xx, in seconds
    and as a date, instead of their own pause."""
    first, second, *_ = evidence[name].arrivals
    assert first.body == second.body
    assert second.began - first.began >= 0.9


def test_samples_that_became_too_old_are_not_tried_for_ever(evidence):
    """Progress is made (1.0, Retries & Backoff): with ``sample_age_limit`` Prometheus drops what
    waited longer, and sends what is newer."""
    ageing = evidence["ageing"]
    assert not ageing.arrivals[0].is_taken
    assert ageing.taken
    assert ageing.arrivals[0].body not in {one.body for one in ageing.taken}


# What is not tried again.


@pytest.mark.parametrize(
    "status", [*REFUSALS, *CONFIGURATION_ERRORS, 409, 413, 415], ids=lambda status: f"{status}"
)
def test_a_refused_request_does_not_come_again(evidence, status):
    """Senders MUST NOT retry write requests on 4xx responses other than 429 (1.0 and 2.0, Retries
    & Backoff): not after any pause that was there before."""
    first, *others = evidence[f"status_{status}"].arrivals
    assert first.status == status
    assert first.body not in {one.body for one in others}


@pytest.mark.parametrize("status", [*REFUSALS, 409, 413, 415], ids=lambda status: f"{status}")
def test_a_refusal_stops_nothing(evidence, status):
    """Progress is made when there are errors on the side of the client (1.0, Retries & Backoff):
    what is newer comes, all of it."""
    refused = evidence[f"status_{status}"]
    newest = max(times(refused.arrivals[:1]))
    there, good = (times(one.taken) for one in (refused, evidence["good"]))
    both = range(newest + 1, min(max(there), max(good)) + 1)
    assert len([at for at in there if at in both]) >= 3
    assert {at for at in there if at in both} == {at for at in good if at in both}


def test_what_is_too_large_comes_in_halves(evidence):
    """Senders MUST NOT retry on 4xx (1.0, Retries & Backoff), and yet 413 need not cost samples:
    they come in smaller requests, each once, before what is newer."""
    first, *others = evidence["status_413"].arrivals
    halves = others[:2]
    assert [samples(one) < samples(first) for one in halves] == [True, True]
    assert samples(halves[0]) | samples(halves[1]) == samples(first)
    assert not samples(halves[0]) & samples(halves[1])


def test_a_bad_request_costs_no_good_sample(evidence):
    """Receivers MAY ingest the valid samples of a request (1.0, Labels), and Prometheus ingests
    none: what it takes when it comes alone is not lost."""
    first, *others = evidence["status_400"].arrivals
    assert samples(first) <= {one for each in others if each.is_taken for one in samples(each)}


def test_a_reason_is_not_interpreted(evidence):
    """Senders MUST NOT try and interpret the error message (1.0, Labels; 2.0, Response): one that
    asks for a retry gets none."""
    first, *others = evidence["telling_400"].arrivals
    assert first.body not in {one.body for one in others}


def test_a_reason_is_logged_as_it_is(evidence):
    """Senders SHOULD log the error message as is (1.0, Labels; 2.0, Response): the beginning of a
    long one."""
    for name in ("status_400", "status_410", "v2_410", "v2_partly_400", "large_500"):
        lines = [line for line in evidence.log.splitlines() if name in line]
        said = "xxxxxxxx" if name == "large_500" else "the-reason-4711 has"
        assert any(said in line for line in lines), name
    assert max(map(len, evidence.log.splitlines())) < 2000


def test_a_redirect_is_not_followed(evidence):
    """Senders send to the path that was provided (1.0, Protocol): Prometheus follows a redirect,
    this sender keeps what it has, since credentials would go along."""
    assert evidence["redirected"].arrivals
    assert evidence["elsewhere"].arrivals == []


# Which message is sent.


@pytest.mark.parametrize("name", ["v2_unsupported", "v2_swallowed", "v2_unreadable"])
def test_a_receiver_of_1_gets_its_message(evidence, name):
    """On 415 senders MAY send another content type (2.0, Invalid Samples); a 2xx without any of
    the headers ``...-Written`` SHOULD be taken as 415 (2.0, Required Written Response Headers); of
    receivers of 1.x 400 SHOULD be expected (2.0, Unsupported Request Content). The same samples
    come as 1.0 at once, and so does all that follows."""
    first, *others = evidence[name].arrivals
    assert first.is_v2
    assert len(others) >= 4
    assert not any(one.is_v2 for one in others)
    assert others[0].request.headers[VERSION] == "0.1.0"
    assert samples(others[0]) == samples(first)


def test_headers_of_an_answer_do_not_change_the_message(evidence):
    """Senders MUST NOT assume a version from the headers of an answer (2.0, Required Written
    Response Headers): who is sent 1.0 and speaks of 2.0 goes on with 1.0, and the other way."""
    assert not any(one.is_v2 for one in evidence["announcing_2"].arrivals)
    assert len(evidence["v2_claiming_1"].arrivals) >= 4
    assert all(one.is_v2 for one in evidence["v2_claiming_1"].arrivals)


def test_nothing_is_assumed_of_who_is_sent_1(evidence):
    """Senders MUST NOT take a missing header ``...-Written`` for a count of 0 where they sent 1.0
    (2.0, Required Written Response Headers): all that it took counts as stored."""
    lines = [line for line in evidence.log.splitlines() if "remote_write/good" in line]
    assert not any("stored" in line for line in lines)
    assert evidence.counted("samples", "good") > 0
    assert evidence.counted("samples_failed", "good") == 0


def test_what_is_partly_written_is_not_tried_again(evidence):
    """Senders MUST NOT retry on 4xx, and MAY use the headers ``...-Written`` for what became of the
    rest (2.0, Partial Write): no sample of the request comes again."""
    first, *others = evidence["v2_partly_400"].arrivals
    assert first.is_v2
    assert len(others) >= 3
    assert not samples(first) & {one for each in others for one in samples(each)}
    assert "stored 3 of" in evidence.log


def test_what_was_not_written_is_counted(evidence):
    """Senders MAY use the headers ``...-Written`` for more accurate instrumentation (2.0, Required
    Written Response Headers): of a request of which 3 samples were stored the others have
    failed, and of one that was taken none."""
    (refused, *_) = evidence["v2_partly_400"].arrivals
    assert evidence.counted("samples_failed", "v2_partly_400") == len(samples(refused)) - 3
    assert evidence.counted("samples_failed", "v2") == 0


def test_what_is_partly_written_comes_again_after_a_server_error(evidence):
    """On 5xx senders retry the whole request, whatever was written of it (2.0, Retries on Partial
    Writes)."""
    first, second, third, *_ = evidence["v2_partly_500"].arrivals
    assert first.body == second.body == third.body
    assert third.is_taken


@pytest.mark.parametrize("status", V2_REFUSALS)
def test_a_refusal_by_a_receiver_of_2_is_none_of_its_message(evidence, status):
    """4xx is what 2.0 has for what will never succeed (2.0, Invalid Samples): whoever took its
    message before is not sent that of 1.0, the request does not come again, and what is newer
    comes."""
    refused = evidence[f"v2_{status}"].arrivals
    assert [one.status for one in refused[:2]] == [204, status]
    assert all(one.is_v2 for one in refused)
    assert refused[1].body not in {one.body for one in refused[2:]}
    assert max(times(refused)) > max(times(refused[:2]))


# Who is not there.


def test_the_process_lives_with_bad_endpoints(evidence):
    """The protocol is for outages of receivers (1.0, Out of Scope, Persistence): with an endpoint
    that refuses connections, one without an address, one that does not speak TLS and one that
    fails, all from the beginning, the others get everything in time."""
    assert evidence.was_alive
    for name in ("refusing", "nowhere", "no_tls", "status_500"):
        assert f"prometheus_remote_write/{name}" in evidence.log
    assert len(times(evidence["good"].taken)) >= 6


def test_what_waited_for_an_endpoint_comes_when_it_is_there(evidence):
    """It is recommended that senders buffer samples in an outage of the receiver (1.0, Out of
    Scope, Persistence): an endpoint that comes late gets all from the beginning, in order."""
    late, good = (times(evidence[name].taken) for name in ("refusing", "good"))
    assert len(late) > 4
    assert all(there == here for there, here in zip(late, good, strict=False))


def samples(arrival):
    return {
        (series.key, at, bits(value)) for series in arrival.series for at, value in series.samples
    }


def times(arrivals):
    """Of ``up``, in the order in which they came."""
    return [
        at
        for one in arrivals
        for series in one.series
        if series.name == "up"
        for at, _ in series.samples
    ]
