"""The section ``otel_kubecost`` of OTEL_CONFIG_FILE, run by the process that reads the file."""

from __future__ import annotations

import atexit
import os

from otel_kubecost.config.files import own_section_runs
from otel_kubecost.errors import ConfigError
from otel_kubecost.service import Service
from otel_kubecost.telemetry import get_logger

# As OpenTelemetry's own: shown on standard error where the program has set up no logging.
_log = get_logger("opentelemetry.otel_kubecost")


class OwnSection:
    """A service beside an application, whose signals and logs are its own."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._process = os.getpid()

    def start(self) -> None:
        """Until the process ends, which sends what waits. Raises what cannot start."""
        self._service.start()
        atexit.register(self._end)

    def stop(self) -> None:
        """Stop, and send what waits."""
        atexit.unregister(self._end)
        self._end()

    def _end(self) -> None:
        """Not in a process forked off this one: it has the queue, and none of the threads."""
        if os.getpid() == self._process:
            self._service.shutdown()


def run_section(path: str) -> OwnSection | None:
    """Run the section of the file; None where it has none, or one that cannot be used."""
    try:
        if not own_section_runs(path):
            return None
        section = OwnSection(Service.from_yaml(path))
        section.start()
    except ConfigError as error:
        for problem in error.problems:
            _log.error(f"The section otel_kubecost is not used: {problem}")
    except Exception as error:  # noqa: BLE001  whatever it is, the application goes on
        _log.error(f"The section otel_kubecost of {path} cannot start: {error}")
    else:
        return section
    return None
