"""Components that keep every rule, as small as they can be: tests break one rule of one each."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from pydantic import Field

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Options
from otel_kubecost.pdata import gauge, metrics_of, nanoseconds
from otel_kubecost.storage import Extent

SCOPE = InstrumentationScope("acme")


class SampleOptions(Options):
    works: bool = Field(True, description="Whether what it talks to answers.")


def factory(kind, build, **changes):
    """Of a component that ``build`` makes of nothing, or of its options where it takes them."""
    settings = {"name": "acme_costs", "summary": "A sample.", "options": SampleOptions} | changes
    return Factory(kind=kind, build=build, **settings)


def of_class(kind, component):
    return factory(kind, lambda options, _: component(options.works))


def point(mark, value=1.5, **attributes):
    return NumberDataPoint(attributes or {"team": "a"}, 0, nanoseconds(mark), value)


def batch_of(*points, name="acme_cost"):
    return MetricsData([metrics_of({}, [(SCOPE, [gauge(name, "", "", list(points))])])])


class SampleReceiver:
    """Gives one cost at every mark, without asking anybody."""

    emit_interval = 60.0

    def __init__(self, works=True):
        self.works = works
        self.failure = None

    def collect(self, mark, patience=None):
        self.failure = None if self.works else "The source does not answer; start it"
        return [batch_of(point(mark))]

    def shutdown(self, timeout_millis=30_000):
        pass


class SamplePast(SimpleNamespace):
    """Marks of which ``batch`` tells."""

    windows: ClassVar = {"all": 1}

    def batches(self, after=None):
        return ((one, self.batch(one)) for one in self.marks if after is None or one > after)


class SampleHistory(SampleReceiver):
    """Knows what it would have said at every earlier mark."""

    given = None
    past = SamplePast

    def __init__(self, works=True):
        super().__init__(works)
        self.kept = {}

    def missed(self, after, mark):
        return self._of(after + self.emit_interval, mark)

    def recall(self, start, end):
        return self._of(start, end)

    def restated(self, mark, before):
        return None

    def _of(self, start, end):
        marks = [start]
        while marks[-1] + self.emit_interval < end:
            marks.append(marks[-1] + self.emit_interval)
        return self.past(marks=marks, batch=self.told)

    def told(self, mark):
        return batch_of(point(mark))

    def checkpoint(self, reader):
        return self.kept.get(reader)

    def delivered(self, mark, reader):
        self.kept[reader] = mark

    def forget(self, reader):
        self.kept.pop(reader, None)


class SampleTap:
    """Has for one pipeline what a receiver has gathered."""

    def __init__(self):
        self.waiting = []

    def collect(self, mark, patience=None):
        taken, self.waiting = self.waiting, []
        return taken

    def close(self):
        self.waiting = []


class SampleGathering(SampleReceiver):
    """Has a cost of its own time at its start, and another one when it is shut down."""

    def __init__(self, works=True):
        super().__init__(works)
        self.taps = []

    def tap(self):
        self.taps.append(SampleTap())
        return self.taps[-1]

    def leave(self):
        pass

    def start(self):
        if not self.taps:
            self.collect = self.tap().collect
        self.gather(0.25)

    def gather(self, ago):
        self.failure = None if self.works else "The source does not answer; start it"
        for tap in self.taps:
            tap.waiting.append(batch_of(point(time.time() - ago)))

    def shutdown(self, timeout_millis=30_000):
        self.gather(0.125)


class SampleExporter(MetricExporter):
    """Takes everything and does nothing with it."""

    def __init__(self, works=True):
        super().__init__()
        self.works = works
        self.closed = False

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        taken = self.works and not self.closed
        return MetricExportResult.SUCCESS if taken else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self.closed = True


class SampleQueue(SampleExporter):
    """Has settled what it takes at once."""

    oldest_pending = None

    def enqueue(self, metrics_data, stream=""):
        pass


class WithThread(SampleReceiver):
    """Has a thread from start to shutdown."""

    thread = None

    def start(self):
        if self.thread is None:
            self.begin()

    def begin(self):
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.stopped.wait, daemon=True)
        self.thread.start()

    def shutdown(self, timeout_millis=30_000):
        if self.thread is not None:
            self.stopped.set()
            self.thread.join(timeout_millis / 1000)


@dataclass
class SampleClient:
    values: dict = field(default_factory=dict)

    def get(self, key):
        return self.values.get(key)

    def set(self, key, value):
        self.values[key] = value

    def delete(self, key):
        self.values.pop(key, None)


class SampleStorageQueue:
    """Requests in the order in which they leave."""

    id = "one"
    set_aside: ClassVar = {}
    filled = 0.0

    def __init__(self):
        self.waiting = []
        self.ledger = defaultdict(int)
        self.next_number = 1

    def open(self):
        pass

    @property
    def extent(self):
        return Extent(len(self.waiting), sum(len(one.body) for one in self.waiting))

    def fits(self, more):
        return True

    def first(self, passed):
        return next(iter(self._left(passed)), None)

    def oldest(self, passed):
        return min((one.place.newest for one in self._left(passed)), default=None)

    def _left(self, passed):
        return [one for one in self.waiting if one.place.number not in passed]

    def change(self, added, removed, booked, unfinished=None):
        self.waiting = sorted([*self._left(removed), *added])
        self.next_number = max([self.next_number, *(one.place.number + 1 for one in added)])
        for name, count in booked.items():
            self.ledger[name] += count


class SampleStorage:
    """Keeps everything in a place outside it, as a disk is."""

    def __init__(self, place):
        self.clients, self.queues = place

    def start(self):
        pass

    def start_shared(self):
        pass

    def shutdown(self, timeout_millis=30_000):
        pass

    def client(self, owner):
        return self.clients[owner]

    def queue(self, owner, account):
        return self.queues[owner, account]


def storage_factory(storage=SampleStorage):
    place = defaultdict(SampleClient), defaultdict(SampleStorageQueue)
    return factory(Kind.EXTENSION, lambda *_: storage(place))


GOOD = {
    "receiver": of_class(Kind.RECEIVER, SampleReceiver),
    "receiver with history": of_class(Kind.RECEIVER, SampleHistory),
    "receiver that gathers": of_class(Kind.RECEIVER, SampleGathering),
    "receiver with a thread": of_class(Kind.RECEIVER, WithThread),
    "processor": factory(Kind.PROCESSOR, lambda *_: lambda data: data),
    "exporter": of_class(Kind.EXPORTER, SampleExporter),
    "exporter with a queue": of_class(Kind.EXPORTER, SampleQueue),
    "extension": of_class(Kind.EXTENSION, SampleReceiver),
    "storage": storage_factory(),
}
"""By what they are."""
