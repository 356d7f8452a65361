"""A pipeline: receivers, then processors in their order, then every exporter.

Each receiver has a thread that calls it at the marks of its ``emit_interval``. A batch goes through
the processors on that thread and is then handed to each exporter alone: what one of them does, or
fails to do, never reaches another. ``feed`` and ``reader`` see to marks that were missed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from otel_kubecost.at_once import at_once
from otel_kubecost.clock import Clock, Deadline, SystemClock
from otel_kubecost.component import Exporter, Processor, Receiver, Startable
from otel_kubecost.feed import Feed
from otel_kubecost.foreign_calls import GRACE, shut_down, within
from otel_kubecost.outlet import Outlet

C = TypeVar("C")


class Pipeline:
    """Receivers, processors, exporters, joined.

    >>> Pipeline(receiver, [CardinalityLimit(top_n_pods=50)], [exporter]).run_once()
    """

    def __init__(
        self,
        receivers: Receiver | Sequence[Receiver] | Mapping[str, Receiver],
        processors: Sequence[Processor],
        exporters: Sequence[Exporter] | Mapping[str, Exporter],
        *,
        name: str = "",
        clock: Clock | None = None,
    ) -> None:
        """``name`` tells pipelines apart that share an exporter.

        A mapping gives components the names by which they are known after a restart; else they
        go by their types.
        """
        if not isinstance(receivers, Sequence | Mapping):
            receivers = [receivers]
        named_receivers, named_exporters = named(receivers), named(exporters)
        self.receivers: list[Receiver] = list(named_receivers.values())
        self.exporters: list[Exporter] = list(named_exporters.values())
        self._stop, self._silent = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._outlets = [Outlet(*one) for one in named_exporters.items()]
        self._feeds = {
            of: Feed(
                receiver,
                list(processors),
                self._outlets,
                pipeline=name,
                clock=clock or SystemClock(),
                stop=self._stop,
                silent=self._silent,
            )
            for of, receiver in named_receivers.items()
        }

    @property
    def feeds(self) -> Sequence[Feed]:
        """One for each receiver."""
        return list(self._feeds.values())

    def collect(self) -> Iterator[MetricsData]:
        """The batches of the present mark after all processors. Exports nothing."""
        for feed in self._feeds.values():
            yield from feed.collect()

    def run_once(self) -> list[MetricExportResult]:
        """One cycle: scrape where it is due, process, export, and wait for each exporter.

        What was missed since the last cycle is read and exported before the present. Gives one
        result an exporter, in their order; FAILURE also where it raised, and where a processor
        refused a batch. A source that fails is no exporter's failure: see
        ``receivers[0].failure``, and the log.
        """
        failed = {outlet for feed in self._feeds.values() for outlet in feed.run_once()}
        return [
            MetricExportResult.FAILURE if outlet in failed else MetricExportResult.SUCCESS
            for outlet in self._outlets
        ]

    def adopt(self, predecessor: Pipeline) -> None:
        """Go on for a pipeline of an earlier configuration, which has stopped receiving."""
        for name, feed in self._feeds.items():
            if name in predecessor._feeds:
                feed.adopt(predecessor._feeds[name])

    def open(self) -> None:
        """Miss nothing of receivers that another pipeline may start. ``start`` does it as well."""
        for feed in self._feeds.values():
            feed.open()

    def start(self) -> None:
        """Start all components and return. Raises what a component raises that cannot start."""
        self.open()
        try:
            for component in (*self.exporters, *self.receivers):
                if isinstance(component, Startable):
                    component.start()
        except BaseException:
            self.shutdown(timeout_millis=0)
            raise
        for outlet in self._outlets:
            outlet.open()
        for feed in self._feeds.values():
            for reader in feed.readers:
                reader.start()
            thread = threading.Thread(target=feed.run, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop_receiving(self, timeout_millis: float = 30_000) -> None:
        """Stop the receivers; what they gave is exported still."""
        deadline = Deadline(timeout_millis / 1000)
        self._stop.set()
        for receiver in self.receivers:
            shutdown = partial(shut_down, receiver, deadline.left_millis())
            within(deadline, type(receiver).__name__, shutdown)
        self._silent.set()
        while self._threads:
            self._threads.pop().join(deadline.left())
        for feed in self._feeds.values():
            feed.close()
        for reader in (reader for feed in self.feeds for reader in feed.readers):
            reader.stop()

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Stop the receivers, then let every exporter send what it has, within the time given.

        Of which a receiver or a processor that hangs takes a half at most.
        """
        deadline = Deadline(timeout_millis / 1000)
        self.stop_receiving(timeout_millis / 2)
        calls = [partial(outlet.close, deadline) for outlet in self._outlets]
        at_once(calls, lambda: deadline.left() + GRACE)
        self.report()

    def report(self) -> None:
        """Tell the receivers how much of what they gave has arrived for good."""
        for feed in self._feeds.values():
            feed.report()


def named(components: Sequence[C] | Mapping[str, C]) -> Mapping[str, C]:
    """Components by name; without names by their types, a second one of a type as ``type/2``."""
    if isinstance(components, Mapping):
        return components
    found: dict[str, C] = {}
    for component in components:
        name = kind = type(component).__name__
        number = 1
        while name in found:
            number += 1
            name = f"{kind}/{number}"
        found[name] = component
    return found
