"""What a file of targets says: a list of ``static_configs``, in JSON or in YAML."""

from __future__ import annotations

import json
from typing import Any

from otel_kubecost.config.problems import validate
from otel_kubecost.errors import ConfigError
from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.options import StaticConfig
from otel_kubecost.receivers.prometheus.discovery.static import group_of


class UnreadableError(ValueError):
    """The content is no list of targets; the message says where and why."""


def groups_in(path: str, content: bytes) -> tuple[TargetGroup, ...]:
    """One group for each block, with ``__meta_filepath``. Raises UnreadableError."""
    blocks = _blocks(path, content)
    if blocks is None:
        return ()
    if not isinstance(blocks, list):
        raise UnreadableError("it is no list; write `- targets: [host:port]`")
    return tuple(_group(path, place, block) for place, block in enumerate(blocks))


def _blocks(path: str, content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text") from None
    return _from_json(text) if path.lower().endswith(".json") else _from_yaml(path, text)


def _from_json(text: str) -> Any:
    try:
        return _filled(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableError(f"it is not JSON{where}; was it written to its end?") from None


def _from_yaml(path: str, text: str) -> Any:
    from otel_kubecost.config.yaml_document import Document  # noqa: PLC0415  2 MiB, for YAML alone

    problems: list[Any] = []
    try:
        root = Document(text, path, problems).root()
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise UnreadableError(str(problems[0]))
    return _filled(_plain(root))


def _plain(node: Any) -> Any:
    """The texts of a tree, each as it was written."""
    if isinstance(node.value, dict):
        return {key: _plain(entry) for key, entry in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def _filled(value: Any) -> Any:
    """Without keys that have nothing: programs in Go write ``"labels": null``."""
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if isinstance(value, str | None):
        return value
    raise UnreadableError(f"{json.dumps(value)} is no text; write it in quotes")


def _group(path: str, place: int, block: Any) -> TargetGroup:
    config, findings = validate(StaticConfig, block)
    if config is None:
        problem = findings[0].inside(f"[{place}]").problem()
        raise UnreadableError(str(problem).removeprefix("."))
    group = group_of(f"{path}:{place}", config)
    return group._replace(labels={**group.labels, "__meta_filepath": path})
