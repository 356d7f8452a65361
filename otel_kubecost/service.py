"""A service: the pipelines of one configuration, from start to drained end.

    Service.from_yaml("config/kubecost-to-cloudtuner.yaml").run()

``run`` owns the process' signals while it lasts: SIGTERM and SIGINT end it, a second one at once;
SIGHUP reads the configuration again, and one that has mistakes leaves the old one running.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.components import factories
from otel_kubecost.config.builtin_pipeline import config_from_environment, without_effect
from otel_kubecost.config.checked import Config, parse_config, read_config
from otel_kubecost.config.environment import environment, sdk_is_disabled
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.errors import ConfigError
from otel_kubecost.graph import Graph
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.signals import Signals
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

DRAIN_MILLIS = 25_000
"""How long exporters may send what they have when the process ends: Kubernetes waits 30 s."""


def load_config(
    *paths: str | PathLike[str],
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read and check configuration files; of several the later wins. Raises ConfigError."""
    return read_config(*paths, factories=factories(), sets=sets, environ=environ)


class Service:
    """Runs the pipelines of a configuration."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        reload: Callable[[], Config] | None = None,
        without_effect: Sequence[str] = (),
    ) -> None:
        """``reload`` gives the configuration anew on SIGHUP; without it SIGHUP changes nothing.

        ``without_effect`` are variables that were set and change nothing: ``run`` says so.
        """
        self._clock = clock or SystemClock()
        self._reload = reload
        self._without_effect = without_effect
        self._graph = Graph(config, self._clock)

    @classmethod
    def from_yaml(
        cls, *paths: str | PathLike[str], sets: Iterable[str] = (), clock: Clock | None = None
    ) -> Service:
        """Raises ConfigError with every mistake in the files."""
        sets = tuple(sets)

        def load() -> Config:
            return load_config(*paths, sets=sets)

        return cls(load(), clock=clock, reload=load)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], *, clock: Clock | None = None) -> Service:
        """The configuration as data, as it would stand in a file. Raises ConfigError."""
        config = parse_config(ConfMap(mapping), factories())
        return cls(config, clock=clock)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, clock: Clock | None = None
    ) -> Service:
        """The built-in CloudTuner pipeline, set up by the guide's variables. Raises ConfigError."""
        environ = environment() if environ is None else environ
        config = parse_config(config_from_environment(environ), factories())
        return cls(config, clock=clock, without_effect=without_effect(environ))

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._graph.config

    @property
    def pipelines(self) -> Sequence[Pipeline]:
        return self._graph.pipelines

    def start(self) -> None:
        """Start every pipeline and return; where one cannot start none stays, and it raises."""
        try:
            self._graph.start()
        except BaseException:
            self._graph.shutdown(timeout_millis=0)
            raise

    @contextmanager
    def beside(self) -> Iterator[Sequence[Pipeline]]:
        """The pipelines with nothing started, beside an agent that may be: for commands.

        What components keep is open meanwhile. Raises OSError where that fails.
        """
        try:
            self._graph.start_shared()
            yield self.pipelines
        finally:
            self.shutdown()

    def shutdown(self, timeout_millis: float = DRAIN_MILLIS) -> None:
        """Stop all receivers, then drain all exporters, within ``timeout_millis``."""
        self._graph.shutdown(timeout_millis)

    def run(self, applied: Callable[[Config], None] = lambda _: None) -> None:
        """Run until SIGTERM or SIGINT, then drain. For the main thread.

        ``applied`` is told of each configuration that SIGHUP put in use. Does nothing where
        ``OTEL_SDK_DISABLED`` is true, as every part of OpenTelemetry.
        """
        if sdk_disabled():
            return
        _log.info("Starting allocation exporter...")
        if self._without_effect:
            names = ", ".join(self._without_effect)
            _log.warning(f"Variables without effect in this version: {names}")
        with Signals() as signals:
            self.start()
            while signals.wait() == signal.SIGHUP:
                if self._reconfigure():
                    applied(self.config)
            _log.info("Stopping: what is queued is sent first")
            self.shutdown()

    def _reconfigure(self) -> bool:
        """Use the configuration as it is now; false where there is none other that can be used."""
        if self._reload is None:
            _log.info("There is no configuration file to read again")
            return False
        try:
            config = self._reload()
            if config == self.config:
                _log.info("The configuration has not changed")
                return False
            new = Graph(config, self._clock, before=self._graph)
        except ConfigError as error:
            for problem in error.problems:
                _log.error(f"The new configuration is not used: {problem}")
            return False
        except Exception:  # noqa: BLE001  a component of others has a defect; what runs goes on
            _log.exception("The new configuration is not used: a component cannot be made")
            return False
        return self._replace(new)

    def _replace(self, new: Graph) -> bool:
        try:
            new.start_extensions(self._graph)
        except Exception as error:  # noqa: BLE001  components of others may raise anything
            return self._not_used(error)
        old, self._graph = self._graph, new
        try:
            new.follow(old, DRAIN_MILLIS)
        except Exception as error:  # noqa: BLE001  the same
            self._graph = Graph(old.config, self._clock, before=old)
            self._graph.follow(new, DRAIN_MILLIS)
            return self._not_used(error)
        _log.info("The new configuration is in use")
        return True

    def _not_used(self, error: Exception) -> bool:
        reason = getattr(error, "strerror", None) or error
        _log.error(f"The new configuration cannot start, the old one goes on: {reason}")
        return False


def sdk_disabled() -> bool:
    """Whether ``OTEL_SDK_DISABLED`` says that nothing shall run; if so a line says it, too."""
    disabled = sdk_is_disabled()
    if disabled:
        _log.warning("OTEL_SDK_DISABLED is true: nothing runs")
    return disabled
