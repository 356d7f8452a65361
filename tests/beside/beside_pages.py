"""The pages that two scrapers are shown: to both the same ones, one phase after another."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

from beside_odd import (
    OPENMETRICS_PAGES,
    TEXT_PAGES,
    timed_openmetrics_pages,
    timed_pages,
)
from beside_phases import LAST_PHASE, flaky, growing, labels, marker, moving, openmetrics, types

from otel_kubecost.testing import HttpServer, Reply

ROOT = Path(__file__).parents[2]
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SCRAPES_A_PHASE = 2
"""Of each page by each scraper, at least; of the odd pages, which have no phases, in all."""
HOUSEKEEPING = 20
"""Milliseconds by which times of a page are behind."""
AFTER_THE_START = 0.1
"""Seconds from the first request to the first phase: Prometheus sends nothing that is older than
what sends it."""


def cluster_page(size, now):
    """One in a hundred pods is replaced from phase to phase, some are measured in every other."""
    # What is installed comes first: of the checkout it is the benchmarks alone that are wanted.
    sys.path.append(str(ROOT))
    try:
        module = import_module("benchmarks.scraping.page")
        pace = module.Pace(HOUSEKEEPING, pausing=5)
    finally:
        sys.path.remove(str(ROOT))
    return module.ClusterPage(size, now, churn=0.01, pace=pace)


class Site(HttpServer):
    """Serves the pages of the phase at hand, from the first request on.

    Who has asked for what is counted by the name of the agent, and by ``job`` where that is a
    parameter: so many pages are the same for several jobs.
    """

    def __init__(self, size):
        super().__init__(self._serve)
        self._size = size
        self._cluster = None
        self._asked = Counter()
        self._lock = threading.Lock()
        self.phase = 0

    def _serve(self, request):
        with self._lock:
            if self._cluster is None:
                time.sleep(AFTER_THE_START)
                self._cluster = cluster_page(self._size, _now())
                self._constant = _odd(_now())
                self._render(_now())
            page = self._pages.get(request.path) or self._constant.get(request.path) or Reply(404)
            self._asked[_agent(request), self._key(request.path, request.query)] += 1
            return page

    def _key(self, path, query):
        return (path, query.get("job", ""), None if path in self._constant else self.phase)

    def go_on(self):
        """To the next phase."""
        with self._lock:
            self.phase += 1
            now = _now()
            self._cluster.turn(now)
            self._render(now)

    def _render(self, now):
        phase = self.phase
        cluster = marker(phase).encode() + self._cluster.text()
        broken = flaky(phase)
        self._pages = {
            "/cluster": Reply(200, cluster, TEXT),
            "/labels": _text(labels(phase)),
            "/types": _text(types(phase)),
            "/moving": _text(moving(phase, now)),
            "/growing": _text(growing(phase)),
            "/flaky": Reply(500, b"down") if broken is None else _text(broken),
            "/openmetrics": Reply(200, openmetrics(phase).encode(), OPENMETRICS),
        }

    def is_seen(self, agents, pages):
        """Whether each agent has this phase of each of ``pages`` (path, job): so that what it wrote
        has that page, however long the next one takes."""
        with self._lock:
            return self._cluster is not None and all(
                self._asked[agent, self._key(path, {"job": job})] >= SCRAPES_A_PHASE
                for agent in agents
                for path, job in pages
            )


def odd_paths():
    """Of all pages of ``beside_odd``."""
    return sorted(_odd(0))


def _odd(now):
    text = {**TEXT_PAGES, **timed_pages(now)}
    open_metrics = {**OPENMETRICS_PAGES, **timed_openmetrics_pages(now)}
    return {
        **{f"/odd/text/{name}": Reply(200, page, TEXT) for name, page in text.items()},
        **{
            f"/odd/openmetrics/{name}": Reply(200, page, OPENMETRICS)
            for name, page in open_metrics.items()
        },
    }


def _agent(request):
    return request.headers.get("User-Agent", "").partition("/")[0]


def _text(page):
    return Reply(200, page.encode(), TEXT)


def _now():
    return time.time_ns() // 1_000_000


__all__ = ["LAST_PHASE", "Site", "odd_paths"]
