"""Twenty thousand pods with all their series, from a process that has a container's memory.

Linux enforces no limit of what is resident. What the process may allocate is limited as a container
would be (``RLIMIT_DATA``, for which no privilege is needed), and what was resident at most (VmHWM)
is read when everything has been sent.
"""

import json
import subprocess
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peers import COMMAND, wait_until

from otel_kubecost.testing import FakeKubecost, HttpServer, Reply, decode, is_stale, read_spool

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]

PODS, NAMESPACES, NODES = 20_000, 200, 500
COME_AND_GO = 80
"""Pods that a cycle has and the one before had not."""
CYCLES = 5
INTERVAL = 5
"""Seconds."""
MAY_ALLOCATE = 128 * 2**20
MAY_BE_RESIDENT = 96 * 2**20
HOURS = 24
POD = "cloudtuner_kubecost_pod_"
SERIES = {
    f"{POD}{part}"
    for part in (
        *(f"{cost}_cost" for cost in ("total", "cpu", "ram", "pv", "network", "lb")),
        *(f"network_{way}_cost" for way in ("cross_zone", "cross_region", "internet")),
        *(f"{which}_efficiency" for which in ("cpu", "ram", "total")),
    )
}
PASSED_OVER = {
    **{f"cpuCore{what}": 0.31283 for what in ("RequestAverage", "LimitAverage", "UsageAverage")},
    **{f"ramByte{what}": 1073741824.5 for what in ("RequestAverage", "UsageAverage", "Hours")},
    **{f"network{what}Bytes": 903812.1 for what in ("Transfer", "Receive")},
    **{f"pv{what}": 17179869184.0 for what in ("Bytes", "ByteHours")},
    "pvs": None,
    "lbAllocations": None,
    "gpuAllocation": None,
    "minutes": 1440,
}
"""Of a row; with them and the labels it has two kilobytes."""
LABELS = {f"label_{number}_of_the_workload": f"value-{number}-of-it" * 2 for number in range(18)}


def row(names, rates, span):
    """What costs so much an hour."""
    total = sum(rates.values())
    return {
        "name": "/".join(names.values()),
        "properties": {**names, "labels": LABELS},
        "window": {"start": span[0], "end": span[1]},
        "start": span[0],
        "end": span[1],
        **{f"{name}Cost": HOURS * rate for name, rate in rates.items()},
        "cpuCostAdjustment": 0.0,
        **{f"network{way}Cost": HOURS * 1.0 for way in ("CrossZone", "CrossRegion", "Internet")},
        **{f"{name}Efficiency": 0.5 for name in ("cpu", "ram", "total")},
        "totalCost": HOURS * total,
        **PASSED_OVER,
    }


def rates(generation, count=1):
    """What ``count`` pods cost an hour; each generation costs something else."""
    parts = ("ram", "pv", "network", "loadBalancer")
    return {"cpu": count * (1.0 + generation), **dict.fromkeys(parts, 3.0 * count)}


def numbers(generation):
    return range(generation * COME_AND_GO, generation * COME_AND_GO + PODS)


def pod_name(number):
    return f"checkout-7d9f8b6c5-{number:07}"


def series_of(pods):
    return {(name, pod_name(number)) for name in SERIES for number in pods}


class Cluster:
    """An answer of pods is of the next generation, and so is one of namespaces."""

    def __init__(self):
        self.asked = Counter()

    def __call__(self, query):
        is_fine = "pod" in query.aggregate
        generation = self.asked[is_fine]
        self.asked[is_fine] += 1
        span = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" for at in
                (query.start, query.end)]  # fmt: skip
        rows = self._pods if is_fine else self._namespaces
        found = rows(generation, query.aggregate, span)
        document = {"code": 200, "data": [{one["name"]: one for one in found}]}
        return json.dumps(document, separators=(",", ":")).encode()  # as Go writes it

    def _pods(self, generation, aggregate, span):
        for number in numbers(generation):
            names = {
                "cluster": "one",
                "namespace": f"team-{number % NAMESPACES:04}",
                "node": f"ip-10-0-{number % NODES:05}.eu-central-1.compute.internal",
                "pod": pod_name(number),
            }
            yield row({each: names[each] for each in aggregate}, rates(generation), span)

    def _namespaces(self, generation, _, span):
        counts = Counter(number % NAMESPACES for number in numbers(generation))
        for number, count in counts.items():
            names = {"cluster": "one", "namespace": f"team-{number:04}"}
            yield row(names, rates(generation, count), span)


class Arrived:
    """What came of pods, by the mark in milliseconds."""

    def __init__(self, bodies):
        self.values = defaultdict(dict)
        self.ended = Counter()
        self.samples = 0
        for series in (series for body in bodies for series in decode(body).series):
            self.samples += 1
            labels = dict(series.labels)
            ((mark, value),) = series.points
            key = labels["__name__"], labels.get("pod")
            if not key[0].startswith(POD):
                continue
            if is_stale(value):
                self.ended[key] += 1
            else:
                assert key not in self.values[mark], f"twice at {mark}: {key}"
                self.values[mark][key] = value


def generation_of(found):
    """Of which every series of every pod is in ``found``, and nothing else."""
    (cost,) = {value for (name, _), value in found.items() if name == f"{POD}cpu_cost"}
    generation = round(cost) - 1
    assert sorted(found.keys() ^ series_of(numbers(generation)))[:5] == []
    return generation


@contextmanager
def run(config):
    """The command as a process that may allocate so much; and what tells its VmHWM, in bytes."""
    limits = [f"--data={MAY_ALLOCATE}", f"--stack={2**20}"]  # a thread's stack counts whole
    with config.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            ["prlimit", *limits, *COMMAND, "run", "--config", config], stderr=log
        )

    def peak():
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
        return max(found, default=0) * 1024  # none of a process that is ending

    try:
        yield process, peak
    finally:
        process.kill()
        process.wait()


def configuration(directory, kubecost, endpoint):
    options = {
        "endpoint": kubecost,
        "tenant_id": "11111111-2222-3333-4444-555555555555",
        "cluster_name": "one",
        "currency": "USD",
        "levels": ["cluster", "namespace", "node", "pod"],
        "pod_metrics": "all",
        "collection_interval": f"{INTERVAL}s",
        "emit_interval": f"{INTERVAL}s",
        "timeout": "60s",
        "max_body_bytes": "256MiB",
        "storage": "file_storage",
    }
    everything = {"top_n_pods": 10 * PODS, "max_series": 100 * PODS}
    pipeline = {
        "receivers": ["kubecost"],
        "processors": ["cardinality_limit"],
        "exporters": ["prometheus_remote_write"],
    }
    document = {
        "receivers": {"kubecost": options},
        "processors": {"cardinality_limit": everything},
        "exporters": {"prometheus_remote_write": {"endpoint": endpoint, "storage": "file_storage"}},
        "extensions": {"file_storage": {"directory": str(directory / "spool")}},
        "service": {"extensions": ["file_storage"], "pipelines": {"metrics": pipeline}},
    }
    path = directory / "pipeline.yaml"
    path.write_text(json.dumps(document))
    return path


def test_twenty_thousand_pods_fit_into_96_mib(tmp_path, record_property):
    """Each cycle brings twelve series of every pod, once and with the values of one answer; those
    of pods that are gone end; nothing is dropped, and nothing waits in the end."""
    cluster, bodies = Cluster(), []

    def keep(request):
        if request.method == "POST":
            bodies.append(request.body)
        return Reply(204)

    with FakeKubecost(cluster) as kubecost, HttpServer(keep) as receiver:
        path = configuration(tmp_path, kubecost.url, f"{receiver.url}/api/v1/write")
        with run(path) as (process, peak):
            # When it asks once more, what it had is in the queue at least.
            wait_until(lambda: cluster.asked[True] > CYCLES, timeout=300, process=process)
            process.terminate()
            highest = 0
            while process.poll() is None:
                highest = max(highest, peak())
            assert process.returncode == 0, path.with_suffix(".log").read_text()
    record_property("figure", f"{highest / 2**20:.1f} MiB, {len(bodies)} requests")
    (queue,) = (tmp_path / "spool").glob("queue-*.db")
    books, arrived = read_spool(queue), Arrived(bodies)
    assert (books.faults, dict(books.dropped), books.pending) == ([], {}, 0)
    assert books.accepted == books.delivered == arrived.samples
    generations = [generation_of(found) for found in arrived.values.values()]
    # On a busy machine an answer comes after its mark, and the next one takes its place.
    assert len(set(generations)) > CYCLES // 2
    assert max(generations) >= CYCLES - 1
    gone = series_of(range((CYCLES - 1) * COME_AND_GO))
    assert sorted(gone - arrived.ended.keys())[:5] == []
    assert highest <= MAY_BE_RESIDENT
