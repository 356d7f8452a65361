"""The components of one configuration, built and joined, and how one graph follows another.

Receivers and exporters exist once, however many pipelines name them; processors belong to their
pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otel_kubecost.clock import Clock, Deadline
from otel_kubecost.component import Adopting, ComponentID, Kind, Settings, Startable
from otel_kubecost.config.checked import Config
from otel_kubecost.pipeline import Pipeline


class Graph:
    """All pipelines of a configuration."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        pipelines = config.pipelines.values()
        self._receivers = self._built(Kind.RECEIVER, (one.receivers for one in pipelines))
        self._exporters = self._built(Kind.EXPORTER, (one.exporters for one in pipelines))
        self.pipelines = [
            Pipeline(
                [self._receivers[each] for each in of.receivers],
                [self._component(Kind.PROCESSOR, each) for each in of.processors],
                [self._exporters[each] for each in of.exporters],
                name=name,
                clock=clock,
            )
            for name, of in config.pipelines.items()
        ]

    def start(self) -> None:
        """Start everything and return. What a component raises that cannot start is passed on."""
        for exporter in self._exporters.values():
            if isinstance(exporter, Startable):
                exporter.start()
        for pipeline in self.pipelines:
            pipeline.start()

    def shutdown(self, timeout_millis: float) -> None:
        """Stop all receivers, then drain all exporters, within ``timeout_millis``."""
        deadline = Deadline(timeout_millis / 1000)
        self._stop_receiving(deadline)
        for pipeline in self.pipelines:
            pipeline.shutdown(deadline.left_millis())

    def follow(self, old: Graph, timeout_millis: float) -> None:
        """Start in the place of ``old``, whose components end.

        A component hands what it has (waiting samples, the series that it has to end) to the one
        of its name here. One that has no successor is drained first.
        """
        deadline = Deadline(timeout_millis / 1000)
        old._stop_receiving(deadline)
        for kind in (Kind.RECEIVER, Kind.EXPORTER):
            before, now = old._of(kind), self._of(kind)
            for name, component in before.items():
                successor = now.get(name)
                if isinstance(successor, Adopting) and type(successor) is type(component):
                    successor.adopt(component)
                else:
                    component.shutdown(timeout_millis=deadline.left_millis())
        self.start()

    def _of(self, kind: Kind) -> Mapping[ComponentID, Any]:
        return self._receivers if kind is Kind.RECEIVER else self._exporters

    def _stop_receiving(self, deadline: Deadline) -> None:
        for pipeline in self.pipelines:
            pipeline.stop_receiving(deadline.left_millis())

    def _built(self, kind: Kind, named: Iterable[Iterable[ComponentID]]) -> dict[ComponentID, Any]:
        names = dict.fromkeys(name for group in named for name in group)
        return {name: self._component(kind, name) for name in names}

    def _component(self, kind: Kind, name: ComponentID) -> Any:
        factory, options = self.config.components[kind][name]
        return factory.build(options, Settings(id=name, clock=self._clock))
