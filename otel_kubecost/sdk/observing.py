"""What the instrumentor does where it is configured: ask Kubecost on a thread, and show costs.

The components are those of a configuration: a receiver ``kubecost`` and a ``cardinality_limit``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import MeterProvider
from pydantic import Field, create_model

from otel_kubecost.attributes import CLUSTER, TENANT
from otel_kubecost.clock import Clock, SystemClock, floor_mark
from otel_kubecost.component import ComponentID, Kind, Processor, Receiver, Settings, Startable
from otel_kubecost.components import builtin_factories
from otel_kubecost.config.options import Options
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.sdk.gauges import CostGauges, gauges_of, resource_of
from otel_kubecost.sdk.variables import variable_of
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)
# As OpenTelemetry's own: shown on standard error where the program has set up no logging.
_shown_log = get_logger("opentelemetry.otel_kubecost")

_OWN_OPTIONS: Mapping[str, Any] = {
    "top_n_pods": (int, Field(50, ge=0, description="How many pods to keep, by cost.")),
    "max_attribute_sets": (
        int,
        Field(
            2000,
            ge=10,
            description="How many points a metric may have, counting those that are gone: no more "
            "than the SDK's own limit, which a view or a reader may have lowered.",
        ),
    ),
}


def observe(options: Mapping[str, Any], meter_provider: MeterProvider | None) -> Observing | None:
    """Observe from now on; None where there are mistakes in ``options``, which are logged.

    Tenant and cluster are those of the process' Resource where ``options`` does not say.
    """
    of_process = resource_of(meter_provider).attributes
    known = {"tenant_id": of_process.get(TENANT), "cluster_name": of_process.get(CLUSTER)}
    given = {name: value for name, value in known.items() if value is not None}
    try:
        observing = Observing({**given, **options}, gauges_of(meter_provider))
    except ConfigError as error:
        for problem in error.problems:
            variable = variable_of(problem.path)
            hint = f"; its variable is {variable}" if variable else ""
            _shown_log.error(f"The instrumentor kubecost does nothing: {problem}{hint}")
        return None
    observing.start()
    return observing


class Observing:
    """Costs of one Kubecost in one MeterProvider, from ``start`` to ``stop``."""

    def __init__(
        self, options: Mapping[str, Any], gauges: CostGauges, clock: Clock | None = None
    ) -> None:
        """``options`` are those of the receiver, ``top_n_pods`` and ``max_attribute_sets``.

        Raises ConfigError with every mistake in them.
        """
        self._clock = clock or SystemClock()
        self._gauges = gauges
        factories = builtin_factories()
        of_receiver = factories[Kind.RECEIVER]["kubecost"]
        of_limit = factories[Kind.PROCESSOR]["cardinality_limit"]
        checked = _checked(of_receiver.options, options)
        limits = build_options(of_limit.options, {"top_n_pods": checked.top_n_pods})
        self._most: int = checked.max_attribute_sets
        self._receiver: Receiver = of_receiver.build(checked, self._settings(of_receiver.name))
        self._limit: Processor = of_limit.build(limits, self._settings(of_limit.name))
        self._stopped = threading.Event()
        self._showing = threading.Lock()

    def start(self) -> None:
        """Return at once: neither the application's start nor a collection waits for Kubecost."""
        threading.Thread(target=self._run, name="otel-kubecost-observe", daemon=True).start()

    def stop(self) -> None:
        """Ask no more and show nothing. A query under way is left behind."""
        with self._showing:
            self._stopped.set()
            self._gauges.clear()
        self._receiver.shutdown()

    def observe(self, mark: float) -> None:
        """Show what the receiver has for ``mark``, once Kubecost has answered or failed."""
        batches = [self._limit(batch) for batch in self._receiver.collect(mark)]
        with self._showing:
            if not self._stopped.is_set():
                self._gauges.show(batches, self._most)

    def _run(self) -> None:
        if isinstance(self._receiver, Startable):
            self._receiver.start()
        while not self._stopped.is_set():
            mark = floor_mark(self._clock.time(), self._receiver.emit_interval)
            try:
                self.observe(mark)
            except Exception:  # noqa: BLE001  a defect: it costs a mark, not the thread
                _log.exception("Costs could not be shown for a reason nobody foresaw")
            left = mark + self._receiver.emit_interval - self._clock.time()
            self._clock.wait(self._stopped, left)

    def _settings(self, name: str) -> Settings:
        return Settings(id=ComponentID(name), clock=self._clock)


def _checked(of_receiver: type[Options], options: Mapping[str, Any]) -> Any:
    """``options`` as one block: all mistakes are found, and all known keys proposed, at once."""
    return build_options(create_model("Options", __base__=of_receiver, **_OWN_OPTIONS), options)
