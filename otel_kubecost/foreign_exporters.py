"""Exporters that were written for any OpenTelemetry SDK, as components of a configuration.

    exporters:
      otlp_proto_http: {endpoint: "http://collector:4318/v1/metrics", timeout: 5}

The block has the keyword arguments of the class, as they stand: neither durations nor sizes are
read out of text, for nobody but the class knows what its arguments are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from inspect import Parameter, Signature, signature
from typing import Any, ClassVar, NamedTuple

from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
from pydantic import ConfigDict, model_validator

from otel_kubecost.component import Factory, Kind, Settings
from otel_kubecost.config.options import Options
from otel_kubecost.errors import ConfigError


class Objection(NamedTuple):
    """Why something cannot be used as a component, and what to do about it."""

    message: str
    hint: str


def objection(found: Any) -> Objection | None:
    """Why ``found``, which an SDK would take, is no exporter for a pipeline; None if it is one."""
    name = getattr(found, "__qualname__", type(found).__name__)
    if isinstance(found, type) and issubclass(found, MetricReader):
        message = f"{name} is a MetricReader, which asks an SDK for its metrics; a pipeline pushes"
        return Objection(message, "use a MetricExporter, or the built-in prometheus for a page")
    if not isinstance(found, type) or not issubclass(found, MetricExporter):
        message = f"{name} is no subclass of opentelemetry.sdk.metrics.export.MetricExporter"
        return Objection(message, "only such an exporter can be named in a pipeline")
    return None


@cache
def factory_of(name: str, exporter: type[MetricExporter]) -> Factory:
    """The same object each time: a configuration that is read again is still the same."""
    takes = ", ".join(_keywords_of(exporter)) or "nothing"
    return Factory(
        kind=Kind.EXPORTER,
        name=name,
        summary=f"{exporter.__module__}.{exporter.__qualname__} with keyword arguments: {takes}.",
        options=_options_of(exporter),
        build=_build,
    )


class KeywordArguments(Options):
    """A block with whatever a class takes."""

    model_config = ConfigDict(extra="allow")

    exporter: ClassVar[type[MetricExporter]]

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.model_extra or {}

    @model_validator(mode="after")
    def _fit(self) -> KeywordArguments:
        try:
            _signature(self.exporter).bind(**self.arguments)
        except TypeError as error:
            takes = ", ".join(_keywords_of(self.exporter)) or "nothing"
            raise ValueError(f"{error}; {self.exporter.__qualname__} takes {takes}") from None
        return self


def _options_of(of: type[MetricExporter]) -> type[Options]:
    class Arguments(KeywordArguments):
        exporter = of

    return Arguments


def _build(options: KeywordArguments, settings: Settings) -> MetricExporter:
    name = options.exporter.__qualname__
    try:
        return options.exporter(**options.arguments)
    except Exception as error:  # noqa: BLE001  foreign code: whatever it raises is its answer
        message = f"{name} refuses its arguments: {type(error).__name__}"
        said = _without_values(str(error), options.arguments)
        hint = f"{said or 'it does not say why'} (see the documentation of {name})"
        raise ConfigError.at(f"{Kind.EXPORTER}.{settings.id}", message, hint) from None


def _signature(exporter: type[MetricExporter]) -> Signature:
    """What is compiled may not tell; whatever it is given is for its own check then."""
    try:
        return signature(exporter)
    except ValueError:
        return Signature([Parameter("arguments", Parameter.VAR_KEYWORD)])


def _keywords_of(exporter: type[MetricExporter]) -> Iterator[str]:
    by_name = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}
    for name, parameter in _signature(exporter).parameters.items():
        if parameter.kind in by_name and not name.startswith("_"):
            yield name


_SHORTEST = 4
"""Letters: what is shorter would take words out of a text that repeats nothing."""


def _without_values(text: str, arguments: Mapping[str, Any]) -> str:
    """``text`` with ``<key>`` for each value that it repeats: a header or a URL may be secret."""
    said = sorted(_texts(arguments), key=lambda one: len(one[1]), reverse=True)
    for key, value in said:
        if len(value) >= _SHORTEST:
            text = text.replace(value, f"<{key}>")
    return text


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)
