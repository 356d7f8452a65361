"""What a receiver gives at one mark, after all processors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Historical, Receiver
from otel_kubecost.errors import RetryableError

Process: TypeAlias = Callable[[MetricsData], MetricsData | None]
"""All processors of a pipeline; None where one of them failed and the batch is lost.

Raises RetryableError where one refuses the batch for now.
"""


@dataclass(frozen=True, slots=True)
class Live:
    """The batches of one mark, processed."""

    mark: float
    lasting: Sequence[MetricsData]
    """What the receiver would give for the mark again, if it has history."""
    present: Sequence[MetricsData]
    """What is of the present alone."""
    is_complete: bool
    """Whether the receiver gave what ``missed`` would give for the mark, and none refused it."""
    is_missed: bool = False
    """Whether it gave that and a processor refused it: the mark has to be asked for again."""
    is_refused: bool = False
    """Whether a processor refused anything of it."""

    @property
    def batches(self) -> Sequence[MetricsData]:
        return [*self.lasting, *self.present]


def processed(
    receiver: Receiver, mark: float, batches: Iterable[MetricsData], process: Process
) -> Live:
    """What ``receiver`` gave at ``mark``, as far as ``process`` lets it pass."""
    passed: dict[int, MetricsData] = {}
    refused: set[int] = set()
    count = 0
    for number, batch in enumerate(batches):
        count += 1
        try:
            if (result := process(batch)) is not None:
                passed[number] = result
        except RetryableError:  # the pipeline has said so
            refused.add(number)
    given = receiver.given if isinstance(receiver, Historical) else mark
    first = 0 if given is not None else -1
    is_given = bool(count) and given == mark
    return Live(
        mark,
        lasting=[batch for number, batch in passed.items() if number == first],
        present=[batch for number, batch in passed.items() if number != first],
        is_complete=is_given and first not in refused,
        is_missed=is_given and first in refused,
        is_refused=bool(refused),
    )
