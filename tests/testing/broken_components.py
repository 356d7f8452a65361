"""Components that break one rule each, by the rule's name; a few defects cannot but break two."""

import logging
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from component_samples import (
    GOOD,
    SampleClient,
    SampleExporter,
    SampleGathering,
    SampleHistory,
    SampleOptions,
    SamplePast,
    SampleQueue,
    SampleReceiver,
    SampleStorage,
    SampleTap,
    WithThread,
    batch_of,
    factory,
    of_class,
    point,
    storage_factory,
)
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from pydantic import BaseModel, ConfigDict, Field

from otel_kubecost.component import Kind
from otel_kubecost.config.options import Options
from otel_kubecost.pdata import PointColumns, count_points, each_metric, map_scopes

HERE = Path(__file__)
FOR_EVER = threading.Event()
LEFT_OPEN = []


# Factories that break a rule.

GOOD_FACTORY = GOOD["processor"]


class Undescribed(Options):
    block: SampleOptions = Field(default_factory=SampleOptions)


class Permissive(SampleOptions):
    model_config = ConfigDict(extra="allow")


class NotOptions(BaseModel):
    pass


FACTORIES = [
    ("IS_FACTORY", SampleReceiver),
    ("IS_FACTORY", replace(GOOD_FACTORY, kind="processors ")),
    ("NAME", replace(GOOD_FACTORY, name="AcmeCosts")),
    ("NAME", replace(GOOD_FACTORY, aliases=("acme-costs",))),
    ("SUMMARY", replace(GOOD_FACTORY, summary="does things")),
    ("OPTIONS", replace(GOOD_FACTORY, options=NotOptions)),
    ("DESCRIPTIONS", replace(GOOD_FACTORY, options=Undescribed)),
    ("UNKNOWN_KEYS", replace(GOOD_FACTORY, options=Permissive)),
    ("BUILDS", replace(GOOD_FACTORY, build=lambda *_: None)),
    ("BUILDS", replace(GOOD_FACTORY, build=lambda options: options)),
]


# Components that break a rule of the lifecycle.


class ThreadWhenBuilt(WithThread):
    def __init__(self, works=True):
        super().__init__(works)
        self.begin()


class FileWhenBuilt(SampleReceiver):
    """It is closed at once, and was read all the same."""

    def __init__(self, works=True):
        super().__init__(works)
        with HERE.open() as file:
            file.read(1)


class CannotStart(SampleReceiver):
    def start(self):
        raise OSError("no such host")


class StartsTwice(WithThread):
    def start(self):
        before = self.thread
        self.begin()
        if before:
            self.after = self.thread  # neither ends the other


class NeedsStart(SampleReceiver):
    """Its shutdown does, and so does its second one."""

    def start(self):
        self.stopped = threading.Event()

    def shutdown(self, timeout_millis=30_000):
        self.stopped.set()


class NoKeyword(SampleReceiver):
    def shutdown(self):
        pass


class Hanging(SampleReceiver):
    def shutdown(self, timeout_millis=30_000):
        FOR_EVER.wait()


class Asked:
    """Whether it was, and whether it waits for an answer that never comes."""

    def __init__(self):
        self.comes = threading.Event()
        self.hangs = False

    def ask(self, *, hangs):
        self.hangs = hangs
        self.comes.set()
        if hangs:
            FOR_EVER.wait()

    def join(self):
        self.comes.wait(10)
        if self.hangs:
            FOR_EVER.wait()


class HangingWhileAsking(SampleReceiver):
    """Its shutdown waits for the query that is under way."""

    def __init__(self, works=True):
        super().__init__(works)
        self.source = Asked()

    def collect(self, mark, patience=None):
        self.source.ask(hangs=not self.works and patience is None)
        return super().collect(mark, patience)

    def shutdown(self, timeout_millis=30_000):
        if not self.works:
            self.source.join()


class LeavesThread(WithThread):
    def shutdown(self, timeout_millis=30_000):
        pass


class LeavesFile(SampleReceiver):
    def collect(self, mark, patience=None):
        LEFT_OPEN.append(HERE.open())
        return super().collect(mark, patience)


class SetsUpLogging(SampleReceiver):
    def start(self):
        logging.getLogger().addHandler(logging.NullHandler())


class CannotAdopt(SampleReceiver):
    def adopt(self, predecessor):
        raise NotImplementedError


class WithoutFailure:
    """Not all of what a receiver has."""

    emit_interval = 60.0
    shutdown = SampleReceiver.shutdown

    def __init__(self, works=True):
        pass

    def collect(self, mark, patience=None):
        return [batch_of(point(mark))]


class PartOfHistory(SampleReceiver):
    def missed(self, after, mark):
        return None


def registers_by_its_type(options, settings):
    settings.own_metrics.register("acme_costs", lambda: MetricsData([]))
    return SampleReceiver(options.works)


def cannot_tell(options, settings):
    settings.own_metrics.register(str(settings.id), lambda: 1 / 0)
    return SampleReceiver(options.works)


LIFECYCLES = [
    ("NO_EFFECT", ThreadWhenBuilt),
    ("NO_EFFECT", FileWhenBuilt),
    ("STARTS", CannotStart),
    ("STARTS_TWICE", StartsTwice),
    ("SHUTS_DOWN", NeedsStart),
    ("SHUTS_DOWN", NoKeyword),
    ("ENDS_IN_TIME", Hanging),
    ("ENDS_IN_TIME", HangingWhileAsking),
    ("LEAVES_NOTHING", LeavesThread),
    ("LEAVES_NOTHING", LeavesFile),
    ("LOGGING", SetsUpLogging),
    ("ADOPTS", CannotAdopt),
    ("OF_ITS_KIND", WithoutFailure),
    ("WHOLE_PROTOCOL", PartOfHistory),
]


# Receivers.


class NoInterval(SampleReceiver):
    emit_interval = 0


class Raises(SampleReceiver):
    """Only where its source fails: what an author's own tests do not see."""

    def collect(self, mark, patience=None):
        if not self.works:
            raise ConnectionRefusedError("nobody listens")
        return super().collect(mark, patience)


class CollectsWhenStarted(SampleReceiver):
    ready = False

    def start(self):
        self.ready = True

    def collect(self, mark, patience=None):
        return super().collect(mark) if self.ready else []


class CollectsBeforeShutdown(SampleReceiver):
    closed = False

    def collect(self, mark, patience=None):
        if self.closed:
            raise RuntimeError("closed")
        return super().collect(mark)

    def shutdown(self, timeout_millis=30_000):
        self.closed = True


class AlwaysFails(SampleReceiver):
    def collect(self, mark, patience=None):
        batches = super().collect(mark, patience)
        self.failure = "It is not known"
        return batches


class Empty(SampleReceiver):
    def collect(self, mark, patience=None):
        return [] if self.works else super().collect(mark)


class LateStamp(SampleReceiver):
    def collect(self, mark, patience=None):
        super().collect(mark)
        return [batch_of(point(mark + 0.25))]


class Counts(SampleReceiver):
    count = 0

    def collect(self, mark, patience=None):
        super().collect(mark)
        self.count += 1
        return [batch_of(point(mark, self.count))]


class CountsBatches(SampleReceiver):
    count = 0

    def collect(self, mark, patience=None):
        self.count += 1
        return super().collect(mark) * self.count


class OneList(SampleReceiver):
    """Fills the same batch at every mark."""

    def __init__(self, works=True):
        super().__init__(works)
        self.batch = batch_of()

    def collect(self, mark, patience=None):
        super().collect(mark)
        ((_, _, metric),) = each_metric(self.batch)
        metric.data.data_points[:] = [point(mark)]
        return [self.batch]


class Silent(SampleReceiver):
    def collect(self, mark, patience=None):
        return [batch_of(point(mark))]


class TextValues(SampleReceiver):
    """As a CSV file has them."""

    def collect(self, mark, patience=None):
        super().collect(mark)
        return [batch_of(point(mark, "1.5"))]


class TwoPoints(SampleReceiver):
    def collect(self, mark, patience=None):
        super().collect(mark)
        return [batch_of(point(mark, 1.0), point(mark, 2.0))]


class AheadOfTheClock(SampleGathering):
    def gather(self, ago):
        super().gather(-60.0)


class GivesAgain(SampleTap):
    def collect(self, mark, patience=None):
        return self.waiting


class OneForAll(SampleGathering):
    """Whoever collects first has it."""

    def tap(self):
        if not self.taps:
            super().tap()
        return self.taps[0]


class LosesTheLast(SampleGathering):
    def shutdown(self, timeout_millis=30_000):
        pass


class GathersTwice(SampleGathering):
    def tap(self):
        self.taps.append(GivesAgain())
        return self.taps[-1]


class Backwards(SampleHistory):
    def _of(self, start, end):
        past = super()._of(start, end)
        past.marks.reverse()
        return past


class OutOfBounds(SampleHistory):
    def _of(self, start, end):
        return super()._of(start, end + self.emit_interval)


class AllAgain(SamplePast):
    def batches(self, after=None):
        return super().batches()


class WithoutAfter(SampleHistory):
    past = AllAgain


class PastStamp(SampleHistory):
    def told(self, mark):
        return batch_of(point(mark + 60))


class OtherPast(SampleHistory):
    def told(self, mark):
        return batch_of(point(mark, 2.5))


class MissedAfterAll(SampleHistory):
    """The mark that was delivered comes again."""

    def missed(self, after, mark):
        return self._of(after, mark)


class RecallsTooMuch(SampleHistory):
    """The mark at which the time ends as well."""

    def recall(self, start, end):
        return self._of(start, end + self.emit_interval)


class RestatesNothing(SampleHistory):
    def restated(self, mark, before):
        return self.past(marks=[], batch=self.told)


class OneCheckpoint(SampleHistory):
    def checkpoint(self, reader):
        return max(self.kept.values(), default=None)


RECEIVERS = [
    ("INTERVAL", NoInterval),
    ("COLLECTS", Raises),
    ("COLLECTS", CollectsWhenStarted),
    ("COLLECTS", CollectsBeforeShutdown),
    ("ANSWERS", AlwaysFails),
    ("STAMPED", LateStamp),
    ("SAME_AGAIN", Counts),
    ("SAME_AGAIN", CountsBatches),
    ("FIXED", OneList),
    ("SAYS_WHY", Silent),
    *(("GATHERS", one) for one in (AheadOfTheClock, GathersTwice, OneForAll, LosesTheLast)),
    ("SHAPE", TextValues),
    ("ONE_POINT", TwoPoints),
    ("PAST", Backwards),
    ("PAST", OutOfBounds),
    ("PAST", WithoutAfter),
    ("PAST", MissedAfterAll),
    ("PAST", RecallsTooMuch),
    ("PAST", RestatesNothing),
    ("STAMPED SAME_PAST", PastStamp),
    ("SAME_PAST", OtherPast),
    ("CHECKPOINTS", OneCheckpoint),
]


# Processors.


def made(processor):
    return processor() if isinstance(processor, type) else processor


def first_resource(data):
    return MetricsData([data.resource_metrics[0]])


def forgets_to_return(data):
    map_scopes(data, lambda _, metrics: metrics)


def changes_attributes(data):
    for _, _, metric in each_metric(data):
        for one in metric.data.data_points:
            if one.attributes:
                one.attributes["team"] = "a"
    return data


def changes_lists(data):
    for of_resource in data.resource_metrics:
        of_resource.scope_metrics[:] = []
    return data


def columns_alone(data):
    return map_scopes(
        data,
        lambda _, metrics: [
            one for one in metrics if isinstance(one.data.data_points, PointColumns)
        ],
    )


class Remembers:
    """The batch of whoever called last."""

    def __call__(self, data):
        self.data = data
        time.sleep(0.01)
        return self.data


class OldTime:
    """What it made of a batch the first time, for ever."""

    known = None

    def __call__(self, data):
        if self.known is None and count_points(data):
            self.known = data
        return self.known or data


PROCESSORS = [
    ("TAKES_ALL", first_resource),
    ("SHAPE", forgets_to_return),
    ("UNCHANGED SAME_AS_LISTS", changes_attributes),
    ("UNCHANGED", changes_lists),
    ("SAME_AS_LISTS", columns_alone),
    ("OWN_TIME", Remembers),
    ("OWN_TIME", OldTime),
]


# Exporters.


class NoExporter:
    """Not by its class, though it has everything else."""

    _preferred_temporality, closed = None, False
    export, force_flush = SampleExporter.export, SampleExporter.force_flush
    shutdown = SampleExporter.shutdown

    def __init__(self, works=True):
        self.works = works


class WithoutInit(SampleExporter):
    works, closed = True, False

    def __init__(self, works=True):
        self.works = works


class Ungreedy(SampleExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        data = metrics_data.resource_metrics[:1]
        return super().export(metrics_data) if data else MetricExportResult.FAILURE


class NumbersAlone(SampleExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        for _, _, metric in each_metric(metrics_data):
            sum(one.value for one in metric.data.data_points)
        return super().export(metrics_data)


class ExportsWhenStarted(SampleExporter):
    """Under a reader of the SDK it never is."""

    started = False

    def start(self):
        self.started = True

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        return super().export(metrics_data) if self.started else MetricExportResult.FAILURE


class ReturnsTrue(SampleExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        result = super().export(metrics_data)
        return True if result is MetricExportResult.SUCCESS else result


class NotAtOnce(SampleExporter):
    """One export at a time, and no other way."""

    busy = False

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        if self.busy:
            raise RuntimeError("one at a time")
        self.busy = True
        time.sleep(0.01)
        self.busy = False
        return super().export(metrics_data)


class HangingWhileSending(SampleExporter):
    """Its shutdown waits for the request that is under way."""

    def __init__(self, works=True):
        super().__init__(works)
        self.destination = Asked()

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self.destination.ask(hangs=not self.works and timeout_millis > 1000)
        return super().export(metrics_data)

    def shutdown(self, timeout_millis=30_000, **kwargs):
        super().shutdown()
        if not self.works:
            self.destination.join()


class AfterTheEnd(SampleExporter):
    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


class Optimistic(SampleExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        return MetricExportResult.FAILURE if self.closed else MetricExportResult.SUCCESS


class OursAlone(SampleExporter):
    """Knows the keyword of a pipeline, and not that of the SDK's readers."""

    def shutdown(self, timeout_millis=30_000):
        self.closed = True


class FlushesNothing(SampleExporter):
    def force_flush(self, timeout_millis=10_000):
        pass


class Drains(SampleExporter):
    """Uses up what it is given."""

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        metrics_data.resource_metrics.clear()
        return super().export(metrics_data)


class FormOfQueue(SampleQueue):
    has_room = 3


class FullQueue(SampleQueue):
    def enqueue(self, metrics_data, stream=""):
        if self.closed:
            raise RuntimeError("closed")


class NeverSettles(SampleQueue):
    oldest_pending = 1.0


EXPORTERS = [
    ("IS_EXPORTER", NoExporter),
    ("IS_EXPORTER", WithoutInit),
    ("EXPORTS", NumbersAlone),
    ("EXPORTS", NotAtOnce),
    ("EXPORTS", ReturnsTrue),
    ("ENDS_IN_TIME", HangingWhileSending),
    ("SUCCEEDS", Ungreedy),
    ("SUCCEEDS", ExportsWhenStarted),
    ("FAILS", AfterTheEnd),
    ("FAILS", Optimistic),
    ("SHUTS_DOWN", OursAlone),
    ("FLUSHES", FlushesNothing),
    ("UNCHANGED", Drains),
    ("QUEUES", FormOfQueue),
    ("QUEUES", FullQueue),
    ("SETTLES", NeverSettles),
]


# Extensions.


class OneForAll(SampleStorage):
    def client(self, owner):
        return self.clients["all"]


class OneQueue(SampleStorage):
    def queue(self, owner, account):
        return self.queues[owner, ""]


class InMemory(SampleStorage):
    def start(self):
        self.clients = defaultdict(SampleClient)


class Newest(SampleStorage):
    """Gives first what came last."""

    def queue(self, owner, account):
        queue = super().queue(owner, account)
        queue.first = lambda passed: max(queue.waiting, default=None)
        return queue


class NotBeside(SampleStorage):
    def start_shared(self):
        self.clients = defaultdict(SampleClient)


STORAGES = [OneForAll, OneQueue, InMemory, Newest, NotBeside]


# All of them.

BROKEN = [
    *FACTORIES,
    *((rule, of_class(Kind.RECEIVER, one)) for rule, one in LIFECYCLES),
    ("OWN_METRICS", factory(Kind.RECEIVER, registers_by_its_type)),
    ("OWN_METRICS", factory(Kind.RECEIVER, cannot_tell)),
    *((rule, of_class(Kind.RECEIVER, one)) for rule, one in RECEIVERS),
    *((rule, factory(Kind.PROCESSOR, lambda *_, one=one: made(one))) for rule, one in PROCESSORS),
    *((rule, of_class(Kind.EXPORTER, one)) for rule, one in EXPORTERS),
    *(("KEEPS", storage_factory(one)) for one in STORAGES),
]
