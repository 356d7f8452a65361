"""``otel-kubecost validate`` and ``components``: what a configuration says, and what it may say."""

from __future__ import annotations

import click

from otel_kubecost.cli.options import configured, service_of
from otel_kubecost.components import builtin_factories


@click.command(short_help="Print every mistake of a configuration.")
@configured
def validate(files: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Print every mistake of a configuration, each with its remedy; starts nothing."""
    config = service_of(files, sets).config
    for name, pipeline in config.pipelines.items():
        stages = (pipeline.receivers, pipeline.processors, pipeline.exporters)
        shown = [", ".join(map(str, stage)) for stage in stages if stage]
        click.echo(f"{name}: {' -> '.join(shown)}")
    click.echo("The configuration is valid.")


@click.command(short_help="List what a configuration can name.")
def components() -> None:
    """List every receiver, processor, exporter and extension that a configuration can name."""
    for kind, factories in builtin_factories().items():
        click.echo(f"{kind}:" if factories else f"{kind}: none")
        by_name = {factory.name: factory for factory in factories.values()}
        for _, factory in sorted(by_name.items()):
            also = f" (also: {', '.join(factory.aliases)})" if factory.aliases else ""
            click.echo(f"  {factory.name}{also}\n      {factory.summary}")
