"""The text format 0.0.4. Blanks may stand between all of its words, and commas are for show."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

from otel_kubecost.receivers.prometheus.exposition.blocks import Block
from otel_kubecost.receivers.prometheus.exposition.describing import Dialect, described
from otel_kubecost.receivers.prometheus.exposition.diagnosis import Steps, diagnosis
from otel_kubecost.receivers.prometheus.exposition.escapes import unescaped_help
from otel_kubecost.receivers.prometheus.exposition.grammar import LABEL_NAME, NAME, NUMBER, QUOTED
from otel_kubecost.receivers.prometheus.exposition.parts import (
    Comment,
    Format,
    Labels,
    PageExemplar,
    Tokens,
)
from otel_kubecost.receivers.prometheus.exposition.refusal import refused
from otel_kubecost.receivers.prometheus.exposition.series import series_of

_BLANKS = rb"[ \t]*+"
_PAIRS = rb"(?:%b%b=%b%b%b(?:,%b)?)*+" % (LABEL_NAME, _BLANKS, _BLANKS, QUOTED, _BLANKS, _BLANKS)
_LABELS = rb"\{%b%b\}" % (_BLANKS, _PAIRS)
_NAMED = rb"\{%b%b%b%b(?:,%b%b)?\}" % (_BLANKS, _PAIRS, QUOTED, _BLANKS, _BLANKS, _PAIRS)
"""Labels with the metric's name among them, once."""

_LINE = re.compile(
    rb"(%b(?:%b%b)?|%b)%b(%b)(?:[ \t]++([0-9]++))?%b"
    % (NAME, _BLANKS, _LABELS, _NAMED, _BLANKS, NUMBER, _BLANKS)
)
_NO_SAMPLE = re.compile(rb"%b(?:#.*)?" % _BLANKS)
_DESCRIPTION = re.compile(rb"[ \t]*#[ \t]+(HELP|TYPE)[ \t]++(%b|%b)?(.*)" % (NAME, QUOTED))
_STEPS: Steps = (
    (rb"%b|(?=\{)" % NAME, "it does not begin with the name of a metric"),
    (
        rb"%b(?:%b|%b|(?!\{))" % (_BLANKS, _LABELS, _NAMED),
        'its labels are not like {name="value"}',
    ),
    (rb"%b%b(?![^ \t])" % (_BLANKS, NUMBER), "its value is not a number"),
    (rb"(?:[ \t]++[0-9]++)?%b\Z" % _BLANKS, "behind the value is no time in milliseconds"),
)
_DIALECT = Dialect(
    frozenset({"counter", "gauge", "histogram", "summary", "untyped"}), unescaped_help
)
_LATEST = b"%d" % (2**63 - 1)
_NOTHING = Tokens(b"", b"", b"", b"")


class _Text:
    def cut(self, line: bytes) -> Tokens:
        found = _LINE.fullmatch(line)
        if found:
            key, value, time = found.groups(b"")
            return Tokens(key, value, time, b"")
        if not _NO_SAMPLE.fullmatch(line):
            raise refused(line, diagnosis(line, _STEPS))
        return _NOTHING

    def series(self, key: bytes) -> tuple[str, Labels]:
        return series_of(key)

    def comment(self, line: bytes) -> Comment | None:
        found = _DESCRIPTION.fullmatch(line)
        if not found:
            return None
        keyword, family, rest = found.groups(b"")
        # Whatever the one byte is: `# TYPE foo-gauge` is a gauge.
        text = rest[1:] if rest.strip(b" \t") else b""
        return described(line, keyword, family, text, _DIALECT)

    def time(self, text: bytes) -> int:
        digits = text.lstrip(b"0")
        if not text.isdigit() or len(digits) > len(_LATEST) or digits.zfill(len(_LATEST)) > _LATEST:
            raise refused(text, "it is no time in milliseconds of 64 bits")
        return int(digits or b"0")

    def times(self, texts: Sequence[bytes]) -> array[int]:
        try:
            if b"".join(texts).isdigit():
                return array("q", map(int, texts))
        except (OverflowError, ValueError):
            pass
        return array("q", map(self.time, texts))

    def exemplar(self, text: bytes) -> PageExemplar:
        raise refused(text, "the text format has no exemplars")

    def check_end(self, page: Iterable[Block]) -> Iterator[Block]:
        return iter(page)


TEXT: Format = _Text()
