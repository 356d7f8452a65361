"""The types of what users write: durations, sizes, patterns, secrets, and blocks of them.

Each option is declared once, in a subclass of ``Options``; parsing, checking and documentation
all come from that declaration. Messages are for the person who wrote the file: they say what is
wrong and show one right spelling.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema


class Options(BaseModel):
    """A block of options. Unknown keys are errors; input never shows in messages (secrets).

    What checks a block is built when the first one is checked: to build it for every component
    takes 2.5 MiB and 0.05 s, and a configuration names some of them.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        defer_build=True,
    )


_DURATION_UNITS = {
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0,
}  # fmt: skip
_DIGITS = r"[0-9]+(?:\.[0-9]+)?"
_UNIT = "|".join(_DURATION_UNITS)
_DURATION_PART = re.compile(f"({_DIGITS})({_UNIT})")
DURATION_PATTERN = f"(?:{_DIGITS}(?:{_UNIT}))+|{_DIGITS}"
"""What a duration looks like, without spaces around it; in JSON Schemas too."""


def parse_duration(value: Any) -> float:
    """Seconds of a Go or Prometheus duration (``90s``, ``1h30m``, ``15d``); a number is seconds.

    Raises ValueError for anything else, and for negative numbers.
    """
    if isinstance(value, bool):
        _refuse_duration(value)
    text = str(value).strip()
    if re.fullmatch(_DIGITS, text):
        return float(text)
    if not re.fullmatch(DURATION_PATTERN, text):
        _refuse_duration(value)
    parts = _DURATION_PART.findall(text)
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)


def _refuse_duration(value: Any) -> NoReturn:
    raise ValueError(f"{value!r} is not a duration; write it as 30s, 5m, 1h30m or 15d")


def format_duration(seconds: float) -> str:
    """The shortest spelling: 5400 is ``1h30m``, 0.2 is ``200ms``."""
    rest, parts = int(seconds), ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, round(_DURATION_UNITS[unit]))
        parts += f"{count}{unit}" if count else ""
    if seconds % 1:
        parts += f"{seconds % 1 * 1000:g}ms"
    return parts or "0s"


_SIZE_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_SIZE = re.compile(rf"({_DIGITS})\s*([kKmMgG]?[iI]?[bB])?", re.ASCII)


def parse_size(value: Any) -> int:
    """Bytes of ``512MiB``, ``2GB`` or a plain number. Raises ValueError for anything else."""
    match = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    unit = (match.group(2) or "").lower() if match else "?"
    if match is None or unit not in _SIZE_UNITS:
        raise ValueError(f"{value!r} is not a size; write it as 512MiB, 2GB or a number of bytes")
    return round(float(match.group(1)) * _SIZE_UNITS[unit])


def format_size(size: int) -> str:
    """The shortest spelling of bytes: 3,000,000 is ``3MB``, 2 to the power of 20 is ``1MiB``."""
    units = [unit for unit, factor in _SIZE_UNITS.items() if size and size % factor == 0]
    unit = max(units, key=lambda unit: _SIZE_UNITS[unit], default="")
    return f"{size // _SIZE_UNITS[unit]}{unit.upper().replace('I', 'i')}"


class Pattern:
    """An RE2 pattern that has to match the whole text, as Prometheus anchors its own.

    RE2 runs in linear time, so no pattern from a configuration can stall the process.
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        import re2  # noqa: PLC0415  2.5 MiB that nobody takes who writes no pattern

        quiet = re2.Options()
        quiet.log_errors = False
        self.text = text
        try:
            re2.compile(text, quiet)
            self._compiled = re2.compile(f"(?s:{text})", quiet)
        except re2.error as error:
            reason = error.args[0] if error.args else error
            reason = reason.decode() if isinstance(reason, bytes) else reason
            raise ValueError(f"{text!r} is not an RE2 pattern: {reason}") from None

    def matches(self, text: str) -> bool:
        return self._compiled.fullmatch(text) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


def _pattern(value: Any) -> Pattern:
    if isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a pattern; put it in quotes")  # noqa: TRY004  pydantic reports ValueError
    return Pattern(value)


def _text(value: Any) -> Any:
    """Numbers that stand for text (an account id of digits, a price) keep their spelling."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def in_any_case(words: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of an option that takes these words, however they are capitalised."""
    each = ("".join(f"[{letter.lower()}{letter.upper()}]" for letter in word) for word in words)
    pattern = f"^(?:{'|'.join(each)})$"
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": pattern}]}


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "minimum": 0,
            "pattern": rf"^\s*(?:{DURATION_PATTERN})\s*$",
            "examples": ["30s", "5m", "1h30m", "15d"],
        }
    ),
]
"""Seconds."""

ByteSize = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "minimum": 0,
            "pattern": rf"^\s*{_SIZE.pattern}\s*$",
            "examples": ["512MiB"],
        }
    ),
]
"""Bytes."""

Regex = Annotated[
    Pattern,
    BeforeValidator(_pattern),
    PlainSerializer(lambda pattern: pattern.text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["cloudtuner_kubecost_.*"]}),
]

Text = Annotated[str, BeforeValidator(_text)]
