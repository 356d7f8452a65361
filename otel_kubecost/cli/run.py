"""``otel-kubecost run``."""

from __future__ import annotations

import click

from otel_kubecost.allocator import use_one_heap
from otel_kubecost.cli.options import configure_logs, configured, service_of
from otel_kubecost.cli.own_telemetry import own_telemetry, remark_change
from otel_kubecost.config.checked import Config
from otel_kubecost.service import sdk_disabled
from otel_kubecost.telemetry import configure


@click.command(short_help="Run the pipelines until SIGTERM.")
@configured
def run(files: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Run the pipelines until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    use_one_heap()
    configure()
    if sdk_disabled():
        return
    service = service_of(files, sets)
    first = service.config

    def apply(config: Config) -> None:
        configure_logs(config, first=first)
        remark_change(first.telemetry, config.telemetry)

    configure_logs(first)
    with own_telemetry(first.telemetry):
        service.run(applied=apply)
