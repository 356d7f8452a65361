"""In what order samples leave, and what is said of series that end.

One process scrapes some pages: one loses a series, one is broken for a while, one leaves with its
target, one with its job, which a reload takes out of the configuration. It writes to endpoints
that take everything, that fail every other time, and that take their time. Time is the sample's
own: nothing here depends on how fast anything is. What cannot be seen here: recording rules, of
which there are none.
"""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from running import Running
from wire_agent import configuration, for_a_while, static, to
from wire_reading import NAN, STALE, bits, is_stale
from wire_receiver import Arrival, Endpoint, Receiver, break_off, later
from wire_target import STAMP, Target, broken, everything, few, many, without

from otel_kubecost.testing import Reply

pytestmark = pytest.mark.peers

OUTAGE = Reply(503, headers={"Retry-After": "1"})
"""Long enough for newer samples to come and wait."""
FLAKY = (500, 204, OUTAGE, 502, 204, break_off, 204, 204, 504, 500, 204) * 5
"""Answers of a receiver that is down time and again."""


@dataclass
class Evidence:
    steady: Endpoint
    flaky: Endpoint
    slow: Endpoint


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    directory = tmp_path_factory.mktemp("order")
    found = directory / "targets.json"
    with (
        Target(page=everything, weak=few, leaving=few, ending=few, many=many, seldom=few) as target,
        Receiver() as receiver,
    ):
        seen = Evidence(
            receiver.endpoint("steady"),
            receiver.endpoint("flaky", FLAKY),
            receiver.endpoint("slow", [OUTAGE], then=later(0.05)),
        )
        found.write_text(json.dumps([{"targets": [target.address]}]))
        by_file = {"files": [str(found)], "refresh_interval": "200ms"}
        jobs = {name: static(target, name) for name in ("page", "weak", "many", "ending")}
        jobs["seldom"] = {**static(target, "seldom"), "scrape_interval": "1200ms"}
        jobs["leaving"] = {"metrics_path": "/leaving", "file_sd_configs": [by_file]}
        shards = {"min_shards": 9, "max_shards": 9, "max_samples_per_send": 120}
        exporters = {
            "steady": to(seen.steady),
            "flaky": to(seen.flaky, queue_config={"max_backoff": "100ms"}),
            "slow": to(seen.slow, queue_config=shards),
        }
        path = configuration(directory, jobs, exporters)
        with Running(path) as agent:
            scraped(target, agent, "page", "weak", "leaving", "ending", more=3)
            found.write_text("[]")
            target.pages |= {"page": without(everything, "room_celsius", "stamped"), "weak": broken}
            scraped(target, agent, "page", "weak")
            target.pages["weak"] = None
            scraped(target, agent, "weak")
            target.pages["weak"] = few
            scraped(target, agent, "page", "weak")
            left_alone(target, agent, "leaving")
            del jobs["ending"]
            configuration(directory, jobs, exporters)
            agent.signal(signal.SIGHUP)
            for_a_while(lambda: "The new configuration is in use" in agent.log, agent)
            scraped(target, agent, "page", "weak")
    return seen


def scraped(target, agent, *names, more=2):
    wanted = {name: target.scrapes[name] + more for name in names}
    for_a_while(lambda: all(target.scrapes[name] >= wanted[name] for name in names), agent)


def left_alone(target, agent, name):
    """Wait until this page is not asked for any more, while others are."""
    asked = 0
    for _ in range(10):
        if target.scrapes[name] == asked:
            return
        asked = target.scrapes[name]
        scraped(target, agent, "page")


class Sample(NamedTuple):
    arrival: Arrival
    key: frozenset[tuple[str, str]]
    time: int
    value: float


def samples(arrivals: Iterable[Arrival]) -> Iterator[Sample]:
    for arrival in arrivals:
        for series in arrival.series:
            for time, value in series.samples:
                yield Sample(arrival, series.key, time, value)


def of_job(arrivals, job, name=None):
    """By series what came of it, in the order of its coming."""
    found = defaultdict(list)
    for one in samples(arrivals):
        labels = dict(one.key)
        if labels["job"] == job and name in {None, labels["__name__"]}:
            found[one.key].append(one)
    return found


# Order.


@pytest.mark.parametrize("name", ["steady", "flaky", "slow"])
def test_samples_of_a_series_come_in_the_order_of_time(evidence, name):
    """Senders MUST send samples for any given series in timestamp order (1.0, Ordering; 2.0,
    Samples), whatever the receiver answers: of what it took, each is newer than the one before."""
    newest = {}
    taken = getattr(evidence, name).taken
    assert len(taken) > 5
    for one in samples(taken):
        assert one.time > newest.get(one.key, -1), dict(one.key)
        newest[one.key] = one.time


def test_nothing_overtakes_what_is_tried_again(evidence):
    """Senders that retry MUST preserve the order of each series (1.0, Out of Scope, Sharding): of
    everything that was offered, taken or not, nothing is older than what came before it."""
    assert len(evidence.flaky.taken) < len(evidence.flaky.arrivals)
    begin = {}
    for series in (each for one in evidence.flaky.arrivals for each in one.series):
        first, _ = series.samples[0]
        assert first >= begin.get(series.key, -1), series.labels
        begin[series.key] = first


def test_everything_arrives_although_it_was_refused(evidence):
    """The protocol is there to propagate samples without loss (1.0, Background): what was answered
    with 5xx, or not at all, is the same as what a good receiver has."""
    there = {(one.key, one.time, bits(one.value)) for one in samples(evidence.flaky.taken)}
    wanted = {(one.key, one.time, bits(one.value)) for one in samples(evidence.steady.taken)}
    assert there == wanted


def test_no_sample_is_sent_twice(evidence):
    """Senders MUST NOT retry what was answered with 2xx (1.0, Retries & Backoff), and a series has
    one sample a time: none comes again, within a request or in another."""
    came = [(one.key, one.time) for one in samples(evidence.steady.arrivals)]
    assert len(set(came)) == len(came)


def test_requests_at_the_same_time_are_of_different_series(evidence):
    """Senders MAY send requests for different series in parallel (1.0, Ordering); of one series
    there is never more than one under way."""
    pairs = [
        (one, other)
        for place, one in enumerate(evidence.slow.arrivals)
        for other in evidence.slow.arrivals[place + 1 :]
        if one.began < other.ended and other.began < one.ended
    ]
    assert pairs
    assert not any(keys(one) & keys(other) for one, other in pairs)


def keys(arrival):
    return {series.key for series in arrival.series}


# Stale markers.


def test_a_series_that_left_the_page_gets_a_stale_marker(evidence):
    """Senders MUST send stale markers when a series will no longer be appended to (1.0, Stale
    Markers): where the target no longer exposes it from one scrape to the next, one, with the time
    of that scrape."""
    ((_, gone),) = of_job(evidence.steady.taken, "page", "room_celsius").items()
    assert marks_of(gone) == [*[False] * (len(gone) - 1), True]
    scrapes = times(evidence.steady.taken, "page", "up")
    assert gone[-1].time == min(time for time in scrapes if time > gone[-2].time)


def test_series_of_a_target_that_fails_get_stale_markers(evidence):
    """Senders MUST send stale markers when a series will no longer be appended to (1.0, Stale
    Markers): where the target could not be scraped, because its page is broken or it is down."""
    ups = only(of_job(evidence.steady.taken, "weak", "up"))
    down = [one.time for one in ups if one.value == 0]
    assert len(down) >= 3
    series = of_job(evidence.steady.taken, "weak", "ticks_total")
    assert len(series) == 4
    for one in series.values():
        assert [each.time for each in one if is_stale(each.value)] == down[:1]
        assert not {each.time for each in one} & set(down[1:])


def test_series_go_on_when_their_target_is_back(evidence):
    """A stale marker is no end for ever (1.0, Stale Markers): with the first good scrape the
    series goes on."""
    ups = only(of_job(evidence.steady.taken, "weak", "up"))
    back = max(one.time for one in ups if one.value == 0)
    for one in of_job(evidence.steady.taken, "weak", "ticks_total").values():
        again = [each.time for each in one if each.time > back]
        assert again == [each.time for each in ups if each.time > back]
        assert again


def test_what_is_said_of_a_target_goes_on_while_it_fails(evidence):
    """The series about a scrape are appended to whatever comes of it: none of them ends (1.0,
    Stale Markers; Prometheus, Jobs and instances)."""
    for name in ("up", "scrape_duration_seconds", "scrape_samples_scraped"):
        assert not any(marks_of(only(of_job(evidence.steady.taken, "weak", name))))


def test_a_target_that_is_gone_ends_when_it_is_gone(evidence):
    """Senders can detect by discovery that a target has gone away (1.0, Stale Markers): its series
    end then, and not with something that happens later."""
    ((*_, last),) = of_job(evidence.steady.taken, "leaving", "up").values()
    assert last.time < max(times(evidence.steady.taken, "ending", "up"))


@pytest.mark.parametrize("job", ["leaving", "ending"])
def test_series_of_a_target_that_is_gone_get_stale_markers(evidence, job):
    """Senders MUST send stale markers when a series will no longer be appended to (1.0, Stale
    Markers): where discovery has no such target any more (leaving), or the configuration no such
    job (ending); ``up`` and its like among them."""
    series = of_job(evidence.steady.taken, job)
    assert {dict(key)["__name__"] for key in series} >= {"ticks_total", "up"}
    for one in series.values():
        assert marks_of(one) == [*[False] * (len(one) - 1), True]


def test_series_with_times_of_their_own_get_no_stale_marker(evidence):
    """Stale markers are for series that were scraped, unless an explicit timestamp was used (2.0,
    Samples)."""
    stamped = only(of_job(evidence.steady.taken, "page", "stamped"))
    assert {one.time for one in stamped} == {STAMP}
    assert not any(marks_of(stamped))


def test_no_other_series_gets_a_stale_marker(evidence):
    """The value MUST NOT be used otherwise (1.0, Stale Markers): who stays on its page is never
    said to have ended, nor who is scraped more seldom than others."""
    for job, wanted in {"page": {"room_celsius"}, "many": set(), "seldom": set()}.items():
        series = of_job(evidence.steady.taken, job)
        assert series
        ended = {dict(key)["__name__"] for key, one in series.items() if any(marks_of(one))}
        assert ended == wanted, job


def test_the_stale_marker_is_the_one_nan(evidence):
    """Stale markers MUST be signalled by the NaN 0x7ff0000000000002 (1.0, Stale Markers), to the
    bit; any other NaN is Prometheus' ordinary one."""
    nans = [bits(one.value) for one in samples(evidence.steady.taken) if one.value != one.value]
    assert {STALE, NAN} == set(nans)


def marks_of(series):
    return [is_stale(one.value) for one in series]


def times(arrivals, job, name):
    return [one.time for one in only(of_job(arrivals, job, name))]


def only(found):
    (series,) = found.values()
    return series
