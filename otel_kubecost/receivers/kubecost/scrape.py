"""One scrape: the queries that the levels need, over one window, to one set of metrics [I/O]."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, PRODUCT, TENANT
from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.pdata import metrics_of
from otel_kubecost.receivers.kubecost.allocation import EmptySetError
from otel_kubecost.receivers.kubecost.answers import (
    Answer,
    Reconciliation,
    cluster_batch,
    projection,
    read,
    reconciliations,
)
from otel_kubecost.receivers.kubecost.assets import Assets, decode_nodes
from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.dimensions import Level, Query, queries
from otel_kubecost.receivers.kubecost.levels import display_names
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.receivers.kubecost.window import HOUR, Window, plan

MOST_HOURS_BACK = 3
"""How many hours without data are stepped over before the answer is that there is none."""
_UNSETTLED = 15 * 60
"""Seconds by which data may end before its window: resolutions are 1, 5 and 10 minutes."""
_CAUTIOUS_DELAY = 20 * 60
"""Settle delay as long as it is not known which product answers."""
FALLBACK_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape found."""

    mark: float
    """When it was made, in seconds since the epoch."""
    data: MetricsData
    """Without a time yet: every mark stamps a copy."""
    window: Window
    rows: int
    """Of all answers."""
    namespaces: int
    data_through: float
    """Seconds since the epoch: the end of the newest data."""
    hours: float
    """What the window's costs were divided by; of several clusters the most."""
    null_rows: int
    lenient_rows: int
    unknown_rows: int
    """Rows whose cost is null: it is absent, and so is every sum that it is part of."""
    negative_rows: int
    """Rows that cost less than nothing. They are kept: corrections and credits are such."""
    without_idle: bool
    """Idle could not be had, and cluster totals are absent therefore."""
    reconciliations: Sequence[Reconciliation]
    currency: str
    currency_assumed: bool
    """Neither the configuration nor Kubecost named one."""
    assets_problem: str | None
    """Why usage metrics have no spot nodes and no idle; None where they do, or are not wanted."""


def scrape(
    client: KubecostClient,
    options: KubecostReceiverOptions,
    scope: InstrumentationScope,
    mark: float,
    window: Window | None = None,
) -> Scrape:
    """Ask for every level, over ``window`` or the newest one that has data.

    Raises NoDataError or ScrapeError unless all queries are answered.
    """
    first, *others = queries(map(Level.parse, options.levels), by_node=options.usage_metrics)
    if window is None:
        window, newest = _newest(client, options, mark, first)
    else:
        newest = _ask(client, window, projection(first, options, is_first=True))
    answers = [read(first, newest, window, mark)]
    assets = _assets(client, window) if options.usage_metrics else Assets()
    answers += [
        read(query, _finer(client, window, projection(query, options), newest), window, mark)
        for query in others
        if query.levels or assets.clusters
    ]
    said = options.currency or client.currency()
    currency = said or FALLBACK_CURRENCY
    clusters = answers[0].clusters
    known = [total for total in newest.measures["total_cost"] if total is not None]
    namespaces = _namespaces(answers[0])
    compared = reconciliations(answers, hourly=options.hourly)

    def batch(cluster: str) -> Iterable[Metric]:
        nodes = assets.nodes(cluster, only=len(clusters) == 1)
        is_only = len(clusters) == 1
        used_up = [one._replace(is_used_up=is_only and len(one.clusters) == 1) for one in answers]
        return cluster_batch(cluster, used_up, options, currency, nodes)

    return Scrape(
        mark=mark,
        data=MetricsData(resource_metrics=_resources(client, answers[0], options, scope, batch)),
        window=window,
        rows=sum(len(answer.table) for answer in answers),
        namespaces=namespaces,
        data_through=max(group.coverage.through for group in clusters.values()),
        hours=max(group.coverage.hours for group in clusters.values()),
        null_rows=sum(answer.table.null_rows for answer in answers),
        lenient_rows=sum(answer.table.lenient_rows for answer in answers),
        unknown_rows=sum(map(math.isnan, known)),
        negative_rows=sum(total < 0 for total in known),
        without_idle=newest.without_idle,
        reconciliations=compared,
        currency=currency,
        currency_assumed=said is None,
        assets_problem=assets.problem,
    )


def window_at(
    client: KubecostClient, options: KubecostReceiverOptions, mark: float, hours_back: int = 0
) -> Window:
    """The newest closed and settled window at ``mark``, as far as is known of the product."""
    settle_delay = options.settle_delay
    if settle_delay is None:
        settle_delay = client.product.settle_delay if client.product else _CAUTIOUS_DELAY
    return plan(mark - hours_back * HOUR, options.window, settle_delay, options.window_step)


def _newest(
    client: KubecostClient, options: KubecostReceiverOptions, mark: float, query: Query
) -> tuple[Window, RowTable]:
    """The newest window that has data to its end: hours that are not there yet are stepped over.

    Hours are missing where there is no answer, and where the newest row ends long before the
    window does. Where stepping over them finds nothing, the window is as good as it gets: costs
    are divided by the hours that the data spans.
    """
    back, answer = _first_with_data(client, options, mark, query)
    window = window_at(client, options, mark, back)
    missing = 0 if options.window_end != "hour" else _missing_hours(answer, query, window, mark)
    earlier = window_at(client, options, mark, back + missing)
    if earlier == window or back + missing > MOST_HOURS_BACK:
        return window, answer
    try:
        return earlier, _ask(client, earlier, projection(query, options, is_first=True))
    except NoDataError:
        return window, answer


def _first_with_data(
    client: KubecostClient, options: KubecostReceiverOptions, mark: float, query: Query
) -> tuple[int, RowTable]:
    """How many hours back there is data, and the answer to the window of then."""
    wanted = projection(query, options, is_first=True)
    answers: dict[Window, RowTable] = {}
    nothing: dict[Window, NoDataError] = {}
    for back in range(MOST_HOURS_BACK + 1):
        # The answer says which product this is; if it has another delay, that window is asked for.
        for _ in range(2):
            window = window_at(client, options, mark, back)
            if window in answers or window in nothing:
                break
            try:
                answers[window] = _ask(client, window, wanted)
            except NoDataError as error:
                nothing[window] = error
        if answers:
            return back, answers.get(window) or next(iter(answers.values()))
    raise next(iter(nothing.values()))


def _missing_hours(answer: RowTable, query: Query, window: Window, now: float) -> int:
    """Hours at the end of ``window`` that the newest data does not reach.

    None where all data lies elsewhere: such a server does not go by the window asked for.
    """
    clusters = read(query, answer, window, now).clusters.values()
    through = max((group.coverage.through for group in clusters), default=0.0)
    if not window.start < through < window.end - _UNSETTLED:
        return 0
    return math.ceil((window.end - through) / HOUR)


def _ask(client: KubecostClient, window: Window, wanted: Projection) -> RowTable:
    table = _asked(client, window, wanted)
    if not _costs_anything(table) and not any(one.span(math.inf) for one in set(table.times)):
        # Rows that only stand for an hour that has just begun say nothing of what it costs; a zero
        # over time that has passed is a cost like any other.
        raise _not_computed("spans no time and has no cost")
    return table


def _finer(client: KubecostClient, window: Window, wanted: Projection, first: RowTable) -> RowTable:
    """An answer whose rows need not say what time they span: ``first`` did."""
    table = _asked(client, window, wanted)
    totals = first.measures["total_cost"]
    costs = any(total and not math.isnan(total) for total in totals)
    if costs and not _costs_anything(table):
        raise _not_computed(f"by {', '.join(wanted.dimensions)} has no cost")
    return table


def _asked(client: KubecostClient, window: Window, wanted: Projection) -> RowTable:
    try:
        return client.allocations(window, wanted)
    except EmptySetError:
        return client.allocations(window, wanted, accumulate=False)


def _costs_anything(table: RowTable) -> bool:
    return any(total != 0 for total in table.measures["total_cost"])


def _not_computed(what: str) -> NoDataError:
    return NoDataError(f"Kubecost's answer {what}: it is not computed yet")


def _assets(client: KubecostClient, window: Window) -> Assets:
    """The nodes; where they cannot be had, usage is told without them."""
    try:
        return Assets(decode_nodes(client.assets(window).body, window))
    except ScrapeError as error:
        return Assets(problem=str(error))


def _resources(
    client: KubecostClient,
    first: Answer,
    options: KubecostReceiverOptions,
    scope: InstrumentationScope,
    batch: Callable[[str], Iterable[Metric]],
) -> list[ResourceMetrics]:
    """One resource for each cluster of the first answer, with its ``batch``."""
    names = display_names(first.clusters, options.cluster_name)
    about = {PRODUCT: str(client.product)} if client.product else {}
    resources = [
        metrics_of(
            {TENANT: options.tenant_id, CLUSTER: names[cluster], **about},
            [(scope, list(batch(cluster)))],
        )
        for cluster in sorted(first.clusters)
    ]
    if not any(one.scope_metrics[0].metrics for one in resources):
        raise ScrapeError("No cost in Kubecost's answer can be read; is it of another version?")
    return resources


def _namespaces(answer: Answer) -> int:
    """How many namespaces have costs; 0 where nothing was asked about them."""
    if "namespace" not in answer.query.dimensions:
        return 0
    level = Level("namespace")
    return sum(len(rows.objects(answer.query, level).groups) for rows in answer.clusters.values())
