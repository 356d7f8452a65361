"""What is not imported: what is heavy waits until somebody uses it."""

import os
import subprocess
import sys

import pytest
from peers import free_port, wait_until

from otel_kubecost.testing import FakeKubecost, RemoteWriteReceiver

DEPENDENCIES = {
    "asyncio", "click", "cramjam", "google", "http", "msgspec", "opentelemetry", "pydantic", "re2",
    "requests", "rich", "ruamel", "snappy", "sqlite3", "ssl", "structlog", "urllib3",
}  # fmt: skip

NOTHING = b'{"code": 200, "data": [{}]}'

THEN_LIST = "import atexit, sys; atexit.register(lambda: print(*sys.modules))\n"
RUN = THEN_LIST + "from otel_kubecost.cli import main; main()"

A_PIPELINE = """from otel_kubecost import (
    CardinalityLimit, KubecostReceiver, Pipeline, PrometheusRemoteWriteExporter
)"""

FILE = """
receivers: {{kubecost: {{endpoint: "{kubecost}", tenant_id: t, cluster_name: c}}}}
processors: {{cardinality_limit: }}
exporters: {{prometheus_remote_write: {{endpoint: "{receiver}"}}}}
service:
  pipelines:
    metrics:
      receivers: [kubecost]
      processors: [cardinality_limit]
      exporters: [prometheus_remote_write]
"""


def imported(code, *arguments):
    """Every module that a fresh interpreter has after ``code``."""
    finished = subprocess.run(
        [sys.executable, "-c", THEN_LIST + code, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(finished.stdout.splitlines()[-1].split())


def within(modules, *places):
    """Those of ``modules`` that are one of ``places``, or inside it."""
    return {one for one in modules if any(f"{one}.".startswith(f"{place}.") for place in places)}


@pytest.mark.parametrize(
    "code", ["import otel_kubecost", "from otel_kubecost import ConfigError, ScrapeError"]
)
def test_the_package_and_its_errors_import_no_dependency(code):
    """A program pays for what it uses of the package, not for having it."""
    modules = imported(code) - imported("")
    assert "otel_kubecost" in modules
    assert within(modules, *DEPENDENCIES) == set()


def test_a_pipeline_imports_its_own_components_alone():
    """Neither what reads configurations and patterns, nor a database, nor a server."""
    modules = imported(A_PIPELINE) - imported("")
    assert "otel_kubecost.receivers.kubecost.receiver" in modules
    unused = {
        "click", "http.server", "re2", "ruamel", "sqlite3",
        "otel_kubecost.cli", "otel_kubecost.config.files", "otel_kubecost.exporters.prometheus",
        "otel_kubecost.extensions.file_storage", "otel_kubecost.processors.pricing",
        "otel_kubecost.receivers.prometheus", "otel_kubecost.service", "otel_kubecost.testing",
    }  # fmt: skip
    assert within(modules, *unused) == set()


def test_an_instrumentor_without_configuration_imports_nothing():
    """It is loaded into every instrumented application beside which the package is installed."""
    base = "import opentelemetry.instrumentation.instrumentor"
    inert = "from otel_kubecost.sdk.instrumentor import KubecostInstrumentor as K; K().instrument()"
    modules = imported(inert) - imported(base)
    assert "otel_kubecost.sdk.instrumentor" in modules
    assert within(modules, *DEPENDENCIES) == set()


def test_the_version_is_told_without_what_runs():
    """``--version`` imports what reads the command line, and nothing that a command needs."""
    modules = imported("from otel_kubecost.cli import main; main()", "--version") - imported("")
    assert within(modules, *DEPENDENCIES - {"click"}) == set()


def asked(kubecost, *arguments, **variables):
    """Every module of ``run`` after it has asked ``kubecost``."""
    before = len(kubecost.requests)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "run", *arguments],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        wait_until(lambda: len(kubecost.requests) > before, process=process)
        process.terminate()
        output, _ = process.communicate(timeout=40)
    return set(output.split())


@pytest.mark.peers
def test_the_command_imports_what_its_configuration_names(tmp_path):
    """Pods without patterns, a spool or a page need neither re2 nor sqlite3 nor a server."""
    file = tmp_path / "pipeline.yaml"
    with FakeKubecost(NOTHING) as kubecost, RemoteWriteReceiver() as receiver:
        file.write_text(FILE.format(kubecost=kubecost.url, receiver=receiver.endpoint))
        modules = asked(kubecost, "--config", str(file))
    assert "otel_kubecost.exporters.prometheus_remote_write.exporter" in modules
    unused = {
        "http.server", "opentelemetry.configuration", "opentelemetry.sdk.trace", "re2", "sqlite3",
        "otel_kubecost.cli.demo", "otel_kubecost.cli.once", "otel_kubecost.exporters.prometheus",
        "otel_kubecost.extensions.file_storage", "otel_kubecost.processors.pricing",
        "otel_kubecost.receivers.prometheus", "otel_kubecost.testing",
    }  # fmt: skip
    assert within(modules, *unused) == set()


@pytest.mark.peers
def test_the_command_without_a_file_imports_no_yaml():
    """The pipeline that variables configure serves a page; the push is not there unless asked."""
    with FakeKubecost(NOTHING) as kubecost:
        modules = asked(
            kubecost,
            TENANT_ID="11111111-2222-3333-4444-555555555555",
            KUBECOST_URL=kubecost.url,
            EXPORTER_PORT=str(free_port()),
            SCRAPE_JITTER_MAX="0",
        )
    assert "otel_kubecost.exporters.prometheus.exporter" in modules
    unused = {
        "cramjam", "google", "re2", "ruamel", "sqlite3",
        "otel_kubecost.exporters.prometheus_remote_write", "otel_kubecost.extensions.file_storage",
        "otel_kubecost.processors.pricing", "otel_kubecost.receivers.prometheus",
        "otel_kubecost.testing",
    }  # fmt: skip
    assert within(modules, *unused) == set()
