"""A service: the pipelines of one configuration, from start to drained end.

    Service.from_yaml("config/kubecost-to-cloudtuner.yaml").run()

``run`` owns the process' signals while it lasts: SIGTERM and SIGINT end it, a second one at once;
SIGHUP reads the configuration again, and one that has mistakes leaves the old one running.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from otel_kubecost.clock import Clock, Deadline, SystemClock
from otel_kubecost.component import ComponentID, Exporter, Kind, Settings
from otel_kubecost.components import builtin_factories
from otel_kubecost.config import Config, PipelineConfig, parse_config
from otel_kubecost.config import load_config as read_config
from otel_kubecost.confmap import environment
from otel_kubecost.environment import config_from_environment, without_effect
from otel_kubecost.errors import ConfigError
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.signals import Signals
from otel_kubecost.telemetry import get_logger
from otel_kubecost.tree import ConfMap

_log = get_logger(__name__)

DRAIN_MILLIS = 30_000
"""How long exporters may send what they have when the process ends."""


def load_config(
    *paths: str | PathLike[str],
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read and check configuration files; of several the later wins. Raises ConfigError."""
    return read_config(*paths, factories=builtin_factories(), sets=sets, environ=environ)


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
        self.config = config
        self.pipelines = self._build(config)

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
        config = parse_config(ConfMap(mapping), builtin_factories())
        return cls(config, clock=clock)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, clock: Clock | None = None
    ) -> Service:
        """The built-in CloudTuner pipeline, set up by the guide's variables. Raises ConfigError."""
        environ = environment() if environ is None else environ
        config = parse_config(config_from_environment(environ), builtin_factories())
        return cls(config, clock=clock, without_effect=without_effect(environ))

    def start(self) -> None:
        """Start every pipeline and return; where one cannot start none stays, and it raises."""
        try:
            for pipeline in self.pipelines:
                pipeline.start()
        except BaseException:
            self.shutdown(timeout_millis=0)
            raise

    def shutdown(self, timeout_millis: float = DRAIN_MILLIS) -> None:
        """Stop all receivers, then drain all exporters, within ``timeout_millis``."""
        deadline = Deadline(timeout_millis / 1000)
        for stop in (Pipeline.stop_receiving, Pipeline.shutdown):
            for pipeline in self.pipelines:
                stop(pipeline, deadline.left_millis())

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then drain. For the main thread.

        Does nothing where ``OTEL_SDK_DISABLED`` is true, as every part of OpenTelemetry.
        """
        if environment().get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            _log.warning("OTEL_SDK_DISABLED is true: nothing runs")
            return
        _log.info("Starting allocation exporter...")
        if self._without_effect:
            _log.warning(
                f"Variables without effect in this version: {', '.join(self._without_effect)}"
            )
        with Signals() as signals:
            self.start()
            while signals.wait() == signal.SIGHUP:
                self._reconfigure()
        _log.info("Stopping: what is queued is sent first")
        self.shutdown()

    def _reconfigure(self) -> None:
        if self._reload is None:
            _log.info("There is no configuration file to read again")
            return
        try:
            config = self._reload()
            pipelines = self._build(config)
        except ConfigError as error:
            for problem in error.problems:
                _log.error(f"The new configuration is not used: {problem}")
            return
        if config == self.config:
            _log.info("The configuration has not changed")
            return
        self._replace(config, pipelines)

    def _replace(self, config: Config, pipelines: list[Pipeline]) -> None:
        old = self.config
        self.shutdown()
        self.config, self.pipelines = config, pipelines
        try:
            self.start()
        except (OSError, ConfigError) as error:
            _log.error(f"The new configuration cannot start, the old one goes on: {error}")
            self.config, self.pipelines = old, self._build(old)
            self.start()
        else:
            _log.info("The new configuration is in use")

    def _build(self, config: Config) -> list[Pipeline]:
        """Exporters are shared by the pipelines that name them; each has its own receivers."""
        exporters: dict[ComponentID, Exporter] = {}
        return [
            self._pipeline(config, pipeline, exporters) for pipeline in config.pipelines.values()
        ]

    def _pipeline(
        self, config: Config, pipeline: PipelineConfig, exporters: dict[ComponentID, Exporter]
    ) -> Pipeline:
        for name in pipeline.exporters:
            if name not in exporters:
                exporters[name] = self._component(config, Kind.EXPORTER, name)
        return Pipeline(
            [self._component(config, Kind.RECEIVER, name) for name in pipeline.receivers],
            [self._component(config, Kind.PROCESSOR, name) for name in pipeline.processors],
            [exporters[name] for name in pipeline.exporters],
            clock=self._clock,
        )

    def _component(self, config: Config, kind: Kind, name: ComponentID) -> Any:
        factory, options = config.components[kind][name]
        return factory.build(options, Settings(id=name, clock=self._clock))
