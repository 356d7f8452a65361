"""What users write under ``otlp_json_file``, in the words of the Collector's ``file`` exporter."""

from __future__ import annotations

from pydantic import Field

from otel_kubecost.config.options import Options, Text


class RotationOptions(Options):
    """When a new file begins, and how many of the earlier ones stay."""

    max_megabytes: int = Field(
        100, ge=1, description="Size in MiB (2 to the power of 20) that a file does not exceed."
    )
    max_days: int = Field(
        0, ge=0, description="Age in days at which an earlier file is deleted; 0 is never."
    )
    max_backups: int = Field(
        100, ge=0, description="How many earlier files stay; 0 is all of them."
    )


class OtlpJsonFileOptions(Options):
    """Which file, and when a new one begins."""

    path: Text = Field(
        min_length=1,
        description="The file that lines are appended to, for this exporter alone; made with its"
        " directory if it is not there.",
        examples=["/var/lib/otel-kubecost/metrics.json"],
    )
    rotation: RotationOptions | None = Field(
        None,
        description="Renames a full file and begins a new one; without it one file grows for ever.",
        examples=[{"max_megabytes": 100, "max_days": 30, "max_backups": 100}],
    )
