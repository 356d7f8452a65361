"""``otel-kubecost once``: one cycle, printed instead of sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.cli.options import configure_logs, configured, service_of
from otel_kubecost.cli.table import cost_table
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.merge import flatten
from otel_kubecost.exporters.series.model import Family, ScopeFamilies
from otel_kubecost.exporters.series.translate import TranslatingExporter, Translator
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.service import Service


@click.command(short_help="Scrape once and print what would be sent.")
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
    """Scrape and process once, and print what would be sent. Sends nothing.

    Of several exporters the first one's view is printed: its labels, what its relabelling keeps.
    """
    service = service_of(files, sets)
    configure_logs(service.config, "warning")
    families = _families(service)
    if output == "prom":
        click.echo(render(families, timestamps=True), nl=False)
    elif output == "json":
        click.echo(json.dumps(list(_samples(families)), indent=1, ensure_ascii=False))
    else:
        click.echo(cost_table(families), nl=False)
    receivers = [receiver for pipeline in service.pipelines for receiver in pipeline.receivers]
    context.exit(1 if any(receiver.failure for receiver in receivers) else 0)


def _families(service: Service) -> list[Family]:
    families = [family for pipeline in service.pipelines for family in _of_pipeline(pipeline)]
    for pipeline in service.pipelines:
        pipeline.stop_receiving()
    return flatten([ScopeFamilies((), families)])


def _of_pipeline(pipeline: Pipeline) -> list[Family]:
    batches = list(pipeline.collect())
    resources = [resource for batch in batches for resource in batch.resource_metrics]
    exporters = [one for one in pipeline.exporters if isinstance(one, TranslatingExporter)]
    view = exporters[0] if exporters else Translator()
    return view.translate(MetricsData(resource_metrics=resources))


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
