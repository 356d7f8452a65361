"""What is discovered in a cluster, beside what VictoriaMetrics discovers there.

Debian's Prometheus is built without ``kubernetes_sd_configs``; its VictoriaMetrics has them, and
means to find what a Prometheus finds. Where it does not, it is said here.
"""

import json
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest
from cluster_objects import container, endpoints, node, pod, service
from guide_jobs import guide_jobs
from kubernetes_api import KubernetesApi
from odd_cluster import odd_endpoints, odd_nodes, odd_pods, odd_services
from peers import free_port

from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.kubernetes.discovery import KubernetesDiscovery
from otel_kubecost.receivers.prometheus.discovery.kubernetes.watcher import Pace
from otel_kubecost.receivers.prometheus.discovery.targets import targets_of

pytestmark = pytest.mark.peers

META = "__meta_kubernetes_"
UNKNOWN_TO_THEM = {
    f"{META}pod_container_id",
    f"{META}pod_container_image",
    f"{META}service_port_number",
    f"{META}service_loadbalancer_ip",
}
"""Labels that Prometheus 2.42 has, and VictoriaMetrics 1.79 has not yet."""
SHOWN = (
    "pod_label_app|pod_ready|pod_phase|service_port_name|service_label_app|endpoint_ready"
    "|node_address_InternalIP"
)
"""Labels that targets keep, so that changes of them are seen."""
DEFAULTS = {"__scrape_interval__", "__scrape_timeout__", "__metrics_path__", "__scheme__", "job"}
WITHOUT_A_PORT = {"fd00::6"}
"""No host of a URL: Prometheus leaves it as it is."""


def jobs_at(url, token):
    """All that is compared, each job with this API server."""
    plain = [
        *({"role": role} for role in ("pod", "service", "endpoints", "node")),
        {"role": "pod", "namespaces": {"names": ["monitoring", "empty"]}},
        {"role": "pod", "selectors": [{"role": "pod", "field": "spec.nodeName=gone"}]},
        {"role": "service", "selectors": [{"role": "service", "label": "empty="}]},
        {"role": "pod", "attach_metadata": {"node": True}},
    ]
    named = [
        {
            "job_name": f"{number} {one}",
            "kubernetes_sd_configs": [one],
            "relabel_configs": [{"action": "labelmap", "regex": f"{META}({SHOWN})"}],
        }
        for number, one in enumerate(plain)
    ]
    guide = [
        {key: value for key, value in job.items() if key not in {"bearer_token_file", "tls_config"}}
        for job in guide_jobs()
    ]
    access = {"api_server": url, "authorization": {"credentials": token}}
    return [
        {
            **job,
            "scrape_interval": "1h",
            "kubernetes_sd_configs": [{**one, **access} for one in job["kubernetes_sd_configs"]],
        }
        for job in (*named, *guide)
    ]


@contextmanager
def victoria(folder, jobs):
    """Gives the URL of what it says of its targets."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(json.dumps({"scrape_configs": jobs}))
    arguments = [
        f"-promscrape.config={config}",
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-promscrape.kubernetesSDCheckInterval=200ms",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["victoria-metrics", *arguments], stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}/api/v1/targets"
        finally:
            process.kill()
            process.wait(20)


def theirs(url):
    """Per job: what was discovered, and URL and labels of what is scraped."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            said = json.load(answer)["data"]
    except OSError:
        return None, None
    everything = [*said["activeTargets"], *said["droppedTargets"]]
    active = [(one["scrapePool"], one["scrapeUrl"], one["labels"]) for one in said["activeTargets"]]
    return compared([one["discoveredLabels"] for one in everything], active)


def ours(configs, discoveries):
    """The same of this package."""
    found, active = [], []
    for config, discovery in zip(configs, discoveries, strict=True):
        groups = discovery.groups()
        found += [
            {**group.labels, **one, "job": config.job_name}
            for group in groups
            for one in group.targets
        ]
        targets = targets_of(config, groups)
        active += [(config.job_name, one.url, one.labels) for one in targets]
    return compared(found, active)


def compared(found, active):
    """Sorted, without what is known to differ."""
    return (
        sorted((labels["job"], as_written(labels)) for labels in found),
        sorted(
            (job, "" if labels["instance"] in WITHOUT_A_PORT else url, as_written(labels))
            for job, url, labels in active
        ),
    )


def as_written(labels):
    pairs = labels.items()
    return tuple(sorted(pair for pair in pairs if pair[1] and not is_known(*pair, labels)))


def is_known(name, value, labels):
    """Whether it is a known difference; of defaults, there is nothing to discover."""
    name, kind = name.removeprefix(META), name.startswith(META)
    if not kind:
        return name in DEFAULTS
    return (
        f"{META}{name}" in UNKNOWN_TO_THEM
        or name.startswith("endpoints_annotation")  # theirs, in no Prometheus
        # Prometheus attaches labels of nodes alone, and of a node that it does not know nothing.
        or (name.startswith("node_annotation") and f"{META}pod_name" in labels)
        or (name, value) == ("node_name", "gone")
        # Theirs with endpoints as well, where Prometheus has them with services alone.
        or (
            name in {"service_type", "service_cluster_ip"}
            and f"{META}service_port_protocol" not in labels
        )
        # Other ports of a pod behind endpoints: theirs do not say which endpoints.
        or (name.startswith("endpoints_") and f"{META}endpoint_ready" not in labels)
    )


def change(api):
    """Something of every kind, some of it while nobody watches.

    No pod and no service of endpoints: theirs have its labels of before, at times.
    """
    api.delete("pods", "default/succeeded")
    api.put("pods", pod("new", container("web", 80), ip="10.4.0.1", node="node-2"))
    api.put("pods", pod("portless", container("one", 8000), container("two"), ip="10.0.0.5"))
    api.put("pods", pod("pending", container("web", 80), ip="10.4.0.2", node="node-1"))
    api.end_watches(cut=True)
    api.put("services", service("headless", ("http", 81), labels={"app": "x"}))
    api.delete("services", "default/dual")
    api.put("endpoints", endpoints("six", {"ip": "fd00::8"}, ports=[("http", 80)]))
    api.put("nodes", node("node-1", ip="192.168.0.9", labels={"zone": "c"}))
    api.delete("nodes", "node-2")


def until_equal(found, expected, before=None):
    """Until both give the same, which is not what it was ``before``."""
    end = time.monotonic() + 20
    while not ((mine := found()) == (other := expected()) != before) and time.monotonic() < end:
        time.sleep(0.05)
    assert [one for one in mine if one not in other] == []
    assert [one for one in other if one not in mine] == []
    assert mine == other != before
    return mine


def test_what_is_found_in_a_cluster_is_what_victoriametrics_finds(tmp_path):
    """All roles, namespaces, selectors, nodes, and the guide's jobs; also after changes."""
    with KubernetesApi() as api:
        api.put("pods", *odd_pods())
        api.put("services", *odd_services())
        api.put("endpoints", *odd_endpoints())
        api.put("nodes", *odd_nodes())
        jobs = jobs_at(api.url, api.token)
        configs = [ScrapeConfig.model_validate(one) for one in jobs]
        discoveries = [
            KubernetesDiscovery(one.kubernetes_sd_configs[0], pace=Pace(first=0.05))
            for one in configs
        ]
        with victoria(tmp_path, jobs) as url:
            for one in discoveries:
                one.start()
            found = until_equal(lambda: ours(configs, discoveries)[0], lambda: theirs(url)[0])
            assert len(found) > 100
            active = until_equal(lambda: ours(configs, discoveries)[1], lambda: theirs(url)[1])
            assert {job for job, *_ in active} == {one.job_name for one in configs}
            change(api)  # theirs go on showing what was discovered before as dropped
            until_equal(lambda: ours(configs, discoveries)[1], lambda: theirs(url)[1], active)
        for one in discoveries:
            one.shutdown()
