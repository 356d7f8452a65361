"""``otel-kubecost once``: one cycle, printed instead of sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost import telemetry
from otel_kubecost.cli.options import configured, service_of
from otel_kubecost.cli.table import cost_table
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.model import Family
from otel_kubecost.exporters.series.translate import Translation, Translator
from otel_kubecost.service import Service

SUCCESS = "cloudtuner_kubecost_exporter_scrape_success"


@click.command()
@configured
@click.option(
    "--output",
    type=click.Choice(["prom", "json", "table"]),
    default="prom",
    show_default=True,
    help="Exposition text with timestamps, a list of samples, or a table of costs.",
)
@click.pass_context
def once(
    context: click.Context, files: tuple[str, ...], sets: tuple[str, ...], output: str
) -> None:
    """Scrape and process once, and print what would be sent. Sends nothing."""
    service = service_of(files, sets)
    telemetry.configure("warning", service.config.telemetry.logs.format)
    families = _families(service)
    if output == "prom":
        click.echo(render(families, timestamps=True), nl=False)
    elif output == "json":
        click.echo(json.dumps(list(_samples(families)), indent=1, ensure_ascii=False))
    else:
        click.echo(cost_table(families), nl=False)
    context.exit(0 if _succeeded(families) else 1)


def _families(service: Service) -> list[Family]:
    batches = [batch for pipeline in service.pipelines for batch in pipeline.collect()]
    for pipeline in service.pipelines:
        pipeline.stop_receiving()
    resources = [resource for batch in batches for resource in batch.resource_metrics]
    return Translator(Translation()).translate(MetricsData(resource_metrics=resources))


def _succeeded(families: Iterable[Family]) -> bool:
    """Whether every receiver's scrape gave an answer; the log has said what is wrong if not."""
    outcomes = [series for family in families if family.name == SUCCESS for series in family.series]
    return all(sample.value == 1 for series in outcomes for sample in series.samples)


def _samples(families: Iterable[Family]) -> Iterator[dict[str, Any]]:
    for family in sorted(families, key=lambda family: family.name):
        for series in family.series:
            labels = dict(series.labels)
            name = labels.pop("__name__")
            for sample in series.samples:
                yield {
                    "metric": name,
                    "labels": labels,
                    "value": sample.value,
                    "timestamp_ms": sample.timestamp,
                }
