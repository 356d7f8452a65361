"""What a remote write 2.0 request has to be, and every way in which one is not. Pure.

Source: the Prometheus Remote-Write 2.0 specification (2.0-rc.4). Its message is not among those
that the OpenTelemetry exporter brings along, so its fields stand here as a table that Google's
protobuf makes classes of: nothing of how this package writes requests is used to read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError

from otel_kubecost.testing.message_classes import class_of
from otel_kubecost.testing.wire import (
    Described,
    LabelPairs,
    Message,
    SentExemplar,
    SentSeries,
    decompressed,
    show,
)

PACKAGE = "io.prometheus.write.v2"
MESSAGE = f"{PACKAGE}.Request"

_FIELDS = {
    "Request": "symbols=4:string* timeseries=5:TimeSeries*",
    "TimeSeries": "labels_refs=1:uint32* samples=2:Sample* histograms=3:Histogram* "
    "exemplars=4:Exemplar* metadata=5:Metadata",
    "Sample": "value=1:double timestamp=2:int64 start_timestamp=3:int64",
    "Histogram": "timestamp=15:int64",
    "Exemplar": "labels_refs=1:uint32* value=2:double timestamp=3:int64",
    "Metadata": "type=1:int32 help_ref=3:uint32 unit_ref=4:uint32",
}
"""Of histograms that they are there."""

TYPES = (
    "unspecified", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset",
)  # fmt: skip
"""Names of the types of metadata, by number."""


def decode_v2(body: bytes) -> Message:
    """The message of a body. Raises ValueError, saying what it is not."""
    try:
        request = request_class().FromString(decompressed(body))
    except DecodeError as error:
        raise ValueError(f"body is not an {MESSAGE}: {error}") from None
    return _Reader(list(request.symbols)).message(request)


@cache
def request_class() -> Any:
    """The class of the message, for whoever wants to write one as well."""
    return class_of(PACKAGE, "Request", _FIELDS)


class _Reader:
    """Reads series by a table of symbols, and knows which of those it came across."""

    def __init__(self, symbols: Sequence[str]) -> None:
        if not symbols or symbols[0]:
            raise ValueError("body has symbols that do not begin with the empty string")
        if len(set(symbols)) < len(symbols):
            raise ValueError("body has a symbol twice")
        self._symbols = symbols
        self._used = {0}

    def message(self, request: Any) -> Message:
        message = Message(tuple(map(self._series, request.timeseries)))
        unused = [text for at, text in enumerate(self._symbols) if at not in self._used]
        if unused:
            raise ValueError(f"body has symbols that nothing refers to: {unused[0]!r}")
        return message

    def _series(self, one: Any) -> SentSeries:
        labels = self._labels(one.labels_refs)
        if one.histograms:
            raise ValueError(f"body has native histograms, which nobody sends, in {show(labels)}")
        return SentSeries(
            labels,
            tuple((sample.timestamp, sample.value) for sample in one.samples),
            tuple(
                SentExemplar(self._labels(each.labels_refs), each.timestamp, each.value)
                for each in one.exemplars
            ),
            tuple(sample.start_timestamp for sample in one.samples),
            self._described(one.metadata),
        )

    def _described(self, metadata: Any) -> Described:
        if not 0 <= metadata.type < len(TYPES):
            raise ValueError(f"body has metadata of the unknown type {metadata.type}")
        texts = self._text(metadata.help_ref), self._text(metadata.unit_ref)
        return Described(TYPES[metadata.type], *texts)

    def _labels(self, refs: Sequence[int]) -> LabelPairs:
        if len(refs) % 2:
            raise ValueError(f"body has {len(refs)} references to labels, which is odd")
        texts = [self._text(ref) for ref in refs]
        return tuple(zip(texts[::2], texts[1::2], strict=True))

    def _text(self, ref: int) -> str:
        if ref >= len(self._symbols):
            raise ValueError(f"body refers to symbol {ref} of {len(self._symbols)}")
        self._used.add(ref)
        return self._symbols[ref]


def time_faults(message: Message) -> Iterator[str]:
    """What is wrong with starts and with the times of exemplars."""
    for series in message.series:
        shown = show(series.labels)
        for start, (at, _) in zip(series.starts, series.points, strict=True):
            if start > at:
                yield f"start {start} lies after the sample of {at} in {shown}"
        for exemplar in series.exemplars:
            if not exemplar.timestamp:
                yield f"exemplar without a timestamp in {shown}"
