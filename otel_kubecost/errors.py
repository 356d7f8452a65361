"""Errors answer one question: what now?

    OtelKubecostError
    ├── ConfigError        mend the configuration; raised before anything starts
    ├── ScrapeError        this scrape failed; the next mark tries again
    │   └── NoDataError    the source is up and has nothing yet; not an alarm
    └── ExportError
        ├── PermanentError     these bytes will never be taken; count them and go on
        └── RetryableError     send the same bytes again, after ``retry_after`` seconds if given

Every message names the thing, the likely cause and the remedy in the user's own key names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class OtelKubecostError(Exception):
    """Base of everything this package raises on purpose."""


class Location(NamedTuple):
    """A place in a file, counted from 1. Places sort as they stand in the file."""

    file: str = ""
    """Or what is like one, as ``--set KEY``; empty where there is none."""
    line: int = 0
    """0 is the file as a whole."""
    column: int = 0

    def __bool__(self) -> bool:
        return bool(self.file)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NOWHERE = Location()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration: where it is, what is wrong, how to mend it."""

    path: str
    message: str
    hint: str = ""
    location: Location = NOWHERE

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        if self.hint:
            text += f"; {self.hint}"
        return f"{text} ({self.location})" if self.location else text


class ConfigError(OtelKubecostError):
    """The configuration cannot be used; ``problems`` has every mistake, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def at(cls, path: str, message: str, hint: str = "") -> ConfigError:
        return cls([Problem(path, message, hint)])


class ScrapeError(OtelKubecostError):
    """The source did not give a usable answer; the next mark asks again."""


class NoDataError(ScrapeError):
    """The source answered that it has no data (yet) for the window."""


class ExportError(OtelKubecostError):
    """A destination did not take a request."""


class PermanentError(ExportError):
    """The same bytes will be refused again."""


class RetryableError(ExportError):
    """The same bytes may be taken later, not before ``retry_after`` seconds where that is known."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
