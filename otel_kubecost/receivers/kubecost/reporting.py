"""What a receiver says of its scrapes."""

from __future__ import annotations

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.product import Product
from otel_kubecost.receivers.kubecost.scrape import Scrape
from otel_kubecost.receivers.kubecost.window import rfc3339
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


def complain(error: ScrapeError) -> None:
    if isinstance(error, NoDataError):
        _log.warning(str(error), hint="Normal for Kubecost's first 15 to 30 minutes")
    else:
        _log.error(str(error), exc_info=error.__cause__)


def report(found: Scrape) -> None:
    _log.info(
        f"Successfully scraped allocation data: {found.namespaces} namespaces",
        window=str(found.window),
        hours_covered=round(found.hours, 3),
    )
    if found.data_through <= found.window.start:
        _log.warning(
            "Kubecost's newest data is older than the window that was asked for",
            data_through=rfc3339(found.data_through),
            window=str(found.window),
            hint="is Kubecost's own data collection running?",
        )
    if found.null_rows or found.lenient_rows:
        _log.warning(
            f"{found.null_rows} rows of Kubecost's answer were null,"
            f" {found.lenient_rows} not of the documented shape",
            hint="what could not be read of them is not published",
        )

    if found.unknown_rows:
        _log.warning(
            f"{found.unknown_rows} rows of Kubecost's answer have no known cost: theirs are absent,"
            " and so are the sums that they are part of",
            hint="null is how Kubecost writes a number that it could not compute",
        )
    if found.without_idle:
        _log.warning(
            "Kubecost does not answer with idle: cluster totals that it is part of are absent",
            hint="include_idle: false gives totals without idle",
        )
    for one in found.reconciliations:
        if not one.holds:
            _log.warning(
                f"What {one.levels} cost is {one.difference:+.5f} {found.currency} an hour off the"
                " cluster's total",
                cluster=one.cluster,
                levels=one.levels,
                tolerance=round(one.tolerance, 5),
                hint="Kubecost's answers contradict each other; compare them on its own pages",
            )


def report_currency(found: Scrape) -> None:
    """Which currency the costs are in, and whether anybody said so."""
    if found.currency_assumed:
        _log.warning(
            f"Kubecost does not say its currency: {found.currency} is assumed",
            hint="set currency in the receiver",
        )
    else:
        _log.info(f"Costs are in {found.currency}")


def report_assets(problem: str) -> None:
    _log.warning(
        f"Usage metrics have no spot nodes and no idle: {problem}",
        hint="the assets API has to answer beside that of allocations",
    )


def report_product(product: Product | None) -> None:
    """Who answers."""
    _log.info(f"The costs come from {product}")
