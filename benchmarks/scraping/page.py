"""Pages with a given number of series, which go from generation to generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.scraping import application, cadvisor, kube_state
from benchmarks.scraping.cadvisor import Pace
from benchmarks.scraping.families import Shown, Times
from benchmarks.scraping.objects import Deployment, Node, Pod, deployment, node, pod

_OF_A_POD = 140
"""Series, 98 of them cAdvisor's: a pod has one container, and every fourth pod two."""
_OF_PODS, _OF_HISTOGRAMS = 0.85, 0.08
"""Parts of the series."""
_PODS_OF_A_NODE, _PODS_OF_A_DEPLOYMENT = 15, 5


class Page:
    """The text at one target. Times are milliseconds since the epoch."""

    def __init__(self, shown: Sequence[Shown[Any]], now: int) -> None:
        self._shown = shown
        self._times = Times(0, now, now)

    def __len__(self) -> int:
        """The number of series."""
        return sum(map(len, self._shown))

    @property
    def generation(self) -> int:
        return self._times.generation

    def turn(self, now: int) -> None:
        """Go on to the next generation, which begins ``now``."""
        self._times = Times(self.generation + 1, now, self._times.now)

    def text(self) -> bytes:
        return b"".join(self._lines())

    def _lines(self) -> Iterator[bytes]:
        for shown in self._shown:
            yield from shown.lines(self._times)


class ClusterPage(Page):
    """cAdvisor's, kube-state-metrics' and an API server's families, with ``size`` series in all.

    ``churn`` is the part of the pods that each generation replaces, one at least where it is not
    0; the number of series stays.
    """

    def __init__(
        self, size: int, now: int, *, churn: float = 0.0, pace: Pace | None = None, seed: int = 7
    ) -> None:
        count = max(1, int(size * _OF_PODS) // _OF_A_POD)
        self._seed = seed
        self._nodes = [node(number, seed) for number in range(1 + count // _PODS_OF_A_NODE)]
        self._owners = [
            deployment(number, seed) for number in range(1 + count // _PODS_OF_A_DEPLOYMENT)
        ]
        self._next = count
        self._replaced = max(1, round(count * churn)) if churn else 0
        pods = [self._pod(number, number) for number in range(count)]
        self._of_pods = [
            Shown(cadvisor.families(seed, pace or Pace()), pods),
            Shown(kube_state.pod_families(seed), pods),
        ]
        super().__init__(
            [*self._of_pods, *_others(size, self._of_pods, self._nodes, self._owners, seed)], now
        )

    def turn(self, now: int) -> None:
        places = len(self._of_pods[0].things)
        for offset in range(self._replaced):
            place = (self.generation * self._replaced + offset) % places
            successor = self._pod(self._next, place)
            self._next += 1
            for shown in self._of_pods:
                shown.replace(place, successor)
        super().turn(now)

    def _pod(self, number: int, place: int) -> Pod:
        owner = self._owners[place % len(self._owners)]
        return pod(number, place, owner, self._nodes[place % len(self._nodes)], self._seed)


class ProgramPage(Page):
    """What a small program says of itself, with ``size`` series; each ``number`` is another one."""

    def __init__(self, number: int, size: int, now: int) -> None:
        histograms = max(0, size - application.OF_SUMMARY) // (2 * application.OF_HISTOGRAM)
        shown: list[Shown[Any]] = [
            Shown(application.collector_families(number), [number]),
            Shown(application.families(number), range(histograms)),
        ]
        super().__init__([*shown, _rest(size, shown, number)], now)


def _others(
    size: int,
    of_pods: Sequence[Shown[Any]],
    nodes: Sequence[Node],
    owners: Sequence[Deployment],
    seed: int,
) -> Iterator[Shown[Any]]:
    """Everything but pods: a part of histograms, and ConfigMaps until the number is reached."""
    histograms = int(size * _OF_HISTOGRAMS) // application.OF_HISTOGRAM
    shown: list[Shown[Any]] = [
        Shown(kube_state.node_families(seed), nodes),
        Shown(kube_state.deployment_families(seed), owners),
        Shown(application.families(seed), range(histograms)),
        Shown(application.collector_families(seed), range(2)),
    ]
    missing = size - sum(map(len, [*of_pods, *shown]))
    yield from shown
    yield Shown(kube_state.configmap_families(seed), range(missing))


def _rest(size: int, shown: Sequence[Shown[Any]], seed: int) -> Shown[Any]:
    """Queues until the number is reached."""
    return Shown(application.queue_families(seed), range(size - sum(map(len, shown))))
