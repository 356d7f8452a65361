"""urllib3 logs the URL of every request at DEBUG; a query of ours may hold a token."""

from __future__ import annotations

import logging

from otel_kubecost.http.deadline import is_kept


class _WithoutQueries(logging.Filter):
    """Leaves a record as it is, but for the queries of this package's requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        if is_kept() and isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        return True


def _without_query(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) else value


_FILTER = _WithoutQueries()


def conceal_queries() -> None:
    """From now on; more than once is once."""
    logging.getLogger("urllib3.connectionpool").addFilter(_FILTER)
