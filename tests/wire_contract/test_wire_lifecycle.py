"""The process that sends: how it begins, how it ends, and what it leaves behind.

Each test starts the command on its own. What cannot be seen within a test's time: what becomes of
what waits in memory for an endpoint that is down at the end, which has until the 25 seconds are
over that a pod is given.

That the end comes within a second is the one time that is tested, and of the best of three: a
machine that has other things to do takes longer now and then, a sender that waits for something
does so each time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from running import Running
from wire_agent import INTERVAL, configuration, for_a_while, static, to
from wire_receiver import Answer, Receiver, later, takes_v2
from wire_target import Target, few

pytestmark = pytest.mark.peers

ATTEMPTS = 3


class Ending(NamedTuple):
    number: int
    answer: Answer
    options: Mapping[str, Any] = MappingProxyType({})
    """Of the exporter."""
    emit_interval: str = INTERVAL


V2 = {"protobuf_message": "io.prometheus.write.v2.Request"}
ENDINGS = {
    "while a request is under way": Ending(signal.SIGTERM, later(0.1)),
    "before anything was sent": Ending(signal.SIGINT, takes_v2, V2, emit_interval="1h"),
    "with an endpoint that is down": Ending(signal.SIGINT, 503, {"storage": "file_storage"}),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_ends_it_with_0(tmp_path, record_property, ending):
    """A signal ends the process with exit code 0 and within a second; what was scraped is sent
    before (Prometheus has a flush deadline for it), or kept where the endpoint is down."""
    seconds = []
    while len(seconds) < ATTEMPTS and not any(one <= 1 for one in seconds):
        directory = tmp_path / str(len(seconds))
        directory.mkdir()
        seconds.append(ended(directory, ENDINGS[ending]))
    record_property("figure", f"{seconds[-1]:.2f} s from the signal to the end")
    assert min(seconds) <= 1, seconds


def ended(directory, ending):
    """The seconds from the signal to the end of a process that has scraped some times."""
    with Target(page=few) as target, Receiver() as receiver:
        endpoint = receiver.endpoint("write", then=ending.answer)
        path = configuration(
            directory,
            {"page": static(target, "page")},
            {"one": to(endpoint, **ending.options)},
            emit_interval=ending.emit_interval,
            storage=str(directory / "kept") if "storage" in ending.options else "",
        )
        with Running(path) as agent:
            for_a_while(lambda: target.scrapes["page"] >= 3, agent)
            began = time.monotonic()
            agent.signal(ending.number)
            code = agent.wait()
            seconds = time.monotonic() - began
        assert code == 0, agent.log
        assert times(endpoint) == sorted(set(times(endpoint)))
        if ending.answer != 503:
            assert target.scrapes["page"] - len(times(endpoint)) <= 1
    return seconds


def test_what_it_could_not_send_is_there_after_a_restart(tmp_path):
    """It is recommended that senders buffer persistently (1.0, Out of Scope, Persistence): with an
    endpoint that was never there the process lives, ends with 0, and the next one sends everything
    in order, the oldest first."""
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
            assert agent.stop() == 0, agent.log
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
