"""The process that sends: how it begins, how it ends, and what it leaves behind.

Each test starts the command on its own. What cannot be seen within a test's time: what becomes of
what waits in memory for an endpoint that is down at the end, which has until the 25 seconds are
over that a pod is given.
"""

from __future__ import annotations

import signal
import time

import pytest
from running import Running
from wire_agent import configuration, for_a_while, static, to
from wire_receiver import Receiver, later, takes_v2
from wire_target import Target, few

pytestmark = pytest.mark.peers

DRAIN = 25.0
"""Seconds that what is queued may take to leave."""


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (signal.SIGTERM, {}, later(0.2)),
        (signal.SIGINT, {"protobuf_message": "io.prometheus.write.v2.Request"}, takes_v2),
    ],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_ends_it_with_0(tmp_path, record_property, number, options, answer):
    """What was scraped is sent before the end (Prometheus has a flush deadline for it), and the
    end comes when it is sent, with exit code 0."""
    with Target(page=few) as target, Receiver() as receiver:
        endpoint = receiver.endpoint("write", then=answer)
        path = configuration(
            tmp_path, {"page": static(target, "page")}, {"one": to(endpoint, **options)}
        )
        with Running(path) as agent:
            for_a_while(lambda: target.scrapes["page"] >= 3, agent)
            began = time.monotonic()
            agent.signal(number)
            code = agent.wait()
            seconds = time.monotonic() - began
        record_property("figure", f"{seconds:.2f} s from the signal to the end")
        assert code == 0, agent.log
        assert seconds < DRAIN / 2
        assert target.scrapes["page"] - len(times(endpoint)) <= 1
        assert times(endpoint) == sorted(set(times(endpoint)))


def test_what_it_could_not_send_is_there_after_a_restart(tmp_path):
    """It is recommended that senders buffer persistently (1.0, Out of Scope, Persistence): with an
    endpoint that was never there the process lives, ends with 0 without waiting for it, and the
    next one sends everything in order, the oldest first."""
    receiver = Receiver()
    with receiver:
        endpoint = receiver.endpoint("write")
    with Target(page=few) as target:
        path = configuration(
            tmp_path,
            {"page": static(target, "page")},
            {"one": to(endpoint, storage="file_storage")},
            storage=str(tmp_path / "kept"),
        )
        with Running(path) as agent:
            for_a_while(lambda: target.scrapes["page"] >= 3, agent)
            assert agent.runs
            began = time.monotonic()
            assert agent.stop() == 0, agent.log
            assert time.monotonic() - began < DRAIN / 2
        before = target.scrapes["page"]
        with receiver, Running(path) as agent:
            for_a_while(lambda: len(times(endpoint)) >= before + 1, agent)
            assert agent.stop() == 0, agent.log
        assert target.scrapes["page"] - len(times(endpoint)) <= 2
        assert times(endpoint) == sorted(set(times(endpoint)))
        assert len(times(endpoint)) > before


def times(endpoint):
    """Of ``up``, in the order in which they were taken."""
    return [
        at
        for one in endpoint.taken
        for series in one.series
        if series.name == "up"
        for at, _ in series.samples
    ]
