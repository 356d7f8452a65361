"""Options made of what was written; what pydantic finds wrong, said in the words of its writer.

Pure. A finding is a place, a sentence and a remedy; whoever knows file and line makes it a
``Problem``. Values are quoted only where the option cannot be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from otel_kubecost.config.option_fields import Path, fields_at
from otel_kubecost.config.options import Options, format_duration, parse_duration
from otel_kubecost.errors import NOWHERE, ConfigError, Location, Problem

T = TypeVar("T", bound=Options)


class Finding(NamedTuple):
    """One mistake, its place still relative to the block that was checked."""

    path: Path
    message: str
    hint: str = ""

    def inside(self, *block: str) -> Finding:
        """The same, seen from where ``block`` is a path."""
        return self._replace(path=(*block, *self.path))

    def problem(self, location: Location = NOWHERE, name: str = "") -> Problem:
        """``name`` is what the user calls the place, where that is not its path."""
        return Problem(name or dotted(self.path), self.message, self.hint, location)


def dotted(path: Path) -> str:
    """The way users name a place: ``receivers.kubecost.levels[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def build_options(model: type[T], keywords: Mapping[str, Any], *block: str) -> T:
    """An instance of ``model``. Raises ConfigError with every mistake in ``keywords``.

    ``block`` is the path of the block in messages.
    """
    options, findings = validate(model, keywords)
    if options is None:
        raise ConfigError(found.inside(*block).problem() for found in findings)
    return options


def validate(model: type[T], keywords: Any) -> tuple[T | None, list[Finding]]:
    """An instance of ``model``, or None and every mistake in ``keywords``."""
    try:
        return model.model_validate(keywords), []
    except ValidationError as error:
        return None, list(_findings(model, keywords, error.errors(include_url=False)))


def suggestion(word: str, known: Iterable[str], title: str = "known keys") -> str:
    """The remedy for a word that is not among the known ones: the nearest of them, or them all."""
    known = sorted(known)
    return _did_you_mean(word, known) or f"{title}: {', '.join(known) or 'none'}"


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _findings(
    model: type[Options], keywords: Any, errors: Sequence[ErrorDetails]
) -> Iterator[Finding]:
    places: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(_path_of(error, keywords), []).append(error)
    for path, here in places.items():
        must = _must(model, path, here)
        if not must:
            yield _other_finding(model, path, here[0])
        elif not any(_is_inside(other, path) for other in places):
            value = reduce(lambda outer, part: outer[part], path, keywords)
            yield _wrong_value(model, path, must, value, here[0]["type"])


def _is_inside(path: Path, outer: Path) -> bool:
    """With a union, only the alternative that got furthest is worth hearing about."""
    return len(path) > len(outer) and path[: len(outer)] == outer


def _path_of(error: ErrorDetails, keywords: Any) -> Path:
    """The ``loc`` of pydantic, without the names of union members that it mixes in."""
    path: list[str | int] = []
    value = keywords
    for part in error["loc"]:
        if (isinstance(value, Mapping) and part in value) or _is_index(value, part):
            value = value[part]
            path.append(part)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


def _is_index(value: Any, part: str | int) -> bool:
    return isinstance(part, int) and isinstance(value, Sequence) and not isinstance(value, str)


_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_too_short": "text of {min_length} characters or more",
    "string_too_long": "text of {max_length} characters or fewer",
    "string_pattern_mismatch": "text that matches {pattern}",
    "list_type": "a list, such as [a, b]",
    "tuple_type": "a list, such as [a, b]",
    "set_type": "a list, such as [a, b]",
    "frozen_set_type": "a list, such as [a, b]",
    "dict_type": "a block of `key: value` lines",
    "mapping_type": "a block of `key: value` lines",
    "model_type": "a block of `key: value` lines",
    "model_attributes_type": "a block of `key: value` lines",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "literal_error": "{expected}",
    "enum": "{expected}",
}

_BOUNDS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "{} or less"),
}


def _must(model: type[Options], path: Path, errors: Iterable[ErrorDetails]) -> str:
    """What would be right, as "must be ..."; empty where the mistake is of another sort."""
    number = format_duration if _is_duration(model, path) else _plain_number
    wanted = dict.fromkeys(want for error in errors if (want := _wanted(error, number)))
    return f"must be {' or '.join(wanted)}" if wanted else ""


def _wanted(error: ErrorDetails, number: Callable[[float], str]) -> str:
    details = error.get("ctx", {})
    if details.get("min_length") == 1:
        return "filled in"
    if error["type"] in _WANTED:
        return _WANTED[error["type"]].format(**details)
    if error["type"] in _BOUNDS:
        limit, words = _BOUNDS[error["type"]]
        return words.format(number(details[limit]))
    message = error["msg"].removeprefix("Input should be ")
    return "" if message == error["msg"] else message


def _plain_number(number: float) -> str:
    return f"{number:g}" if number < 1e6 else str(number)


def _is_duration(model: type[Options], path: Path) -> bool:
    metadata = (item for field in _fields(model, path) for item in field.metadata)
    return any(getattr(item, "func", None) is parse_duration for item in metadata)


def _wrong_value(model: type[Options], path: Path, must: str, value: Any, sort: str) -> Finding:
    """``sort`` is pydantic's name for the mistake."""
    if value is None:
        return Finding(path, f"is empty, {must}", "write a value, or remove the line")
    if sort == "string_pattern_mismatch":
        return Finding(path, must, _purpose(model, path))
    if not isinstance(value, str | int | float) or _may_be_secret(path, sort):
        return Finding(path, must)
    hint = _did_you_mean(str(value), re.findall(r"'([^']+)'", must))
    return Finding(path, f'{must}, not "{value}"', hint)


_SECRETS = re.compile(r"passw|token|secret|credential|authorization|headers|key", re.IGNORECASE)


def _may_be_secret(path: Path, sort: str) -> bool:
    """By the names around it; and text where a block belongs may be a token put there instead."""
    is_named = any(isinstance(part, str) and _SECRETS.search(part) for part in path)
    return is_named or sort.endswith("_type")


def _other_finding(model: type[Options], path: Path, error: ErrorDetails) -> Finding:
    if error["type"] == "missing":
        return Finding(path, "is required", _how_to_add(model, path))
    if error["type"] == "extra_forbidden":
        return _unknown_key(model, path)
    cause = error.get("ctx", {}).get("error", error["msg"])
    message, _, hint = str(cause).partition("; ")
    return Finding(path, message, hint)


def _how_to_add(model: type[Options], path: Path) -> str:
    example = next((field.examples[0] for field in _fields(model, path) if field.examples), "...")
    return f"add `{path[-1]}: {example}` ({_purpose(model, path)})".removesuffix(" ()")


def _purpose(model: type[Options], path: Path) -> str:
    texts = (field.description for field in _fields(model, path))
    return next(filter(None, texts), "").removesuffix(".")


def _fields(model: type[Options], path: Path) -> list[FieldInfo]:
    return [field for name, field in fields_at(model, path[:-1]) if path[-1:] == (name,)]


def _unknown_key(model: type[Options], path: Path) -> Finding:
    known = [name for name, _ in fields_at(model, path[:-1])]
    if path[-1] in known:
        return Finding(path, "is here under its other spelling too", "keep one of the two")
    return Finding(path, "unknown key", suggestion(str(path[-1]), known))
