"""OpenMetrics 1.0 as text. One space stands between words, and what is no word is no page."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

from otel_kubecost.receivers.prometheus.exposition.blocks import Block
from otel_kubecost.receivers.prometheus.exposition.describing import Dialect, described
from otel_kubecost.receivers.prometheus.exposition.diagnosis import Steps, diagnosis
from otel_kubecost.receivers.prometheus.exposition.escapes import unescaped
from otel_kubecost.receivers.prometheus.exposition.grammar import LABEL_NAME, NAME, NUMBER, QUOTED
from otel_kubecost.receivers.prometheus.exposition.numbers import number, values
from otel_kubecost.receivers.prometheus.exposition.parts import (
    Comment,
    Format,
    Labels,
    PageExemplar,
    Tokens,
)
from otel_kubecost.receivers.prometheus.exposition.refusal import ExpositionError, refused
from otel_kubecost.receivers.prometheus.exposition.series import series_of

_PAIR = rb"%b=%b" % (LABEL_NAME, QUOTED)
_LABELS = rb"\{(?:%b(?:,%b)*+,?)?\}" % (_PAIR, _PAIR)
_NAMED = rb"\{(?:%b,)*+%b(?:,%b)*+,?\}" % (_PAIR, QUOTED, _PAIR)
"""Labels with the metric's name among them, once."""
_EXEMPLAR = rb"(%b) (%b)(?: (%b))?" % (_LABELS, NUMBER, NUMBER)

_LINE = re.compile(
    rb"(%b(?:%b)?|%b) (%b)(?: (%b))?(?: # (%b))?"
    % (NAME, _LABELS, _NAMED, NUMBER, NUMBER, _EXEMPLAR)
)
_EXEMPLAR_ALONE = re.compile(_EXEMPLAR)
_DESCRIPTION = re.compile(rb"# (HELP|TYPE|UNIT) (%b|%b) (.*)" % (NAME, QUOTED))
_STEPS: Steps = (
    (rb"%b|(?=\{)" % NAME, "it does not begin with the name of a metric"),
    (rb"%b|%b|(?!\{)" % (_LABELS, _NAMED), 'its labels are not like {name="value"}'),
    (rb" %b(?![^ ])" % NUMBER, "behind one space is no number"),
    (rb"(?: %b(?![^ ]))?(?= #|\Z)" % NUMBER, "behind the value is no time in seconds"),
    (rb"(?: # %b)?\Z" % _EXEMPLAR, 'its exemplar is not like {name="value"} 1 1.5'),
)
_END = b"# EOF"
_TYPES = frozenset(
    {"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"}
)
_DIALECT = Dialect(_TYPES, unescaped)
_TOO_LARGE = -(2**63)
"""What Go makes of a float that no integer holds; out of the bounds of any storage."""


class _OpenMetrics:
    def cut(self, line: bytes) -> Tokens:
        found = _LINE.fullmatch(line)
        if not found:
            raise refused(line, diagnosis(line, _STEPS))
        key, value, time, exemplar = found.group(1, 2, 3, 4)
        return Tokens(key, value, time or b"", exemplar or b"")

    def series(self, key: bytes) -> tuple[str, Labels]:
        return series_of(key)

    def comment(self, line: bytes) -> Comment:
        if line == _END:
            return Comment("eof", "", "")
        found = _DESCRIPTION.fullmatch(line)
        if not found:
            raise refused(line, "with # begin only HELP, TYPE, UNIT and EOF, one space between all")
        keyword, family, text = found.groups()
        return described(line, keyword, family, text, _DIALECT)

    def time(self, text: bytes) -> int:
        return _milliseconds(number(text))

    def times(self, texts: Sequence[bytes]) -> array[int]:
        return array("q", map(_milliseconds, values(texts)))

    def exemplar(self, text: bytes) -> PageExemplar:
        found = _EXEMPLAR_ALONE.fullmatch(text)
        if not found:
            raise refused(text, "it is no exemplar")
        key, value, time = found.groups()
        _, labels = series_of(key)
        return PageExemplar(labels, number(value), None if time is None else self.time(time))

    def check_end(self, page: Iterable[Block]) -> Iterator[Block]:
        has_ended = False
        for block in page:
            if has_ended or _END in block.comments[:-1]:
                raise ExpositionError("something follows # EOF, the last line of a page")
            has_ended = _END in block.comments
            if has_ended and block.lines:
                raise refused(block.lines[0], "it follows # EOF, the last line of a page")
            yield Block(block.comments[:-1], []) if has_ended else block
        if not has_ended:
            raise ExpositionError("the page does not end with # EOF: a part of it is missing")


def _milliseconds(seconds: float) -> int:
    if not math.isfinite(seconds):
        raise ExpositionError(f"cannot read {seconds}: it is no time in seconds")
    milliseconds = seconds * 1000
    return int(milliseconds) if -(2.0**63) <= milliseconds < 2.0**63 else _TOO_LARGE


OPENMETRICS: Format = _OpenMetrics()
