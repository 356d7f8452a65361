"""What users write under ``debug``, in the words of the Collector's exporter of that name."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from otel_kubecost.config.options import Options

Verbosity: TypeAlias = Literal["basic", "normal", "detailed"]


class DebugOptions(Options):
    """How much is printed, and where."""

    verbosity: Verbosity = Field(
        "basic",
        description="A line for each batch, a line for each point as well, or everything of each.",
        examples=["basic", "normal", "detailed"],
    )
    sampling_initial: int = Field(2, ge=0, description="Batches of a second that are all printed.")
    sampling_thereafter: int = Field(
        1,
        ge=0,
        description="Of more batches in the second, every so many-th is printed: 1 is all of them,"
        " 0 none.",
    )
    use_internal_logger: bool = Field(
        True, description="Print to the log; false prints to standard output, without levels."
    )
