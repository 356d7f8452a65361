"""Keeps up with one kind of object in one namespace: a list, then watches from there on.

The version up to which everything is known is kept while the API server is not to be had, is busy
or wants other credentials. Where it has forgotten the version (410), refuses it in another way, or
says what cannot be understood, everything is listed again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.kubernetes.asking import (
    ApiError,
    LostError,
    News,
    Question,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.board import Board
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import Role
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Pace(NamedTuple):
    """Seconds. What is waited is between the half and the whole, so that agents spread."""

    first: float = 1.0
    """Between two watches, and after the first failure."""
    longest: float = 30.0
    """After many."""
    watch: int = 90
    """After which the API server is asked to end a watch: one that hangs costs no more."""


class Watcher:
    """One thread."""

    def __init__(self, question: Question, kind: Role, boards: Sequence[Board], pace: Pace) -> None:
        self._question = question
        self._kind = kind
        self._boards = boards
        self._pace = pace
        self._version = ""
        """Up to which everything is on the boards; empty: list."""
        self._failures = 0
        self._sort = ""
        self._random = Random()  # noqa: S311  no secret
        self._stop = threading.Event()
        self.failure: str | None = None

    def start(self) -> None:
        name = f"otel-kubecost-watch-{self._kind}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """Returns at once; a watch that is under way ends in its time, and holds nothing more."""
        self._stop.set()
        self._boards = ()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except ApiError as error:
                if not self._stop.is_set():
                    self._failed(error)
            self._stop.wait(self._pause())

    def _follow(self) -> None:
        if not self._version:
            self._list()
        if self._stop.is_set():
            return
        seconds = max(1, round(self._spread(self._pace.watch)))
        with self._question.watched(self._version, seconds) as all_news:
            self.failure = None
            for news in all_news:
                if self._stop.is_set():
                    return
                self._write(news)
                self._worked()
        self._worked()

    def _list(self) -> None:
        listed = self._question.listed()
        for board in self._boards:
            board.list(self._kind, listed.objects)
        self._version = listed.version
        self.failure = None

    def _write(self, news: News) -> None:
        if news.change:
            kept = None if news.is_gone else news.change.kept
            for board in self._boards:
                board.change(self._kind, news.change.key, kept)
        self._version = news.version or self._version

    def _pause(self) -> float:
        longer = self._pace.first * 2.0 ** min(self._failures, 16)
        return self._spread(min(self._pace.longest, longer))

    def _spread(self, seconds: float) -> float:
        return self._random.uniform(0.5, 1.0) * seconds

    def _worked(self) -> None:
        """A watch did: one that is opened and then says nonsense has not."""
        if self._sort:
            _log.info(f"Kubernetes answers again about {self._question.subject}")
        self._failures, self._sort = 0, ""

    def _failed(self, error: ApiError) -> None:
        """Say so once, and again where it fails in another way.

        One watch that breaks off is no news: whatever is between here and there ends connections
        on which nothing happens, and versions get too old to go on from.
        """
        is_known = bool(self._version)
        if isinstance(error, LostError):
            self._version = ""
        self._failures += 1
        if is_known and self._failures == 1:
            return
        self.failure = f"Cannot watch {self._question.subject}: {error}"
        if error.sort != self._sort:
            _log.warning(self.failure, hint=error.hint)
        self._sort = error.sort
