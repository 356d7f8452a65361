"""What the demo shows: one frame of text made from what the receiver has stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from otel_kubecost.cli.costs import HOURS_A_MONTH, PREFIX, Amount, ClusterCosts, Costs
from otel_kubecost.testing import LabelPairs, Point, is_stale

_LONGEST_LIST = 6
_LINES_BESIDE_LISTS = 20
_BAR = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the demo."""

    time: float
    """Simulated seconds since the epoch."""
    speed: float
    queries: int
    """That the simulated Kubecost answered."""
    requests: int
    samples: int
    violations: int
    """What the receiver refused."""
    values: Mapping[LabelPairs, float]
    """What an instant query at the receiver finds."""
    series: Mapping[LabelPairs, Sequence[Point]]
    """What the receiver has stored."""

    @property
    def data_through(self) -> float | None:
        """The end of the hour that the costs are of."""
        name = f"{PREFIX}exporter_data_through_timestamp_seconds"
        return next((v for labels, v in self.values.items() if ("__name__", name) in labels), None)


class Line(NamedTuple):
    """A line of the frame, and how it stands out where colours may be used."""

    text: str
    style: str = ""
    """``bold``, ``dim``, ``good``, ``bad`` or nothing."""


def frame(now: Snapshot, width: int, height: int) -> list[Line]:
    """The whole picture: no line longer than ``width``, lists as long as ``height`` allows."""
    length = max(1, min(_LONGEST_LIST, (height - _LINES_BESIDE_LISTS) // 2))
    costs = Costs(now.values.items())
    lines = [*_header(now), Line("")]
    for cluster in costs.clusters:
        lines += [*_table(costs, cluster, width), Line("")]
        lines += [*_pods(costs.dearest("pod_total_cost", cluster)[:length], width), Line("")]
    if costs.clusters:
        lines += _events(now.series, length)
    else:
        lines.append(Line("waiting for the first samples ...", "dim"))
    return [Line(line.text[:width], line.style) for line in lines]


def _header(now: Snapshot) -> Iterator[Line]:
    speed = f"1 second is {now.speed / 60:.3g} minutes"
    yield Line(f"otel-kubecost demo   {_clock(now.time, '%Y-%m-%d %H:%M')} UTC simulated, {speed}")
    parts = (
        ("simulated Kubecost", f"{now.queries:,} queries"),
        ("otel-kubecost", f"{len(now.values)} live series"),
        (
            "receiver (stand-in for CloudTuner)",
            f"{now.requests:,} requests, {now.samples:,} samples",
        ),
    )
    widths = [max(map(len, part)) for part in parts]
    names, counts = zip(*parts, strict=True)
    yield Line(" --> ".join(map(str.ljust, names, widths)).rstrip(), "bold")
    yield Line("     ".join(map(str.ljust, counts, widths)).rstrip(), "dim")
    if now.violations:
        yield Line(f"the receiver refused {now.violations} things", "bad")
    through = now.data_through
    if through is not None:
        yield Line("")
        yield Line(
            f"costs of the hour until {_clock(through, '%H:%M')}, read back from the receiver"
        )


def _table(costs: Costs, cluster: str, width: int) -> Iterator[Line]:
    total, namespaces, others = found = costs.of_cluster(cluster)
    if total is None:
        return
    yield Line(_row("namespace", "$/hour", "$/month", "cpu eff"), "bold")
    for name, cost in namespaces:
        efficiency = costs.value("namespace_cpu_efficiency", cluster, name)
        yield Line(_cost_row(name, cost, efficiency, _bar(cost, total, width)))
    for word, cost in others:
        yield Line(_cost_row(f"({word})", cost, None, _bar(cost, total, width)), "dim")
    efficiency = costs.value("cluster_cpu_efficiency", cluster)
    yield Line(_cost_row("cluster total", total, efficiency), "bold")
    yield _reconciliation(found, found.difference or 0.0)


def _reconciliation(found: ClusterCosts, difference: float) -> Line:
    """Kubecost rounds each row to five decimals; beyond that the rows make up the total."""
    namespaces = Amount("namespaces", sum(row.hourly for row in found.namespaces))
    told = " + ".join(f"{word} {cost:.4f}" for word, cost in (namespaces, *found.others))
    agrees = abs(difference) < 0.001
    verdict = "the total, to the cent" if agrees else f"the total less {difference:.4f}"
    return Line(f"  {told} = {verdict}", "good" if agrees else "bad")


def _cost_row(name: str, cost: float, efficiency: float | None, bar: str = "") -> str:
    shown = "" if efficiency is None else f"{efficiency:.0%}"
    return _row(name, f"{cost:.4f}", f"{cost * HOURS_A_MONTH:,.0f}", shown, bar)


def _row(name: str, hourly: str, monthly: str, efficiency: str, bar: str = "") -> str:
    return f"  {name:<22}{hourly:>9}{monthly:>10}{efficiency:>9}  {bar}".rstrip()


def _bar(cost: float, total: float, width: int) -> str:
    """The share of the total, where there is room for it."""
    room = min(_BAR, width - 56)
    return "#" * round(room * cost / total) if total > 0 and room > 0 else ""


def _pods(dearest: Iterable[Amount], width: int) -> Iterator[Line]:
    room = max(20, min(50, width - 14))
    yield Line(f"  {'dearest pods':<{room}}{'$/hour':>9}", "bold")
    for name, cost in dearest:
        yield Line(f"  {_shown(name):<{room}}{cost:>9.4f}")


def _shown(pod: str) -> str:
    """``shop/__other__`` are the pods that the processor folded into one."""
    return pod.replace("/__other__", "/ (all other pods)")


def _events(series: Mapping[LabelPairs, Sequence[Point]], length: int) -> Iterator[Line]:
    events = sorted(_pod_events(series), reverse=True)[:length]
    yield Line("  last events among the top pods", "bold")
    if not events:
        yield Line("  none yet: wait for the next full hour", "dim")
    for at, text in events:
        yield Line(f"  {_clock(at / 1000, '%H:%M')}  {text}")


def _pod_events(series: Mapping[LabelPairs, Sequence[Point]]) -> Iterator[tuple[int, str]]:
    """Series that began after the others, and series that a stale marker has ended.

    A pod leaves when it is gone, and also when the processor folds it into the others.
    """
    pods = {
        f"{pairs['namespace']}/{pairs['pod']}": points
        for labels, points in series.items()
        if (pairs := dict(labels))["__name__"] == f"{PREFIX}pod_total_cost"
    }
    oldest = min((points[0][0] for points in pods.values()), default=0)
    for pod, points in pods.items():
        if points[0][0] > oldest:
            yield points[0][0], f"new   {_shown(pod)}"
        if is_stale(points[-1][1]):
            yield points[-1][0], f"left  {_shown(pod)} -> stale marker"


def _clock(seconds: float, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
