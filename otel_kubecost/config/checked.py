"""The whole configuration as one checked object.

Reading stops at nothing but a file that cannot be read: every mistake is found first and all of
them are reported at once, in the order in which they stand in the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from pydantic import Field

from otel_kubecost.component import ComponentID, Factory, Kind
from otel_kubecost.config.cross_checks import accounts, clusters, placeholders, storages, wiring
from otel_kubecost.config.declarative import telemetry
from otel_kubecost.config.files import load_files
from otel_kubecost.config.options import Options
from otel_kubecost.config.pricing_check import pricing
from otel_kubecost.config.problems import Finding, suggestion, validate
from otel_kubecost.config.telemetry_options import TelemetryOptions
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.errors import ConfigError, Problem

Factories: TypeAlias = Mapping[Kind, Mapping[str, Factory]]
"""Every component that can be named, by kind and by type (other spellings of it included)."""


class PipelineOptions(Options):
    """Component ids, in the order in which data passes them."""

    receivers: tuple[str, ...] = Field(
        (), description="Where its data comes from.", examples=[["kubecost"]]
    )
    processors: tuple[str, ...] = Field(
        (), description="What is done with it, in this order.", examples=[["cardinality_limit"]]
    )
    exporters: tuple[str, ...] = Field(
        (), description="Where it goes.", examples=[["prometheus_remote_write/cloudtuner"]]
    )


class ServiceOptions(Options):
    """Which of the configured components run, and how they are connected."""

    extensions: tuple[str, ...] = Field(
        (), description="Extensions that run, in this order.", examples=[["file_storage"]]
    )
    pipelines: dict[str, PipelineOptions] = Field(
        default_factory=dict,
        description="Pipelines by name: metrics, or metrics/<name>.",
        examples=[{"metrics": {"receivers": ["kubecost"], "exporters": ["prometheus"]}}],
    )
    telemetry: TelemetryOptions = Field(
        default_factory=TelemetryOptions, description="What the process says of itself."
    )


class ConfiguredComponent(NamedTuple):
    factory: Factory
    options: Options


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """The components of one pipeline: at least one receiver and one exporter."""

    receivers: tuple[ComponentID, ...]
    processors: tuple[ComponentID, ...]
    exporters: tuple[ComponentID, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without mistakes."""

    components: Mapping[Kind, Mapping[ComponentID, ConfiguredComponent]] = field(repr=False)
    """Every configured component, whether a pipeline uses it or not."""
    extensions: tuple[ComponentID, ...]
    """Those that the service names; they start in this order, before everything else."""
    pipelines: Mapping[str, PipelineConfig]
    """By name: ``metrics`` or ``metrics/<name>``."""
    telemetry: TelemetryOptions


def read_config(
    *paths: str | os.PathLike[str],
    factories: Factories,
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read, merge and check files. Raises ConfigError with every mistake.

    ``sets`` are ``a.b.c=value``, applied last. ``environ`` (default: the process' own) fills in
    ``${env:NAME}``.
    """
    return parse_config(load_files(paths, sets, environ), factories)


def parse_config(confmap: ConfMap, factories: Factories) -> Config:
    """Check a configuration that is already data. Raises ConfigError with every mistake."""
    data = confmap.data
    components, bad_components = _components(data, factories)
    service, bad_service = validate(ServiceOptions, data.get("service") or {})
    findings = [
        *placeholders(data),
        *_unknown_sections(data),
        *bad_components,
        *(found.inside("service") for found in bad_service),
        *wiring(data),
        *accounts(data),
        *clusters(data),
        *pricing(data),
        *storages(data),
        *telemetry(data),
    ]
    problems = _all_problems(confmap, findings)
    if problems or service is None:
        raise ConfigError(sorted(problems, key=lambda problem: problem.location))
    return Config(
        components,
        tuple(map(ComponentID.parse, service.extensions)),
        {name: _pipeline(options) for name, options in service.pipelines.items()},
        service.telemetry,
    )


def _pipeline(options: PipelineOptions) -> PipelineConfig:
    receivers, processors, exporters = (
        tuple(map(ComponentID.parse, ids))
        for ids in (options.receivers, options.processors, options.exporters)
    )
    return PipelineConfig(receivers, processors, exporters)


def _all_problems(confmap: ConfMap, findings: Iterable[Finding]) -> list[Problem]:
    """What went wrong before, and of several findings at one path the first, which is the cause."""
    problems = list(confmap.problems)
    seen = {problem.path for problem in problems}
    for found in findings:
        problem = confmap.problem(found)
        if problem.path not in seen:
            problems.append(problem)
            seen.add(problem.path)
    return problems


_SECTIONS = (*Kind, "service")


def _unknown_sections(data: Mapping[str, Any]) -> Iterator[Finding]:
    for name in data:
        if name not in _SECTIONS:
            yield Finding((name,), "unknown section", suggestion(name, _SECTIONS, "known sections"))


def _components(
    data: Mapping[str, Any], factories: Factories
) -> tuple[dict[Kind, dict[ComponentID, ConfiguredComponent]], list[Finding]]:
    components: dict[Kind, dict[ComponentID, ConfiguredComponent]] = {}
    findings: list[Finding] = []
    for kind in Kind:
        section = data.get(kind) or {}
        components[kind] = {}
        if not isinstance(section, Mapping):
            hint = f"write each {kind.noun} as a key: `{kind}: {{type: {{...}}}}`"
            findings.append(Finding((kind.value,), "must be a block of components", hint))
            continue
        for name, body in section.items():
            component, found = _component(kind, name, body, factories.get(kind, {}))
            findings += (each.inside(kind.value, name) for each in found)
            if component is not None:
                components[kind][ComponentID.parse(name)] = component
    return components, findings


def _component(
    kind: Kind, name: str, body: Any, factories: Mapping[str, Factory]
) -> tuple[ConfiguredComponent | None, list[Finding]]:
    try:
        type_ = ComponentID.parse(name).type
    except ValueError:
        hint = f"write type or type/name, as in {next(iter(factories), kind.noun)}/one"
        return None, [Finding((), "is not the id of a component", hint)]
    try:
        factory = factories.get(type_)
    except ConfigError as error:
        return None, [Finding((), problem.message, problem.hint) for problem in error.problems]
    if factory is None:
        hint = suggestion(type_, factories, f"known {kind}")
        return None, [Finding((), f'unknown {kind.noun} "{type_}"', hint)]
    options, findings = validate(factory.options, {} if body is None else body)
    return (ConfiguredComponent(factory, options) if options is not None else None), findings
