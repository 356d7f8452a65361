"""The instrumentor ``kubecost``: costs among the metrics of a process that is instrumented anyway.

It is loaded into every process that ``opentelemetry-instrument`` starts where this package is
installed. Until something is configured it does nothing, and nothing of what it would take is
imported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]
    BaseInstrumentor,
)

from otel_kubecost.config.environment import environment, sdk_is_disabled
from otel_kubecost.sdk.variables import options_from


class _Running(Protocol):
    def stop(self) -> None: ...


class KubecostInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Observes costs with the process' own MeterProvider, if it is told where Kubecost is.

    >>> KubecostInstrumentor().instrument(endpoint="http://kubecost:9090", tenant_id="...")

    Where OTEL_CONFIG_FILE has a section ``otel_kubecost`` that is run as well, on threads of this
    process. Mistakes are logged, and raise nothing. There is one instrumentor in a process: asked
    again, as it is for a file that names it, what runs already goes on.
    """

    _observing: _Running | None = None
    _section: _Running | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: it observes another process."""
        return ()

    def instrument(self, **keywords: Any) -> None:
        """Start, and return at once.

        ``keywords``: ``meter_provider``, and options, as far as the OTEL_KUBECOST_* variables are
        not to say them: those of the receiver ``kubecost``, ``top_n_pods``,
        ``max_attribute_sets``. None or nothing is what declarative configuration makes of a
        variable that is not set: an endpoint that is that is none.
        """
        if sdk_is_disabled():
            return
        if self._section is None:
            self._section = _run_section(environment())
        if self._observing is None:
            self._instrument(**keywords)
        self._is_instrumented_by_opentelemetry = bool(self._section or self._observing)

    def _instrument(self, **keywords: Any) -> None:
        for of_others in ("skip_dep_check", "raise_exception_on_conflict"):
            keywords.pop(of_others, None)
        meter_provider = keywords.pop("meter_provider", None)
        given = {name: value for name, value in keywords.items() if value not in (None, "")}
        options = options_from(environment()) | given
        # Options without any endpoint are a mistake, which is to be told.
        if "endpoint" in options or (given and "endpoint" not in keywords):
            from otel_kubecost.sdk.observing import observe  # noqa: PLC0415  most never need it

            self._observing = observe(options, meter_provider)

    def _uninstrument(self, **_: Any) -> None:
        for running in (self._observing, self._section):
            if running:
                running.stop()
        self._observing = self._section = None


def _run_section(variables: Mapping[str, str]) -> _Running | None:
    path = variables.get("OTEL_CONFIG_FILE", "")
    if not _mentions_us(path):
        return None
    from otel_kubecost.sdk.own_section import run_section  # noqa: PLC0415  most never need it

    return run_section(path)


def _mentions_us(path: str) -> bool:
    """Whether it is worth while to read the file as what it is."""
    try:
        return bool(path) and b"otel_kubecost" in Path(path).read_bytes()
    except OSError:
        return False  # the SDK says so
