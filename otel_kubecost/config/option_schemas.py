"""JSON Schemas of options, from the declarations that parsing uses. Pure.

What pydantic says of a model is of values in Python; here each option is there under every spelling
that a file may use, and its default is spelled as in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind, models_json_schema
from pydantic_core import core_schema

from otel_kubecost.config.option_fields import fields_at
from otel_kubecost.config.options import (
    Options,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, draft 2020-12, or a part of one."""


def option_schemas(
    models: Iterable[type[Options]],
) -> tuple[Mapping[type[Options], Schema], dict[str, Schema]]:
    """A reference for each model, and the definitions that references are to, by name."""
    wanted = list(dict.fromkeys(models))
    found, schema = models_json_schema(
        [(model, "validation") for model in wanted], schema_generator=_Generator
    )
    return {model: found[model, "validation"] for model in wanted}, schema.get("$defs", {})


class _Generator(GenerateJsonSchema):
    """Options of other people may hold what no schema can describe: there anything is allowed."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012  as pydantic declares it
        "non-serializable-default",
        "skipped-choice",
    }

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        block = super().model_schema(schema)
        del block["title"]
        fields = _spellings(schema["cls"])
        if "properties" in block:
            for field, names in fields:
                _spell_out(block, field, names)
        return block

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        """What is rewritten before it is checked may have been any text."""
        inner = super().function_before_schema(schema)
        is_any_text = inner.get("type") == "string" and not {"pattern", "enum", "const"} & set(
            inner
        )
        return inner if is_any_text else {"anyOf": [inner, {"type": "string"}]}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  pydantic's
        """A title would repeat the name of the option."""
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Schema:  # noqa: ARG002  pydantic's
        return {}


def _spellings(model: type[Options]) -> list[tuple[FieldInfo, list[str]]]:
    """Each option with its names, the first of which is the one to be used."""
    names: dict[int, list[str]] = {}
    fields: dict[int, FieldInfo] = {}
    for name, field in fields_at(model, ()):
        fields[id(field)] = field
        names.setdefault(id(field), []).append(name)
    return [(field, names[key]) for key, field in fields.items()]


def _spell_out(block: Schema, field: FieldInfo, names: list[str]) -> None:
    """Complete ``block`` for one option: its default, and its other names, of which one is used."""
    properties: dict[str, Schema] = block["properties"]
    option = properties[names[0]]
    if "default" in option:
        option |= {"default": _in_a_file(option["default"], field)}
    if option.get("default", "") is None:
        del option["default"]
    properties |= dict.fromkeys(names, option)
    if len(names) == 1:
        return
    each = [{"required": [name]} for name in names]
    if names[0] in block.get("required", []):
        block["required"].remove(names[0])
        rule: Schema = {"oneOf": each}
    else:
        rule = {"not": {"required": names}}
    block.setdefault("allOf", []).append(rule)


def _in_a_file(default: Any, field: FieldInfo) -> Any:
    parsed_by = {getattr(item, "func", None) for item in field.metadata}
    if parse_duration in parsed_by:
        return format_duration(default)
    return format_size(default) if parse_size in parsed_by else default
