"""What the command line says to those who ask it, and to those who mistype."""

import pytest


def test_validate_prints_what_runs(typed, tmp_path):
    """A good file is said to be good, with the path that data takes."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        """receivers: {kubecost: {endpoint: "http://kubecost:9090", tenant_id: t, cluster_name: c}}
exporters: {prometheus: }
service: {pipelines: {metrics: {receivers: [kubecost], exporters: [prometheus]}}}
"""
    )
    finished = typed("validate", "--config", path)
    assert finished.returncode == 0
    assert "metrics: kubecost -> prometheus" in finished.stdout


def test_validate_prints_every_mistake_with_its_place_and_remedy(typed, tmp_path):
    """File, line and column, what is wrong, how to mend it: all in one answer, exit code 78."""
    path = tmp_path / "broken.yaml"
    path.write_text(
        """receivers:
  kubecost:
    endpoint: http://kubecost:9090
    tenant_id: REPLACE_WITH_YOUR_CLOUD_ACCOUNT_ID
    windw: 24h
    collection_interval: soon
exporters:
  prometheus_remote_write:
    endpoint: https://dashboard.cloudtuner.ai/storage/api/v2/write
    basic_auth: {username: kubecost, password: YOUR_PASSWORD}
service:
  pipelines:
    metrics: {receivers: [kubecost], exporters: [prometheus_remote_write, debug]}
"""
    )
    finished = typed("validate", "--config", path)
    assert finished.returncode == 78
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    wanted = {
        "receivers.kubecost.cluster_name: ": "is required",
        "receivers.kubecost.tenant_id: ": "REPLACE_WITH_YOUR_CLOUD_ACCOUNT_ID",
        "receivers.kubecost.windw: ": "window",
        "receivers.kubecost.collection_interval: ": "30s, 5m, 1h30m or 15d",
        "exporters.prometheus_remote_write.basic_auth.password: ": "placeholder",
        "service.pipelines.metrics.exporters[1]: ": "not configured",
    }
    for start, part in wanted.items():
        assert any(line.startswith(start) and part in line for line in lines), (start, lines)
    assert all(f"{path}:" in line for line in lines)


def test_components_lists_what_a_file_can_name(typed):
    """Every kind, with a sentence on each component."""
    finished = typed("components")
    assert finished.returncode == 0
    for name in ("kubecost", "cardinality_limit", "prometheus", "prometheus_remote_write"):
        assert f"  {name}" in finished.stdout
    assert "also: prometheusremotewrite" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["walk"], "No such command 'walk'"),
        (["run", "--confg", "x"], "--confg"),
        (["run", "--set", "a=b"], "--set goes with --config"),
        (["once", "--output", "xml"], "'xml' is not one of"),
        (["demo", "--speed", "0"], "--speed"),
        (["demo", "--duration", "-1"], "--duration"),
        (["demo", "--seed", "x"], "'x' is not a valid integer"),
    ],
)
def test_wrong_usage_is_exit_code_2(typed, arguments, said):
    """As of any command; the message names what was wrong."""
    finished = typed(*arguments)
    assert finished.returncode == 2
    assert said in finished.stderr
    assert finished.stdout == ""


def test_a_file_that_is_not_there_is_a_configuration_error(typed):
    """Its name is in the message, and the exit code is 78."""
    finished = typed("run", "--config", "/nonexistent/pipeline.yaml")
    assert finished.returncode == 78
    assert "/nonexistent/pipeline.yaml" in finished.stderr


def test_a_missing_tenant_is_named_by_its_variable(typed, monkeypatch):
    """One line names the variable and where the value comes from; exit code 78."""
    monkeypatch.setenv("TENANT_ID", "")
    finished = typed("run")
    assert finished.returncode == 78
    assert "TENANT_ID" in finished.stderr
    assert "Cloud Account" in finished.stderr


def test_help_has_every_command(typed):
    """A newcomer finds the commands by asking."""
    finished = typed("--help")
    assert finished.returncode == 0
    for command in ("run", "once", "validate", "components", "demo"):
        assert f"\n  {command} " in finished.stdout
