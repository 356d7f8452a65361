"""What a component is: its name in a configuration, its lifecycle, how it is made.

Lifecycle, the same for every kind:

- Constructing a component has no effect outside it: no thread, no socket, no file.
- ``start`` acquires what the component needs and returns quickly. What cannot work raises here.
  A component that two pipelines share is started by both: the second time has no effect.
- ``shutdown`` is safe without ``start``, and twice. It flushes what it can in the time given.
- A pipeline starts exporters before receivers and stops receivers before exporters, so nothing
  arrives where nobody listens. Extensions start before and end after everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.options import Options
from otel_kubecost.errors import ConfigError
from otel_kubecost.own_metrics import OwnMetrics
from otel_kubecost.storage import Storage, StorageClient, StorageQueue


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


class Past(Protocol):
    """Marks that went by without a receiver's data, and what it still can tell of them."""

    @property
    def marks(self) -> Sequence[float]:
        """Seconds since the epoch, ascending; one at least."""
        ...

    @property
    def windows(self) -> Mapping[str, int]:
        """How many questions to the source that makes, by their kind (``hourly``, ``daily``)."""
        ...

    def batches(self, after: float | None = None) -> Iterator[tuple[float, MetricsData]]:
        """Each mark (later than ``after``) with its batch, oldest first.

        The batch is empty where there is nothing to tell. Asks the source as it goes. Raises
        ScrapeError where that fails; it may be asked again then.
        """
        ...

    def __str__(self) -> str:
        """From when to when, and how many, for people."""
        ...


@runtime_checkable
class Historical(Receiver, Protocol):
    """A receiver whose source still knows what it would have said at earlier marks.

    What it would have said is the first batch of ``collect``; others, as of the receiver's own
    work, are of the present alone. A *reader* is one way from the receiver to one exporter; each
    is told what it misses.
    """

    @property
    def given(self) -> float | None:
        """The newest mark at which ``collect`` gave what ``missed`` would give again."""
        ...

    def missed(self, after: float, mark: float) -> Past | None:
        """The marks between ``after`` and ``mark``, both excluded, as far back as configured.

        None where there are none, or where the source has been silent for so long that the
        present shall not wait for the past.
        """
        ...

    def recall(self, start: float, end: float) -> Past:
        """All marks of ``[start, end)``, whatever was given before."""
        ...

    def restated(self, mark: float, before: float | None) -> Past | None:
        """Marks that were given once and that the source may have corrected since, if it is time.

        ``before`` is the mark at which that was done the last time; None where it never was.
        """
        ...

    def checkpoint(self, reader: str) -> float | None:
        """The last mark that ``delivered`` was told of for ``reader``, if that is known."""
        ...

    def delivered(self, mark: float, reader: str) -> None:
        """Nothing up to ``mark`` is on its way to ``reader`` any more."""
        ...

    def forget(self, reader: str) -> None:
        """``reader`` has all it wanted, and its checkpoint is of no use any more."""
        ...


class Tap(Protocol):
    """What a receiver that gathers has for one pipeline."""

    def collect(self, mark: float, patience: float | None = None) -> Iterable[MetricsData]:
        """As ``collect`` of the receiver: what came since the last time, each batch once."""
        ...

    def close(self) -> None:
        """Nothing more is kept for this pipeline."""
        ...


@runtime_checkable
class Gathering(Receiver, Protocol):
    """A receiver that works between the marks, and whose samples have times of their own.

    They are not later than the moment at which they are collected. Every pipeline gets all of
    them, each in its own time; what was gathered before ``shutdown`` can be collected after it.
    """

    def tap(self) -> Tap:
        """For one pipeline: what is gathered from now on. Called before ``start``."""
        ...

    def leave(self) -> None:
        """No other goes on for this one: what it told of ends. Called before ``shutdown``."""
        ...


Processor: TypeAlias = Callable[[MetricsData], MetricsData]
"""What happens to a batch. It returns a new batch and leaves the one it got unchanged.

One that raises RetryableError refuses the batch for now. Its mark is missed then, as if the
receiver had not answered: of a receiver with history it is asked for again, at every mark until it
passes or is older than the receiver goes back, and what is newer waits; of others it is lost, and
the log says so. What else it raises is a defect, and the batch is lost.
"""

Exporter: TypeAlias = MetricExporter
"""Where data goes: the SDK's own interface, so every SDK exporter is one of ours.

One without a queue that knows ``pdata.Summary``, which the SDK does not, has an attribute
``takes_summaries`` that is true; to others metrics of that type are not given.
"""


@runtime_checkable
class Startable(Protocol):
    """A component that has something to acquire before it can work."""

    def start(self) -> None: ...


@runtime_checkable
class QueuedExporter(Protocol):
    """An exporter with a queue of its own: ``enqueue`` takes a batch and returns at once.

    One that shows nothing but the present has an attribute ``present_only`` that is true; it gets
    no batch of an earlier mark than the one before. One whose queue has a bound has an attribute
    ``has_room``: while it is false a mark that can be had later is not queued. One whose
    destination may store a part of a request counts the samples of such in ``partly_stored``.

    One whose queue outlives the process has a ``queue_id``, which is another one where the queue
    may lack what was put into it before, and ``oldest_perishing``: as ``oldest_pending``, of what
    does not outlive the process all the same.
    """

    def enqueue(self, metrics_data: MetricsData, stream: str | None = "") -> None:
        """``stream``: which of several pipelines it comes from.

        Each describes its scopes completely on its own. None: these are other values of samples
        that were there before, and what is missing in them ends nothing.
        """
        ...

    @property
    def oldest_pending(self) -> float | None:
        """The time, in seconds since the epoch, of the oldest request that is not settled yet.

        None where nothing is on its way. What a shutdown left behind stays unsettled.
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
    extensions: Mapping[ComponentID, Any] = field(default_factory=dict)
    """Those that the service names, built and not started yet."""
    own_metrics: OwnMetrics = field(default_factory=OwnMetrics)
    """Where a component registers that has to tell of its own work."""

    def storage(self, name: str) -> StorageClient | None:
        """What this component may keep in the extension ``name``; None where that is empty.

        Raises ConfigError where there is no such storage.
        """
        storage = self._storage(name)
        return storage.client(str(self.id)) if storage else None

    def queue(self, name: str, account: str) -> StorageQueue | None:
        """As ``storage``: a queue that this component has there."""
        storage = self._storage(name)
        return storage.queue(str(self.id), account) if storage else None

    def _storage(self, name: str) -> Storage | None:
        if not name:
            return None
        extension = self.extensions.get(ComponentID.parse(name))
        if not isinstance(extension, Storage):
            message, hint = f'"{name}" keeps nothing', "name a file_storage of the service"
            raise ConfigError.at(f"{self.id}.storage", message, hint)
        return extension


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
