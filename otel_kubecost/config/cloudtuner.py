"""The push to CloudTuner, as the deployment guide's variables describe it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

ACCOUNT_HEADER = "Cloud-Account-Id"
"""The header under whose value CloudTuner files what it is sent."""

_WRITE_PATH = "/storage/api/v2/write"
_DOMAIN = "cloudtuner.ai"

_USERNAME = "kubecost"
"""The guide's, where REMOTE_WRITE_USERNAME is not given."""


def is_cloudtuner(endpoint: str, headers: Iterable[str]) -> bool:
    """Whether it is written to: under its domain, at its path, or with its header."""
    parts = urlsplit(endpoint)
    return (
        f".{parts.hostname}".endswith(f".{_DOMAIN}")
        or parts.path.rstrip("/") == _WRITE_PATH
        or ACCOUNT_HEADER.lower() in map(str.lower, headers)
    )


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set, without spaces around their values.

    One that is set to nothing counts as not set: Helm renders values that are not given so.
    """
    return {name: value.strip() for name, value in environ.items() if value.strip()}


def push_options(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of the exporter. ``values`` hold REMOTE_WRITE_URL; the others may be missing."""
    options: dict[str, Any] = {"endpoint": values["REMOTE_WRITE_URL"]}
    if "TENANT_ID" in values:
        options["headers"] = {ACCOUNT_HEADER: values["TENANT_ID"]}
    if "REMOTE_WRITE_PASSWORD_FILE" in values:
        options["basic_auth"] = {
            "username": values.get("REMOTE_WRITE_USERNAME", _USERNAME),
            "password_file": values["REMOTE_WRITE_PASSWORD_FILE"],
        }
    return options
