"""The JSON Schema (draft 2020-12) of configuration files, for editors. Pure.

It is made of the declarations that parsing uses, and accepts all that parsing accepts. What it
cannot see is what options have to do with each other: ``otel-kubecost validate`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.checked import Factories, ServiceOptions
from otel_kubecost.config.option_schemas import Schema, option_schemas
from otel_kubecost.config.options import Options
from otel_kubecost.config.written import DEFINITIONS, as_written
from otel_kubecost.errors import ConfigError

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ANYTHING: Schema = {"type": ["object", "null"]}
"""A component of which nothing is known but its name."""


def configuration_schema(factories: Factories) -> Schema:
    """Each component under its ``type`` and as ``type/name``; one that is not known has no options.

    Such a one may be what another distribution brings, here or where the file is used.
    """
    components = {kind: dict(_usable(factories.get(kind, {}))) for kind in Kind}
    models = [one.options for of_kind in components.values() for one in of_kind.values()]
    references, definitions = option_schemas([*models, ServiceOptions])
    known = {name: as_written(definition) for name, definition in definitions.items()}
    return {
        "$schema": DIALECT,
        "title": "Configuration of otel-kubecost",
        "type": "object",
        "properties": {
            **{kind.value: _section(kind, components[kind], references, known) for kind in Kind},
            "service": references[ServiceOptions],
        },
        "required": [Kind.RECEIVER.value, Kind.EXPORTER.value, "service"],
        "additionalProperties": False,
        "$defs": {**DEFINITIONS, **known},
    }


def _usable(factories: Mapping[str, Factory]) -> Iterator[tuple[str, Factory]]:
    for name in factories:
        try:
            yield name, factories[name]
        except ConfigError:
            continue  # it is installed, and what is wrong with it is said to those who name it


def _section(
    kind: Kind,
    factories: Mapping[str, Factory],
    references: Mapping[type[Options], Schema],
    definitions: Mapping[str, Schema],
) -> Schema:
    known = {
        name: _component(factory, references[factory.options], definitions)
        for name, factory in factories.items()
    }
    return {
        "description": f"The {kind} by their ids: type, or type/name.",
        "type": ["object", "null"],
        "properties": known,
        "patternProperties": {f"^{_escaped(name)}/": one for name, one in known.items()},
        "additionalProperties": _ANYTHING,
    }


def _escaped(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", lambda found: f"[{found[0]}]", name)


def _component(factory: Factory, reference: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A body that is left out has every option at its default."""
    body = definitions[reference["$ref"].rpartition("/")[2]]
    is_needed = "required" in body or "oneOf" in str(body.get("allOf"))
    options = reference if is_needed else {"anyOf": [reference, {"type": "null"}]}
    return {"description": factory.summary, **options}
