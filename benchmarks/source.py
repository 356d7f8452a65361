"""The stand-in of Kubecost: answers allocation queries from bodies that are ready beforehand.

    GET /model/allocation?window=...&aggregate=cluster,namespace[,...]    the answer
    GET /asked                                                            the aggregates asked for
    GET /rest                                          stay at generation 0, of which nobody asked

An answer by pods is followed by the next generation of the cluster, so each cycle sees new costs
and some new pods. The process does not count; what it does between two cycles costs nobody.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from benchmarks.allocation_json import END, HOURS, START, idle_row, namespace_row, pod_row
from benchmarks.cluster import Amounts, Cluster
from benchmarks.small_http import Reply, Request, as_json, serve

_COARSE = ({"cluster"}, {"cluster", "namespace"})
_SETTLED = 20 * 60


class Source:
    """Answers in the shape of OpenCost, from one ``Cluster``."""

    def __init__(self, size: int, churn: float) -> None:
        self._size, self._churn = size, churn
        self._cluster = Cluster(size, churn)
        self._rests = False
        self._asked: dict[str, None] = {}
        self._dimensions: tuple[str, ...] = ("cluster", "namespace", "pod", "node")
        self._window = _window("")
        self._lock = threading.Lock()
        self._render()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            if request.path == "/rest":
                self._cluster, self._rests = Cluster(self._size, self._churn), True
                self._asked = {}
                self._render()
                return as_json({})
            if request.path == "/asked":
                return as_json(list(self._asked))
            if not request.path.endswith("/allocation"):
                return Reply(404)
            aggregate = request.query["aggregate"]
            self._asked[aggregate] = None
            dimensions = tuple(aggregate.split(","))
            self._prepare_for(dimensions, _window(request.query["window"]))
            is_coarse = set(dimensions) in _COARSE
            return Reply(200, self._coarse if is_coarse else self._fine, is_chunked=True)

    def sent(self, request: Request) -> None:
        """Prepare what is asked next."""
        if self._rests or set(request.query.get("aggregate", "cluster").split(",")) in _COARSE:
            return
        with self._lock:
            for place in self._cluster.turn():
                for parity, rows in enumerate(self._rows):
                    rows[place] = self._row(place, parity)
            self._join()

    def _prepare_for(self, dimensions: tuple[str, ...], window: tuple[str, str]) -> None:
        if set(dimensions) in _COARSE:
            dimensions = self._dimensions
        if (dimensions, window) != (self._dimensions, self._window):
            self._dimensions, self._window = dimensions, window
            self._render()

    def _render(self) -> None:
        places = range(self._size)
        self._rows = [[self._row(place, parity) for place in places] for parity in (0, 1)]
        self._join()

    def _row(self, place: int, parity: int) -> bytes:
        return self._timed(pod_row(self._cluster.pods[place], parity, self._dimensions))

    def _join(self) -> None:
        namespaces = list(self._cluster.namespaces())
        whole = Amounts(*map(sum, zip(*(costs for _, costs in namespaces), strict=True)))
        rows = [self._timed(namespace_row(name, costs)) for name, costs in namespaces]
        self._coarse = self._envelope(rows, idle_row(whole, ("cluster", "namespace")))
        rows = self._rows[self._cluster.generation % 2]
        self._fine = self._envelope(rows, idle_row(whole, self._dimensions))

    def _envelope(self, rows: Sequence[bytes], idle: bytes) -> bytes:
        # In the order of their keys, as Go writes a map.
        return b'{"code":200,"data":[{' + b",".join(sorted([*rows, self._timed(idle)])) + b"}]}"

    def _timed(self, row: bytes) -> bytes:
        start, end = self._window
        return row.replace(START.encode(), start.encode()).replace(END.encode(), end.encode())


def _window(asked: str) -> tuple[str, str]:
    """From and to when ``<start>,<end>`` is; of any other window the last settled day."""
    if "," in asked:
        start, _, end = asked.partition(",")
        return start, end
    settled = (time.time() - _SETTLED) // 3600 * 3600
    return _rfc3339(settled - HOURS * 3600), _rfc3339(settled)


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def main(size: str, churn: str, port: str) -> None:
    source = Source(int(size), float(churn))
    serve(int(port), source.answer, source.sent)


if __name__ == "__main__":
    main(*sys.argv[1:])
