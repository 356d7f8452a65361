"""Debian's Prometheus and our process, with the same ``scrape_configs`` to the letter."""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
from contextlib import contextmanager

from beside_pages import odd_paths
from peers import free_port
from running import Running

EXTERNAL = {"cluster": "production", "replica": "a"}
PHASED = [
    ("/cluster", ""),
    ("/labels", "honoured"),
    ("/labels", "own"),
    ("/types", ""),
    ("/moving", ""),
    ("/growing", ""),
    ("/flaky", ""),
    ("/openmetrics", ""),
]
"""Pages that have phases, with the parameter ``job`` of who scrapes them."""
LIVE = ("node", "prometheus")
"""Jobs whose targets say another thing at every moment."""
REMOVED = "flaky"
"""The last job of the text, which a reload takes away."""

JOBS = """\
- job_name: node
  scrape_interval: {interval}
  static_configs:
    - targets: ["{node}"]
- job_name: prometheus
  scrape_interval: {interval}
  static_configs:
    - targets: ["{prometheus}"]
      labels: {{team: monitoring, empty: ""}}
  metric_relabel_configs:
    - source_labels: [__name__]
      regex: go_memstats_.*
      action: drop
- job_name: cluster
  scrape_interval: {interval}
  metrics_path: /cluster
  static_configs:
    - targets: ["{site}"]
      labels: {{node: ip-10-1-2-3, zone: eu-central-1a, kubernetes_io_os: linux}}
  relabel_configs:
    - source_labels: [__address__]
      regex: (.+):(\\d+)
      replacement: $1
      target_label: host
    - regex: kubernetes_io_(.+)
      action: labelmap
    - target_label: __address__
      replacement: {site}
  metric_relabel_configs:
    - source_labels: [__name__, container]
      regex: container_(fs|memory_failures)_.*;
      action: drop
    - source_labels: [id]
      regex: .*pod([0-9a-f_]+)\\.slice.*
      target_label: pod_uid
    - regex: annotation_owner|uid
      action: labeldrop
    - source_labels: [image]
      regex: .*/([^/:]+):.*
      target_label: app
    - source_labels: [namespace]
      target_label: shard
      modulus: 4
      action: hashmod
- job_name: honoured
  scrape_interval: {interval}
  metrics_path: /labels
  params: {{job: [honoured]}}
  honor_labels: true
  static_configs:
    - targets: ["{site}"]
      labels: {{region: earth, exported_region: sky}}
- job_name: own
  scrape_interval: {interval}
  metrics_path: /labels
  params: {{job: [own]}}
  static_configs:
    - targets: ["{site}"]
      labels: {{region: earth, exported_region: sky}}
- job_name: types
  scrape_interval: {interval}
  metrics_path: /types
  static_configs:
    - targets: ["{site}"]
  metric_relabel_configs:
    - source_labels: [__name__]
      regex: hits
      target_label: __name__
      replacement: strikes
    - source_labels: [le]
      regex: "1"
      action: drop
- job_name: moving
  scrape_interval: {interval}
  metrics_path: /moving
  static_configs:
    - targets: ["{site}"]
- job_name: growing
  scrape_interval: {interval}
  metrics_path: /growing
  sample_limit: 5
  static_configs:
    - targets: ["{site}"]
- job_name: openmetrics
  scrape_interval: {interval}
  metrics_path: /openmetrics
  static_configs:
    - targets: ["{site}"]
- job_name: times_of_ours
  scrape_interval: {interval}
  metrics_path: /odd/text/times-and-none
  honor_timestamps: false
  static_configs:
    - targets: ["{site}"]
- job_name: limited
  scrape_interval: {interval}
  metrics_path: /odd/text/escapes
  label_limit: 7
  static_configs:
    - targets: ["{site}"]
- job_name: down
  scrape_interval: {interval}
  static_configs:
    - targets: ["{nobody}"]
  relabel_configs:
    - source_labels: [__address__]
      regex: no such target
      action: keep
- job_name: unreachable
  scrape_interval: {interval}
  static_configs:
    - targets: ["{nobody}"]
- job_name: odd
  scrape_interval: {slow}
  static_configs:
{odd}
- job_name: flaky
  scrape_interval: {interval}
  metrics_path: /flaky
  static_configs:
    - targets: ["{site}"]
"""
ODD = """\
    - targets: ["{site}"]
      labels: {{__metrics_path__: {path}, page: {path}}}
"""


def jobs(**places):
    """The text of ``scrape_configs``."""
    odd = "".join(ODD.format(site=places["site"], path=path) for path in odd_paths())
    return JOBS.format(odd=odd.rstrip(), **places)


def without(text, job):
    """The text without its last job."""
    kept, _, last = text.rpartition("- job_name: ")
    assert last.startswith(job)
    return kept


@contextmanager
def node_exporter(directory):
    """The address of a real one."""
    address = f"127.0.0.1:{free_port()}"
    with (directory / "node.log").open("w") as log:
        command = ["prometheus-node-exporter", f"--web.listen-address={address}"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(20)


class PrometheusAgent(Running):
    """Debian's Prometheus, which scrapes and writes, and is asked for nothing."""

    def __init__(self, directory, port, endpoint, text):
        self._file = directory / "prometheus.yml"
        self._endpoint = endpoint
        self._log = directory / "prometheus.log"
        self._write(text)
        command = [
            "prometheus",
            f"--config.file={self._file}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def _write(self, text):
        write = {
            "url": self._endpoint,
            "send_exemplars": True,
            "metadata_config": {"send_interval": "1s"},
            "queue_config": {
                "max_shards": 1,
                "max_samples_per_send": 10_000,
                "capacity": 200_000,
                "batch_send_deadline": "100ms",
            },
        }
        rest = {"global": {"external_labels": EXTERNAL}, "remote_write": [write]}
        self._file.write_text(f"{_as_yaml(rest)}scrape_configs:\n{text}")

    def reload(self, text):
        self._write(text)
        self.hears(signal.SIGHUP, "Completed loading of configuration file")


class OurAgent(Running):
    """``otel-kubecost run`` with the receiver and the exporter that are compared."""

    def __init__(self, directory, endpoint, text):
        self._file = directory / "pipeline.yaml"
        self._endpoint = endpoint
        self._write(text)
        super().__init__(self._file)

    def _write(self, text):
        exporter = {
            "endpoint": self._endpoint,
            "external_labels": EXTERNAL,
            "send_exemplars": True,
            "metadata_config": {"send": True, "send_interval": "1s"},
        }
        pipeline = {"receivers": ["prometheus"], "exporters": ["prometheus_remote_write"]}
        rest = {
            "exporters": {"prometheus_remote_write": exporter},
            "service": {"pipelines": {"metrics": pipeline}},
        }
        scraped = textwrap.indent(f"scrape_configs:\n{text}", " " * 4)
        self._file.write_text(f"{_as_yaml(rest)}receivers:\n  prometheus:\n{scraped}")

    def reload(self, text):
        self._write(text)
        self.hears(signal.SIGHUP, "The new configuration is in use")


def _as_yaml(document):
    """Top level keys, each with what JSON and YAML both write."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in document.items())
