"""Plain data read into the dataclasses of somebody else's model, by the types of their fields.

Pure. Data from files is text with places, so numbers are read out of text, every mistake is found,
and none is quoted: a header may be a secret.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.problems import Finding, suggestion

_BLOCK = "must be a block of `key: value` lines"


class ModelReader:
    """Reads values; what is wrong with them is in ``findings``, and they are of no use then.

    ``others(model)`` are the keys that a model may have beside its fields. A slash in a key is an
    underscore in the name of its field. A model of blocks that may all be
    missing is a choice of one.
    """

    def __init__(self, others: Callable[[type], Iterable[str]]) -> None:
        self.findings: list[Finding] = []
        self._others = others

    def read(self, value: Any, hint: Any, path: Path) -> Any:
        """``value`` as ``hint`` has it: a class, a list of it, or either of them or None."""
        wanted = _without_none(hint)
        if dataclasses.is_dataclass(wanted):
            return self._block({} if value is None else value, wanted, path)
        if _is_free(wanted):
            return self._free(value, path)
        if value is None:
            return None if wanted is not hint else self._refuse(path, "is empty")
        if get_origin(wanted) is list:
            return self._list(value, get_args(wanted)[0], path)
        return self._scalar(value, wanted, path)

    def _block(self, value: Any, model: Any, path: Path) -> Any:
        if not isinstance(value, Mapping):
            return self._refuse(path, _BLOCK)
        hints, names = get_type_hints(model), [one.name for one in dataclasses.fields(model)]
        others = set(self._others(model))
        known = {*map(_key, names), *others}
        given: dict[str, Any] = {}
        for key, inner in value.items():
            name = str(key).replace("/", "_")
            if name in names:
                given[name] = self.read(inner, hints[name], (*path, key))
            elif key in others:
                given[key] = self._free(inner, (*path, key))
            else:
                self._refuse((*path, key), "unknown key", suggestion(key, known))
        required = _required(model)
        for name in required - given.keys():
            self._refuse((*path, _key(name)), "is required", f"add `{_key(name)}: ...`")
        is_choice = names and not required and all(_is_block(hints[name]) for name in names)
        if is_choice and len(value) != 1:
            self._refuse(path, "must have one key", f"known keys: {', '.join(sorted(known))}")
        return None if self.findings else model(**given)

    def _free(self, value: Any, path: Path) -> Any:
        value = {} if value is None else value
        return value if isinstance(value, Mapping) else self._refuse(path, _BLOCK)

    def _list(self, value: Any, item: Any, path: Path) -> Any:
        if not isinstance(value, list | tuple):
            return self._refuse(path, "must be a list")
        return [self.read(one, item, (*path, index)) for index, one in enumerate(value)]

    def _scalar(self, value: Any, wanted: Any, path: Path) -> Any:
        parse, words = _SCALARS.get(wanted) or _choice(wanted)
        hint = "times are in milliseconds" if wanted is int else ""
        try:
            return parse(value)
        except ValueError:
            return self._refuse(path, f"must be {words}", hint)

    def _refuse(self, path: Path, message: str, hint: str = "") -> None:
        self.findings.append(Finding(path, message, hint))


def _choice(wanted: type[Enum]) -> tuple[Callable[[Any], Any], str]:
    return wanted, " or ".join(f"'{one.value}'" for one in wanted)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        others = [one for one in get_args(hint) if one is not NoneType]
        return others[0] if len(others) == 1 else hint
    return hint


def _is_free(hint: Any) -> bool:
    return hint is Any or get_origin(hint) is dict


def _is_block(hint: Any) -> bool:
    wanted = _without_none(hint)
    return dataclasses.is_dataclass(wanted) or _is_free(wanted)


def _required(model: Any) -> set[str]:
    missing = dataclasses.MISSING
    return {
        one.name
        for one in dataclasses.fields(model)
        if one.default is missing and one.default_factory is missing
    }


def _key(name: str) -> str:
    """How the field ``name`` is written in a file."""
    return name.replace("_development", "/development")


def _text(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _count(value: Any) -> int:
    number = int(_text(value))
    if number < 0:
        raise ValueError
    return number


_SCALARS: Mapping[type, tuple[Callable[[Any], Any], str]] = {
    str: (_text, "text"),
    bool: (_boolean, "true or false"),
    int: (_count, "a whole number, 0 or more"),
    float: (lambda value: float(_text(value)), "a number"),
}
