"""What the process' variables say, under the names of the options. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_kubecost.config.cloudtuner import given
from otel_kubecost.sdk import environment_variables

_PREFIX = "OTEL_KUBECOST_"
_OF_THE_GUIDE = (("tenant_id", "TENANT_ID"), ("cluster_name", "CLUSTER_NAME"))
_LISTS = ("levels",)


def options_from(environ: Mapping[str, str]) -> dict[str, Any]:
    """Those of the options that ``environ`` gives.

    The guide's variables name tenant and cluster as well, where this package's do not.
    """
    values = given(environ)
    own = ((name.removeprefix(_PREFIX).lower(), name) for name in _variables())
    options: dict[str, Any] = {
        option: values[name] for option, name in (*_OF_THE_GUIDE, *own) if name in values
    }
    lists = {name: options[name].split(",") for name in _LISTS if name in options}
    return options | lists


def variable_of(option: str) -> str:
    """The variable of this package that gives ``option``; empty where there is none."""
    name = f"{_PREFIX}{option.upper()}"
    return name if name in _variables() else ""


def _variables() -> list[str]:
    return [name for name in vars(environment_variables) if name.startswith(_PREFIX)]
