"""Which options can be written in a block, found by walking the models that declare them."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from otel_kubecost.config.options import Options

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the root to a value."""


def fields_at(model: type[Options], path: Path) -> Iterator[tuple[str, FieldInfo]]:
    """The options that can be written in the block at ``path``, under each of their spellings."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [inner for outer in annotations for inner in _inside(outer, part)]
    for annotation in annotations:
        for member in _members(annotation):
            yield from _spellings(member)


def _inside(annotation: Any, part: str | int) -> Iterator[Any]:
    for member in _members(annotation):
        arguments = get_args(member)
        if arguments:
            yield arguments[-1 if isinstance(part, str) else 0]
        yield from (field.annotation for name, field in _spellings(member) if name == part)


def _members(annotation: Any) -> Iterator[Any]:
    """The alternatives of a union, or the annotation itself."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _spellings(annotation: Any) -> Iterator[tuple[str, FieldInfo]]:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return
    for name, field in annotation.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield from ((choice, field) for choice in alias.choices if isinstance(choice, str))
        else:
            yield (alias if isinstance(alias, str) else name), field
