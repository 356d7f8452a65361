"""What the command says of itself goes where ``service.telemetry`` says.

The providers of a process are the command's to set up because the process is its own; a ``Service``
in somebody else's leaves them alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from opentelemetry import metrics, trace

from otel_kubecost.clock import Deadline
from otel_kubecost.config.declarative import declared
from otel_kubecost.config.telemetry_options import TelemetryOptions
from otel_kubecost.errors import ConfigError
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_SECTION = "service.telemetry"
_PATIENCE = 3.0
"""Seconds for the last of it: with the drain of the pipelines less than what Kubernetes waits."""


@contextmanager
def own_telemetry(options: TelemetryOptions) -> Iterator[None]:
    """Have it sent as long as this lasts, and what is left when it ends. Raises ConfigError."""
    configuration = declared(options)
    if configuration is None:
        yield
    elif _has_providers():
        _log.warning(
            "Readers and processors of service.telemetry are not used: this process has providers",
            hint="they are those of opentelemetry-instrument; take one of the two out",
        )
        yield
    else:
        _set_up(configuration)
        try:
            yield
        finally:
            _end()


def remark_change(before: TelemetryOptions, now: TelemetryOptions) -> None:
    """Providers are set up once in the life of a process."""
    if before.of_the_sdk != now.of_the_sdk:
        _log.warning(
            "service.telemetry has changed: resource, metrics and traces stay as they were",
            hint="restart the process",
        )


def _has_providers() -> bool:
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  asked where it is used

    is_set = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    return is_set or isinstance(metrics.get_meter_provider(), MeterProvider)


def _set_up(configuration: Any) -> None:
    from opentelemetry.configuration import (  # noqa: PLC0415  an extra
        ConfigurationError,
        configure_sdk,
    )

    try:
        configure_sdk(configuration)
    except ConfigurationError as error:
        raise ConfigError.at(_SECTION, f"cannot be used: {error}") from None
    except ConfigError as error:  # of an exporter of ours, which says its own keys
        found = [replace(one, path=f"{_SECTION}: {one.path}") for one in error.problems]
        raise ConfigError(found) from None
    except OSError as error:
        reason = f"{_SECTION} cannot be used: {error.strerror or type(error).__name__}"
        raise OSError(error.errno, f"{reason}; check its ports and paths") from None
    except Exception as error:  # noqa: BLE001  foreign classes: whatever they raise is a refusal
        # What a class says of a wrong value may quote it, and it may be a secret.
        what = f"cannot be used: the SDK refuses a value ({type(error).__name__})"
        hint = "compare it with the schema of OpenTelemetry's declarative configuration"
        raise ConfigError.at(_SECTION, what, hint) from None


def _end() -> None:
    """Each on a thread, for they wait for a destination that is down as long as they like."""
    deadline = Deadline(_PATIENCE)
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    ends = [end for one in providers if (end := getattr(one, "shutdown", None))]
    threads = [threading.Thread(target=_quietly, args=(end,), daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.left())
    if any(thread.is_alive() for thread in threads):
        _log.warning("Own telemetry: the last of it could not be sent in time")


def _quietly(end: Callable[[], None]) -> None:
    try:
        end()
    except Exception as error:  # noqa: BLE001  a foreign exporter; nothing is left to protect
        _log.warning(f"Own telemetry could not be ended in order ({type(error).__name__})")
