"""A Kubecost, a receiver, and a configuration that joins them."""

import json
from pathlib import Path

import pytest
from running import Moody

from otel_kubecost.testing import FakeKubecost

ROW = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "totalCost": 3.6}
ANSWER = {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW}]}


@pytest.fixture
def kubecost():
    with FakeKubecost(ANSWER) as server:
        yield server


@pytest.fixture
def store():
    with Moody() as server:
        yield server


@pytest.fixture
def config(tmp_path, kubecost):
    """Writes a configuration with a storage, from the options of each exporter by its name."""

    def write(exporters, kept="kept", **receiver) -> Path:
        options = {
            "endpoint": kubecost.url,
            "tenant_id": "t",
            "cluster_name": "c",
            "currency": "USD",
            "collection_interval": "1s",
            "emit_interval": "1s",
            "storage": "file_storage",
        }
        path = tmp_path / "pipeline.yaml"
        path.write_text(
            json.dumps(
                {
                    "extensions": {"file_storage": {"directory": str(tmp_path / kept)}},
                    "receivers": {"kubecost": options | receiver},
                    "exporters": exporters,
                    "service": {
                        "extensions": ["file_storage"],
                        "pipelines": {
                            "metrics": {"receivers": ["kubecost"], "exporters": list(exporters)}
                        },
                    },
                }
            )
        )
        return path

    return write
