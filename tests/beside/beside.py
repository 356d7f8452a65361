"""The same targets scraped by our process and by Debian's Prometheus, phase by phase."""

from __future__ import annotations

from contextlib import contextmanager

from beside_agents import (
    LIVE,
    PHASED,
    REMOVED,
    OurAgent,
    PrometheusAgent,
    jobs,
    node_exporter,
    without,
)
from beside_compare import Comparison
from beside_pages import Site, odd_paths
from beside_phases import LAST_PHASE
from beside_written import Store
from peers import free_port, wait_until

NAMES = ("otel-kubecost", "Prometheus")
"""What the agents say they are."""


class Beside:
    """Both agents at work; what they write is in ``ours`` and ``theirs``."""

    def __init__(self, site, text, agents, stores, timeout):
        self._site = site
        self._text = text
        self._agents = agents
        self.ours, self.theirs = stores
        self._timeout = timeout

    def play(self):
        """All phases, a reload, the end: what is wanted of each phase has come before the next."""
        for phase in range(LAST_PHASE + 1):
            if phase:
                self._site.go_on()
            self._until(lambda: self._site.is_seen(NAMES, PHASED))
        self._until(lambda: self._site.is_seen(NAMES, [(path, "") for path in odd_paths()]))
        self._until(self._is_written)
        for agent in self._agents:
            agent.reload(without(self._text, REMOVED))
        self._until(self._is_removed)
        self._until(self._is_live_alike)

    def compare(self):
        return Comparison(self.ours.written, self.theirs.written, LIVE)

    def _is_written(self):
        """Whether the last phase has arrived on both sides."""
        jobs_of_pages = [job or path.strip("/") for path, job in PHASED]
        return all(
            written.newest(__name__="page_phase", job=job) == LAST_PHASE
            for written in (self.ours.written, self.theirs.written)
            for job in jobs_of_pages
        )

    def _is_removed(self):
        """Ours alone: Prometheus leaves it to its readers to notice the end of a job."""
        return not self.ours.written.alive(REMOVED)

    def _is_live_alike(self):
        """A target that works comes to have more series, which one side sees before the other."""
        ours, theirs = (
            {labels for job in LIVE for labels in store.written.alive(job)}
            for store in (self.ours, self.theirs)
        )
        return ours == theirs

    def _until(self, condition):
        wait_until(lambda: all(one.runs for one in self._agents) and condition(), self._timeout)


@contextmanager
def beside(directory, *, size, interval, timeout=30):
    """``size`` are the series of the cluster's page, ``interval`` the seconds of all scrapes."""
    with (
        Site(size) as site,
        Store() as ours,
        Store(forgives=True) as theirs,
        node_exporter(directory) as node,
    ):
        port = free_port()
        text = jobs(
            site=site.url.removeprefix("http://"),
            node=node,
            prometheus=f"127.0.0.1:{port}",
            nobody=f"127.0.0.1:{free_port()}",
            interval=f"{interval}s",
            slow=f"{2 * interval}s",
        )
        with (
            PrometheusAgent(directory, port, theirs.endpoint, text) as prometheus,
            OurAgent(directory, ours.endpoint, text) as agent,
        ):
            yield Beside(site, text, (prometheus, agent), (ours, theirs), timeout)
