"""What users write of targets that are in the configuration or in files, in Prometheus' words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from otel_kubecost.config.options import Duration, Options, Text
from otel_kubecost.relabel.rule import is_label_name

_FILE_NAME = re.compile(r"[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml|JSON|YML|YAML)")


def _label_name(name: str) -> str:
    if not is_label_name(name):
        raise ValueError(f"{name!r} is not a label name; use letters, digits and _")
    return name


def _file_pattern(text: str) -> str:
    if not _FILE_NAME.fullmatch(text):
        hint = "end it with .json, .yml or .yaml; * may stand in the name of the file alone"
        raise ValueError(f"{text!r} names no files of targets; {hint}")
    return text


LabelName = Annotated[str, AfterValidator(_label_name)]
_FilePattern = Annotated[
    str,
    AfterValidator(_file_pattern),
    WithJsonSchema({"type": "string", "pattern": f"^{_FILE_NAME.pattern}$"}),
]


class StaticConfig(Options):
    """Targets that are known beforehand."""

    targets: tuple[Text, ...] = Field(
        (),
        description="Addresses of the targets.",
        examples=[["kubecost-cost-analyzer.kubecost:9003"]],
    )
    labels: dict[LabelName, Text] = Field(
        default_factory=dict,
        description="Labels of all of them.",
        examples=[{"team": "platform"}],
    )


class FileSDConfig(Options):
    """Targets that stand in files, which are read again when they change."""

    files: tuple[_FilePattern, ...] = Field(
        min_length=1,
        description="JSON or YAML files, each a list of static_configs.",
        examples=[["/etc/otel-kubecost/targets/*.yaml"]],
    )
    refresh_interval: Duration = Field(
        300.0, gt=0, description="All files are read anew so often, changed or not."
    )


def check_addresses(configs: Sequence[StaticConfig]) -> None:
    """Raises ValueError for a target that is a URL: of use to ``relabel_configs`` alone."""
    for address in (address for config in configs for address in config.targets):
        if "/" in address:
            hint = "its path goes into metrics_path, its scheme into scheme"
            raise ValueError(f"{address!r} is a URL or has a path; write host:port, {hint}")
