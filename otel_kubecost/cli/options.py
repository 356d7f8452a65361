"""Options that several commands share, and the service they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from otel_kubecost.cli.concealing import concealing
from otel_kubecost.config.checked import Config
from otel_kubecost.service import Service
from otel_kubecost.telemetry import PACKAGE, configure

F = TypeVar("F", bound=Callable[..., Any])


def _assignments(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        key, equals, _text = value.partition("=")
        if not key.strip() or not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
    return values


def configured(command: F) -> F:
    """Give a command ``--config`` and ``--set``."""
    files = click.option(
        "--config",
        "files",
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        help="Configuration file; of several the later one wins. Without any, the built-in"
        " CloudTuner pipeline runs, set up by environment variables (TENANT_ID and others).",
    )
    sets = click.option(
        "--set",
        "sets",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_assignments,
        help="Set one value, as in --set receivers.kubecost.window=7d; applied last.",
    )
    return files(sets(command))


def service_of(files: tuple[str, ...], sets: tuple[str, ...]) -> Service:
    """Raises ConfigError, and UsageError where there is nothing for ``sets`` to apply to."""
    if files:
        return Service.from_yaml(*files, sets=sets)
    if sets:
        raise click.UsageError("--set goes with --config; without a file, set the variables")
    return Service.from_environment()


def configure_logs(
    config: Config, level: str | None = None, *, first: Config | None = None
) -> None:
    """Set up the logs of this process as ``config`` has it, or from another ``level`` on.

    ``first`` is what the process began with, where that is another: its telemetry stays.
    """
    logs = config.telemetry.logs
    makers = (factory.build for of in config.components.values() for factory, _ in of.values())
    packages = {maker.__module__.partition(".")[0] for maker in makers} - {PACKAGE}
    conceal = concealing(config, first or config)
    configure(level or logs.level, logs.format, sorted(packages), conceal)
