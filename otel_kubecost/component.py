"""What a component is: its name in a configuration, its lifecycle, how it is made.

Lifecycle, the same for every kind:

- Constructing a component has no effect outside it: no thread, no socket, no file.
- ``start`` acquires what the component needs and returns quickly. What cannot work raises here.
  A component that two pipelines share is started by both: the second time has no effect.
- ``shutdown`` is safe without ``start``, and twice. It flushes what it can in the time given.
- A pipeline starts exporters before receivers and stops receivers before exporters, so nothing
  arrives where nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.options import Options


class Kind(StrEnum):
    """The kinds of component; the value is the section of the configuration file."""

    RECEIVER = "receivers"
    PROCESSOR = "processors"
    EXPORTER = "exporters"
    EXTENSION = "extensions"

    @property
    def noun(self) -> str:
        return self.value.removesuffix("s")


@dataclass(frozen=True, slots=True)
class ComponentID:
    """``type`` or ``type/name``, as written in a configuration."""

    type: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> ComponentID:
        """Read an id. Raises ValueError for an empty type, or an empty name after a slash."""
        kind, slash, name = text.partition("/")
        if not kind.strip() or (slash and not name.strip()):
            raise ValueError(f"{text!r} is not a component id")
        return cls(kind.strip(), name.strip())

    def __str__(self) -> str:
        return f"{self.type}/{self.name}" if self.name else self.type


class Receiver(Protocol):
    """Where data comes from."""

    @property
    def emit_interval(self) -> float:
        """Seconds between two marks at which the pipeline calls ``collect``."""
        ...

    @property
    def failure(self) -> str | None:
        """Why the source gave no answer when it was last asked; None when it gave one."""
        ...

    def collect(self, mark: float, patience: float | None = None) -> Iterable[MetricsData]:
        """The batches of one mark, each sample stamped ``mark`` (seconds since the epoch).

        Waits ``patience`` seconds at most for the source (None: as long as the receiver's own
        deadline allows) and then gives what it has. Raises nothing for a source that fails.
        """
        ...

    def shutdown(self, timeout_millis: float = 30_000) -> None: ...


Processor: TypeAlias = Callable[[MetricsData], MetricsData]
"""What happens to a batch. It returns a new batch and leaves the one it got unchanged."""

Exporter: TypeAlias = MetricExporter
"""Where data goes: the SDK's own interface, so every SDK exporter is one of ours."""


@runtime_checkable
class Startable(Protocol):
    """A component that has something to acquire before it can work."""

    def start(self) -> None: ...


@runtime_checkable
class QueuedExporter(Protocol):
    """An exporter with a queue of its own: ``enqueue`` takes a batch and returns at once."""

    def enqueue(self, metrics_data: MetricsData, stream: str = "") -> None:
        """``stream``: which of several pipelines it comes from.

        Each describes its scopes completely on its own.
        """
        ...


@runtime_checkable
class Adopting(Protocol):
    """A component that goes on where one of an earlier configuration stops."""

    def adopt(self, predecessor: Any) -> None:
        """Take over from ``predecessor``, of the same class, which is of no use afterwards.

        An exporter takes what has not been sent, a receiver what has to be ended. Called before
        ``start``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What code passes to a component, beside the options that users write."""

    id: ComponentID
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class Factory:
    """How a component of one type is made from its part of the configuration."""

    kind: Kind
    name: str
    """The ``type`` in ``type/name``."""
    summary: str
    options: type[Options]
    build: Callable[[Any, Settings], Any]
    """Called with an instance of ``options``; returns the component."""
    aliases: tuple[str, ...] = ()
    """Other accepted spellings of ``name``."""
