"""Components that other distributions bring, by the names of their entry points.

    [project.entry-points."otel_kubecost.exporters"]
    acme = "acme_costs.exporter:FACTORY"

Exporters of the OpenTelemetry SDK count as well, by the group in which every SDK looks for them.
Which there are is looked up when somebody asks; what one points to is imported when it is named.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Options
from otel_kubecost.errors import ConfigError
from otel_kubecost.foreign_exporters import Objection, factory_of, objection

SDK_EXPORTERS = "opentelemetry_metrics_exporter"


class Installed(Mapping[str, Factory]):
    """The components of one kind that other distributions bring.

    ``[]`` raises ConfigError for one that cannot be used, KeyError for one that is not there.
    """

    def __init__(self, kind: Kind, reserved: Container[str] = ()) -> None:
        """``reserved`` are names that nobody else can have: those of built-in components."""
        self.kind = kind
        self._reserved = reserved
        self._group = f"otel_kubecost.{kind}"

    def origin(self, name: str) -> str:
        """The distributions that bring ``name``."""
        return " and ".join(map(_distribution, self._entries[name]))

    def __getitem__(self, name: str) -> Factory:
        entries = self._entries[name]
        entry = entries[0]
        if len(entries) > 1:
            raise self._refusal(entries, Objection("only one can have it", "uninstall the others"))
        if name in self._reserved:
            hint = "its author has to choose another name"
            raise self._refusal(entries, Objection(f"it is a built-in {self.kind.noun}", hint))
        found = self._imported(entry)
        is_foreign = entry.group == SDK_EXPORTERS
        if problem := objection(found) if is_foreign else self._objection(entry, found):
            raise self._refusal(entries, problem)
        return factory_of(name, found) if is_foreign else found

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @cached_property
    def _entries(self) -> Mapping[str, Sequence[EntryPoint]]:
        """One that was written for this package goes before one for any SDK."""
        own = _by_name(entry_points(group=self._group))
        if self.kind is not Kind.EXPORTER:
            return own
        return {**_by_name(filter(self._is_foreign, entry_points(group=SDK_EXPORTERS))), **own}

    def _is_foreign(self, entry: EntryPoint) -> bool:
        """Ours have names and options of their own here; ``prometheus`` of the SDK is another."""
        return entry.name not in self._reserved and not entry.module.startswith("otel_kubecost.")

    def _imported(self, entry: EntryPoint) -> Any:
        try:
            return entry.load()
        except (Exception, SystemExit) as error:  # foreign: whatever it raises is the reason
            message = f"{entry.value} cannot be imported: {type(error).__name__}: {error}"
            hint = "install what it needs, or a version of it that goes with this package"
            raise self._refusal([entry], Objection(message, hint)) from error

    def _objection(self, entry: EntryPoint, found: Any) -> Objection | None:
        if not isinstance(found, Factory):
            hint = "its author has to name an otel_kubecost.component.Factory there"
            return Objection(f"{entry.value} is no Factory but {type(found).__name__}", hint)
        options: Any = found.options
        if not isinstance(options, type) or not issubclass(options, Options):
            hint = "its author has to derive them from otel_kubecost.config.options.Options"
            return Objection(f"the options of {entry.value} are no Options", hint)
        names = (found.name, *found.aliases)
        if found.kind is not self.kind or entry.name not in names:
            known = f'the {found.kind.noun} "{found.name}"'
            return Objection(f"{entry.value} is {known}", "its author has to mend the entry point")
        return None

    def _refusal(self, entries: Sequence[EntryPoint], problem: Objection) -> ConfigError:
        entry = entries[0]
        origin = " and ".join(map(_distribution, entries))
        message = f'"{entry.name}" of {origin} ({entry.group}) cannot be used: {problem.message}'
        return ConfigError.at(f"{self.kind}.{entry.name}", message, problem.hint)


def _by_name(entries: Iterable[EntryPoint]) -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.module.partition(".")[0]
