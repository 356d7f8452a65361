"""Cost and memory against the number of pods, as an SVG of two panels with logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from benchmarks.bench import Case
from benchmarks.steady import Steady

Points: TypeAlias = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT, _GAP = 360, 260, 80
_COLOURS = {"product": "#0b7a75", "chain": "#b3541e"}
_DASHES = {"wide": "", "guide": ' stroke-dasharray="5 4"'}
_NAMES = {"product": "otel-kubecost", "chain": "exporter + Prometheus"}
_FORMS = {"wide": "12 series a pod", "guide": "3 series a pod"}


class _Scale(NamedTuple):
    """Powers of ten between which a value lies, and the pixels that they have."""

    low: int
    high: int
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def picture(measured: Mapping[Case, Steady]) -> str:
    """An SVG document; of the cases those that were measured with all that is usual."""
    usual = {
        case: found
        for case, found in measured.items()
        if case.sender in _NAMES and case.spool and not case.idle
    }
    width, height = 2 * (_WIDTH + _GAP), _HEIGHT + _GAP + 60
    font = 'font-family="sans-serif" font-size="12" fill="#222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_panel(usual, "CPU seconds a cycle", lambda found: found.cycle, _GAP),
        *_panel(usual, "Peak resident MiB", lambda found: found.peak, 2 * _GAP + _WIDTH),
        *_legend(usual),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _panel(
    cases: Mapping[Case, Steady], title: str, value: Callable[[Steady], float], left: float
) -> Iterator[str]:
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for case, found in sorted(cases.items()):
        lines.setdefault((case.sender, case.form), []).append((case.size, value(found)))
    points = [point for line in lines.values() for point in line]
    across = _scale([x for x, _ in points], left, left + _WIDTH - _GAP / 2)
    up = _scale([y for _, y in points], 40 + _HEIGHT, 40)
    yield f'<text x="{left}" y="24" font-weight="bold">{title}</text>'
    for tick in across.ticks:
        x, text = across(tick), f"{tick:,.0f}"
        yield f'<path d="M{x:.1f} {up.start}V{up.end}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{up.start + 18}" text-anchor="middle">{text}</text>'
    for tick in up.ticks:
        y = up(tick)
        yield f'<path d="M{across.start} {y:.1f}H{across.end}" stroke="#ddd"/>'
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
    middle = (across.start + across.end) / 2
    yield f'<text x="{middle}" y="{up.start + 36}" text-anchor="middle">pods</text>'
    for (sender, form), line in lines.items():
        yield from _line(line, across, up, _COLOURS[sender], _DASHES[form])


def _line(points: Points, across: _Scale, up: _Scale, colour: str, dashes: str) -> Iterator[str]:
    placed = [(across(x), up(y)) for x, y in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    for x, y in placed:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _legend(cases: Mapping[Case, Steady]) -> Iterator[str]:
    shown = sorted({(case.sender, case.form) for case in cases})
    for number, (sender, form) in enumerate(shown):
        x, y = _GAP + number % 2 * (_WIDTH + _GAP), _HEIGHT + 95 + number // 2 * 18
        stroke = f'stroke="{_COLOURS[sender]}" stroke-width="2"{_DASHES[form]}'
        yield f'<path d="M{x} {y}h30" fill="none" {stroke}/>'
        yield f'<text x="{x + 38}" y="{y + 4}">{_NAMES[sender]}, {_FORMS[form]}</text>'


def _scale(values: Sequence[float], start: float, end: float) -> _Scale:
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))
    return _Scale(low, high, start, end)
