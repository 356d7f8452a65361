"""One call for all that holds for a component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from otel_kubecost.component import Factory, Kind
from otel_kubecost.testing.contract.of_exporters import OF_EXPORTERS
from otel_kubecost.testing.contract.of_factories import OF_FACTORIES, check_builds, check_is_factory
from otel_kubecost.testing.contract.of_gathering import OF_GATHERING
from otel_kubecost.testing.contract.of_histories import OF_HISTORIES
from otel_kubecost.testing.contract.of_lifecycles import (
    OF_LIFECYCLES,
    check_building_has_no_effect,
    check_whole_protocols,
)
from otel_kubecost.testing.contract.of_processors import OF_PROCESSORS
from otel_kubecost.testing.contract.of_receivers import OF_RECEIVERS, check_interval
from otel_kubecost.testing.contract.of_storages import OF_STORAGES
from otel_kubecost.testing.contract.rules import OF_ITS_KIND, Breach, Hanging
from otel_kubecost.testing.contract.subject import Subject

Check: TypeAlias = Callable[[Subject], None]

_NEEDED: Mapping[Kind, Sequence[Check]] = {
    **dict.fromkeys(Kind, (check_builds,)),
    Kind.RECEIVER: (check_builds, check_interval),
}
_OF_KIND: Mapping[Kind, Sequence[Check]] = {
    Kind.RECEIVER: (*OF_LIFECYCLES, *OF_RECEIVERS, *OF_HISTORIES, *OF_GATHERING),
    Kind.PROCESSOR: (check_building_has_no_effect, check_whole_protocols, *OF_PROCESSORS),
    Kind.EXPORTER: (*OF_LIFECYCLES, *OF_EXPORTERS),
    Kind.EXTENSION: (*OF_LIFECYCLES, *OF_STORAGES),
}


def check_component(
    factory: Factory,
    options: Mapping[str, Any] | None = None,
    *,
    failing: Mapping[str, Any] | None = None,
    extensions: Mapping[str, Any] | None = None,
    patience: float = 20.0,
) -> None:
    """Hold a component to the rules of its kind; raises AssertionError with all that it breaks.

    ``options`` are as in a configuration file, with a source or destination that works; with those
    of ``failing`` it does not: it is away, hangs, or gives nonsense. ``extensions`` are started
    ones, by their ids, for a component that names a storage. ``patience`` is how many seconds a
    call may take beyond the time that it is given.

    It is built, started, used and shut down many times, and does what it is there for: give it
    a destination of the test's own. How long that takes is up to the component.

        def test_contract():
            check_component(FACTORY, {"path": "costs.csv"}, failing={"path": "nowhere.csv"})
    """
    breaches = _breaches(Subject(factory, options or {}, failing, extensions or {}, patience))
    if breaches:
        rules = "a rule" if len(breaches) == 1 else f"{len(breaches)} rules"
        found = "\n\n".join(map(str, breaches))
        name = getattr(factory, "name", "This")
        raise AssertionError(
            f"{name} breaks {rules} of a component (docs/components.md).\n\n{found}"
        )


def _breaches(subject: Subject) -> list[Breach]:
    """Nothing else is asked of what is no factory, cannot be built, or has no interval."""
    if breaches := _broken([check_is_factory], subject):
        return breaches
    kind = subject.factory.kind
    breaches = _broken(OF_FACTORIES, subject)
    unusable = _broken(_NEEDED[kind], subject)
    return breaches + (unusable or _broken(_OF_KIND[kind], subject))


def _broken(checks: Iterable[Check], subject: Subject) -> list[Breach]:
    """Of several findings about one rule the first is enough."""
    breaches: dict[str, Breach] = {}
    for check in checks:
        try:
            check(subject)
        except Hanging as breach:
            return [*breaches.values(), breach]
        except Breach as breach:
            breaches.setdefault(breach.rule.says, breach)
        except Exception as error:  # noqa: BLE001  an attribute that is not there, or raises
            found = OF_ITS_KIND.broken(f"{type(error).__name__}: {error}")
            breaches.setdefault(OF_ITS_KIND.says, found)
    return list(breaches.values())
