"""What holds for every component that is started and shut down, and for building any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_kubecost.component import Adopting, Gathering, Historical, QueuedExporter, Startable
from otel_kubecost.storage import Storage
from otel_kubecost.testing.contract.effects import Leftovers, logging_setup, watched
from otel_kubecost.testing.contract.rules import (
    ADOPTS,
    BUILDS,
    LEAVES_NOTHING,
    LOGGING,
    NO_EFFECT,
    OWN_METRICS,
    SHUTS_DOWN,
    STARTS_TWICE,
    WHOLE_PROTOCOL,
)
from otel_kubecost.testing.contract.shape import checked
from otel_kubecost.testing.contract.subject import SHUTDOWN_MILLIS, Subject
from otel_kubecost.testing.contract.work import work

_OPTIONAL: Sequence[tuple[set[str], type[Any]]] = (
    ({"missed"}, Historical),
    ({"tap"}, Gathering),
    ({"enqueue"}, QueuedExporter),
    ({"client", "queue"}, Storage),
)
"""Protocols, each with names that nobody has by chance who does not mean it."""


def check_building_has_no_effect(subject: Subject) -> None:
    before = Leftovers()
    subject.build(name="first")
    if left := before.found(0):
        raise NO_EFFECT.broken(f"after it {' and '.join(left)}")
    # What the first time imported is there now.
    _, seen = subject.call(BUILDS, "build", lambda: watched(lambda: subject.made(name="second")))
    if seen:
        raise NO_EFFECT.broken(f"it {' and '.join(seen)}")


def check_whole_protocols(subject: Subject) -> None:
    component = subject.build()
    for names, protocol in _OPTIONAL:
        if names <= set(dir(component)) and not isinstance(component, protocol):
            needed = {one for one in dir(protocol) if not one.startswith("_")}
            missing = ", ".join(sorted(needed - set(dir(component))))
            raise WHOLE_PROTOCOL.broken(f"it has {' and '.join(names)} and lacks {missing}")


def check_logging(subject: Subject) -> None:
    before = logging_setup()
    with subject.running():
        pass
    if logging_setup() != before:
        raise LOGGING.broken("the root logger has another level or other handlers after `start`")


def check_shutdown_without_start(subject: Subject) -> None:
    component = subject.build()
    if not callable(getattr(component, "shutdown", None)):
        raise SHUTS_DOWN.broken("it has none")
    subject.shutdown(component, "without start")
    subject.shutdown(component, "for the second time, without start")


def check_second_start(subject: Subject) -> None:
    with subject.running() as component:
        if not isinstance(component, Startable):
            return
        _, seen = subject.call(STARTS_TWICE, "it", lambda: watched(component.start))
        if seen:
            raise STARTS_TWICE.broken(f"it {' and '.join(seen)}")


def check_leaves_nothing(subject: Subject) -> None:
    before = Leftovers()
    component = subject.build()
    subject.start(component)
    work(subject, component)
    subject.shutdown(component, "after work", timeout_millis=SHUTDOWN_MILLIS)
    subject.shutdown(component, "for the second time", timeout_millis=SHUTDOWN_MILLIS)
    if left := before.found(subject.patience):
        raise LEAVES_NOTHING.broken(" and ".join(left))


def check_own_metrics(subject: Subject) -> None:
    subject.own_metrics.observed.clear()
    component = subject.build(name="one")
    for name, observe in subject.own_metrics.observed.items():
        if name != str(subject.id("one")):
            raise OWN_METRICS.broken(f"{subject.id('one')} registered as {name}")
        said = subject.call(OWN_METRICS, "the function", observe)
        checked(said, "the function that tells of own metrics")
    subject.end(component)


def check_adoption(subject: Subject) -> None:
    predecessor, successor = subject.build(), subject.build()
    if not isinstance(successor, Adopting):
        return
    subject.start(predecessor)
    work(subject, predecessor)
    subject.call(ADOPTS, "adopt(predecessor)", lambda: successor.adopt(predecessor))
    subject.start(successor)
    work(subject, successor)
    subject.end(successor)
    subject.end(predecessor)


OF_LIFECYCLES = (
    check_building_has_no_effect,
    check_whole_protocols,
    check_logging,
    check_shutdown_without_start,
    check_second_start,
    check_leaves_nothing,
    check_own_metrics,
    check_adoption,
)
