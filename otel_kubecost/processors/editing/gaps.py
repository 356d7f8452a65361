"""Edits of rows that have not all the same attributes. Pure.

What an edit does depends on the attributes that there are: an ``insert`` leaves those that have the
key. In a sparse table rows lack keys, so those that have the same ones are edited together::

    row   container  image          edited together      as if they had these attributes
    0     web        nginx          0, 1                 container, image
    1     db         postgres       2                    container
    2     pause                     3                    none
    3

There are few such groups, of a kubelet's containers, pods and slices say, however many the rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from otel_kubecost.pdata import AttributeTable, StringColumn
from otel_kubecost.processors.editing.arrangement import ColumnAttributes, columns_in


class _Group(NamedTuple):
    rows: Sequence[int]
    before: ColumnAttributes
    """Of these rows alone."""
    after: ColumnAttributes


def has_gaps(table: AttributeTable) -> bool:
    return table.is_sparse and any("" in column.values for column in table.columns)


def edited_with_gaps(
    attributes: ColumnAttributes,
    size: int,
    edit: Callable[[ColumnAttributes], ColumnAttributes],
) -> ColumnAttributes:
    """``attributes`` of ``size`` rows, which lack those that are empty, after ``edit``.

    What is left as it is in every row is the same column.
    """
    groups = list(_groups(attributes, size, edit))
    known = {key for group in groups for key in group.before}
    of_nobody = [key for key in attributes if key not in known]
    after = [key for group in groups for key in group.after]
    keys = dict.fromkeys([*of_nobody, *after])
    return {key: _of_all(key, groups, attributes, size) for key in keys}


def _groups(
    attributes: ColumnAttributes,
    size: int,
    edit: Callable[[ColumnAttributes], ColumnAttributes],
) -> Iterator[_Group]:
    for lacking, rows in _by_lacking(attributes, size):
        before: ColumnAttributes = {
            key: StringColumn(array("I", value.codes_at(rows)), value.values)
            if isinstance(value, StringColumn)
            else value
            for key, value in attributes.items()
            if key not in lacking
        }
        yield _Group(rows, before, edit(before))


def _by_lacking(
    attributes: ColumnAttributes, size: int
) -> Iterator[tuple[Iterable[str], array[int]]]:
    """Which keys are lacking, and the rows that lack just these."""
    empty = {
        key: {code for code, text in enumerate(column.values) if not text}
        for key, column in columns_in(attributes).items()
    }
    sparse = [key for key, codes in empty.items() if codes]
    if not sparse:
        yield (), array("I", range(size))
        return
    rows: dict[tuple[bool, ...], array[int]] = {}
    columns = columns_in(attributes)
    lacks = [map(empty[key].__contains__, columns[key].codes) for key in sparse]
    for row, pattern in enumerate(zip(*lacks, strict=True)):
        rows.setdefault(pattern, array("I")).append(row)
    for pattern, alike in rows.items():
        yield {key for key, is_empty in zip(sparse, pattern, strict=True) if is_empty}, alike


def _of_all(
    key: str, groups: Sequence[_Group], attributes: ColumnAttributes, size: int
) -> str | StringColumn:
    if all(group.after.get(key) is group.before.get(key) for group in groups):
        return attributes[key]
    found = [group.after.get(key, "") for group in groups]
    if isinstance(found[0], str) and all(one == found[0] for one in found):
        return found[0]
    texts = [""] * size
    for group, value in zip(groups, found, strict=True):
        for place, row in enumerate(group.rows):
            texts[row] = value if isinstance(value, str) else value[place]
    return StringColumn.of(texts)
