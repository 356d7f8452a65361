"""What users write of relabelling, in Prometheus' words, and refused where Prometheus refuses it.

Fields, defaults and what is demanded of which action are those of ``Config`` in Prometheus'
model/relabel. Names of labels are those of remote write 1.0, without the UTF-8 that Prometheus 3
allows beside them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from otel_kubecost.config.options import Options, Text, in_any_case
from otel_kubecost.relabel.expansion import GroupPattern, GroupRegex

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VARIABLE = r"\$(?:\{\w+\}|\w)"
_NAME_TEMPLATE = re.compile(rf"(?:[a-zA-Z_]|{_VARIABLE})(?:\w|{_VARIABLE})*", re.ASCII)

_SELECTING = frozenset({"keep", "drop", "keepequal", "dropequal"})
_WITH_TARGET = frozenset({"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"})
_FOR_NAMES = ("source_labels", "separator", "modulus", "replacement", "target_label")
_FOR_EQUALITY = ("separator", "regex", "modulus", "replacement")
_WITHOUT_MEANING = {
    "keepequal": _FOR_EQUALITY,
    "dropequal": _FOR_EQUALITY,
    "labeldrop": _FOR_NAMES,
    "labelkeep": _FOR_NAMES,
    "lowercase": ("replacement",),
    "uppercase": ("replacement",),
}
"""Options that an action refuses, unless they say the default. The rest just ignore theirs."""


def is_label_name(name: str) -> bool:
    """Whether remote write 1.0 allows ``name`` for a label."""
    return _LABEL_NAME.fullmatch(name) is not None


def _label_name(name: str) -> str:
    if not is_label_name(name):
        raise ValueError(f"{name!r} is not a label name; use letters, digits and _")
    return name


def _in_lower_case(action: Any) -> Any:
    return action.lower() if isinstance(action, str) else action


_ActionName: TypeAlias = Literal[
    "replace", "keep", "drop", "keepequal", "dropequal", "hashmod",
    "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase",
]  # fmt: skip
_Action = Annotated[
    _ActionName,
    BeforeValidator(_in_lower_case),
    WithJsonSchema(in_any_case(get_args(_ActionName))),
]


class RelabelRule(Options):
    """One of ``write_relabel_configs`` or of a scrape's, as in Prometheus."""

    action: _Action = Field("replace", description="What to do.")
    source_labels: tuple[Annotated[str, AfterValidator(_label_name)], ...] = Field(
        (),
        description="Labels whose values are joined, one that is missing as nothing.",
        examples=[["namespace", "pod"]],
    )
    separator: Text = Field(";", description="Stands between the values of source_labels.")
    regex: GroupRegex = Field(
        default_factory=lambda: GroupPattern("(.*)"),
        description="RE2; has to match the whole text, or for label* the name of a label.",
        json_schema_extra={"default": "(.*)"},
    )
    target_label: Text = Field(
        "", description="Label that is written or compared with.", examples=["team"]
    )
    replacement: Text = Field("$1", description="What is written, with the groups of regex.")
    modulus: int = Field(0, ge=0, lt=2**64, description="Of the hash, for hashmod.")

    @property
    def selects(self) -> bool:
        """Whether the rule only says which series stay, and changes none."""
        return self.action in _SELECTING

    def touches(self, name: str) -> bool:
        """Whether label ``name`` of some series may matter to the rule, or be changed by it."""
        match self.action:
            case "labeldrop":
                return self.regex.groups(name) is not None
            case "labelkeep":
                return self.regex.groups(name) is None
            case "labelmap":
                return True
        return "$" in self.target_label or name in {*self.source_labels, self.target_label}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action in _WITH_TARGET:
            _check_target(self.action, self.target_label)
        if self.action == "hashmod" and not self.modulus:
            raise ValueError("hashmod needs a modulus; add `modulus`, 1 or more")
        if self.action == "labelmap" and not _NAME_TEMPLATE.fullmatch(self.replacement):
            raise ValueError(
                f"replacement {self.replacement!r} makes no label names; "
                "use letters, digits, _ and groups such as ${1}"
            )
        return self

    @model_validator(mode="after")
    def _nothing_without_meaning(self) -> Self:
        fields = type(self).model_fields.items()
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
        names = _WITHOUT_MEANING.get(self.action, ())
        given = [name for name in names if getattr(self, name) != defaults[name]]
        if given:
            what = " and ".join(given)
            raise ValueError(f"{self.action} has no use for {what}; leave it out")
        return self


def _check_target(action: str, target: str) -> None:
    if not target:
        raise ValueError(f"{action} needs a target_label; add it, or name the action that is meant")
    if action == "replace" and "$" in target and _NAME_TEMPLATE.fullmatch(target):
        return
    if not is_label_name(target):
        groups = ", and groups such as ${1}" if action == "replace" else ""
        raise ValueError(
            f"target_label {target!r} is not a label name; use letters, digits and _{groups}"
        )
