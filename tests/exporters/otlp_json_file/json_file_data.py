"""The lines of a file, read back as messages of OTLP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import ParseDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_kubecost.exporters.otlp_json_file.lines import lines


def parsed(line):
    """The message of a line. Ids are hexadecimal in OTLP, protobuf itself reads base64."""
    return ParseDict(
        json.loads(line, object_hook=_with_protobuf_ids), ExportMetricsServiceRequest()
    )


def _with_protobuf_ids(found):
    ids = {key: bytes.fromhex(found[key]) for key in ("traceId", "spanId") if key in found}
    return {**found, **{key: base64.b64encode(one).decode() for key, one in ids.items()}}


def said(requests) -> list[tuple[bytes | str, ...]]:
    """Every point of OTLP messages with all that is said above it, in their order."""
    return [one for request in requests for one in _said(request)]


def stock(data):
    """As ``said``, of the message that OpenTelemetry's own encoder makes."""
    return said([encode_metrics(data)])


def _said(request) -> Iterator[tuple[bytes | str, ...]]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            above = (
                of_resource.resource.SerializeToString(deterministic=True),
                of_resource.schema_url,
                of_scope.scope.SerializeToString(deterministic=True),
                of_scope.schema_url,
            )
            for metric in of_scope.metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                points = [one.SerializeToString(deterministic=True) for one in data.data_points]
                del data.data_points[:]
                heading = metric.SerializeToString(deterministic=True)
                yield from ((*above, heading, point) for point in points)


def texts(*batches):
    """The lines of batches, as ``lines_of`` has them."""
    return [line.rstrip(b"\n") for data in batches for line in lines(data)]


def lines_of(*paths: Path) -> list[bytes]:
    """What a reader finds in files: lines that are blank are none."""
    texts = [path.read_bytes() for path in paths]
    assert all(text.endswith(b"\n") for text in texts if text)
    return [line for text in texts for line in text.splitlines() if line.strip()]


def read(*paths: Path):
    return [parsed(line) for line in lines_of(*paths)]
