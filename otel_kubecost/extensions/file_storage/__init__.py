"""The extension ``file_storage``: what has to outlive the process, in a directory."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.extensions.file_storage.config import FileStorageOptions
from otel_kubecost.extensions.file_storage.storage import FileStorage

FACTORY = Factory(
    kind=Kind.EXTENSION,
    name="file_storage",
    summary="Keeps what has to outlive the process in a directory.",
    options=FileStorageOptions,
    build=lambda options, settings: FileStorage(options, clock=settings.clock),
)

__all__ = ["FACTORY", "FileStorage", "FileStorageOptions"]
