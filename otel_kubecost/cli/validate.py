"""``otel-kubecost validate`` and ``components``: what a configuration says, and what it may say."""

from __future__ import annotations

import click

from otel_kubecost.cli.options import configured, service_of
from otel_kubecost.component import Kind
from otel_kubecost.components import BUILT_IN


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
    for kind in Kind:
        of_kind = sorted((one for one in BUILT_IN if one.kind is kind), key=lambda one: one.name)
        click.echo(f"{kind}:" if of_kind else f"{kind}: none")
        for factory in of_kind:
            also = f" (also: {', '.join(factory.aliases)})" if factory.aliases else ""
            click.echo(f"  {factory.name}{also}\n      {factory.summary}")
