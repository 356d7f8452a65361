"""What users write under ``extensions: file_storage:``."""

from __future__ import annotations

from pydantic import Field

from otel_kubecost.config.options import ByteSize, Options, Text


class FileStorageOptions(Options):
    """Where things are kept, and how much of them."""

    directory: Text = Field(
        min_length=1,
        description="A directory on a disk of this machine, for this process alone; made if it is"
        " not there.",
        examples=["/var/lib/otel-kubecost"],
    )
    max_bytes: ByteSize = Field(
        512 * 2**20, ge=2**20, description="More is not written; the log says so."
    )
