"""What may stand in a file for a value that is of a type. Pure: JSON Schemas in and out.

Every scalar of a file is text at first, so ``"5"`` is a number and 5 may be a name; and any of them
may hold a reference, ``${env:NAME}``, which stands for something that nobody knows here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_kubecost.config.option_schemas import Schema
from otel_kubecost.config.options import in_any_case

_REFERENCE = r"\$\{"
_NUMBER = r"^\s*[-+]?[0-9._]+(?:[eE][-+]?[0-9]+)?\s*$"
_TRUTH = ("true", "false", "yes", "no", "on", "off", "t", "f", "y", "n", "1", "0")

DEFINITIONS: Mapping[str, Schema] = {
    "reference": {
        "description": "Holds ${env:NAME}, ${env:NAME:-default} or ${file:PATH}.",
        "type": "string",
        "pattern": _REFERENCE,
    },
    "number_in_text": {"type": "string", "pattern": f"{_NUMBER}|{_REFERENCE}"},
    "truth_in_text": {
        "anyOf": [
            {"enum": [0, 1]},
            *in_any_case(_TRUTH)["anyOf"],
            {"$ref": "#/$defs/reference"},
        ]
    },
}
"""What ``as_written`` refers to."""

_BOUNDS = {"ge", "gt", "le", "lt"}
"""Of types that are no numbers in JSON; pydantic leaves its own words there."""
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def as_written(schema: Schema) -> Schema:
    """``schema``, which is about values, as it is about what a file holds."""
    schema = {key: _inside(key, part) for key, part in schema.items() if key not in _BOUNDS}
    if "enum" in schema or "const" in schema:
        return _or(schema, "reference", "type", "enum", "const")
    match schema.get("type"):
        case "integer" | "number":
            return _or(schema, "number_in_text", "type", *_OF_NUMBERS)
        case "boolean":
            return _or(schema, "truth_in_text", "type")
        case "string" | ["string", "number"]:
            return _as_text(schema)
    return schema


def _inside(key: str, part: Any) -> Any:
    if key in {"anyOf", "oneOf", "allOf"}:
        return [one for each in part for one in _alternatives(as_written(each))]
    if key in {"properties", "patternProperties"}:
        return {name: as_written(option) for name, option in part.items()}
    if key in {"items", "additionalProperties"} and isinstance(part, dict):
        return as_written(part)
    return part


def _alternatives(schema: Schema) -> list[Schema]:
    return schema["anyOf"] if list(schema) == ["anyOf"] else [schema]


def _or(schema: Schema, name: str, *constraints: str) -> Schema:
    """What ``constraints`` say, or what has ``name``; the rest is of both."""
    value = {key: schema[key] for key in constraints if key in schema}
    rest = {key: part for key, part in schema.items() if key not in constraints}
    return rest | {"anyOf": [value, {"$ref": f"#/$defs/{name}"}]}


def _as_text(schema: Schema) -> Schema:
    pattern = schema.get("pattern")
    return schema | {
        "type": ["string", "number", *([] if pattern else ["boolean"])],
        **({"pattern": f"{pattern}|{_REFERENCE}"} if pattern else {}),
    }
