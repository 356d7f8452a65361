"""kill -9 in the middle of writing, and a second process on the same file."""

import json
import random
import subprocess
import sys
from pathlib import Path

import json_file_writer
import pytest
from json_file_batches import SECOND
from json_file_data import lines_of
from peers import COMMAND, free_port

from otel_kubecost.exporters.otlp_json_file import OtlpJsonFileExporter

pytestmark = pytest.mark.peers

KILLS = 3
HERE = Path(__file__).parent
CONFIG = """
receivers: {{kubecost: {{endpoint: "http://127.0.0.1:{port}", tenant_id: t, cluster_name: c}}}}
exporters: {{otlp_json_file: {{path: "{path}"}}}}
service: {{pipelines: {{metrics: {{receivers: [kubecost], exporters: [otlp_json_file]}}}}}}
"""


def told_until_killed(path, first, batches):
    """The times that a process has said to be in the file, before it was killed."""
    with subprocess.Popen(
        [sys.executable, HERE / "json_file_writer.py", path, str(first)],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        told = [int(writer.stdout.readline()) for _ in range(batches)]
        writer.kill()
        rest, _ = writer.communicate()
    return told + [int(line) for line in rest.split()]


def points_of(line):
    (of_resource,) = json.loads(line)["resourceMetrics"]
    return of_resource["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]


def test_after_kills_every_batch_that_was_taken_is_there_and_no_broken_line(tmp_path):
    """Each whole, once, in order; a batch that was under way is whole or without a trace."""
    path, random_ = tmp_path / "metrics.json", random.Random(7)
    told = []
    for at in range(KILLS):
        told += told_until_killed(path, 1000 * (at + 1), random_.randint(2, 9))
    OtlpJsonFileExporter(path=str(path)).start()
    files = [*sorted(tmp_path.glob("metrics-*.json")), path]
    found = [points_of(line) for line in lines_of(*files)]
    assert {len(points) for points in found} == {json_file_writer.POINTS}
    times = [int(points[0]["timeUnixNano"]) // SECOND for points in found]
    assert set(told) <= set(times)
    assert len(times) <= len(told) + KILLS
    assert times == sorted(set(times))


def test_the_command_says_to_try_again_where_another_process_has_the_file(tmp_path):
    """75, as for a port in use: whoever supervises it waits and starts it anew."""
    path, config = tmp_path / "metrics.json", tmp_path / "pipeline.yaml"
    config.write_text(CONFIG.format(port=free_port(), path=path))
    exporter = OtlpJsonFileExporter(path=str(path))
    exporter.start()
    finished = subprocess.run(
        [*COMMAND, "run", "--config", config], capture_output=True, text=True, check=False
    )
    exporter.shutdown()
    assert finished.returncode == 75
    assert "another exporter writes to it; stop that one" in finished.stderr
