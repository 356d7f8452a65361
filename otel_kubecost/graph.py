"""The components of one configuration, built and joined, and how one graph follows another.

Receivers and exporters exist once, however many pipelines name them; processors belong to their
pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.at_once import at_once
from otel_kubecost.clock import Clock, Deadline
from otel_kubecost.component import (
    Adopting,
    ComponentID,
    Gathering,
    Kind,
    QueuedExporter,
    Settings,
    Startable,
)
from otel_kubecost.config.checked import Config, PipelineConfig
from otel_kubecost.export_thread import end
from otel_kubecost.foreign_calls import GRACE, shut_down
from otel_kubecost.own_instruments import expose, withdraw
from otel_kubecost.own_metrics import Observe, OwnMetrics
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.process_metrics import process_metrics
from otel_kubecost.storage import Storage

_FAREWELL = 5.0
"""Seconds that an exporter has for what waits in front of it, when another follows it."""


class Graph:
    """All pipelines of a configuration."""

    def __init__(self, config: Config, clock: Clock, before: Graph | None = None) -> None:
        """An extension of the graph ``before`` is used again where its options are the same."""
        self.config = config
        self._clock = clock
        self._own_metrics = OwnMetrics()
        self._own_metrics.register("process", lambda: process_metrics(clock.time()))
        self._extensions: dict[ComponentID, Any] = {}
        for name in config.extensions:
            known = before and before.extension(name, config)
            self._extensions[name] = known or self._component(Kind.EXTENSION, name)
        pipelines = config.pipelines.values()
        self._receivers = self._built(Kind.RECEIVER, (one.receivers for one in pipelines))
        self._exporters = self._built(Kind.EXPORTER, (one.exporters for one in pipelines))
        self._orphans: dict[ComponentID, Any] = {}
        self._outlived: list[Any] = []
        self._pipelines = {name: self._pipeline(name, of) for name, of in config.pipelines.items()}

    @property
    def pipelines(self) -> list[Pipeline]:
        return list(self._pipelines.values())

    def start(self) -> None:
        """Start everything and return. What a component raises that cannot start is passed on."""
        self._start_extensions()
        for component in self._exporters.values():
            if isinstance(component, Startable):
                component.start()
        for pipeline in self.pipelines:
            pipeline.open()
        for pipeline in self.pipelines:
            pipeline.start()
        expose(self._own_metrics)

    def start_shared(self) -> None:
        """Open what is kept, beside an agent that may be running, and start nothing else."""
        for extension in self._extensions.values():
            if isinstance(extension, Storage):
                extension.start_shared()

    def shutdown(self, timeout_millis: float) -> None:
        """Stop all receivers, then drain all exporters at once, within ``timeout_millis``."""
        deadline = Deadline(timeout_millis / 1000)
        self._stop_receiving(Deadline(timeout_millis / 2000))
        ends: list[Callable[[float], None]] = [one.shutdown for one in self.pipelines]
        ends += [one.shutdown for one in self._orphans.values()]
        calls = [partial(end, deadline.left_millis()) for end in ends]
        at_once(calls, lambda: deadline.left() + 2 * GRACE)
        for pipeline in self.pipelines:
            pipeline.report()
        for extension in self._extensions.values():
            shut_down(extension, deadline.left_millis())
        self._end_outlived()

    def follow(self, old: Graph, timeout_millis: float) -> None:
        """Start in the place of ``old``, whose components end.

        A component hands what it has (waiting samples, the series that it has to end) to the one
        of its name here. Samples of an exporter that has no successor go on being sent until they
        are all gone, or this graph is.
        """
        for name, receiver in old._receivers.items():
            heir = self._receivers.get(name)
            if isinstance(receiver, Gathering) and not _follows(heir, receiver):
                receiver.leave()
        old._stop_receiving(Deadline(timeout_millis / 1000))
        for name, receiver in old._receivers.items():
            _hand_over(receiver, self._receivers.get(name))
        self._take_over(old)
        for of, pipeline in self._pipelines.items():
            if of in old._pipelines:
                pipeline.adopt(old._pipelines[of])
        self.start()
        withdraw(old._own_metrics)
        self._outlived = [
            one
            for one in [*old._outlived, *old._extensions.values()]
            if one not in self._extensions.values()
        ]
        if not self._orphans:
            self._end_outlived()

    def _take_over(self, old: Graph) -> None:
        """Exporters at the same time: each may wait for an answer that is under way."""
        heirs = {**self._renamed(old), **self._exporters}
        exporters = {**old._orphans, **old._exporters}
        with ThreadPoolExecutor(max(1, len(exporters))) as pool:
            heir_of = [heirs.get(name) for name in exporters]
            done = list(pool.map(_hand_over, exporters.values(), heir_of))
        for (name, exporter), is_done in zip(exporters.items(), done, strict=True):
            if not is_done:
                self._orphans[name] = exporter
                if observe := old._own_metrics.unregister(str(name)):
                    self._own_metrics.register(str(name), _until_settled(exporter, observe))

    def _end_outlived(self) -> None:
        """Extensions of earlier graphs: orphans may keep there what they have."""
        while self._outlived:
            shut_down(self._outlived.pop(), 0)

    def start_extensions(self, old: Graph) -> None:
        """Before ``follow``: what raises here has changed nothing of ``old``."""
        try:
            self._start_extensions()
        except Exception:
            for extension in self._extensions.values():
                if extension not in old._extensions.values():
                    shut_down(extension, 0)
            raise

    def _start_extensions(self) -> None:
        for extension in self._extensions.values():
            if isinstance(extension, Startable):
                extension.start()

    def _renamed(self, old: Graph) -> dict[ComponentID, Any]:
        """The only new exporter, by the name of the only one of its class that is gone."""
        gone = [name for name in old._exporters if name not in self._exporters]
        come = [name for name in self._exporters if name not in old._exporters]
        if len(gone) == len(come) == 1:
            return {gone[0]: self._exporters[come[0]]}
        return {}

    def extension(self, name: ComponentID, config: Config) -> Any:
        """The one that can go on as ``config`` describes it; None where there is none."""
        of, theirs = self.config.components[Kind.EXTENSION], config.components[Kind.EXTENSION]
        known = self._extensions.get(name)
        if known is None or of[name] == theirs.get(name):
            return known
        takes = getattr(known, "takes", None)
        return known if takes and takes(theirs[name].options) else None

    def _stop_receiving(self, deadline: Deadline) -> None:
        for pipeline in self.pipelines:
            pipeline.stop_receiving(deadline.left_millis())

    def _built(self, kind: Kind, named: Iterable[Iterable[ComponentID]]) -> dict[ComponentID, Any]:
        names = dict.fromkeys(name for group in named for name in group)
        return {name: self._component(kind, name) for name in names}

    def _pipeline(self, name: str, of: PipelineConfig) -> Pipeline:
        return Pipeline(
            {str(each): self._receivers[each] for each in of.receivers},
            [self._component(Kind.PROCESSOR, each) for each in of.processors],
            {str(each): self._exporters[each] for each in of.exporters},
            name=name,
            clock=self._clock,
        )

    def _component(self, kind: Kind, name: ComponentID) -> Any:
        factory, options = self.config.components[kind][name]
        settings = Settings(
            id=name,
            clock=self._clock,
            extensions=self._extensions,
            own_metrics=self._own_metrics,
        )
        return factory.build(options, settings)


def _until_settled(orphan: QueuedExporter, observe: Observe) -> Observe:
    """What ``orphan`` says of itself, as long as it has something to send."""
    return lambda: MetricsData([]) if orphan.oldest_pending is None else observe()


def _follows(successor: Any, component: Any) -> bool:
    """Whether ``successor`` goes on where ``component`` stops."""
    return isinstance(successor, Adopting) and type(successor) is type(component)


def _hand_over(component: Any, successor: Any) -> bool:
    """Whether ``component`` is done with: its successor has what it had, or it had nothing."""
    if _follows(successor, component):
        successor.adopt(component)
        return True
    if isinstance(component, QueuedExporter) and component.oldest_pending is not None:
        return False
    end(component, Deadline(_FAREWELL))
    return True
