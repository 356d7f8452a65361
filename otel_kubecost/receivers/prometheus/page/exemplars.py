"""Exemplars of a page as those of the SDK, each of them once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry.sdk.metrics import Exemplar

from otel_kubecost.receivers.prometheus.exposition import Format, PageExemplar

_TRACE_ID = re.compile(r"(?!0*\Z)[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0*\Z)[0-9a-f]{16}")
"""As W3C's trace context has it. In any other spelling it stays the text that it is: as a number
it would come back as another one."""


class Exemplars(NamedTuple):
    """Those of a block's lines."""

    texts: Mapping[int, int]
    """The hash of each one's text by the hash of its line's key: what the next scrape compares."""
    new: Mapping[int, Exemplar]
    """Those that the last scrape had not, by the place of their line."""


_NONE = Exemplars({}, {})


def new_exemplars(
    found: Mapping[int, bytes],
    hashes: array[int],
    before: Mapping[int, int],
    page_format: Format,
    times: array[int] | int,
) -> Exemplars:
    """The exemplars ``found`` by place, where ``before`` are the texts of the last scrape.

    ``times`` (milliseconds) are those of all lines, or the one of each: what an exemplar has that
    says none. Raises ExpositionError.
    """
    if not found:
        return _NONE
    texts = {hashes[place]: hash(text) for place, text in found.items()}
    new = {
        place: _exemplar(
            page_format.exemplar(text), times if isinstance(times, int) else times[place]
        )
        for place, text in found.items()
        if before.get(hashes[place]) != texts[hashes[place]]
    }
    return Exemplars(texts, new)


def _exemplar(found: PageExemplar, time: int) -> Exemplar:
    labels = dict(found.labels)
    trace, span = labels.get("trace_id", ""), labels.get("span_id", "")
    trace_id = int(trace, 16) if _TRACE_ID.fullmatch(trace) else None
    span_id = int(span, 16) if _SPAN_ID.fullmatch(span) else None
    told = {"trace_id": trace_id, "span_id": span_id}
    return Exemplar(
        filtered_attributes={k: v for k, v in labels.items() if told.get(k) is None},
        value=found.value,
        time_unix_nano=(time if found.time is None else found.time) * 1_000_000,
        span_id=span_id,
        trace_id=trace_id,
    )
