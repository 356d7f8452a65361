"""``${env:NAME}`` and its kin inside one text.

    ${env:NAME}            the environment variable; it has to be set, if only to nothing
    ${env:NAME:-default}   the default where the variable is not set
    ${NAME}                the same as ${env:NAME}, as in the Collector
    ${file:PATH}           the text of a file, without the newlines at its end
    $$                     one dollar sign

``${1}`` stays as it is: no variable's name begins with a digit, and Prometheus' relabel rules use
it. What is put in is text and is not looked through again, so a password may hold any character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\$\$|\$\{(?P<body>[^}]*)(?P<end>\}?)")
_CAPTURE_GROUP = re.compile(r"\d+", re.ASCII)
_VARIABLE = re.compile(
    r"(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.ASCII | re.DOTALL
)


class UnresolvedError(Exception):
    """A reference that stands for nothing; ``message`` and ``hint`` are for a Problem."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def substitute(
    text: str, environ: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[str, list[UnresolvedError]]:
    """``text`` with its references replaced; one that cannot be stays and is reported.

    ``read_file`` gives the text at a path; it raises UnresolvedError where it cannot.
    """
    unresolved: list[UnresolvedError] = []

    def replace(match: re.Match[str]) -> str:
        try:
            return _resolve(match, environ, read_file)
        except UnresolvedError as error:
            unresolved.append(error)
            return match[0]

    return _REFERENCE.sub(replace, text), unresolved


def _resolve(
    match: re.Match[str], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> str:
    body = match["body"]
    if body is None:
        return "$"
    if not match["end"]:
        raise UnresolvedError("`${` without its `}`", "close it, or write `$${` for a plain `${`")
    if "${" in body:
        raise UnresolvedError(
            "a reference stands inside another one", "give the inner one a variable of its own"
        )
    if _CAPTURE_GROUP.fullmatch(body):
        return match[0]
    if body.startswith("file:"):
        return _file(body.removeprefix("file:"), read_file)
    return _variable(body, environ)


def _file(path: str, read_file: Callable[[str], str]) -> str:
    try:
        return read_file(path).rstrip("\r\n")
    except UnresolvedError as error:
        raise UnresolvedError(f"file {path} {error.message}", error.hint) from None


def _variable(body: str, environ: Mapping[str, str]) -> str:
    match = _VARIABLE.fullmatch(body)
    if match is None:
        raise UnresolvedError(
            "what stands in `${...}` is neither a variable nor a file",
            "write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}, and `$$` for a plain `$`",
        )
    value = environ.get(match["name"], match["default"])
    if value is None:
        raise UnresolvedError(
            f"environment variable {match['name']} is not set",
            f"set it, or write ${{env:{match['name']}:-default}}",
        )
    return value
