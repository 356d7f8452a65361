"""A process whose pods come and go stays as small as it is."""

import time

import pytest
from running import Running, assert_every_mark_is_there_once, pass_by, push_to

pytestmark = pytest.mark.peers

COSTS = {
    "start": "2026-11-22T00:00:00Z",
    "end": "2026-11-23T00:00:00Z",
    "totalCost": 3.6,
    "cpuCost": 2.4,
    "ramCost": 1.2,
}
CAP = 128 * 2**20
"""Bytes."""


def coming_and_going(query):
    """180 pods; six are others each second."""
    first = 6 * int(time.time())
    names = {f"one/ns-{at % 6}/pod-{at}" for at in range(first, first + 180)}
    if "pod" not in query.aggregate:
        names = {name.rpartition("/")[0] for name in names}
    return {"code": 200, "data": [dict.fromkeys(names, COSTS)]}


def of_pods(store):
    """The series of pods that have not ended."""
    return [labels for labels in store.latest() if any(name == "pod" for name, _ in labels)]


@pytest.mark.timeout(400)
def test_two_hundred_cycles_fit_into_128_mib(config, kubecost, store, record_property):
    """Case 69: with 540 series of pods that come and go; after the 50th it is no more."""
    kubecost.answer(coming_and_going)
    path = config(push_to(store), levels=["cluster", "namespace", "pod"])
    resident = []
    # What a process may allocate, and a thread's stack counts whole, so that is a small one.
    with Running(path, "prlimit", f"--data={CAP}", f"--stack={2**20}") as agent:
        for _ in range(200):
            pass_by(kubecost, agent)
            resident.append(agent.status("VmRSS"))
        peak = agent.status("VmHWM")
        # New pods come before the markers of those that are gone.
        agent.until(lambda: len(of_pods(store)) == 540)
        assert agent.stop() == 0
    early, late = max(resident[50:100]), max(resident[150:])
    figures = f"peak {peak / 1024:.1f} MiB; cycles 50 to 100 {early}, 150 to 200 {late} KiB"
    record_property("figure", figures)
    assert len(store.series) > 540 + 3 * 6 * 190
    assert_every_mark_is_there_once(store)
    assert peak * 1024 < CAP
    assert late <= early * 1.01
