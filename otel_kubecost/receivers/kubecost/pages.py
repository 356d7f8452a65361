"""An answer that comes in pages, put together. Pure.

Kubecost has pages with ``limit`` and ``offset``, of accumulated rows, the most expensive first.
The idle row stands on every page, beside the rows that ``limit`` counts. OpenCost has none: it
passes over the parameters and answers with everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.table import RowTable

MOST_PAGES = 1_000
"""More are not asked for, so that asking always ends."""


def all_pages(ask: Callable[[Mapping[str, str]], RowTable], limit: int) -> RowTable:
    """Every row once, of as many pages of ``limit`` rows as it takes.

    ``ask`` gets the parameters of a page and gives it keyed. What it raises passes through, save
    that a page after the first may be empty. Raises ScrapeError where there is no end of pages.
    """
    whole = ask(_parameters(limit, 0))
    more = _may_have_more(whole, limit) and not _is_everything(whole, limit)
    number = 1
    while more:
        if number == MOST_PAGES:
            raise ScrapeError(f"Kubecost has more than {MOST_PAGES} pages of rows; raise page_size")
        try:
            page = ask(_parameters(limit, number))
        except NoDataError:
            break
        more = whole.join(page) and _may_have_more(page, limit)
        number += 1
    return whole


def _parameters(limit: int, number: int) -> dict[str, str]:
    return {"limit": str(limit), "offset": str(limit * number)}


def _may_have_more(page: RowTable, limit: int) -> bool:
    """Every row counts, idle too: a page too many costs a request, one too few costs rows."""
    return max(_sizes(page), default=0) + page.null_rows >= limit


def _is_everything(first: RowTable, limit: int) -> bool:
    """Whether the limit was passed over: no page has more rows than that of real objects."""
    return any(size > limit for size in _sizes(first, but="__"))


def _sizes(page: RowTable, but: str | None = None) -> Collection[int]:
    """How many rows each set has, save those with ``but`` in their keys."""
    counted = (step for step, key in page.keys or () if but is None or but not in key)
    return Counter(counted).values()
