"""What Kubecost says of earlier windows, asked for one at a time [I/O]."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.history import Form, Source
from otel_kubecost.receivers.kubecost.scrape import Scrape
from otel_kubecost.receivers.kubecost.window import Window
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_KEPT = 2
"""Answers that are kept: exporters fill one gap at different paces, and a reader may come back."""
_LEAST_MARKS = 3
"""At how many marks a window is asked for at least before it is given up."""
_LOOK_EVERY = 0.05
"""Real seconds between two looks at whether the receiver is shut down."""

NOTHING = MetricsData([])


class Present(NamedTuple):
    """What is known without asking for the past; each is called when it is needed."""

    mark: Callable[[], float]
    known: Callable[[Source], MetricsData | None]
    """The metrics of a window that need not be asked for."""
    failure: Callable[[], str | None]
    """Why Kubecost gave no answer for the present; it is not asked for the past then."""


class _Kept(NamedTuple):
    """An answer, and the last mark at which it holds."""

    data: MetricsData
    until: float = math.inf


@dataclass(slots=True)
class _Failing:
    """A window that Kubecost fails to tell while it answers for the present."""

    error: str
    at: float
    """The newest mark at which it failed."""
    marks: int = 0
    """How many marks those are, however many readers asked at each."""
    given_up: bool = False


class Archive:
    """Reads earlier windows with ``ask``, on a thread that nobody has to wait for at the end.

    ``ask`` raises NoDataError or ScrapeError. A window is given up when it has failed at
    ``marks`` marks at which Kubecost answered for the present; one that comes next and fails as
    well, sooner. Safe to use from several threads.
    """

    def __init__(
        self,
        ask: Callable[[Source], Scrape],
        present: Present,
        marks: int,
        stop: threading.Event,
    ) -> None:
        self._ask = ask
        self._present = present
        self._marks = marks
        self._stop = stop
        self._lock = threading.Lock()
        self._kept: dict[Source, _Kept] = {}
        self._failing: dict[Source, _Failing] = {}
        self._in_vain: set[float] = set()
        """The marks since the last answer for any window."""
        self._empty: set[Window] = set()
        self._said: set[Window] = set()

    def read(self, source: Source) -> MetricsData:
        """The metrics of a window, without a time of their own; none where nothing is to be had.

        Raises ScrapeError where Kubecost fails, and after the shutdown. A window that keeps
        failing is given up, for the present waits for it.
        """
        if source.form is Form.GONE:
            return NOTHING
        with self._lock:
            mark = self._present.mark()
            kept = self._kept.get(source)
            if kept and mark <= kept.until:
                return kept.data
            known = self._present.known(source)
            return known if known is not None else self._find(source, mark)

    def report(self) -> None:
        """Say of which windows there was nothing, all in one line, unless that was said."""
        with self._lock:
            empty, self._empty = self._empty - self._said, set()
            self._said = empty or self._said
        if empty:
            span = Window(min(one.start for one in empty), max(one.end for one in empty))
            count = "a window" if len(empty) == 1 else f"{len(empty)} windows"
            hint = "that part of the gap stays open"
            _log.warning(f"Kubecost has nothing of {count}", window=str(span), hint=hint)

    def _find(self, source: Source, mark: float) -> MetricsData:
        failing = self._failing.get(source)
        if failing is None or failing.at != mark:
            if failure := self._present.failure():
                raise ScrapeError(failure)
            try:
                return self._answer(source, mark)
            except ScrapeError as error:
                if self._stop.is_set():
                    raise
                failing = self._failed(source, mark, str(error))
        if failing.given_up:
            return NOTHING  # and not kept: who comes at a later mark may find it
        raise ScrapeError(failing.error)

    def _answer(self, source: Source, mark: float) -> MetricsData:
        """That there is nothing is asked twice, at different marks, before it is kept."""
        try:
            kept = _Kept(self._in_background(source).data)
            self._empty.discard(source.window)
        except NoDataError:
            kept = _Kept(NOTHING, math.inf if source in self._kept else mark)
            self._empty.add(source.window)
        self._failing.pop(source, None)
        self._in_vain.clear()
        self._kept[source] = kept
        for oldest in list(self._kept)[:-_KEPT]:
            del self._kept[oldest]
        return kept.data

    def _failed(self, source: Source, mark: float, error: str) -> _Failing:
        failing = self._failing.setdefault(source, _Failing(error, mark))
        failing.error, failing.at, failing.marks = error, mark, failing.marks + 1
        self._in_vain.add(mark)
        window = str(source.window)
        if failing.marks == 1:
            _log.warning(f"A window is asked for again later: {error}", window=window)
        waited = max(failing.marks, len(self._in_vain)) >= self._marks
        if waited and failing.marks >= _LEAST_MARKS and not failing.given_up:
            failing.given_up = True
            _log.error(f"A window is given up: {error}", window=window)
        return failing

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
