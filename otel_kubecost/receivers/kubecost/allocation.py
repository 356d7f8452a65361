"""The allocation API's JSON to rows, taking what is well formed and inventing nothing. Pure.

An answer is ``{"code": 200, "data": [{key: row, ...}, ...]}`` with one map per step. In the field
a set is ``null`` or ``{}`` while its hour is not computed, a row is ``null``, a number is ``null``
for NaN or a string in dumps that were encoded twice, and an error comes with HTTP status 200. The
common case is decoded in one go into typed structs with only the fields that are used; a set with
a row of another shape is read again row by row, and only that row is read leniently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.http.excerpt import printable
from otel_kubecost.receivers.kubecost.lenient import loose_row
from otel_kubecost.receivers.kubecost.rows import Row


@dataclass(slots=True)
class Allocations:
    """What one answer says: its sets of rows by key, without what was null."""

    sets: list[dict[str, Row]] = field(default_factory=list)
    null_rows: int = 0
    lenient_rows: int = 0
    """Rows of another shape than documented, of which what could be read was read."""


class EmptySetError(NoDataError):
    """OpenCost refuses to accumulate over steps of which one has no data; unaccumulated it may."""


class _Envelope(msgspec.Struct):
    code: Any = None
    status: Any = None
    message: Any = None
    data: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)
_R = TypeVar("_R")
_Sets: TypeAlias = list[dict[str, _R] | None] | dict[str, _R] | None


def decode(body: bytes, row_type: type[msgspec.Struct] = Row) -> Allocations:
    """The rows of an answer's body: of ``row_type`` where all of them can be, else whole ones.

    There may be none: an hour that is not computed yet is answered so. Raises ScrapeError where
    the answer is an error or not an allocation answer at all.
    """
    try:
        envelope = _envelope.decode(body)
        _refuse_error(envelope)
        return _sets(envelope.data, row_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScrapeError(
            f"Kubecost's answer is not JSON of an allocation query: {error}"
        ) from None


# Parts of an answer, for ``stream``.


def check_head(head: bytes) -> bool:
    """Whether ``head`` is an answer's up to its first row. Raises ScrapeError for an error's."""
    try:
        envelope = _envelope.decode(head + b"}]}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    _refuse_error(envelope)
    return True


def decode_rows(rows: memoryview, row_type: type[msgspec.Struct]) -> Allocations | None:
    """The rows of a set; None where it is none. They may refer to the memory of ``rows``."""
    try:
        return _sets(rows, row_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_error(status: int, body: bytes) -> None:
    """Raise what the body of an answer with an error status says, if it says it in JSON."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if envelope.message:
        raise _failure(envelope.code or status, envelope.message)


def is_answer(body: bytes) -> bool:
    """Whether ``body`` is of the allocation API, be it data or an error."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bool(envelope.data) or envelope.code is not None


def _refuse_error(envelope: _Envelope) -> None:
    if envelope.code not in (None, 0, 200, "200") or envelope.status == "error":
        raise _failure(envelope.code or "an error", envelope.message or "no message")
    if not envelope.data:
        raise ScrapeError("Kubecost's answer is JSON, but has no allocation data in it")


def _failure(code: Any, message: Any) -> ScrapeError:
    said = printable(" ".join(str(message).split())[:200])
    if "empty AssetSet" in said:
        return EmptySetError(f"Kubecost has no data for part of the window: {said}")
    return ScrapeError(f"Kubecost API returned {printable(str(code)[:20])}: {said}")


def _sets(data: msgspec.Raw | memoryview, row_type: type[msgspec.Struct]) -> Allocations:
    kinds: list[Any] = [row_type, Row]
    for kind in kinds:
        try:
            sets = _listed(_decoder(kind | None).decode(data))
        except msgspec.ValidationError:
            continue
        rows = [{key: row for key, row in one.items() if row is not None} for one in sets]
        return Allocations(rows, null_rows=sum(map(len, sets)) - sum(map(len, rows)))
    return _sets_row_by_row(_listed(_decoder(msgspec.Raw).decode(data)))


def _listed(sets: _Sets[_R]) -> list[dict[str, _R]]:
    """Some versions give the one set bare, without the list around it."""
    if isinstance(sets, dict):
        return [sets]
    return [one or {} for one in sets or ()]


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Of sets of what is ``kind``."""
    return msgspec.json.Decoder(list[dict[str, kind] | None] | dict[str, kind] | None)


def _sets_row_by_row(sets: Iterable[Mapping[str, msgspec.Raw]]) -> Allocations:
    allocations = Allocations()
    for one in sets:
        rows: dict[str, Row] = {}
        for key, raw in one.items():
            row = _row(bytes(raw), allocations)
            if row is not None:
                rows[key] = row
        allocations.sets.append(rows)
    return allocations


def _row(raw: bytes, counts: Allocations) -> Row | None:
    try:
        row = msgspec.json.decode(raw, type=Row | None)
    except msgspec.ValidationError:
        row = loose_row(raw)
        counts.lenient_rows += row is not None
    counts.null_rows += row is None
    return row
