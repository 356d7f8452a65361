"""A batch in parts: so much of it as is worth a transaction, and never more in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otel_kubecost.exporters.sending.entry import R

PART_BYTES = 2**20
"""Bodies of a part; what goes beyond begins the next one."""


def in_parts(requests: Iterable[R]) -> Iterator[tuple[list[R], bool]]:
    """Each part, and whether it is the last; of a batch without requests there is none.

    Requests are made one by one: what was given is not held here when the next part is begun.
    """
    part: list[R] = []
    size = 0
    for request in requests:
        if part and size + len(request.body) > PART_BYTES:
            whole, part, size = part, [], 0
            yield whole, False
            del whole
        part.append(request)
        size += len(request.body)
    if part:
        yield part, True
