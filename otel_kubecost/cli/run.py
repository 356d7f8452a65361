"""``otel-kubecost run``."""

from __future__ import annotations

import click

from otel_kubecost.cli.options import configured, service_of
from otel_kubecost.telemetry import configure


@click.command()
@configured
def run(files: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Run the pipelines until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    service = service_of(files, sets)
    logs = service.config.telemetry.logs
    configure(logs.level, logs.format)
    service.run()
