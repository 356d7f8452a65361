"""Keeps up with one kind of object in one namespace: a list, then watches from there on.

The version up to which everything is known is kept through every failure but one: where the API
server has forgotten it (410), or says what cannot be understood, everything is listed again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.kubernetes.asking import (
    ApiError,
    ExpiredError,
    News,
    NonsenseError,
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
        self._stop = threading.Event()
        self.failure: str | None = None

    def start(self) -> None:
        name = f"otel-kubecost-watch-{self._kind}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """Returns at once; a watch that is under way ends in its time, and writes no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except ExpiredError:
                self._version = ""
            except ApiError as error:
                self._failed(error)
            self._stop.wait(self._pause())

    def _follow(self) -> None:
        if not self._version:
            self._list()
        seconds = max(1, round(_spread(self._pace.watch)))
        with self._question.watched(self._version, seconds) as all_news:
            for news in all_news:
                if self._stop.is_set():
                    return
                self._write(news)
                self._worked()
        self._worked()

    def _list(self) -> None:
        listed = self._question.listed()
        if not self._stop.is_set():
            for board in self._boards:
                board.list(self._kind, listed.objects)
            self._version = listed.version
            self._worked()

    def _write(self, news: News) -> None:
        if news.change:
            kept = None if news.is_gone else news.change.kept
            for board in self._boards:
                board.change(self._kind, news.change.key, kept)
        self._version = news.version or self._version

    def _pause(self) -> float:
        return _spread(min(self._pace.longest, self._pace.first * 2.0 ** min(self._failures, 16)))

    def _worked(self) -> None:
        if self.failure:
            _log.info(f"Kubernetes answers again about {self._question.subject}")
        self._failures, self._sort, self.failure = 0, "", None

    def _failed(self, error: ApiError) -> None:
        """Say so once, and again where it fails in another way.

        One watch that breaks off is no news: whatever is between here and there ends connections
        on which nothing happens.
        """
        self._failures += 1
        if isinstance(error, NonsenseError):
            self._version = ""
        if self._version and self._failures == 1:
            return
        self.failure = f"Cannot watch {self._question.subject}: {error}"
        if error.sort != self._sort:
            _log.warning(self.failure, hint=error.hint)
        self._sort = error.sort


def _spread(seconds: float) -> float:
    return random.uniform(0.5, 1.0) * seconds  # noqa: S311  no secret
