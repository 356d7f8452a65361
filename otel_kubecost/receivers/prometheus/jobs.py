"""All jobs of a receiver: their discoveries, and the targets that come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from otel_kubecost.clock import Clock, Deadline
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.counts import Counts, Event
from otel_kubecost.receivers.prometheus.discovery.discoveries import discoveries_of
from otel_kubecost.receivers.prometheus.discovery.groups import Discovery
from otel_kubecost.receivers.prometheus.pool import Pool
from otel_kubecost.receivers.prometheus.running import Running
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what the discoveries know, as in Prometheus."""
_AT_FIRST = 0.1
"""The same until each has found something."""
PATIENCE = 30.0
"""Seconds after which nothing more is expected of a discovery that has found nothing."""


class Jobs:
    """``begin`` and ``end`` are told of targets, one call at a time."""

    def __init__(  # noqa: PLR0913  what a receiver hands on, each by name
        self,
        jobs: Sequence[ScrapeConfig],
        *,
        scope: str,
        clock: Clock,
        counts: Counts,
        begin: Callable[[Running], None],
        end: Callable[[Running], None],
    ) -> None:
        discoveries = discoveries_of(jobs)
        self.pools = [Pool(job, discoveries[job.job_name], scope) for job in jobs]
        self._discoveries: Mapping[int, Discovery] = {
            id(one): one for of_job in discoveries.values() for one in of_job
        }
        self._clock = clock
        self._counts = counts
        self._begin = begin
        self._end = end
        self._ended: list[Running] = []
        self._began = clock.monotonic()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> list[Running]:
        return [one for pool in self.pools for one in pool.running.values()]

    @property
    def failure(self) -> str | None:
        """Why there are no targets, or fewer; None where all discoveries are well."""
        return next(filter(None, (pool.failure for pool in self.pools)), None)

    def adopt(self, predecessor: Jobs) -> None:
        """Go on with its targets; those that are not found here are ended."""
        here = {pool.job.job_name: pool for pool in self.pools}
        for pool in predecessor.pools:
            known = pool.inherited | dict(pool.running)
            if heir := here.get(pool.job.job_name):
                heir.inherited = known
            else:
                self._ended += known.values()

    def start(self, name: str) -> None:
        """Begin to look for targets; those that are known at once are begun before it returns."""
        self._began = self._clock.monotonic()
        for discovery in self._discoveries.values():
            discovery.start()
        for one in self._ended:
            self._end(one)
        self._look()
        self._thread = threading.Thread(target=self._run, name=f"{name}.targets", daemon=True)
        self._thread.start()

    def find(self, seconds: float) -> None:
        """Look for targets once, and wait for discoveries so long at most."""
        deadline = Deadline(min(seconds, PATIENCE))
        for discovery in self._discoveries.values():
            discovery.start()
        self._look()
        while not self._is_settled and deadline.left() and not self._stopped.wait(_AT_FIRST):
            self._look()

    def shutdown(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()
        for discovery in self._discoveries.values():
            discovery.shutdown()
        for pool in self.pools:
            pool.close()

    @property
    def _is_settled(self) -> bool:
        return all(pool.is_settled for pool in self.pools)

    @property
    def _is_patient(self) -> bool:
        return self._clock.monotonic() - self._began < PATIENCE

    def _run(self) -> None:
        while self._is_patient and not self._is_settled:
            if self._clock.wait(self._stopped, _AT_FIRST):
                return
            self._look()
        for pool in self.pools:
            if not (pool.running or pool.failure):
                hint = "look at its service discovery and its relabel_configs"
                _log.warning(f"Job {pool.job.job_name} has no targets", hint=hint)
        while not self._clock.wait(self._stopped, LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        for pool in self.pools:
            try:
                self._follow(pool)
            except Exception:  # noqa: BLE001  a defect in one job may not end the others' looks
                _log.exception("The targets of a job are not known", job=pool.job.job_name)

    def _follow(self, pool: Pool) -> None:
        change = pool.look()
        for one in change.come:
            self._begin(one)
        leftover = pool.leftover() if pool.has_found or not self._is_patient else []
        for one in (*change.gone, *leftover):
            self._end(one)
        if not (change.come or change.gone):
            return
        if pool.refusal:
            self._counts.add(Event.TARGET_LIMIT)
        name, count = pool.job.job_name, len(pool.running)
        targets = "1 target" if count == 1 else f"{count} targets"
        is_first = len(change.come) == count
        tell = _log.info if is_first else _log.debug
        tell(f"Job {name} has {targets}", come=len(change.come), gone=len(change.gone))
