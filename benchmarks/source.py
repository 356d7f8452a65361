"""The stand-in of Kubecost: answers allocation queries from bodies that are ready beforehand.

    GET /model/allocation?window=...&aggregate=cluster,namespace[,...]    the answer
    GET /rest                                                             stay at generation 0

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

    def __init__(self, size: int) -> None:
        self._cluster = Cluster(size)
        self._size = size
        self._rests = False
        self._dimensions: tuple[str, ...] = ("cluster", "namespace", "pod", "node")
        self._window = _window("")
        self._lock = threading.Lock()
        self._render()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            if request.path == "/rest":
                self._cluster, self._rests = Cluster(self._size), True
                self._render()
                return as_json({})
            if not request.path.endswith("/allocation"):
                return Reply(404)
            dimensions = tuple(request.query["aggregate"].split(","))
            self._prepare_for(dimensions, request.query["window"])
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

    def _prepare_for(self, dimensions: tuple[str, ...], window: str) -> None:
        if set(dimensions) not in _COARSE and dimensions != self._dimensions:
            self._dimensions = dimensions
            self._render()
        if _window(window) != self._window:
            self._window = _window(window)
            self._join()

    def _render(self) -> None:
        places = range(self._size)
        self._rows = [[self._row(place, parity) for place in places] for parity in (0, 1)]
        self._join()

    def _row(self, place: int, parity: int) -> bytes:
        return pod_row(self._cluster.pods[place], parity, self._dimensions)

    def _join(self) -> None:
        namespaces = list(self._cluster.namespaces())
        whole = Amounts(*map(sum, zip(*(costs for _, costs in namespaces), strict=True)))
        rows = [namespace_row(name, costs) for name, costs in namespaces]
        idle = idle_row(whole, ("cluster", "namespace"))
        self._coarse = self._envelope([*rows, idle])
        idle = idle_row(whole, self._dimensions)
        self._fine = self._envelope([*self._rows[self._cluster.generation % 2], idle])

    def _envelope(self, rows: Sequence[bytes]) -> bytes:
        body = b'{"code":200,"data":[{' + b",".join(rows) + b"}]}"
        start, end = self._window
        return body.replace(START.encode(), start.encode()).replace(END.encode(), end.encode())


def _window(asked: str) -> tuple[str, str]:
    """From and to when ``<start>,<end>`` is; of any other window the last settled day."""
    if "," in asked:
        start, _, end = asked.partition(",")
        return start, end
    settled = (time.time() - _SETTLED) // 3600 * 3600
    return _rfc3339(settled - HOURS * 3600), _rfc3339(settled)


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def main(size: str, port: str) -> None:
    source = Source(int(size))
    serve(int(port), source.answer, source.sent)


if __name__ == "__main__":
    main(*sys.argv[1:])
