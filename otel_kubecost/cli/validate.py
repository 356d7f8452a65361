"""``otel-kubecost validate`` and ``components``: what a configuration says, and what it may say."""

from __future__ import annotations

from collections.abc import Iterator

import click

from otel_kubecost.cli.options import configured, service_of
from otel_kubecost.components import Known, factories
from otel_kubecost.errors import ConfigError


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
    """List every receiver, processor, exporter and extension that a configuration can name.

    Of those that other distributions bring, it says which distribution, and what is wrong with
    one that cannot be used.
    """
    for kind, known in factories().items():
        click.echo(f"{kind}:" if known else f"{kind}: none")
        for line in (*_built_in(known), *_installed(known)):
            click.echo(f"  {line}")


def _built_in(known: Known) -> Iterator[str]:
    by_name = {factory.name: factory for factory in known.builtin.values()}
    for name, factory in sorted(by_name.items()):
        also = f" (also: {', '.join(factory.aliases)})" if factory.aliases else ""
        yield f"{name}{also}\n      {factory.summary}"


def _installed(known: Known) -> Iterator[str]:
    for name in sorted(known.installed):
        heading = f"{name} from {known.installed.origin(name)}"
        try:
            yield f"{heading}\n      {known.installed[name].summary}"
        except ConfigError as error:
            yield f"{heading}: cannot be used\n      {error}"
