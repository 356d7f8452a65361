"""What users write under ``metrics_transform``, in the Collector's words.

Of its actions those that rename and add; what makes one series of several is not here. A label is
an attribute of a data point.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from otel_kubecost.config.options import Options, Pattern, Text
from otel_kubecost.processors.editing.matching import MatchType
from otel_kubecost.relabel.expansion import GroupPattern, unknown_groups


class ValueAction(Options):
    """Another value of a label."""

    value: Text = Field(description="A value of the label.", examples=["kube-system"])
    new_value: Text = Field(description="What it becomes.", examples=["system"])


class Operation(Options):
    """One change of the labels of a metric."""

    action: Literal["update_label", "add_label"] = Field(
        description="update_label renames a label or its values; add_label adds one if missing.",
        examples=["update_label"],
    )
    label: Text | None = Field(
        None, min_length=1, description="Label that is renamed.", examples=["k8s.namespace.name"]
    )
    new_label: Text | None = Field(
        None, min_length=1, description="Its new name, or the label added.", examples=["team"]
    )
    new_value: Text | None = Field(
        None, description="Value of the label that is added.", examples=["payments"]
    )
    value_actions: tuple[ValueAction, ...] = Field(
        (),
        description="Values of the label that are renamed.",
        examples=[[{"value": "kube-system", "new_value": "system"}]],
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        adds = self.action == "add_label"
        needed = ("new_label", "new_value") if adds else ("label",)
        useless = ("label", "value_actions") if adds else ("new_value",)
        missing = [name for name in needed if getattr(self, name) is None]
        given = [name for name in useless if getattr(self, name) not in (None, ())]
        if missing:
            raise ValueError(f"{self.action} needs {' and '.join(missing)}; add what is missing")
        if given:
            raise ValueError(f"{self.action} has no use for {' and '.join(given)}; leave it out")
        if not adds and not self.new_label and not self.value_actions:
            raise ValueError("update_label changes nothing; add new_label or value_actions")
        return self


class Transform(Options):
    """What becomes of one metric, or of those that match a pattern."""

    match_type: MatchType = Field(
        "strict", description="strict compares; regexp takes a pattern of the whole name."
    )
    include: Text = Field(
        min_length=1,
        description="Name of the metric, or an RE2 pattern of it.",
        examples=["cloudtuner_kubecost_(.*)"],
    )
    action: Literal["update", "insert"] = Field(
        description="update changes the metric; insert adds a changed copy of it.",
        examples=["update"],
    )
    new_name: Text | None = Field(
        None,
        min_length=1,
        description="Name that it gets; $1 and ${1} are groups of include.",
        examples=["kubecost_${1}"],
    )
    operations: tuple[Operation, ...] = Field(
        (),
        description="What is done with its labels, in this order.",
        examples=[[{"action": "update_label", "label": "k8s.namespace.name", "new_label": "team"}]],
    )

    @field_validator("include")
    @classmethod
    def _is_pattern(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("match_type") == "regexp":
            Pattern(text)
        return text

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.action == "insert" and not self.new_name:
            raise ValueError("insert needs new_name; add the name of the copy")
        if not self.new_name and not self.operations:
            raise ValueError("changes nothing; add new_name or operations")
        return self

    @model_validator(mode="after")
    def _names_groups_that_are_there(self) -> Self:
        """$1_usd is the group 1_usd: all metrics would get what is left of the name."""
        if self.match_type == "regexp" and self.new_name:
            unknown = unknown_groups(self.new_name, GroupPattern(self.include))
            if unknown:
                raise ValueError(
                    f"new_name has ${unknown[0]}, and include has no such group; "
                    "put the number of a group in braces, as in ${1}_usd"
                )
        return self


class MetricsTransformOptions(Options):
    """What users write under ``metrics_transform``."""

    transforms: tuple[Transform, ...] = Field(
        min_length=1,
        description="Changes of metrics, each of what those before it left.",
        examples=[[{"include": "up", "action": "update", "new_name": "kubecost_up"}]],
    )
