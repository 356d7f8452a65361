"""An answer that comes in pages, put together. Pure.

Kubecost has pages with ``limit`` and ``offset``, of accumulated rows, the most expensive first.
The idle row stands on every page, beside the rows that ``limit`` counts. OpenCost has none: it
passes over the parameters and answers with everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    return len(page) + page.null_rows >= limit


def _is_everything(first: RowTable, limit: int) -> bool:
    """Whether the limit was passed over: no page has more rows than that of real objects."""
    return sum("__" not in key for _, key in first.keys or ()) > limit
