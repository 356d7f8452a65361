"""What Kubecost says of earlier windows, asked for one at a time [I/O]."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.history import Form, Source
from otel_kubecost.receivers.kubecost.scrape import Scrape
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_KEPT = 2
"""Answers that are kept: exporters fill one gap at different paces, and a reader may come back."""
_ATTEMPTS = 3
"""How often a window is asked for while Kubecost answers others."""
_LOOK_EVERY = 0.05
"""Real seconds between two looks at whether the receiver is shut down."""

NOTHING = MetricsData([])


class Archive:
    """Reads earlier windows with ``ask``, on a thread that nobody has to wait for at the end.

    ``ask`` raises NoDataError or ScrapeError. As long as there is a ``failure`` of Kubecost to
    answer for the present it is not asked for the past. Safe to use from several threads.
    """

    def __init__(
        self,
        ask: Callable[[Source], Scrape],
        failure: Callable[[], str | None],
        stop: threading.Event,
    ) -> None:
        self._ask = ask
        self._failure = failure
        self._stop = stop
        self._lock = threading.Lock()
        self._kept: dict[Source, MetricsData] = {}
        self._failures: Counter[Source] = Counter()

    def read(self, source: Source) -> MetricsData:
        """The metrics of a window, without a time of their own; none where nothing is to be had.

        Raises ScrapeError where Kubecost fails, and after the shutdown. A window that keeps
        failing is given up, for the present waits for it.
        """
        if source.form is Form.GONE:
            return NOTHING
        with self._lock:
            if source not in self._kept:
                if failure := self._failure():
                    raise ScrapeError(failure)
                self._kept[source] = self._find(source)
                for oldest in list(self._kept)[:-_KEPT]:
                    del self._kept[oldest]
            return self._kept[source]

    def _find(self, source: Source) -> MetricsData:
        try:
            return self._in_background(source).data
        except NoDataError:
            hint = "that part of the gap stays open"
            _log.warning("Kubecost has nothing of a window", window=str(source.window), hint=hint)
        except ScrapeError as error:
            self._failures[source] += 1
            if self._stop.is_set():
                raise
            if self._failures[source] < _ATTEMPTS:
                _log.warning(
                    f"A window is asked for again later: {error}", window=str(source.window)
                )
                raise
            _log.error(f"A window is given up: {error}", window=str(source.window))
        return NOTHING

    def _in_background(self, source: Source) -> Scrape:
        """What ``ask`` gives or raises; a query under way is left behind at the shutdown."""
        found: list[Scrape | ScrapeError] = []
        done = threading.Event()

        def ask() -> None:
            try:
                found.append(self._ask(source))
            except ScrapeError as error:
                found.append(error)
            except Exception as error:  # noqa: BLE001  a defect must not end the pipeline's thread
                found.append(ScrapeError(f"A window could not be read: {error!r}"))
            finally:
                done.set()

        threading.Thread(target=ask, name="otel-kubecost-history", daemon=True).start()
        while not done.wait(_LOOK_EVERY):
            if self._stop.is_set():
                raise ScrapeError("The receiver is shut down")
        if isinstance(found[0], ScrapeError):
            raise found[0]
        return found[0]
