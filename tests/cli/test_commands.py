"""The command line as its users see it: results, messages, exit codes."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from peers import Agent, free_port, run_command, wait_until

from otel_kubecost.testing import CLOUDTUNER_PATH, FakeKubecost, RemoteWriteReceiver

pytestmark = pytest.mark.peers

DAY = datetime.now(UTC).date() - timedelta(days=1)
"""The newest that Kubecost has."""
TENANT = "11111111-2222-3333-4444-555555555555"
ROW = {
    "start": f"{DAY}T00:00:00Z",
    "end": f"{DAY + timedelta(days=1)}T00:00:00Z",
    "totalCost": 36.0,
    "cpuCost": 24.0,
    "ramCost": 12.0,
    "totalEfficiency": 0.5,
}
ANSWER = {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW, "one/__idle__": ROW}]}


@pytest.fixture
def kubecost():
    with FakeKubecost(ANSWER) as server:
        yield server


@pytest.fixture
def config(tmp_path, kubecost):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        f"""
receivers:
  kubecost: {{endpoint: "{kubecost.url}", tenant_id: t, cluster_name: prod}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:0"}}
service: {{pipelines: {{metrics: {{receivers: [kubecost], exporters: [prometheus]}}}}}}
"""
    )
    return path


def test_once_prints_exposition_text_with_timestamps(config):
    """What would be sent, in the text format that Prometheus' own tools read."""
    finished = run_command("once", "--config", config)
    assert (finished.returncode, finished.stderr) == (0, "")
    lines = finished.stdout.splitlines()
    (shop,) = [line for line in lines if "namespace_total_cost{" in line and '"shop"' in line]
    series, value, timestamp = shop.split(" ")
    assert series == (
        "cloudtuner_kubecost_namespace_total_cost"
        '{cluster="prod",currency="USD",namespace="shop",tenant_id="t"}'
    )
    assert float(value) == 1.5
    assert int(timestamp) % 60_000 == 0


def test_once_prints_samples_as_json(config):
    """For programs: a list of samples with metric, labels, value and time."""
    finished = run_command("once", "--config", config, "--output", "json")
    samples = json.loads(finished.stdout)
    (total,) = [one for one in samples if one["metric"] == "cloudtuner_kubecost_cluster_total_cost"]
    assert total["labels"] == {"cluster": "prod", "currency": "USD", "tenant_id": "t"}
    assert total["value"] == 4.5
    assert total["timestamp_ms"] % 60_000 == 0


def test_once_prints_a_table_that_adds_up(config):
    """Rows, idle, total and their difference, to be laid beside Kubecost's page."""
    finished = run_command("once", "--config", config, "--output", "table")
    title, window, *table = finished.stdout.splitlines()
    assert title == "cluster prod · USD"
    assert window.endswith(" UTC, data for 24.00 of 24 hours (100.0%)")
    rows = [line.split() for line in table]
    parts = ["24.00000", "12.00000", "-", "-", "-", "50.0%"]
    assert ["dev", "1,095.00", "1.50000", "36.00000", *parts] in rows
    assert ["__idle__", "1,095.00", "1.50000", "36.00000"] in rows
    parts = ["72.00000", "36.00000", "-", "-", "-", "50.0%"]
    assert ["total", "3,285.00", "4.50000", "108.00000", *parts] in rows
    assert "total less the sum of its rows: +0.0000000 USD per hour" in finished.stdout


def test_once_prints_a_table_without_a_total_that_is_not_known(config, kubecost):
    """One unknown cost makes the cluster's total unknown, not the table empty."""
    kubecost.answer(
        {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW | {"totalCost": None}}]}
    )
    finished = run_command("once", "--config", config, "--output", "table")
    rows = [line.split() for line in finished.stdout.splitlines()]
    assert ["shop", "1,095.00", "1.50000"] in [row[:3] for row in rows]
    assert ["total", "-", "-"] in [row[:3] for row in rows]


def test_once_prints_totals_of_the_window_as_such(config):
    """A total is not an hourly rate, and no month can be made of it."""
    mode = "receivers.kubecost.metric_mode=total"
    finished = run_command("once", "--config", config, "--output", "table", "--set", mode)
    rows = [line.split() for line in finished.stdout.splitlines()]
    assert rows[2][:4] == ["namespace", "in", "the", "window"]
    assert ["shop", "36.00000", "24.00000"] in [row[:3] for row in rows]


def test_once_that_gets_no_answer_fails_and_says_why(config):
    """Exit code 1, the reason on standard error, no cost on standard output."""
    finished = run_command(
        "once", "--config", config, "--set", "receivers.kubecost.endpoint=http://127.0.0.1:9"
    )
    assert finished.returncode == 1
    assert "Failed to query Kubecost: connection refused" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "_cost{" not in finished.stdout


def test_once_prints_what_the_exporter_would_send(tmp_path, kubecost):
    """Its labels are on the series, and what its relabelling drops is not there."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        f"""
receivers:
  kubecost: {{endpoint: "{kubecost.url}", tenant_id: t, cluster_name: prod}}
exporters:
  prometheus_remote_write:
    endpoint: http://127.0.0.1:9/write
    external_labels: {{region: eu}}
    write_relabel_configs:
      - {{source_labels: [__name__], regex: "cloudtuner_kubecost_cluster_.*", action: keep}}
service: {{pipelines: {{metrics: {{receivers: [kubecost], exporters: [prometheus_remote_write]}}}}}}
"""
    )
    finished = run_command("once", "--config", path, "--output", "json")
    samples = json.loads(finished.stdout)
    assert finished.returncode == 0
    assert {one["labels"]["region"] for one in samples} == {"eu"}
    assert all(one["metric"].startswith("cloudtuner_kubecost_cluster_") for one in samples)


def test_without_a_file_the_environment_is_the_configuration(tmp_path, kubecost):
    """The guide's variables run the push and the page; the log has the guide's lines."""
    password, port = tmp_path / "password", free_port()
    password.write_text("hunter2\n")
    with RemoteWriteReceiver(
        account_id=TENANT, basic_auth=("kubecost", "hunter2"), path=CLOUDTUNER_PATH
    ) as receiver:
        variables = {
            "KUBECOST_URL": kubecost.url,
            "TENANT_ID": TENANT,
            "CLUSTER_NAME": "prod",
            "SCRAPE_JITTER_MAX": "0",
            "EXPORTER_PORT": str(port),
            "REMOTE_WRITE_URL": receiver.endpoint,
            "REMOTE_WRITE_PASSWORD_FILE": str(password),
            "STEP": "1h",
        }
        with Agent(env=variables) as agent:
            assert receiver.wait_for(lambda got: got.sample_count > 0, timeout=20)
            page = wait_until(lambda: costs_at(f"http://127.0.0.1:{port}/metrics"))
            assert agent.stop() == 0, agent.log
        assert receiver.violations == []
    assert 'cloudtuner_kubecost_namespace_total_cost{cluster="prod"' in page
    lines = agent.log.splitlines()
    for line in (
        "INFO - Starting allocation exporter...",
        f"INFO - Kubecost URL: {kubecost.url}",
        f"INFO - Tenant ID: {TENANT}",
        "INFO - Successfully scraped allocation data: 2 namespaces",
    ):
        assert line in lines
    assert any(line.startswith("INFO - Exported ") and line.endswith(" metrics") for line in lines)
    assert "WARN - Variables without effect in this version: STEP" in lines
    assert "hunter2" not in agent.log


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def costs_at(url):
    """The page, once there are costs on it."""
    page = get(url)
    return page if page and "namespace_total_cost" in page else None


def test_formats_of_the_log_carry_the_same_events(config):
    """console, json, logfmt and guide show the same sentences; json can be parsed line by line."""
    logs = {}
    for log_format in ("console", "json", "logfmt", "guide"):
        port = free_port()
        settings = (
            *("--set", f"service.telemetry.logs.format={log_format}"),
            *("--set", f"exporters.prometheus.endpoint=127.0.0.1:{port}"),
        )
        with Agent("--config", config, *settings, env={"NO_COLOR": "1"}) as agent:
            url = f"http://127.0.0.1:{port}/metrics"
            wait_until(lambda url=url: "namespace_total_cost" in get(url))
            assert agent.stop() == 0
        logs[log_format] = agent.log
    sentence = "Successfully scraped allocation data: 2 namespaces"
    assert all(sentence in log for log in logs.values())
    events = [json.loads(line) for line in logs["json"].splitlines()]
    assert sentence in [event["event"] for event in events]
    assert {"timestamp", "level", "event"} <= set(events[0])
