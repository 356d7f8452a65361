"""Exporters that others wrote, and marks that are missed: what one does not take is not lost."""

import threading
from functools import partial

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from peers import wait_until
from test_gaps import OWN, START, Chain
from test_pipeline import time_of

from otel_kubecost import foreign_calls, graph, reader
from otel_kubecost.component import Factory, Kind
from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.options import Options
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.foreign_exporters import factory_of
from otel_kubecost.pdata import each_metric
from otel_kubecost.service import Service

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def number(batch):
    """Which mark it is, counted from the start; None for the agent's own metrics."""
    if next(each_metric(batch))[2].name.startswith(OWN):
        return None
    return round((time_of(batch) / 10**9 - START) / 300)


class Moody(MetricExporter):
    """Takes marks but for those that ``hold`` was told of, each of which it does not take once."""

    made = ()
    ends = staticmethod(lambda: None)

    def __init__(self, *, url="a"):
        super().__init__()
        self.url = url
        self.offered = []
        self.taken = []
        self.held = {}
        self.over = False
        Moody.made = (*Moody.made, self)

    def hold(self, mark, answer=FAILURE):
        """The event that lets ``mark`` go."""
        self.held[mark] = threading.Event(), answer
        return self.held[mark][0]

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        mark = number(metrics_data)
        if mark is None:
            return SUCCESS
        self.offered.append((mark, self.over))
        go_on, answer = self.held.pop(mark, (None, SUCCESS))
        if go_on:
            go_on.wait(30)
        if answer is SUCCESS:
            self.taken.append(mark)
        return answer

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        self.over = True
        self.ends()

    def has_been_offered(self, mark):
        wait_until(lambda: mark in dict(self.offered))


@pytest.fixture
def chain():
    with Chain() as made:
        yield made


@pytest.fixture
def exporter():
    return Moody()


@pytest.fixture
def seen():
    """The marks that came through the processors."""
    return []


@pytest.fixture
def running(chain, exporter, seen):
    """A pipeline that was started; ``seen`` are the marks that it collects."""

    def see(batch):
        seen.append(number(batch))
        return batch

    chain.pipeline(chain.receiver(), [exporter], [see]).start()
    chain.go_on(0)


def go_to(chain, seen, marks):
    """Let time pass; the pipeline has collected the mark that is the present then."""
    chain.clock.advance(300 * marks)
    wait_until(lambda: round((chain.clock.time() - START) / 300) in seen)


def test_a_mark_that_fails_late_is_not_lost_to_a_gap(running, chain, exporter, seen):
    """It had hung while marks after it were missed, and these are on their way when it fails."""
    late, missed = exporter.hold(1), exporter.hold(2, SUCCESS)
    chain.go_on(1)
    exporter.has_been_offered(1)
    go_to(chain, seen, 4)
    late.set()
    exporter.has_been_offered(2)
    go_to(chain, seen, 1)
    missed.set()
    wait_until(lambda: set(exporter.taken) == set(range(7)))


def test_a_mark_under_way_is_not_lost_when_a_gap_is_planned_anew(
    running, chain, exporter, seen, monkeypatch
):
    """What is under way then may still not be taken, and is a part of the new plan."""
    monkeypatch.setattr(reader, "PLAN_SECONDS", 1.0)
    under_way = exporter.hold(3)
    go_to(chain, seen, 6)
    exporter.has_been_offered(3)
    go_to(chain, seen, 1)
    under_way.set()
    wait_until(lambda: set(exporter.taken) == set(range(8)))


class Room(Options):
    """Of a component of others."""


def broken(*_):
    raise RuntimeError("broken")


class CannotStart:
    start = staticmethod(broken)


class Foreign:
    """Configurations with exporters of others, and a service that reads them again."""

    def __init__(self, chain):
        self.chain = chain
        self.given = self.config
        self.service = Service(self.given(), clock=chain.clock, reload=self.again)
        self.service.start()
        chain.go_on(0)

    def again(self):
        return self.given()

    def reload(self, exporter="moody", url="b"):
        self.given = partial(self.config, exporter, url)
        return self.service._reconfigure()

    def config(self, exporter="moody", url="a"):
        known = {kind: dict(named) for kind, named in builtin_factories().items()}
        known[Kind.EXPORTER] |= {
            "moody": factory_of("moody", Moody),
            "bad": Factory(Kind.EXPORTER, "bad", "", Room, broken),
            "late": Factory(Kind.EXPORTER, "late", "", Room, lambda *_: CannotStart()),
        }
        kubecost = {
            "endpoint": self.chain.kubecost.url,
            "tenant_id": "t",
            "cluster_name": "c",
            "window": "1h",
            "emit_interval": "5m",
            "collection_interval": "10m",
            "currency": "USD",
        }
        pipeline = {"receivers": ["kubecost"], "exporters": [exporter]}
        mapping = {
            "receivers": {"kubecost": kubecost},
            "exporters": {exporter: {"url": url} if exporter == "moody" else {}},
            "service": {"pipelines": {"metrics": pipeline}},
        }
        return parse_config(ConfMap(mapping), known)


@pytest.fixture
def foreign(chain, monkeypatch):
    monkeypatch.setattr(graph, "_FAREWELL", 0.0)
    monkeypatch.setattr(foreign_calls, "GRACE", 0.1)
    monkeypatch.setattr(Moody, "made", ())
    made = Foreign(chain)
    yield made
    made.service.shutdown()


def test_a_reload_loses_nothing_that_the_exporter_before_did_not_take(foreign, chain):
    """Neither what it hangs in nor what waits behind that; none of it is offered after its end."""
    (before,) = Moody.made
    stuck = before.hold(2)
    chain.go_on(4)
    before.has_been_offered(2)
    assert foreign.reload()
    chain.go_on(2)
    stuck.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "export Moody"])
    assert before.taken == [0, 1]
    assert not any(over for _, over in before.offered)
    after = Moody.made[-1]
    wait_until(lambda: set(after.taken) == set(range(2, 7)))


def test_a_reload_loses_nothing_that_was_refused_just_before(foreign, chain):
    """The exporter says so after the mark, and the next mark is the new one's."""
    (before,) = Moody.made
    before.hold(2).set()
    chain.go_on(2)
    before.has_been_offered(2)
    assert foreign.reload()
    chain.go_on(1)
    after = Moody.made[-1]
    wait_until(lambda: after.taken == [2, 3])


def test_a_reload_does_not_wait_for_a_shutdown_that_hangs(foreign, chain, monkeypatch, caplog):
    """Signals would wait as well: SIGTERM that comes meanwhile has to end the process."""
    release = threading.Event()
    monkeypatch.setattr(Moody, "ends", staticmethod(lambda: release.wait(30)))
    assert foreign.reload()
    assert not release.is_set()
    assert "Moody does not come back from its shutdown and is left behind" in caplog.text
    release.set()


def test_a_reload_without_a_change_makes_no_component(foreign):
    """What an exporter opens when it is made nobody would close."""
    assert not foreign.reload(url="a")
    assert len(Moody.made) == 1


@pytest.mark.parametrize("exporter", ["bad", "late"])
def test_a_component_of_others_that_fails_leaves_the_old_configuration(foreign, chain, exporter):
    """Whatever it raises, when it is made or when it starts: nothing is lost, nothing ends."""
    assert not foreign.reload(exporter)
    chain.go_on(2)
    wait_until(lambda: [mark for one in Moody.made for mark in one.taken] == [0, 1, 2])


def test_a_configuration_that_cannot_even_be_checked_leaves_the_old_one(foreign, chain):
    """A check of options that somebody else wrote may raise anything."""
    foreign.given = broken
    assert not foreign.service._reconfigure()
    chain.go_on(1)
    wait_until(lambda: Moody.made[0].taken == [0, 1])
