"""What a program says of itself: requests, their histograms, its collector's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate

from benchmarks.scraping.families import Course, Family, Row, key
from benchmarks.scraping.objects import chance, course

_BOUNDS = (
    "0.005", "0.025", "0.05", "0.1", "0.2", "0.4", "0.6", "0.8", "1", "1.25", "1.5", "2", "3", "4",
    "5", "6", "8", "10", "15", "20", "30", "45", "60", "+Inf",
)  # fmt: skip
_VERBS = ("GET", "LIST", "WATCH", "POST", "PUT", "PATCH", "DELETE")
_KINDS = ("pods", "nodes", "leases", "secrets", "configmaps", "endpoints", "replicasets", "events")
_QUANTILES = ("0", "0.25", "0.5", "0.75", "1")
OF_HISTOGRAM = len(_BOUNDS) + 2
"""Series of one combination of labels."""
OF_SUMMARY = len(_QUANTILES) + 2


def families(seed: int) -> Iterator[Family[int]]:
    """An API server's histogram; the number is that of a combination of labels."""
    yield Family(
        "apiserver_request_duration_seconds",
        "Time to the answer.",
        "histogram",
        partial(_histogram, "apiserver_request_duration_seconds", seed),
    )


def collector_families(seed: int) -> Iterator[Family[int]]:
    """A summary, of which one quantile is not known; the number is that of a program."""
    name = "go_gc_duration_seconds"
    yield Family(name, "Pauses of the garbage collector.", "summary", partial(_summary, name, seed))


def queue_families(seed: int) -> Iterator[Family[int]]:
    """A gauge, to have as many series as are wanted; the number is that of a queue."""
    yield Family("workqueue_depth", "What waits.", "gauge", partial(_queue, seed))


def _histogram(name: str, seed: int, number: int) -> Iterator[Row]:
    labels = {
        "component": "apiserver",
        "resource": _KINDS[number // len(_VERBS) % len(_KINDS)],
        "scope": f"scope-{number // (len(_VERBS) * len(_KINDS)):02d}",
        "verb": _VERBS[number % len(_VERBS)],
    }
    drawn = [chance(name, number, bound, seed) for bound in _BOUNDS]
    starts = accumulate(one % 3_000 for one in drawn)
    steps = list(accumulate(one % 5 * (one % 2) for one in drawn))
    for bound, start, step in zip(_BOUNDS, starts, steps, strict=True):
        count = Course(float(start), step=float(step))
        yield Row(key(f"{name}_bucket", {**labels, "le": bound}), count)
    yield Row(key(f"{name}_sum", labels), Course(count.start * 0.173, step=count.step * 0.173))
    yield Row(key(f"{name}_count", labels), count)


def _summary(name: str, seed: int, number: int) -> Iterator[Row]:
    program = {"program": f"program-{number:03d}"}
    for place, quantile in enumerate(_QUANTILES):
        is_known = place or number % 2
        pause = Course((place + 1) * 2.31e-05 if is_known else float("nan"))
        yield Row(key(name, {**program, "quantile": quantile}), pause)
    yield Row(key(f"{name}_sum", program), course("seconds", name, "sum", number, seed))
    yield Row(key(f"{name}_count", program), course("count", name, "count", number, seed))


def _queue(seed: int, number: int) -> Sequence[Row]:
    labels = {"name": f"queue-{number:05d}"}
    return [Row(key("workqueue_depth", labels), course("few", "queue", number, seed))]
