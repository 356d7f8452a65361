"""What runs in the simulated cluster, and when: pods that come and go, from a seed and a time.

Nothing is stored and nothing is random: a pod's name, life and load are functions of the seed,
the workload and the clock, so any window of any day can be asked for in any order. Time is whole
seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HOUR = 3600
DAY = 24 * HOUR
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When pods live: ``up`` seconds from ``phase`` on, again every ``period`` seconds."""

    period: int
    up: int
    phase: int = 0


STEADY = Rhythm(period=3 * DAY, up=3 * DAY)
"""Always up, with a new pod every third day: somebody deploys."""
FOREVER = Rhythm(period=3650 * DAY, up=3650 * DAY)
OFFICE = Rhythm(period=DAY, up=10 * HOUR, phase=8 * HOUR)
RUSH = Rhythm(period=DAY, up=6 * HOUR, phase=16 * HOUR)
"""The replicas that an autoscaler adds in the evening."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A controller and what each of its pods asks for."""

    namespace: str
    name: str
    cpu: float
    """Cores requested."""
    ram: float
    """GiB requested."""
    rhythms: tuple[Rhythm, ...]
    """One for each replica."""
    busy: float = 0.4
    """Mean usage as a share of the request; may exceed 1."""
    kind: str = "deployment"
    node: str = "general"
    """The node pool."""
    gpu: float = 0.0
    disk: float = 0.0
    """GiB of persistent volume."""
    traffic: float = 0.0
    """GiB sent an hour."""
    load_balancer: bool = False
    """The first replica carries the cost of one."""
    discount: float = 0.0
    """Share of the CPU cost that a reconciled bill takes off (``cpuCostAdjustment``)."""
    labels: Mapping[str, str] = field(default_factory=dict)


WORKLOADS = (
    Workload("shop", "web", 0.5, 0.75, (STEADY,) * 3 + (RUSH,) * 3, 0.55, traffic=1.2,
             load_balancer=True, labels={"team": "storefront"}),
    Workload("shop", "checkout", 0.5, 1.0, (STEADY, STEADY, RUSH), 0.35, traffic=0.3,
             labels={"team": "storefront"}),
    Workload("shop", "search", 1.0, 4.0, (STEADY, STEADY), 0.7, disk=50, labels={"team": "search"}),
    Workload("shop", "image-resize", 0.5, 0.5, (Rhythm(HOUR, 20 * 60, 5 * 60),) * 2, 0.9,
             kind="job", labels={"team": "storefront"}),
    Workload("payments", "api", 1.0, 2.0, (STEADY, STEADY), 0.3, traffic=0.2, load_balancer=True,
             discount=0.1, labels={"team": "payments"}),
    Workload("payments", "postgres", 2.0, 8.0, (FOREVER, FOREVER), 0.25, kind="statefulset",
             disk=200, discount=0.1, labels={"team": "payments"}),
    Workload("payments", "reconcile", 0.25, 0.5, (Rhythm(6 * HOUR, 50 * 60),), 0.8, kind="job",
             labels={"team": "payments"}),
    Workload("ml-training", "trainer", 6.0, 24.0, (Rhythm(8 * HOUR, 7 * HOUR, HOUR),), 0.85,
             kind="job", node="gpu", gpu=1.0, labels={"team": "ml"}),
    Workload("ml-training", "evaluate", 1.0, 6.0, (Rhythm(8 * HOUR, 40 * 60),), 0.5, kind="job",
             node="gpu", labels={"team": "ml"}),
    Workload("ml-training", "notebook", 1.0, 4.0, (OFFICE, OFFICE), 0.1, disk=20,
             labels={"team": "ml"}),
    Workload("kube-system", "coredns", 0.1, 0.07, (STEADY, STEADY), 0.1),
    Workload("kube-system", "kube-proxy", 0.1, 0.06, (FOREVER,) * 4, 0.05, kind="daemonset"),
    Workload("monitoring", "prometheus", 1.0, 6.0, (FOREVER,), 0.6, kind="statefulset", disk=100,
             labels={"team": "platform"}),
    Workload("monitoring", "node-exporter", 0.05, 0.05, (FOREVER,) * 4, 0.4, kind="daemonset",
             labels={"team": "platform"}),
    Workload("dev", "sandbox", 0.25, 0.5, (OFFICE,) * 4, 0.15, labels={"team": "storefront"}),
    Workload("dev", "ci-runner", 1.0, 2.0, tuple(
        Rhythm(2 * HOUR, 25 * 60, at * 31 * 60) for at in range(4)
    ), 1.1, kind="job", traffic=0.1),
)  # fmt: skip
"""A small company: a shop, its payments, a team that trains models, and what they all stand on."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One life of one replica, and what it cost per hour of it."""

    workload: Workload
    replica: int
    name: str
    node: str
    start: int
    end: int
    seed: str = ""

    def busy_at(self, hour: int) -> float:
        """Usage as a share of the request in an hour of the clock (hours since the epoch)."""
        day = 1 + 0.3 * math.sin((hour % 24 - 9) * math.pi / 12)
        noise = 0.85 + 0.3 * share(self.seed, self.name, hour)
        return self.workload.busy * day * noise


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on ``parts`` and on nothing else."""
    return int.from_bytes(_digest(*parts)[:6], "big") / 2**48


_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes suffixes of: no vowels, no digits that look like letters."""


def suffix(length: int, *parts: object) -> str:
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in _digest(*parts)[:length])


def _digest(*parts: object) -> bytes:
    return hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()


def living(seed: str, nodes: Mapping[str, int], start: int, end: int) -> Iterator[Pod]:
    """Every pod of which some life lies within ``[start, end)``; ``nodes`` counts each pool's."""
    for workload in WORKLOADS:
        for number, rhythm in enumerate(workload.rhythms):
            replica = _Replica(seed, workload, number, nodes[workload.node])
            yield from replica.lives(rhythm, start, end)


@dataclass(frozen=True, slots=True)
class _Replica:
    """One place in a workload, which pods fill one after another."""

    seed: str
    workload: Workload
    number: int
    nodes: int

    @property
    def _key(self) -> tuple[str, str, str]:
        return self.seed, self.workload.namespace, self.workload.name

    def lives(self, rhythm: Rhythm, start: int, end: int) -> Iterator[Pod]:
        """Replicas start up to ten minutes late, each by a time of its own."""
        phase = rhythm.phase + int(600 * share(*self._key, self.number))
        first, last = (start - phase) // rhythm.period, (end - phase) // rhythm.period
        for life in range(first, last + 1):
            begin = phase + life * rhythm.period
            if begin < end and begin + rhythm.up > start:
                yield self._pod(life, begin, begin + rhythm.up)

    def _pod(self, life: int, start: int, end: int) -> Pod:
        return Pod(
            self.workload, self.number, self._name(life), self._node(), start, end, self.seed
        )

    def _name(self, life: int) -> str:
        own = suffix(5, *self._key, self.number, life)
        match self.workload.kind:
            case "statefulset":
                return f"{self.workload.name}-{self.number}"
            case "deployment":
                return f"{self.workload.name}-{suffix(9, *self._key, life)}-{own}"
            case _:
                return f"{self.workload.name}-{own}"

    def _node(self) -> str:
        """Replicas are spread; a daemon set has one on each node."""
        spread = 0 if self.workload.kind == "daemonset" else int(97 * share(*self._key))
        return f"node-{self.workload.node}-{(spread + self.number) % self.nodes}"
