"""Logs: silent in a library until its user asks, structured on standard error for the command.

``get_logger`` wraps a logger of the standard library. Whoever embeds the package decides with
``logging`` alone what is seen and where; structlog's global configuration is neither read nor
changed. ``configure`` is for the command, which owns its process.

Events are sentences, those of the guide where it has one; what varies is also given as keys.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

LogFormat: TypeAlias = Literal["console", "json", "logfmt", "guide"]

PACKAGE = "otel_kubecost"
logging.getLogger(PACKAGE).addHandler(logging.NullHandler())

_RECORD_KEYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger that the host program's ``logging`` set-up governs.

    >>> log = get_logger(__name__).bind(receiver="kubecost")
    >>> log.info("Exported 45 metrics", count=45)
    """
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _keep_record_keys_free,
            structlog.stdlib.render_to_log_kwargs,
        ],
    )
    return cast("FilteringBoundLogger", logger)


def _keep_record_keys_free(_: Any, __: str, event: EventDict) -> EventDict:
    """``logging`` raises KeyError for an extra key that a LogRecord has itself (name, args...)."""
    own = {"event", "exc_info", "stack_info", "stacklevel"}
    return {
        (f"{key}_" if key in _RECORD_KEYS and key not in own else key): value
        for key, value in event.items()
    }


def configure(
    level: str = "info",
    log_format: LogFormat = "console",
    packages: Iterable[str] = (),
    conceal: Callable[[str], str] = str,
) -> None:
    """Send this process' logs to standard error in one of four formats. For the command alone.

    ``packages`` are those of components that others wrote: what they say counts as ours does.
    ``conceal`` takes secrets out of what they and OpenTelemetry's SDK say.
    """
    ours, others = _handler(log_format), _handler(log_format, _harmless(conceal))
    # OpenTelemetry's SDK says there what it cannot send; the rest of its lines are for itself.
    levels = dict.fromkeys([PACKAGE, *packages], level.upper()) | {"opentelemetry": "WARNING"}
    for name, threshold in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = [ours if name == PACKAGE else others]
        logger.setLevel(threshold)
        logger.propagate = False


def _handler(log_format: LogFormat, *changes: Processor) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *changes,
                _RENDERERS[log_format](),
            ],
        )
    )
    return handler


_SECRET_IN_URL = re.compile(r"(?<=//)[^\s/]+(?=@)|(?<=\?)[^\s'\"<>()]+")
"""Its credentials and its query."""


def _harmless(conceal: Callable[[str], str]) -> Processor:
    """Of what cannot be reached the whole URL is quoted; its secrets go in any case."""

    def change(_: Any, __: str, event: EventDict) -> EventDict:
        return {
            key: conceal(_SECRET_IN_URL.sub("***", value)) if isinstance(value, str) else value
            for key, value in event.items()
        }

    return change


_GUIDE_LEVELS = {"warning": "WARN", "critical": "ERROR"}


def _guide(_: Any, __: str, event: EventDict) -> str:
    """``INFO - Exported 45 metrics``: the lines that the deployment guide tells users to look for.

    An error's remedy (key ``hint``) follows its sentence.
    """
    level = str(event.get("level", "info"))
    hint = f". {event['hint']}" if event.get("hint") else ""
    trace = f"\n{event['exception']}" if event.get("exception") else ""
    return f"{_GUIDE_LEVELS.get(level, level.upper())} - {event['event']}{hint}{trace}"


_RENDERERS: Mapping[str, Callable[[], Processor]] = {
    "console": lambda: structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, sort_keys=False
    ),
    "json": structlog.processors.JSONRenderer,
    "logfmt": lambda: structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"]
    ),
    "guide": lambda: _guide,
}
