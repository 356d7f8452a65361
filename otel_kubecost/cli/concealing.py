"""What others say in the command's log, without the secrets of exporters that others wrote.

A destination that refuses may repeat what it was sent, and OpenTelemetry's exporters log what a
destination says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from otel_kubecost.config.checked import Config
from otel_kubecost.config.environment import environment
from otel_kubecost.http.masking import without_secrets

_TELLING = re.compile("auth|cookie|credential|header|key|password|secret|token", re.IGNORECASE)
"""In the names of keys that hold secrets, or blocks of them."""
_HEADERS = re.compile("OTEL_EXPORTER_OTLP_([A-Z]+_)?HEADERS")
"""Variables that the SDK's exporters read where the configuration names no headers."""
_HARMLESS = ("name", "_file")


def concealing(*configs: Config) -> Callable[[str], str]:
    """Text without the secrets of ``configs``, and of the variables with headers.

    They are those of ``service.telemetry`` and of exporters of the SDK in pipelines.
    """
    blocks = [block for config in configs for block in _foreign_blocks(config)]
    found = {part for secret in _secrets([*blocks, _variables()]) for part in _parts(secret)}
    secrets = sorted(found, key=len, reverse=True)

    def conceal(text: str) -> str:
        safe = text.encode("utf-8", "backslashreplace")
        for secret in secrets:
            safe = without_secrets(safe, {"token": secret})
        return safe.decode()

    return conceal


def _foreign_blocks(config: Config) -> Iterator[Any]:
    yield from (config.telemetry.metrics.readers, config.telemetry.traces.processors)
    for components in config.components.values():
        yield from (options.model_extra for _, options in components.values())


def _variables() -> Mapping[str, str]:
    return {name: value for name, value in environment().items() if _HEADERS.fullmatch(name)}


def _secrets(value: Any, *, is_inside: bool = False) -> Iterator[str]:
    """All text under a key that tells of a secret, but for names and paths."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not str(key).endswith(_HARMLESS):
                is_secret = is_inside or _TELLING.search(str(key)) is not None
                yield from _secrets(inner, is_inside=is_secret)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, is_inside=is_inside)
    elif is_inside and value is not None:
        yield str(value)


def _parts(secret: str) -> Iterable[str]:
    """A secret as it stands, and each value of ``a=Bearer%20b,c=d`` without its scheme."""
    pairs = (pair.partition("=")[2] for pair in secret.split(","))
    for text in (secret, *map(unquote, pairs)):
        yield text.strip()
        yield text.rpartition(" ")[2].strip()
