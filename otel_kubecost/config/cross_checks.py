"""Mistakes that no single option shows: loose ends, placeholders, two different accounts.

Pure, and over plain data: the checks also work where the options of a component are wrong, so that
everything is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from otel_kubecost.component import Kind
from otel_kubecost.config.cloudtuner import ACCOUNT_HEADER
from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.problems import Finding, suggestion

_STAGES = (Kind.RECEIVER, Kind.PROCESSOR, Kind.EXPORTER)


def wiring(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Every pipeline has its ends, and every id that the service names is configured, once."""
    service = block(data, "service")
    path: Path = ("service", "extensions")
    yield from _references(data, Kind.EXTENSION, service.get("extensions"), path)
    if not service.get("pipelines"):
        yield Finding(
            ("service", "pipelines"),
            "has no pipeline, so nothing would run",
            "add metrics: {receivers: [kubecost], exporters: [prometheus]}",
        )
    for name, pipeline in _pipelines(data):
        yield from _pipeline(data, pipeline, ("service", "pipelines", name))


def _pipeline(
    data: Mapping[str, Any], pipeline: Mapping[str, Any], path: Path
) -> Iterator[Finding]:
    name = str(path[-1])
    if not re.fullmatch(r"metrics(/\S.*)?", name):
        hint = "name the pipeline metrics, or metrics/<name>"
        yield Finding(path, "is not a pipeline of metrics, and nothing else flows here", hint)
    for kind in _STAGES:
        yield from _references(data, kind, pipeline.get(kind), (*path, kind.value))
    for kind in (Kind.RECEIVER, Kind.EXPORTER):
        if not pipeline.get(kind):
            known = ", ".join(block(data, kind)) or "none"
            yield Finding(
                (*path, kind.value), f"needs one {kind.noun} at least", f"configured: {known}"
            )


def _references(data: Mapping[str, Any], kind: Kind, ids: Any, path: Path) -> Iterator[Finding]:
    configured = [name.strip() for name in block(data, kind)]
    names = names_in(ids)
    for index, name in enumerate(names):
        if name not in configured:
            yield Finding(
                (*path, index),
                f'references {kind.noun} "{name}" which is not configured',
                suggestion(name, configured, f"configured {kind}"),
            )
        elif name in names[:index]:
            yield Finding((*path, index), f'names {kind.noun} "{name}" twice', "keep one of them")


_PLACEHOLDER = re.compile(
    r"REPLACE_WITH_[A-Z0-9_]*|\bYOUR_[A-Z0-9_]+|\bVALID_CLOUD_ACCOUNT_ID\b"
    r"|\bCORRECT_PASSWORD[A-Z0-9_]*|\b[xX]{8}(?:-[xX]{4}){3}-[xX]{12}\b"
)
"""What the deployment guide writes where users have to write something of their own."""


def placeholders(data: Any, path: Path = ()) -> Iterator[Finding]:
    """Texts of the deployment guide that nobody replaced. Only the placeholder is quoted."""
    if isinstance(data, str):
        if match := _PLACEHOLDER.search(data):
            message = f'still is the placeholder "{match[0]}", so nothing was sent'
            yield Finding(path, message, _instead(path, match[0]))
    elif isinstance(data, Mapping | list):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield from placeholders(value, (*path, key))


def _instead(path: Path, placeholder: str) -> str:
    words = " ".join(map(str, (*path, placeholder))).lower()
    if "password" in words:
        return "write the password of the data source, better in a file named by password_file"
    if "account" in words or "tenant" in words:
        return "write the Cloud Account ID shown in CloudTuner under Cloud Accounts"
    return "write your own value"


def accounts(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A tenant id and the account header of one pipeline have to be the same.

    CloudTuner's database overwrites the label ``tenant_id`` with the header, so data of the one
    would silently appear under the other.
    """
    for _, pipeline in _pipelines(data):
        for receiver, tenant in _tenants(data, pipeline):
            for path, account in _account_headers(data, pipeline):
                if tenant != account:
                    yield Finding(
                        path,
                        f"is {_shortened(account)}, but tenant_id of receiver {receiver} in the "
                        f"same pipeline is {_shortened(tenant)}",
                        "make both the same: CloudTuner files data under the header",
                    )


def clusters(data: Mapping[str, Any]) -> Iterator[Finding]:
    """No two receivers that run may speak for the same cluster of the same tenant.

    Their series would have the same labels and different values.
    """
    used = [name for _, of in _pipelines(data) for name in names_in(of.get(Kind.RECEIVER))]
    owners: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(used):
        options = block(block(data, Kind.RECEIVER), name)
        tenant, cluster = options.get("tenant_id"), options.get("cluster_name")
        if not (_is_account(tenant) and isinstance(cluster, str)):
            continue
        owner = owners.setdefault((tenant, cluster), name)
        if owner != name:
            yield Finding(
                (Kind.RECEIVER.value, name, "cluster_name"),
                f'is "{cluster}", as that of receiver {owner} with the same tenant_id',
                "give each cluster a name of its own",
            )


def storages(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A storage that a component of a pipeline names is an extension that runs."""
    configured = [name.strip() for name in block(data, Kind.EXTENSION)]
    running = names_in(block(data, "service").get("extensions"))
    kinds = (Kind.RECEIVER, Kind.EXPORTER)
    used = [
        (kind, name)
        for _, of in _pipelines(data)
        for kind in kinds
        for name in names_in(of.get(kind))
    ]
    for kind, name in dict.fromkeys(used):
        storage = block(block(data, kind), name).get("storage")
        if not isinstance(storage, str) or not storage.strip() or storage.strip() in running:
            continue
        path: Path = (kind.value, name, "storage")
        if storage.strip() in configured:
            hint = f"add it: service.extensions: [{', '.join([*running, storage.strip()])}]"
            yield Finding(path, f'names extension "{storage}" which does not run', hint)
        else:
            yield Finding(
                path,
                f'references extension "{storage}" which is not configured',
                suggestion(storage, configured, "configured extensions"),
            )


def _tenants(data: Mapping[str, Any], pipeline: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in names_in(pipeline.get(Kind.RECEIVER)):
        tenant = block(block(data, Kind.RECEIVER), name).get("tenant_id")
        if _is_account(tenant):
            yield name, tenant


def _account_headers(
    data: Mapping[str, Any], pipeline: Mapping[str, Any]
) -> Iterator[tuple[Path, str]]:
    for name in names_in(pipeline.get(Kind.EXPORTER)):
        headers = block(block(block(data, Kind.EXPORTER), name), "headers")
        for header, value in headers.items():
            if header.lower() == ACCOUNT_HEADER.lower() and _is_account(value):
                yield (Kind.EXPORTER.value, name, "headers", header), value


def _is_account(value: Any) -> TypeGuard[str]:
    """Whether there is an id to compare: no placeholder, no reference that could not be filled."""
    return isinstance(value, str) and "${" not in value and not _PLACEHOLDER.search(value)


def _shortened(account: str) -> str:
    return account if len(account) <= 8 else f"{account[:4]}…{account[-4:]}"


def _pipelines(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    pipelines = block(block(data, "service"), "pipelines")
    return ((name, value) for name, value in pipelines.items() if isinstance(value, Mapping))


def names_in(ids: Any) -> list[str]:
    """The ids in a list of them; none where there is something else."""
    ids = ids if isinstance(ids, list | tuple) else ()
    return [name.strip() for name in ids if isinstance(name, str)]


def block(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The block under ``key``; an empty one where there is none, or something else."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}
