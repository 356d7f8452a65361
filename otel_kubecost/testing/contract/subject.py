"""A component under examination: built anew for each check, its methods called as pipelines do."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from otel_kubecost.clock import SystemClock, floor_mark
from otel_kubecost.component import ComponentID, Factory, Settings, Startable
from otel_kubecost.config.problems import validate
from otel_kubecost.own_metrics import Observe, OwnMetrics
from otel_kubecost.testing.contract.rules import (
    ACCEPTED,
    BUILDS,
    ENDS_IN_TIME,
    SHUTS_DOWN,
    STARTS,
    Breach,
    Hanging,
    Rule,
)

T = TypeVar("T")

SHUTDOWN_MILLIS = 500
"""How long a component gets for its shutdown here."""
_EARLIER = 1800
"""Seconds before the present at which batches begin: no destination takes what is of the future."""
AT_ONCE = 8
"""Calls at the same time, where a component may be called from several threads."""


class Registered(OwnMetrics):
    """Own metrics that remember who registered."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: dict[str, Observe] = {}

    def register(self, name: str, observe: Observe) -> None:
        super().register(name, observe)
        self.observed[name] = observe


class Subject:
    """A factory with the options that its author gave."""

    def __init__(
        self,
        factory: Factory,
        options: Mapping[str, Any],
        failing: Mapping[str, Any] | None,
        extensions: Mapping[str, Any],
        patience: float,
    ) -> None:
        self.factory = factory
        self.options = options
        self.failing = failing
        self.patience = patience
        self.own_metrics = Registered()
        self._times = count(present_mark(1) - _EARLIER)
        self._extensions = {ComponentID.parse(name): one for name, one in extensions.items()}

    def id(self, name: str = "") -> ComponentID:
        return ComponentID(self.factory.name, name)

    def next_time(self) -> float:
        """Of the next batch, in seconds since the epoch: each is newer than those before it."""
        return next(self._times)

    def build(self, options: Mapping[str, Any] | None = None, name: str = "") -> Any:
        """The component with ``options`` (or its author's), neither started nor used."""
        return self.call(BUILDS, "build", lambda: self.made(options, name))

    def made(self, options: Mapping[str, Any] | None = None, name: str = "") -> Any:
        """As ``build``, on this thread."""
        given = self.options if options is None else options
        model, findings = validate(self.factory.options, dict(given))
        if model is None:
            problems = " and ".join(str(found.problem()) for found in findings)
            raise ACCEPTED.broken(f"this is wrong: {problems}")
        settings = Settings(
            self.id(name), extensions=self._extensions, own_metrics=self.own_metrics
        )
        return self.factory.build(model, settings)

    def start(self, component: Any) -> None:
        if isinstance(component, Startable):
            self.call(STARTS, "start()", component.start)

    def shutdown(self, component: Any, what: str = "", **keywords: float) -> None:
        """``what`` says when it is called, where that is not after everything."""
        named = ", ".join(f"{name}={value:g}" for name, value in keywords.items())
        seconds = sum(keywords.values()) / 1000
        called = f"shutdown({named}) {what}".strip()
        self.call(SHUTS_DOWN, called, lambda: component.shutdown(**keywords), seconds)

    @contextmanager
    def running(self, options: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """A started component. What goes wrong at its end is a matter of other checks."""
        component = self.build(options)
        self.start(component)
        try:
            yield component
        finally:
            self.end(component)

    def end(self, component: Any) -> None:
        """Whatever else is wrong with its end: other checks say so."""
        try:
            self.shutdown(component, timeout_millis=SHUTDOWN_MILLIS)
        except Hanging:
            raise
        except Breach:
            return

    def call(self, rule: Rule, what: str, function: Callable[[], T], seconds: float = 0.0) -> T:
        """What ``function`` gives that may take ``seconds``, on a thread of its own.

        Raises Breach where it raises, and Hanging where it does not come back.
        """
        return self._outcome(rule, what, begun(function), seconds)

    def at_once(self, rule: Rule, what: str, functions: Sequence[Callable[[], T]]) -> list[T]:
        """As ``call``, all of them at the same time."""
        ready = threading.Barrier(len(functions))

        def after_all_are_ready(function: Callable[[], T]) -> Callable[[], T]:
            return lambda: (ready.wait(), function())[1]

        futures = [begun(after_all_are_ready(one)) for one in functions]
        return [self._outcome(rule, what, one) for one in futures]

    def _outcome(self, rule: Rule, what: str, future: Future[T], seconds: float = 0.0) -> T:
        try:
            error = future.exception(seconds + self.patience)
        except TimeoutError:
            found = f"{what} has not come back after {seconds + self.patience:g} s"
            raise Hanging(ENDS_IN_TIME, found) from None
        if isinstance(error, Breach):
            raise error
        if error is not None:
            raise rule.broken(f"{what} raised {_described(error)}")
        return future.result()


def begun(function: Callable[[], T]) -> Future[T]:
    """What becomes of ``function``, on a thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001  foreign code: it is told to its author
            future.set_exception(error)

    threading.Thread(target=run, name="check_component", daemon=True).start()
    return future


def _described(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"


def present_mark(interval: float) -> float:
    return floor_mark(SystemClock().time(), interval)
