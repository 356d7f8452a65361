"""A cluster of pods and what they cost: deterministic, with pods that come and go.

Generation 0 has the pods 0 to N-1. In each further generation some of the pods have been replaced
by new ones, and every other pod costs what it did two generations before: no value is that of the
generation before. Amounts are whole hundred-thousandths of the currency, Kubecost's rounding, so
sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

CLUSTER = "cluster-one"
_PARTS = ("cpu", "ram", "pv", "network", "lb", "cpu_adjustment")
"""What a total is the sum of."""
_APPS = ("checkout", "catalogue", "payments-api", "ledger", "search-index", "image-resizer", "web")


class Amounts(NamedTuple):
    """What something costs over the window, in hundred-thousandths.

    The network's cost has those of zone, region and internet in it.
    """

    cpu: int
    ram: int
    pv: int
    network: int
    lb: int
    zone: int
    region: int
    internet: int
    cpu_adjustment: int

    @property
    def total(self) -> int:
        return sum(getattr(self, part) for part in _PARTS)


class Pod(NamedTuple):
    number: int
    namespace: str
    node: str
    name: str
    app: str


class Cluster:
    """The pods of one generation after another, and what their namespaces cost together."""

    def __init__(self, size: int, churn: float) -> None:
        """``churn`` is the part of the pods that each generation replaces, one at least."""
        self.generation = 0
        self._namespaces = max(10, size // 100)
        self._nodes = max(5, size // 40)
        self._sums: list[dict[str, list[int]]] = [{}, {}]
        self.pods = [self._pod(number) for number in range(size)]
        self._next = size
        self._replaced = max(1, round(size * churn))
        for pod in self.pods:
            self._count(pod, 1)

    def turn(self) -> list[int]:
        """Go on to the next generation; gives the places in ``pods`` whose pod is another."""
        first = self.generation * self._replaced
        places = [(first + offset) % len(self.pods) for offset in range(self._replaced)]
        for place in places:
            self._count(self.pods[place], -1)
            self.pods[place] = self._pod(self._next)
            self._count(self.pods[place], 1)
            self._next += 1
        self.generation += 1
        return places

    def namespaces(self) -> Iterator[tuple[str, Amounts]]:
        """Every namespace that has pods, with the exact sum of their costs."""
        for name, costs in sorted(self._sums[self.generation % 2].items()):
            if any(costs):
                yield name, Amounts(*costs)

    def _count(self, pod: Pod, sign: int) -> None:
        for parity, sums in enumerate(self._sums):
            costs = sums.setdefault(pod.namespace, [0] * len(Amounts._fields))
            for index, amount in enumerate(amounts(pod.number, parity)):
                costs[index] += sign * amount

    def _pod(self, number: int) -> Pod:
        digest = _digest(number)
        team = number % self._namespaces
        app = _APPS[team % len(_APPS)]
        return Pod(
            number,
            namespace=f"team-{team:04d}-{app}",
            node=f"ip-10-{digest // 7 % self._nodes:05d}.eu-central-1.compute.internal",
            name=f"{app}-{digest:010x}-{number:05x}",
            app=app,
        )


def amounts(number: int, generation: int) -> Amounts:
    """What pod ``number`` costs in ``generation``; the even ones differ from the odd ones."""
    seed = _digest(number * 2 + generation % 2)
    zone, region, internet = (1 + (seed >> shift) % 997 for shift in (3, 9, 15))
    cpu = 20_000 + seed % 900_017
    return Amounts(
        cpu=cpu,
        ram=10_000 + (seed >> 5) % 500_009,
        pv=1 + (seed >> 11) % 200_003,
        network=zone + region + internet,
        lb=1 + (seed >> 7) % 3_001,
        zone=zone,
        region=region,
        internet=internet,
        cpu_adjustment=-(cpu // 64),
    )


def efficiency(number: int, which: int) -> int:
    """Hundred-thousandths, up to 1.2."""
    return 1 + _digest(number * 3 + which) % 120_000


def _digest(number: int) -> int:
    """A number below 2**40 that looks like chance (Knuth's multiplicative hash)."""
    return (number * 2_654_435_761 + 1_013_904_223) * 40_503 % 2**40
