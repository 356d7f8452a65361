"""The receiver ``csv_costs``: costs per hour, from a file that another tool writes.

namespace,service,cost
shop,search index,0.75
"""

from __future__ import annotations

import csv
import logging
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from pydantic import Field

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Duration, Options
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of, nanoseconds

_log = logging.getLogger(__name__)


class CsvCostsOptions(Options):
    """What users write under ``csv_costs``."""

    path: str = Field(
        min_length=1,
        description="A CSV file with the columns namespace, service and cost (per hour).",
        examples=["/var/lib/costs/services.csv"],
    )
    currency: str = Field("USD", description="Currency of the costs (ISO 4217).")
    emit_interval: Duration = Field(
        60.0, ge=1, description="How often samples leave, at marks of the clock."
    )


class CsvCosts:
    """Reads the file once a mark: pipelines that share a receiver get the same samples.

    While the file cannot be read it gives nothing, so nothing that was there before ends.
    """

    def __init__(self, options: CsvCostsOptions, scope: str) -> None:
        self.failure: str | None = None
        self._options = options
        self._scope = InstrumentationScope(scope)
        self._lock = threading.Lock()
        self._mark: float | None = None
        self._batches: Sequence[MetricsData] = ()

    @property
    def emit_interval(self) -> float:
        return self._options.emit_interval

    def collect(self, mark: float, patience: float | None = None) -> Sequence[MetricsData]:  # noqa: ARG002  reading takes no time
        with self._lock:
            if mark != self._mark:
                self._mark, self._batches = mark, self._read(mark)
            return self._batches

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """There is nothing to end."""

    def _read(self, mark: float) -> Sequence[MetricsData]:
        try:
            costs = read_costs(Path(self._options.path))
        except (OSError, ValueError) as error:
            self._say(f"The costs cannot be read: {error}")
            return ()
        self.failure = None
        return (self._batch(costs, mark),)

    def _say(self, failure: str) -> None:
        """A line when it begins; `failure` as long as it lasts."""
        if failure != self.failure:
            _log.warning(failure)
        self.failure = failure

    def _batch(self, costs: Mapping[tuple[str, str], float], mark: float) -> MetricsData:
        currency = self._options.currency
        points = PointColumns.of(
            AttributeTable.of(("k8s.namespace.name", "service"), list(costs)),
            costs.values(),
            constant={"currency": currency},
            time_unix_nano=nanoseconds(mark),
        )
        metric = gauge(
            "acme_service_cost", "Cost of a service per hour.", f"{{{currency}}}", points
        )
        return MetricsData([metrics_of({"service.name": "acme"}, [(self._scope, [metric])])])


def read_costs(path: Path) -> Mapping[tuple[str, str], float]:
    """By namespace and service. Rows of the same two are added up: each series has one value.

    Raises OSError, and ValueError for a file that is another one.
    """
    costs: dict[tuple[str, str], float] = defaultdict(float)
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                costs[row["namespace"], row["service"]] += float(row["cost"])
            except (KeyError, TypeError, ValueError) as error:
                wanted = "namespace, service and cost (a number)"
                raise ValueError(f"{path}, line {number}, has no {wanted}") from error
    return costs


FACTORY = Factory(
    kind=Kind.RECEIVER,
    name="csv_costs",
    summary="Reads costs per hour from a CSV file.",
    options=CsvCostsOptions,
    build=lambda options, settings: CsvCosts(options, f"acme_costs.{settings.id}"),
)
