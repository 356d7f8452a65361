"""Answers that repeat credentials: what they say is quoted in logs, where no secret belongs."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

_TELLING = re.compile("auth|cookie|key|password|secret|token", re.IGNORECASE)
"""In the names of headers whose values are secret."""
_SHORTEST = 6
"""Letters: what is shorter would take words out of a text that has no secret."""
_URL_SAFE = str.maketrans("+/", "-_")
"""The other alphabet of base64 (RFC 4648, section 5)."""
_GO_JSON = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&"})
"""What Go's ``encoding/json`` escapes besides."""
_GO_HTML = str.maketrans(
    {char: f"&#{ord(char)};" for char in "\"'"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
"""As Go's ``html.EscapeString``."""


def without_secrets(text: bytes, sent: Mapping[str, str], url: str = "") -> bytes:
    """``text`` with stars for every secret of the request to ``url`` that it repeats.

    Of the headers ``sent``: of ``Authorization`` and ``Proxy-Authorization`` what follows the
    scheme, and the password where it is Basic. Of ``url`` the values of its query. Each as it is,
    as it stands in a URL, in JSON and in HTML, and in base64.
    """
    forms = {form for secret in (*_secrets(sent), *_in_query(url)) for form in _written(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form.encode(), b"***")
    return text


def _written(secret: str) -> Iterator[str]:
    if len(secret) < _SHORTEST:
        return
    encoded = base64.b64encode(secret.encode()).decode()
    for plain in (secret, encoded, secret.translate(_URL_SAFE), encoded.translate(_URL_SAFE)):
        yield from _quoted(plain)
        if len(unpadded := plain.rstrip("=")) >= _SHORTEST:
            yield from _quoted(unpadded)


def _quoted(text: str) -> Iterator[str]:
    yield from (text, quote(text), quote(text, safe=""), quote_plus(text))
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield from (escaped, escaped.translate(_GO_JSON))
    yield from (html.escape(text, quote=False), html.escape(text), text.translate(_GO_HTML))


def _in_query(url: str) -> Iterator[str]:
    for pair in urlsplit(url).query.split("&"):
        value = pair.partition("=")[2]
        yield from (value, unquote(value), unquote_plus(value))


def _secrets(sent: Mapping[str, str]) -> Iterator[str]:
    for name, value in sent.items():
        if name.lower() in {"authorization", "proxy-authorization"}:
            scheme, _, credentials = value.partition(" ")
            yield credentials
            if scheme == "Basic":
                yield base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
        elif _TELLING.search(name):
            yield value
