"""What ``attributes`` and ``resource`` do: four of the actions that the Collector has there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from otel_kubecost.config.options import Options, Text


class Action(Options):
    """One change of one attribute."""

    key: str = Field(min_length=1, description="Attribute that is changed.", examples=["team"])
    action: Literal["insert", "update", "upsert", "delete"] = Field(
        description="insert: if it is missing; update: if it is there; upsert: always.",
        examples=["upsert"],
    )
    value: Text | None = Field(None, description="What it becomes.", examples=["payments"])
    from_attribute: str | None = Field(
        None,
        min_length=1,
        description="What it becomes is the value of this attribute, if that is there.",
        examples=["k8s.namespace.name"],
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = [name for name in ("value", "from_attribute") if getattr(self, name) is not None]
        if self.action == "delete" and given:
            raise ValueError(f"delete has no use for {' and '.join(given)}; leave it out")
        if self.action != "delete" and len(given) != 1:
            raise ValueError(f"{self.action} needs one of value and from_attribute; write one")
        return self


def applied(actions: Iterable[Action], attributes: dict[str, Any]) -> dict[str, Any]:
    """``attributes`` after ``actions``, one after the other, as a new dict.

    A value is that of a point or a resource, or the column of many points.
    """
    result = dict(attributes)
    for one in actions:
        if one.action == "delete":
            result.pop(one.key, None)
        elif _is_due(one, result):
            result[one.key] = (
                one.value if one.from_attribute is None else result[one.from_attribute]
            )
    return result


def _is_due(one: Action, attributes: dict[str, Any]) -> bool:
    if one.from_attribute is not None and one.from_attribute not in attributes:
        return False
    return one.action == "upsert" or (one.key in attributes) == (one.action == "update")
