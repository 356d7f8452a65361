"""Answers that repeat credentials: what they say is quoted in logs, where no secret belongs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

_TELLING = re.compile("auth|cookie|key|password|secret|token", re.IGNORECASE)
"""In the names of headers whose values are secret."""
_SHORTEST = 6
"""Letters: what is shorter would take words out of a text that has no secret."""


def without_secrets(text: bytes, sent: Mapping[str, str]) -> bytes:
    """``text`` with stars for every secret of the headers ``sent`` that it repeats.

    Of ``Authorization`` and ``Proxy-Authorization`` that is what follows the scheme, and the
    password where it is Basic; each as it is and as it stands in a URL.
    """
    for secret in sorted(set(_written(sent)), key=len, reverse=True):
        text = text.replace(secret.encode(), b"***")
    return text


def _written(sent: Mapping[str, str]) -> Iterator[str]:
    for secret in _secrets(sent):
        if len(secret) >= _SHORTEST:
            yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))


def _secrets(sent: Mapping[str, str]) -> Iterator[str]:
    for name, value in sent.items():
        if name.lower() in {"authorization", "proxy-authorization"}:
            scheme, _, credentials = value.partition(" ")
            yield credentials
            if scheme == "Basic":
                yield base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
        elif _TELLING.search(name):
            yield value
