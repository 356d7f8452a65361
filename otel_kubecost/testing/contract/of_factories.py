"""What holds for every factory: how its component is named, configured and built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Options
from otel_kubecost.config.problems import validate
from otel_kubecost.testing.contract.rules import (
    BUILDS,
    DESCRIPTIONS,
    IS_FACTORY,
    NAME,
    OPTIONS,
    SUMMARY,
    UNKNOWN_KEYS,
)
from otel_kubecost.testing.contract.subject import Subject

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SENTENCE = re.compile(r"[^a-z\s].*\.")
_UNKNOWN = "no_such_key"


def check_is_factory(subject: Subject) -> None:
    """Without one nothing else can be asked."""
    factory: Any = subject.factory
    if not isinstance(factory, Factory):
        raise IS_FACTORY.broken(f"this is an object of type {type(factory).__name__}")
    if not isinstance(factory.kind, Kind):
        raise IS_FACTORY.broken(f"its kind is {factory.kind!r}")
    if not (isinstance(factory.options, type) and issubclass(factory.options, Options)):
        raise OPTIONS.broken(f"those of {factory.name} are {factory.options!r}")


def check_name(subject: Subject) -> None:
    for name in (subject.factory.name, *subject.factory.aliases):
        if not _NAME.fullmatch(name):
            raise NAME.broken(f"this one is {name!r}")


def check_summary(subject: Subject) -> None:
    if not _SENTENCE.fullmatch(subject.factory.summary):
        raise SUMMARY.broken(f"this one is {subject.factory.summary!r}")


def check_descriptions(subject: Subject) -> None:
    without = list(_without_description(subject.factory.options))
    if without:
        raise DESCRIPTIONS.broken(f"these have none: {', '.join(without)}")


def check_unknown_keys(subject: Subject) -> None:
    _, findings = validate(subject.factory.options, {**subject.options, _UNKNOWN: 1})
    if not any(_UNKNOWN in found.path for found in findings):
        raise UNKNOWN_KEYS.broken(f"{_UNKNOWN} was accepted")


def check_builds(subject: Subject) -> None:
    if subject.build() is None:
        raise BUILDS.broken("it gives None")


def _without_description(
    model: type[BaseModel], block: str = "", seen: tuple[type[BaseModel], ...] = ()
) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if not field.description:
            yield block + name
        for inner in _models_in(field.annotation):
            if inner not in seen:
                yield from _without_description(inner, f"{block}{name}.", (*seen, model, inner))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


OF_FACTORIES = (check_name, check_summary, check_descriptions, check_unknown_keys)
