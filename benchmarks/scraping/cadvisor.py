"""What a kubelet says at ``/metrics/cadvisor``: of each cgroup, and of each pod's network.

Every line has a time of its own, labels that do not apply are empty, and a series' labels are long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from benchmarks.scraping.families import Family, Row, key
from benchmarks.scraping.objects import Container, Pod, chance, course

_Variants = Sequence[Mapping[str, str]]


class Pace(NamedTuple):
    """When things are measured."""

    housekeeping: int = 9_000
    """Milliseconds by which a line's time is behind, at most."""
    pausing: int = 0
    """One of so many pods is measured in every other generation only; 0: none is."""

    def pauses(self, pod: Pod) -> bool:
        return self.pausing > 0 and pod.number % self.pausing == 0


class Measure(NamedTuple):
    name: str
    help: str
    type: str
    kind: str
    """Of course that its numbers take."""
    variants: _Variants = ({},)
    """Labels beside those of the cgroup, a series each."""


def _each(label: str, *values: str, **others: str) -> _Variants:
    return [{label: value, **others} for value in values]


_DISK = {"device": "/dev/nvme0n1"}
_OF_CGROUPS = (
    Measure("container_cpu_usage_seconds_total", "CPU time used", "counter", "seconds",
            _each("cpu", "total")),
    Measure("container_cpu_user_seconds_total", "CPU time in user mode", "counter", "seconds"),
    Measure("container_cpu_system_seconds_total", "CPU time in the kernel", "counter", "seconds"),
    Measure("container_cpu_cfs_periods_total", "Scheduling periods", "counter", "count"),
    Measure("container_cpu_cfs_throttled_periods_total", "Periods held back", "counter", "count"),
    Measure("container_cpu_cfs_throttled_seconds_total", "Time held back", "counter", "seconds"),
    Measure("container_cpu_load_average_10s", "Load of ten seconds", "gauge", "zero"),
    Measure("container_memory_usage_bytes", "Memory in use", "gauge", "bytes"),
    Measure("container_memory_working_set_bytes", "Memory that counts", "gauge", "bytes"),
    Measure("container_memory_rss", "Anonymous memory", "gauge", "bytes"),
    Measure("container_memory_cache", "Page cache", "gauge", "bytes"),
    Measure("container_memory_mapped_file", "Mapped files", "gauge", "bytes"),
    Measure("container_memory_swap", "Swap in use", "gauge", "zero"),
    Measure("container_memory_max_usage_bytes", "Most memory in use", "gauge", "bytes"),
    Measure("container_memory_failcnt", "Hits of the limit", "counter", "zero"),
    Measure("container_memory_failures_total", "Page faults", "counter", "count",
            [*_each("failure_type", "pgfault", "pgmajfault", scope="container"),
             *_each("failure_type", "pgfault", "pgmajfault", scope="hierarchy")]),
    Measure("container_fs_reads_total", "Reads", "counter", "count", [_DISK]),
    Measure("container_fs_reads_bytes_total", "Bytes read", "counter", "count", [_DISK]),
    Measure("container_fs_writes_total", "Writes", "counter", "count", [_DISK]),
    Measure("container_fs_writes_bytes_total", "Bytes written", "counter", "count", [_DISK]),
    Measure("container_processes", "Processes", "gauge", "few"),
    Measure("container_threads", "Threads", "gauge", "few"),
    Measure("container_threads_max", "Most threads", "gauge", "few"),
    Measure("container_sockets", "Open sockets", "gauge", "few"),
    Measure("container_file_descriptors", "Open files", "gauge", "few"),
    Measure("container_start_time_seconds", "Time of the start", "gauge", "moment"),
    Measure("container_last_seen", "When it was there", "gauge", "moment"),
    Measure("container_spec_cpu_period", "Scheduling period", "gauge", "few"),
    Measure("container_spec_cpu_shares", "Shares of CPU", "gauge", "few"),
    Measure("container_spec_memory_limit_bytes", "Limit of memory", "gauge", "limit"),
    Measure("container_spec_memory_swap_limit_bytes", "Limit of swap", "gauge", "zero"),
    Measure("container_ulimits_soft", "Soft limits", "gauge", "few",
            _each("ulimit", "max_open_files")),
    Measure("container_tasks_state", "Tasks by state", "gauge", "zero",
            _each("state", "iowaiting", "running", "sleeping", "stopped", "uninterruptible")),
)  # fmt: skip
_OF_NETWORKS = tuple(
    Measure(f"container_network_{way}_{what}_total", f"{what.title()}, {way}", "counter", kind,
            _each("interface", "eth0"))
    for way in ("receive", "transmit")
    for what, kind in (("bytes", "count"), ("packets", "count"), ("errors", "zero"),
                       ("packets_dropped", "zero"))
)  # fmt: skip


def families(seed: int, pace: Pace) -> Iterator[Family[Pod]]:
    """Of all cgroups, then of networks."""
    for measure in _OF_CGROUPS:
        yield Family(*measure[:3], partial(_cgroup_rows, measure, seed, pace))
    for measure in _OF_NETWORKS:
        yield Family(*measure[:3], partial(_network_rows, measure, seed, pace))


def _cgroup_rows(measure: Measure, seed: int, pace: Pace, pod: Pod) -> Iterator[Row]:
    for cgroup in (pod.cgroup, *pod.containers):
        yield from _rows(measure, cgroup, pod, seed, pace)


def _network_rows(measure: Measure, seed: int, pace: Pace, pod: Pod) -> Iterator[Row]:
    pause = pod.cgroup._replace(image="registry.k8s.io/pause:3.9", runtime_id=pod.uid)
    yield from _rows(measure, pause, pod, seed, pace)


def _rows(measure: Measure, cgroup: Container, pod: Pod, seed: int, pace: Pace) -> Iterator[Row]:
    own = {
        "container": cgroup.name,
        "id": cgroup.id,
        "image": cgroup.image,
        "name": cgroup.runtime_id,
        "namespace": pod.namespace,
        "pod": pod.name,
    }
    lag = chance("lag", pod.number, cgroup.name, seed) % pace.housekeeping
    for variant in measure.variants:
        labels = dict(sorted({**own, **variant}.items()))
        what = (measure.name, pod.number, cgroup.name, *variant.values())
        numbers = course(measure.kind, *what, seed)
        yield Row(key(measure.name, labels), numbers, lag, pace.pauses(pod))
