"""The stand-in of what is scraped: pages of several generations, ready and compressed beforehand.

    GET /cluster       one page of a given number of series, a part of whose pods is replaced
    GET /program/17    what a small program says
    GET /scraped       how often each page was asked for at least, when one was last, and until when
                       the lines' own times go

A page is followed by its next generation whenever it is asked for, and stays at the last one. The
lines' own times are those of the generations, an interval apart, and begin after the scrapers do:
Prometheus sends nothing that is older than itself. The process does not count, and does next to
nothing while the scrapers work.
"""

from __future__ import annotations

import gzip
import sys
import threading
import time
from collections.abc import Sequence

from benchmarks.scraping.page import ClusterPage, Page, ProgramPage
from benchmarks.small_http import Reply, Request, as_json, serve

_AHEAD = 15_000
"""Milliseconds: the lag of the lines' times, and the start of a scraper."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
OF_PROGRAM = 100
"""Series of a program."""


class Target:
    """One page, all its generations."""

    def __init__(self, page: Page, begin: int, interval: int, generations: int) -> None:
        """``begin`` and ``interval`` in milliseconds."""
        self.asked = 0
        self.last = 0.0
        """When it was asked for."""
        self.until = (begin + (generations - 1) * interval) / 1000
        """The time of the last generation, in seconds since the epoch."""
        self._pages = [_packed(page)]
        for generation in range(1, generations):
            page.turn(begin + generation * interval)
            self._pages.append(_packed(page))
        self._lock = threading.Lock()

    def answer(self) -> Reply:
        with self._lock:
            body = self._pages[min(self.asked, len(self._pages) - 1)]
            self.asked += 1
            self.last = time.time()
        return Reply(200, body, content_type=_TEXT, encoding="gzip")


def _packed(page: Page) -> bytes:
    """As both kinds of scrapers ask for it."""
    return gzip.compress(page.text(), compresslevel=1)


def _scraped(targets: Sequence[Target]) -> Reply:
    least, last = min(one.asked for one in targets), max(one.last for one in targets)
    return as_json({"least": least, "last": last, "until": max(one.until for one in targets)})


def host(program: int) -> str:
    """Each program has an address of its own, as in a cluster."""
    return f"127.0.{1 + program // 250}.{1 + program % 250}"


def main(  # noqa: PLR0913, PLR0917  its command line
    size: str, churn: str, programs: str, interval: str, generations: str, port: str
) -> None:
    """One page with ``size`` series, if any; so many programs; ``interval`` in seconds."""
    begin = _begin(int(size), int(generations))
    turns = int(interval) * 1000, int(generations)
    targets = {
        f"/program/{number}": Target(ProgramPage(number, OF_PROGRAM, begin), begin, *turns)
        for number in range(int(programs))
    }
    if int(size):
        page = ClusterPage(int(size), begin, churn=float(churn))
        targets["/cluster"] = Target(page, begin, *turns)

    def answer(request: Request) -> Reply:
        if request.path == "/scraped":
            return _scraped(list(targets.values()))
        target = targets.get(request.path)
        return target.answer() if target else Reply(404)

    for number in range(int(programs)):
        place = int(port), answer, lambda _: None, host(number)
        threading.Thread(target=serve, args=place, daemon=True).start()
    serve(int(port), answer)


def _begin(size: int, generations: int) -> int:
    """When a scraper can ask, as far as that can be known: a page takes some 5 us a series."""
    rendering = size * generations // 200
    return time.time_ns() // 1_000_000 + rendering + _AHEAD


if __name__ == "__main__":
    main(*sys.argv[1:])
