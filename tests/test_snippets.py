"""Every snippet in the README and in docs/ does what it says, as it stands there."""

import re

import pytest
from snippets import CLOUDTUNER, INSTALLS, ROOT, Stage, snippets

from otel_kubecost.clock import SystemClock
from otel_kubecost.testing import RemoteWriteReceiver, SimulatedCluster, SimulatedKubecost

pytestmark = pytest.mark.peers

TENANT = "11111111-2222-3333-4444-555555555555"
REST = """
receivers: {kubecost: {endpoint: "http://k", tenant_id: t, cluster_name: c}}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [kubecost], exporters: [debug]}}}
"""
"""What a part of a configuration is checked together with."""
OF_THE_SDK = "from opentelemetry.configuration import load_config_file as load; load('part.yaml')"


@pytest.fixture(scope="module")
def servers():
    """A living cluster's Kubecost, and CloudTuner's end."""
    with (
        SimulatedKubecost(SimulatedCluster(seed=1), SystemClock()) as kubecost,
        RemoteWriteReceiver(account_id=TENANT) as receiver,
        RemoteWriteReceiver() as other,
    ):
        yield kubecost, receiver, other


@pytest.fixture
def stage(servers, tmp_path, monkeypatch):
    kubecost, receiver, other = servers
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    monkeypatch.setenv("TENANT_ID", TENANT)
    return Stage(
        tmp_path,
        {
            "http://kubecost-cost-analyzer.kubecost:9090": kubecost.url,
            "http://kubecost:9090": kubecost.url,
            CLOUDTUNER: receiver.endpoint,
            "https://host/api/v1/write": other.endpoint,
            "/etc/otel-kubecost/secrets/password": str(password),
            "0.0.0.0:9103": "127.0.0.1:0",
        },
    )


def test_there_are_snippets_and_no_others():
    """A snippet in a language that is not run here would be a promise that nobody keeps."""
    assert len(snippets()) >= 5
    others = [str(one) for one in snippets() if one.language not in {"yaml", "python", "sh", ""}]
    assert others == []
    assert all(one.text.isascii() or "…" not in one.text for one in snippets("sh"))


def is_declarative(snippet):
    """Whether it is OpenTelemetry's file and not ours."""
    return "file_format:" in snippet.text


@pytest.mark.parametrize("snippet", snippets("yaml"), ids=str)
def test_configurations_are_valid(snippet, stage):
    """A whole one as it is, a part with what it lacks; OpenTelemetry's file for it as well."""
    path = stage.save(snippet, "part.yaml")
    if is_declarative(snippet):
        path.rename(stage.directory / "part.yaml")
        finished = stage.run("python", "-c", OF_THE_SDK)
        assert finished.returncode == 0, finished.stderr
    if not is_declarative(snippet) or "otel_kubecost:" in snippet.text:
        rest = path.with_name("rest.yaml")
        rest.write_text("{}" if {"receivers", "service"} <= sections(snippet) else REST)
        files = ("--config", rest, "--config", stage.save(snippet, "part.yaml"))
        finished = stage.run("otel-kubecost", "validate", *files)
        assert finished.returncode == 0, finished.stderr


def sections(snippet):
    """Names at the margin, and those of our own section in another's file."""
    margin = "  " if is_declarative(snippet) else ""
    return set(re.findall(rf"^{margin}(\w+):", snippet.text, re.MULTILINE))


@pytest.mark.parametrize("snippet", snippets("python"), ids=str)
def test_programs_run(snippet, stage):
    """Each alone, against real servers, to its end."""
    finished = stage.run("python", stage.save(snippet, "program.py"))
    assert (finished.returncode, "Traceback" in finished.stderr) == (0, False), finished.stderr


@pytest.mark.parametrize("snippet", snippets("sh"), ids=str)
def test_commands_run(snippet, stage, servers):
    """Line by line, beside the files that their document has; `run` until SIGTERM."""
    for program in re.findall(r"^(?:scripts|benchmarks)/\w+", snippet.text, re.MULTILINE):
        assert (ROOT / program).stat().st_mode & 0o111
    for file in snippets():
        if file.file and file.document == snippet.document:
            stage.save(file)
    script = stage.directory / "snippet.sh"
    script.write_text(INSTALLS.sub("", stage.set(snippet.text)))
    _, receiver, other = servers
    before = len(receiver.latest()), other.sample_count
    finished = stage.run("bash", "-euxo", "pipefail", script)
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    if "otel-kubecost run --config pipeline.yaml" in snippet.text:
        assert len(receiver.latest()) > before[0]
        assert receiver.violations == []
    if "kubecost_prometheus_remote_write" in snippet.text:
        assert other.sample_count > before[1]
        assert any(("__name__", "orders_total") in labels for labels in other.latest())
