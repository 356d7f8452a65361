"""``otel-kubecost schema``."""

from __future__ import annotations

import json

import click

from otel_kubecost.components import factories
from otel_kubecost.config.schema import configuration_schema


@click.command(short_help="Print the JSON Schema of configuration files.")
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of configuration files, for editors.

    It has every component that a configuration can name here, with its options. An editor that
    knows it completes and explains them, and marks what is wrong; `validate` finds more.
    """
    click.echo(json.dumps(configuration_schema(factories()), indent=2, ensure_ascii=False))
