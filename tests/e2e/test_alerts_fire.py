"""The whole chain of an alarm: agent, page, Prometheus, rule."""

import json
import signal
from pathlib import Path

import pytest
from peers import JOB, Agent, Prometheus, free_port, wait_until

from otel_kubecost.testing import FakeKubecost, RemoteWriteReceiver

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parents[2]
OURS = ROOT / "config/alerts/otel-kubecost.yaml"
EXISTING = ROOT / "tests/testcases/alerts/existing.yaml"
ROW = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "totalCost": 3.6}
ANSWER = {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW}]}
PIPELINE = """
receivers:
  kubecost: {{endpoint: "{kubecost}", tenant_id: t, cluster_name: c,
             collection_interval: 1s, emit_interval: 1s}}
exporters:
  prometheus_remote_write:
    endpoint: "{write_url}"
    queue_config: {{sample_age_limit: 5s, max_backoff: 500ms}}
  prometheus: {{endpoint: "127.0.0.1:{port}"}}
service:
  pipelines:
    metrics: {{receivers: [kubecost], exporters: [prometheus_remote_write, prometheus]}}
"""


class Watching(Prometheus):
    """With the rules of some files, looked at twice a second."""

    def __init__(self, directory, rules, **options):
        super().__init__(directory, **options)
        self._rules = [str(path) for path in rules]
        self._config = directory / "prometheus.yml"

    def __enter__(self):
        super().__enter__()
        config = json.loads(self._config.read_text())
        config |= {"global": {"evaluation_interval": "500ms"}, "rule_files": self._rules}
        self._config.write_text(json.dumps(config))
        self._process.send_signal(signal.SIGHUP)
        return self

    def alerts(self):
        """State and labels of the alerts by name."""
        found = (one["metric"] for one in self.query("ALERTS"))
        return {alert["alertname"]: (alert["alertstate"], alert) for alert in found}

    def state(self, name):
        return self.alerts().get(name, ("",))[0]


@pytest.fixture
def rules(tmp_path):
    """Ours, and those that people have, which notice a delay after 3 s: a test has no minutes."""
    for path in (OURS, EXISTING):
        text = path.read_text()
        assert "> 120" in text
        text = text.replace("> 120", "> 3").replace('job="agent"', f'job="{JOB}"')
        (tmp_path / path.name).write_text(text)
    return [tmp_path / OURS.name, tmp_path / EXISTING.name]


def test_a_receiver_that_is_down_raises_the_alarm(tmp_path, rules):
    """A Prometheus that scrapes the running agent: being behind is pending by our rule and by
    Prometheus' own, old and new; what has become too old to send fires; and being behind passes."""
    port, config = free_port(), tmp_path / "pipeline.yaml"
    behind = (
        "KubecostRemoteWriteBehind",
        "PrometheusRemoteWriteBehind",
        "PrometheusRemoteWriteBehindSince3",
    )
    with FakeKubecost(ANSWER) as kubecost, RemoteWriteReceiver() as receiver:
        config.write_text(
            PIPELINE.format(kubecost=kubecost.url, write_url=receiver.endpoint, port=port)
        )
        target = (f"127.0.0.1:{port}",)
        with Agent("--config", config), Watching(tmp_path, rules, scrape=target) as prometheus:
            wait_until(lambda: prometheus.query("otelcol_exporter_sent_metric_points > 0"))
            assert not {*behind, "KubecostSamplesDropped"} & prometheus.alerts().keys()
            receiver.poison, receiver.poison_status = lambda _: True, 503
            for name in behind:
                wait_until(lambda name=name: prometheus.state(name) == "pending")
            wait_until(lambda: prometheus.state("KubecostSamplesDropped") == "firing")
            _, dropped = prometheus.alerts()["KubecostSamplesDropped"]
            receiver.poison = None
            for name in behind:
                wait_until(lambda name=name: prometheus.state(name) == "")
    assert dropped["reason"] == "too_old"
    assert dropped["remote_name"] == "prometheus_remote_write"
    assert dropped["url"] == receiver.endpoint
