"""What is scraped, beside what Debian's Prometheus scrapes of the same configuration."""

import json
import re
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest
from peers import free_port, wait_until
from target_cases import JOBS

from otel_kubecost.config.options import parse_duration
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.discoveries import discoveries_of
from otel_kubecost.receivers.prometheus.discovery.targets import targets_of

pytestmark = pytest.mark.peers

FILES = {
    "first.json": [
        {"targets": ["j.test:1", "k.test"], "labels": {"team": "a", "__scheme__": "https"}},
        {"targets": []},
        {"targets": ["l.test:2"]},
    ],
    "second.yaml": "- targets: [m.test:1, 'n.test:1/x']\n  labels: {number: 0123, no: yes}\n",
    "third.yml": "",
    "broken.json": '[{"targets": ["o.test"]}',
    "strange.yml": "- targets: [p.test]\n  lables: {}\n",
    "other.txt": '[{"targets": ["q.test"]}]',
}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """All that is compared; files are read by name and by pattern."""
    folder = tmp_path_factory.mktemp("targets")
    for name, content in FILES.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)
    patterns = [f"{folder}/*.json", f"{folder}/*.yml", f"{folder}/second.yaml", f"{folder}/no.yml"]
    from_files = {
        "job_name": "files",
        "scrape_interval": "2h",
        "scrape_timeout": "1s",
        "file_sd_configs": [{"files": patterns}],
    }
    return [*JOBS, from_files]


@contextmanager
def prometheus(folder, jobs):
    """What it says of its targets, once it knows all."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(json.dumps({"scrape_configs": jobs}))
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *arguments], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: synced_jobs(url) == len(jobs), process=process)
            yield json.loads(page(f"{url}/api/v1/targets"))["data"]
        finally:
            process.kill()
            process.wait(20)


def synced_jobs(url):
    """How many jobs have made targets of what was discovered."""
    try:
        return len(
            re.findall(rb"(?m)^prometheus_target_sync_length_seconds_count", page(f"{url}/metrics"))
        )
    except OSError:
        return 0


def page(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


@pytest.fixture(scope="module")
def theirs(jobs, tmp_path_factory):
    with prometheus(tmp_path_factory.mktemp("prometheus"), jobs) as found:
        return found


def as_written(labels):
    return tuple(sorted(labels.items()))


def test_targets_are_those_of_prometheus(jobs, theirs):
    """URLs, labels, labels before relabelling, intervals and time-outs are the same, one by one."""
    # Prometheus 2.42 relabels in place, so what it calls discovered has some of the changes in it.
    unchanged = {job["job_name"] for job in jobs if "relabel_configs" not in job}
    configs = [ScrapeConfig.model_validate(one) for one in jobs]
    discoveries = discoveries_of(configs)
    expected = {
        (
            target["scrapePool"],
            target["scrapeUrl"],
            as_written(target["labels"]),
            as_written(target["discoveredLabels"]) if target["scrapePool"] in unchanged else (),
            parse_duration(target["scrapeInterval"]),
            parse_duration(target["scrapeTimeout"]),
        )
        for target in theirs["activeTargets"]
    }
    found = set()
    for config in configs:
        (discovery,) = discoveries[config.job_name]
        discovery.start()
        targets = targets_of(config, discovery.groups())
        discovery.shutdown()
        found |= {
            (
                config.job_name,
                target.url,
                as_written(target.labels),
                as_written(target.discovered) if config.job_name in unchanged else (),
                target.interval,
                target.timeout,
            )
            for target in targets
        }
    assert sorted(found - expected) == []
    assert sorted(expected - found) == []
    assert len(found) > 60
