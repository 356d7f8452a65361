"""``memory_limiter``: what passes goes by the memory that this process really has."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from opentelemetry.sdk.metrics.export import MetricsData
from peers import Agent, wait_until
from pydantic import ValidationError

from otel_kubecost.errors import ConfigError, RetryableError
from otel_kubecost.memory import available_bytes, resident_bytes
from otel_kubecost.processors.memory_limiter import MemoryLimiter, MemoryLimiterOptions, processor
from otel_kubecost.testing import FakeClock, FakeKubecost, RemoteWriteReceiver

MIB = 2**20

UNDER_PRESSURE = """
import gc
from opentelemetry.sdk.metrics.export import MetricsData
from otel_kubecost.allocator import use_one_heap
from otel_kubecost.errors import RetryableError
from otel_kubecost.memory import resident_bytes
from otel_kubecost.processors.memory_limiter import MemoryLimiter
from otel_kubecost.testing import FakeClock

use_one_heap()
gc.disable()
clock = FakeClock()
limiter = MemoryLimiter(
    limit_mib=resident_bytes() // 2**20 + 100, spike_limit_mib=40, clock=clock
)

def attempt():
    clock.advance(1)
    try:
        limiter(MetricsData([]))
        print("passes")
    except RetryableError as error:
        print(error)

class Circle:
    def __init__(self):
        self.itself, self.ballast = self, bytes(100_000)

attempt()
held = bytearray(90 * 2**20)
attempt()
del held
attempt()
for _ in range(900):
    Circle()
print(resident_bytes() > (limiter._options.limit_mib - 40) * 2**20)
attempt()
blocks = [bytes(2000) for _ in range(45_000)]
behind = bytes(2000)
del blocks
print(resident_bytes() > (limiter._options.limit_mib - 40) * 2**20)
attempt()
"""


@pytest.mark.peers
def test_more_than_the_limit_is_refused_and_what_can_be_given_back_does_not_count():
    """Of 60 MiB that a process may still take, 90 are refused; when they are gone it goes on, and
    at once where they are in cycles that nobody has, or between others on the heap."""
    finished = subprocess.run(
        [sys.executable, "-c", UNDER_PRESSURE], capture_output=True, text=True, check=True
    )
    fits, held, freed, *garbage = finished.stdout.splitlines()
    assert (fits, freed) == ("passes", "passes")
    assert held.startswith("memory_limiter measures ")
    assert "limit_mib less spike_limit_mib is " in held
    assert garbage == ["True", "passes"] * 2


PIPELINE = """
receivers:
  kubecost: {{endpoint: "{kubecost}", tenant_id: t, cluster_name: c,
             collection_interval: 1s, emit_interval: 1s}}
processors:
  memory_limiter: {{limit_mib: {limit}}}
exporters:
  prometheus_remote_write: {{endpoint: "{receiver}"}}
service:
  pipelines:
    metrics:
      receivers: [kubecost]
      processors: [memory_limiter]
      exporters: [prometheus_remote_write]
"""
ANSWER = {
    "code": 200,
    "data": [
        {
            "c/shop": {
                "properties": {"cluster": "c", "namespace": "shop"},
                "start": "2026-11-22T00:00:00Z",
                "end": "2026-11-23T00:00:00Z",
                "totalCost": 2.4,
            }
        }
    ],
}


@pytest.mark.peers
def test_an_agent_with_too_low_a_limit_loses_nothing(tmp_path):
    """It sends nothing as long as its limit is below what any process of ours takes, and every mark
    of that time when SIGHUP has raised it."""
    path = tmp_path / "pipeline.yaml"
    with FakeKubecost(ANSWER) as kubecost, RemoteWriteReceiver() as receiver:

        def limit(mib):
            urls = {"kubecost": kubecost.url, "receiver": receiver.endpoint}
            path.write_text(PIPELINE.format(limit=mib, **urls))

        def marks():
            name = ("__name__", "cloudtuner_kubecost_cluster_total_cost")
            return [
                at // 1000
                for labels, points in receiver.series.items()
                if name in labels
                for at, _ in points
            ]

        limit(8)
        with Agent("--config", path) as agent:
            wait_until(lambda: kubecost.requests)
            first = time.time()
            wait_until(lambda: time.time() > first + 2.5)
            assert receiver.request_count == 0
            limit(2000)
            agent.signal(signal.SIGHUP)
            wait_until(lambda: marks() and marks()[-1] > first + 3)
            assert agent.stop() == 0
        assert marks() == list(range(marks()[0], marks()[-1] + 1))
        assert marks()[0] <= first + 1
        assert receiver.violations == []
    assert agent.log.count("What is refused is asked for again: memory_limiter measures ") == 1
    assert "limit_mib less spike_limit_mib is 6 MiB; raise limit_mib" in agent.log
    assert agent.log.count("Nothing is refused any more; ") == 1


@pytest.mark.parametrize(
    ("options", "hard", "soft"),
    [
        ({"limit_mib": 4000, "spike_limit_mib": 800}, 4000, 3200),
        ({"limit_mib": 1000}, 1000, 800),
        ({"limit_percentage": 80, "spike_limit_percentage": 15}, 800, 650),
        ({"limit_percentage": 50}, 500, 400),
        ({"limit_mib": 100, "limit_percentage": 50, "spike_limit_percentage": 1}, 100, 80),
    ],
)
def test_limits_are_those_that_the_collector_has(options, hard, soft):
    """The examples of its documentation, on a machine with 1000 MiB: the fixed limit comes before
    the percentage, and the spike is a fifth of the limit where nothing is said of it."""
    limits = MemoryLimiterOptions(**options).limits(1000 * MIB)
    assert (limits.hard, limits.soft) == (hard * MIB, soft * MIB)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "has no limit; add `limit_mib: 512` or `limit_percentage: 80`"),
        ({"limit_mib": 100, "spike_limit_mib": 100}, "spike_limit_mib is not less than limit_mib"),
        (
            {"limit_percentage": 10, "spike_limit_percentage": 20},
            "spike_limit_percentage is not less than limit_percentage",
        ),
        ({"limit_percentage": 101}, "must be 100 or less"),
        ({"limit_mib": 100, "check_interval": 0}, "must be more than 0s"),
    ],
)
def test_what_the_collector_refuses_is_refused(options, message):
    """A limiter that cannot limit is a mistake."""
    with pytest.raises(ConfigError, match=message):
        MemoryLimiter(**options)
    with pytest.raises(ValidationError):
        MemoryLimiterOptions(**options)


class Machine:
    """One with 1000 MiB, as the kernel shows it below ``proc``."""

    def __init__(self, proc):
        self.proc = proc
        (proc / "self").mkdir()
        (proc / "self/cgroup").write_text("0::/\n")
        (proc / "meminfo").write_text(f"MemTotal: {1000 * 1024} kB\n")

    def use(self, mib):
        """Let the process have so much."""
        pages = mib * MIB // os.sysconf("SC_PAGE_SIZE")
        (self.proc / "self/statm").write_text(f"0 {pages} 0 0 0 0 0\n")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The processor reads its files in place of the kernel's."""
    monkeypatch.setattr(processor, "resident_bytes", partial(resident_bytes, tmp_path))
    available = partial(available_bytes, tmp_path, tmp_path / "cgroup")
    monkeypatch.setattr(processor, "available_bytes", available)
    return Machine(tmp_path)


def test_a_percentage_is_of_what_the_process_may_have(machine):
    """At the soft limit it passes, above it is refused."""
    clock = FakeClock()
    limiter = MemoryLimiter(limit_percentage=80, spike_limit_percentage=30, clock=clock)
    machine.use(500)
    assert limiter(MetricsData([])) == MetricsData([])
    machine.use(501)
    clock.advance(1)
    with pytest.raises(RetryableError, match=r"501 MiB .* is 500 MiB; raise limit_percentage"):
        limiter(MetricsData([]))


def test_a_measurement_holds_for_check_interval(machine):
    """Memory is not measured for each of the many batches of a gap."""
    clock = FakeClock()
    limiter = MemoryLimiter(limit_mib=100, check_interval="10s", clock=clock)
    outcomes = []
    for mib, seconds in ((90, 0), (10, 9), (10, 1), (90, 9), (90, 1)):
        machine.use(mib)
        clock.advance(seconds)
        try:
            limiter(MetricsData([]))
            outcomes.append("passes")
        except RetryableError:
            outcomes.append("refused")
    assert outcomes == ["refused", "refused", "passes", "passes", "refused"]


def test_where_the_system_does_not_tell_everything_passes(machine, caplog):
    """A pipeline that runs elsewhere than on Linux runs without the limit, and says so once."""
    clock = FakeClock()
    limiter = MemoryLimiter(limit_mib=1, clock=clock)
    for _ in range(2):
        assert limiter(MetricsData([])) == MetricsData([])
        clock.advance(1)
    (said,) = caplog.records
    assert said.getMessage().startswith("memory_limiter limits nothing: ")
