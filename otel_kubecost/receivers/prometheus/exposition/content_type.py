"""Which formats a scrape asks for, and which one a page has."""

from __future__ import annotations

import re

from otel_kubecost.receivers.prometheus.exposition.openmetrics import OPENMETRICS
from otel_kubecost.receivers.prometheus.exposition.parts import Format
from otel_kubecost.receivers.prometheus.exposition.text import TEXT

ACCEPT = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""As Prometheus 2.42 sends it."""

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf';[ \t]*({_WORD})[ \t]*=[ \t]*(?:{_WORD}|"(?:[^"\\]++|\\.)*+")[ \t]*'
_OPENMETRICS = re.compile(
    rf"[ \t]*application/openmetrics-text[ \t]*(?P<parameters>(?:{_PARAMETER})*)(?:;[ \t]*)?",
    re.IGNORECASE,
)


def format_of(content_type: str) -> Format:
    """The format that a ``Content-Type`` names; 0.0.4 for all that is unknown or not well-formed.

    OpenMetrics is strict, and a page that came with a broken header may be anything.
    """
    found = _OPENMETRICS.fullmatch(content_type)
    if not found:
        return TEXT
    names = [name.lower() for name in re.findall(_PARAMETER, found["parameters"])]
    return OPENMETRICS if len(set(names)) == len(names) else TEXT
