"""config/guide-families.yaml in a cluster: the guide's families arrive, with the least rights."""

from typing import NamedTuple

import pytest
from authority import Authority
from cluster_objects import address_of, container, endpoints, node, pod, service
from cluster_rights import RBAC, rights_in
from guide_jobs import GUIDE
from kubernetes_api import HANG, TOKEN, KubernetesApi
from kubernetes_following import until
from odd_cluster import annotated
from pod_process import PodProcess, can_mount
from projected_volume import ProjectedVolume

from otel_kubecost.clock import SystemClock
from otel_kubecost.testing import (
    HttpServer,
    RemoteWriteReceiver,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not can_mount(), reason="processes get no file system of their own here"),
]

TENANT = "11111111-2222-3333-4444-555555555555"
PAGES = {
    "/kube-state-metrics": b'kube_pod_info{namespace="shop",pod="web-1",node="node-1"} 1\n',
    "/node-exporter": b"# TYPE node_load1 gauge\nnode_load1 0.5\ngo_goroutines 7\n",
    "/model/metrics": (
        b'pod_pvc_allocation{pod="web-1"} 1e9\npv_hourly_cost{persistentvolume="pv"} 0.1\n'
        b'kubecost_cluster_info{id="c"} 1\nnode_total_hourly_cost{node="node-1"} 0.2\n'
    ),
}
"""By the path that the annotation of a service says."""


def cadvisor(name):
    return f'container_cpu_usage_seconds_total{{pod="web-1",node_name="{name}"}} 5\n'.encode()


def page(request):
    return Reply(200, PAGES[request.path], "text/plain; version=0.0.4")


def fill(api, port):
    """Three services with annotations and one without, all of them at ``port``; two nodes."""
    for path in PAGES:
        name = path.strip("/").partition("/")[0]
        found = pod(name, container("c", ("metrics", port)), ip="127.0.0.1", namespace=name)
        api.put("pods", found)
        notes = annotated(path=path)
        more = {"namespace": name}
        api.put("services", service(name, ("metrics", port), annotations=notes, **more))
        api.put("endpoints", endpoints(name, address_of(found), ports=[("m", port)], **more))
    api.put("services", service("unwanted", ("http", port)))
    api.put("endpoints", endpoints("unwanted", {"ip": "127.0.0.1"}, ports=[("http", port)]))
    for name in ("node-1", "node-2"):
        api.put("nodes", node(name))
        api.pages[f"/api/v1/nodes/{name}/proxy/metrics/cadvisor"] = cadvisor(name)


class Cluster(NamedTuple):
    api: KubernetesApi
    kubecost: SimulatedKubecost
    receiver: RemoteWriteReceiver


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture
def cluster(authority, tmp_path):
    """An API server, pages to scrape, Kubecost, and who is written to."""
    files = {"token": TOKEN, "ca.crt": authority.ca_file.read_bytes(), "namespace": "kubecost"}
    ProjectedVolume(tmp_path / "account", files)
    with (
        KubernetesApi(tls=authority.issue("127.0.0.1")) as api,
        HttpServer(page) as pages,
        SimulatedKubecost(SimulatedCluster(seed=1), SystemClock()) as kubecost,
        RemoteWriteReceiver(account_id=TENANT, basic_auth=("kubecost", "secret")) as receiver,
    ):
        fill(api, int(pages.url.rpartition(":")[2]))
        yield Cluster(api, kubecost, receiver)


def agent(folder, cluster):
    """The process, with the configuration as it stands, and addresses of this machine."""
    password = folder / "password"
    password.write_text("secret")
    password.chmod(0o600)
    remote_write = "exporters.prometheus_remote_write/cloudtuner"
    sets = {
        "receivers.kubecost.endpoint": cluster.kubecost.url,
        "receivers.prometheus.global.scrape_interval": "500ms",
        "receivers.prometheus.global.scrape_timeout": "500ms",
        f"{remote_write}.endpoint": cluster.receiver.endpoint,
        f"{remote_write}.basic_auth.password_file": password,
        "extensions.file_storage.directory": folder / "storage",
    }
    given = [f"--set={key}={value}" for key, value in sets.items()]
    env = {
        "TENANT_ID": TENANT,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(cluster.api.port),
        "API_SERVER": f"127.0.0.1:{cluster.api.port}",
    }
    return PodProcess(f"--config={GUIDE}", *given, account=folder / "account", env=env)


def up(receiver):
    """Of each target that was scraped: job, instance or service, and whether it was."""
    found = {}
    for labels, value in receiver.latest().items():
        one = dict(labels)
        if one["__name__"] == "up":
            found[one["job"], one.get("service", one["instance"])] = value
    return found


def test_the_guides_families_arrive(cluster, tmp_path):
    """Those of Kubecost, kube-state-metrics, cAdvisor and the node exporter, and ``up`` of each."""
    receiver = cluster.receiver
    with agent(tmp_path, cluster) as process:
        until(lambda: len(up(receiver)) == 5 or process.has_ended(), 20)
        process.terminate()
        assert process.wait() == 0, process.log
    endpoints_job, nodes_job = "kubernetes-service-endpoints", "kubernetes-nodes-cadvisor"
    assert up(receiver) == {
        (endpoints_job, "kube-state-metrics"): 1,
        (endpoints_job, "node-exporter"): 1,
        (endpoints_job, "model"): 1,
        (nodes_job, "node-1"): 1,
        (nodes_job, "node-2"): 1,
    }
    names = {dict(labels)["__name__"] for labels in receiver.series}
    assert names >= {
        "kube_pod_info", "node_load1", "pod_pvc_allocation", "pv_hourly_cost", "up",
        "kubecost_cluster_info", "node_total_hourly_cost", "container_cpu_usage_seconds_total",
    }  # fmt: skip
    assert names & {"go_goroutines", "scrape_duration_seconds"} == set()
    assert receiver.violations == []
    assert cluster.api.used == rights_in(RBAC.read_text())


def test_an_api_server_that_hangs_holds_up_no_end(cluster, tmp_path):
    """Whatever discovery waits for, the process ends when it is told to."""
    cluster.api.faults.extend([HANG] * 4)
    with agent(tmp_path, cluster) as process:
        until(lambda: len(cluster.api.requests) >= 4 or process.has_ended(), 20)
        process.terminate()
        assert process.wait() == 0, process.log
