"""What is scraped, beside what Debian's Prometheus scrapes of the same configuration."""

import json
import re
import subprocess
import urllib.request
from collections import Counter
from contextlib import contextmanager

import pytest
from cluster_boards import EVERYTHING, board_of
from file_cases import write_files
from guide_jobs import guide_jobs
from peers import free_port, wait_until
from projected_volume import ProjectedVolume
from target_cases import JOBS

from otel_kubecost.config.options import parse_duration
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.discoveries import discoveries_of
from otel_kubecost.receivers.prometheus.discovery.targets import distinct, targets_of_group

pytestmark = pytest.mark.peers

SELDOM = {"scrape_interval": "2h", "scrape_timeout": "1s"}
REFUSED_HERE = ("file", "bytes.json")
"""What is not UTF-8 in it would be a label with replacement characters."""
DROPPING = {"kept", "dropped", "sharded", *(job["job_name"] for job in guide_jobs())}
"""Jobs that leave out targets, and the name of the job as it is."""


@contextmanager
def prometheus(folder, jobs, changing):
    """Its URL, once it knows of all jobs what there is; files change when it has read them."""
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
            wait_until(lambda: read_files(url) >= changing.paths, process=process)
            changing.change()
            wait_until(lambda: synced_jobs(url) == len(jobs), process=process)
            yield url
        finally:
            process.kill()
            process.wait(20)


def read_files(url):
    """Paths of the files of targets that were read."""
    return set(re.findall(r'(?m)^prometheus_sd_file_mtime_seconds{filename="(.*)"}', metrics(url)))


def synced_jobs(url):
    """How many jobs have made targets of what was discovered."""
    return len(re.findall(r"(?m)^prometheus_target_sync_length_seconds_count", metrics(url)))


def metrics(url):
    """Nothing before it is there."""
    try:
        return page(f"{url}/metrics").decode()
    except OSError:
        return ""


def page(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def theirs(url, unchanged):
    """Active targets, and how many were dropped by job.

    Prometheus 2.42 relabels in place, so what it calls discovered has some of the changes in it:
    it counts for the jobs without any, ``unchanged``.
    """
    said = json.loads(page(f"{url}/api/v1/targets"))["data"]
    active = {
        (
            target["scrapePool"],
            target["scrapeUrl"],
            as_written(target["labels"]),
            as_written(target["discoveredLabels"]) if target["scrapePool"] in unchanged else (),
            parse_duration(target["scrapeInterval"]),
            parse_duration(target["scrapeTimeout"]),
        )
        for target in said["activeTargets"]
        if REFUSED_HERE not in target["labels"].items()
    }
    dropped = Counter(target["discoveredLabels"].get("job") for target in said["droppedTargets"])
    return active, {job: dropped[job] for job in DROPPING if dropped[job]}


def ours(configs, known, unchanged):
    """The same of this package; ``known`` are the groups of each job."""
    active, dropped = set(), {}
    for config in configs:
        name, groups, refused = config.job_name, known[config.job_name], []
        found = [one for group in groups for one in targets_of_group(config, group, refused)]
        left = sum(len(group.targets) for group in groups) - len(found) - len(refused)
        dropped |= {name: left} if left and name in DROPPING else {}
        active |= {
            (
                name,
                target.url,
                as_written(target.labels),
                as_written(target.discovered) if name in unchanged else (),
                target.interval,
                target.timeout,
            )
            for target in distinct(found)
        }
    return active, dropped


def as_written(labels):
    return tuple(sorted(labels.items()))


def clusters(folder):
    """The guide's jobs with what they find in a cluster, and that in files for Prometheus."""
    folder.mkdir()
    known = {kind: make() for kind, make in EVERYTHING.items()}
    for job in guide_jobs():
        (found,) = job["kubernetes_sd_configs"]
        groups = board_of(found["role"], **known).groups()
        blocks = [
            {"targets": [one["__address__"]], "labels": {**group.labels, **one}}
            for group in groups
            for one in group.targets
        ]
        path = folder / f"{job['job_name']}.json"
        path.write_text(json.dumps(blocks))
        left_out = {"kubernetes_sd_configs", "bearer_token_file", "tls_config"}
        rest = {key: value for key, value in job.items() if key not in left_out}
        yield {**rest, **SELDOM, "file_sd_configs": [{"files": [str(path)]}]}, groups


class Changing:
    """Files that are exchanged, spoiled, removed and added."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir()
        for name in ("kept", "spoiled", "removed", "cut"):
            self._write(name, f"{name}.test:1")
        self._volume = ProjectedVolume(folder / "volume", {"t.yaml": "- targets: [first.test:1]\n"})
        self.paths = {str(path) for path in (*folder.glob("*.json"), folder / "volume" / "t.yaml")}
        self.patterns = [f"{folder}/*.json", f"{folder}/volume/*.yaml"]

    def _write(self, name, *targets):
        (self._folder / f"{name}.json").write_text(json.dumps([{"targets": targets}]))

    def change(self):
        self._write("kept", "kept.test:1", "another.test:1")
        self._write("added", "added.test:1")
        (self._folder / "spoiled.json").write_text("[{]")
        (self._folder / "cut.json").write_text("")
        (self._folder / "removed.json").unlink()
        self._volume.write({"t.yaml": "- targets: [second.test:1]\n", "u.yaml": "[]"})


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Active and dropped targets, theirs and ours, once files have changed that both have read."""
    folder = tmp_path_factory.mktemp("targets")
    changing = Changing(folder / "changing")
    of_cluster = list(clusters(folder / "cluster"))
    files = [
        {
            "job_name": "files",
            "file_sd_configs": [{"files": write_files(folder / "files")}],
            "relabel_configs": [
                {
                    "source_labels": ["__meta_filepath"],
                    "regex": ".*/(.*)",
                    "target_label": "file",
                }
            ],
        },
        {
            "job_name": "changing files",
            "file_sd_configs": [{"files": changing.patterns, "refresh_interval": "100ms"}],
        },
    ]
    jobs = [*JOBS, *({**one, **SELDOM} for one in files), *(job for job, _ in of_cluster)]
    unchanged = {job["job_name"] for job in jobs if "relabel_configs" not in job}
    configs = [ScrapeConfig.model_validate(one) for one in jobs]
    discoveries = {job: one for job, (one,) in discoveries_of(configs).items()}
    found = {job["job_name"]: groups for job, groups in of_cluster}
    for one in discoveries.values():
        one.start()
    with prometheus(tmp_path_factory.mktemp("prometheus"), jobs, changing) as url:
        known = {job: found.get(job, one.groups()) for job, one in discoveries.items()}
        yield theirs(url, unchanged), ours(configs, known, unchanged)
    for one in discoveries.values():
        one.shutdown()


def of_job(name, targets):
    return {target for target in targets if target[0] == name}


def test_targets_are_those_of_prometheus(both):
    """URLs, labels, labels before relabelling, intervals and time-outs are the same, one by one."""
    (expected, dropped_there), (found, dropped) = both
    assert sorted(found - expected) == []
    assert sorted(expected - found) == []
    assert dropped == dropped_there
    assert set(dropped) == DROPPING - {"kubernetes-nodes-cadvisor"}
    assert len(of_job("files", found)) > 20
    assert len(of_job("kubernetes-service-endpoints", found)) == 3
    assert len(of_job("kubernetes-nodes-cadvisor", found)) == 6


def test_files_are_followed_as_by_prometheus(both):
    """Those that were exchanged and removed, with what was in those that are spoiled now."""
    hosts = ("kept", "another", "added", "spoiled", "cut", "second")
    for active, _ in both:
        found = {url for _, url, *_ in of_job("changing files", active)}
        assert found == {f"http://{host}.test:1/metrics" for host in hosts}
