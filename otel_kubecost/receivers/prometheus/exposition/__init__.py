"""Pages of metrics: the text format 0.0.4 and OpenMetrics 1.0, as Prometheus reads them. Pure.

    blocks ─▶ fast_cut ─▶ values            lines whose keys are known from the last scrape
          └─▶ Format.cut ─▶ Format.series   all others

What Prometheus 2.42 takes is taken, and what it refuses is refused, but for this:

taken as in Prometheus 3
    names in quotes, ``{"http.requests", "url.path"="/"} 1``; in OpenMetrics a comma behind the last
    label, and exemplars of any series

refused
    in 0.0.4 a line break in a label's value, which no library writes; and a line that begins with a
    NUL byte, where Prometheus reads no further and says nothing

read otherwise
    escapes in the labels of exemplars, which Prometheus leaves as they are written
"""

from otel_kubecost.receivers.prometheus.exposition.blocks import Block, blocks
from otel_kubecost.receivers.prometheus.exposition.content_type import ACCEPT, format_of
from otel_kubecost.receivers.prometheus.exposition.fast import fast_cut, fast_cut_timed
from otel_kubecost.receivers.prometheus.exposition.numbers import values
from otel_kubecost.receivers.prometheus.exposition.openmetrics import OPENMETRICS
from otel_kubecost.receivers.prometheus.exposition.parts import (
    Comment,
    Format,
    PageExemplar,
    Tokens,
)
from otel_kubecost.receivers.prometheus.exposition.refusal import ExpositionError
from otel_kubecost.receivers.prometheus.exposition.text import TEXT

__all__ = [
    "ACCEPT",
    "OPENMETRICS",
    "TEXT",
    "Block",
    "Comment",
    "ExpositionError",
    "Format",
    "PageExemplar",
    "Tokens",
    "blocks",
    "fast_cut",
    "fast_cut_timed",
    "format_of",
    "values",
]
