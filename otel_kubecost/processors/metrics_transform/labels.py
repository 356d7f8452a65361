"""What operations do with the attributes of a point, or of columns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from otel_kubecost.pdata import StringColumn
from otel_kubecost.processors.editing.points import Edit
from otel_kubecost.processors.metrics_transform.options import Operation


def edit_of(operations: Sequence[Operation]) -> Edit:
    """All of ``operations``, one after the other, for the metrics of one batch."""
    edits = [_added(one) if one.action == "add_label" else _updated(one) for one in operations]

    def edit(attributes: dict[str, Any]) -> dict[str, Any]:
        result = dict(attributes)
        for one in edits:
            one(result)
        return result

    return edit


def _added(operation: Operation) -> Callable[[dict[str, Any]], object]:
    label, value = operation.new_label, operation.new_value
    return lambda attributes: attributes.setdefault(str(label), value)


def _updated(operation: Operation) -> Callable[[dict[str, Any]], object]:
    label, new_label = str(operation.label), operation.new_label or str(operation.label)
    renamed = _renaming({one.value: one.new_value for one in operation.value_actions})

    def update(attributes: dict[str, Any]) -> None:
        if label in attributes:
            attributes[new_label] = renamed(attributes.pop(label))

    return update


def _renaming(values: Mapping[str, str]) -> Callable[[Any], Any]:
    """What is done with the value of a label; a column that metrics share they share afterwards."""

    @cache
    def of_column(column: StringColumn) -> StringColumn:
        if not values.keys() & set(column.values):
            return column
        return StringColumn.of(
            values.get(text, text) for text in column.strings_at(range(len(column)))
        )

    def renamed(value: Any) -> Any:
        if isinstance(value, StringColumn):
            return of_column(value)
        return values.get(value, value) if isinstance(value, str) else value

    return renamed
