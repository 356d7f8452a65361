"""Writes batches of pods to the file that is named, and says of each its time when it is there."""

from __future__ import annotations

import sys
from itertools import count

from json_file_batches import costs
from opentelemetry.sdk.metrics.export import MetricExportResult

from otel_kubecost.exporters.otlp_json_file import OtlpJsonFileExporter

POINTS = 4000
"""A batch of so many is most of a line of the greatest length."""


def main() -> None:
    path, first = sys.argv[1:]
    exporter = OtlpJsonFileExporter(path=path, rotation={"max_megabytes": 4})
    exporter.start()
    for seconds in count(int(first)):
        if exporter.export(costs(POINTS, seconds)) is MetricExportResult.SUCCESS:
            sys.stdout.write(f"{seconds}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
