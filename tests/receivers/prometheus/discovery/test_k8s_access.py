"""Who asks the API server: as the account of the pod, with its rights and no others."""

import pytest
from authority import Authority
from cluster_rights import RBAC, Right, rights_in
from kubernetes_api import TOKEN, KubernetesApi
from kubernetes_following import QUICK, addresses, following, until, until_known
from odd_cluster import odd_endpoints, odd_nodes, odd_pods, odd_services
from projected_volume import ProjectedVolume

from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.receivers.prometheus.discovery.kubernetes.access import access_to
from otel_kubecost.receivers.prometheus.discovery.kubernetes.discovery import KubernetesDiscovery
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import (
    READS,
    KubernetesSDConfig,
)

PLURALS = {"pod": "pods", "service": "services", "endpoints": "endpoints", "node": "nodes"}
CHOICES = [
    *((role, False) for role in READS),
    ("pod", True),
    ("endpoints", True),
    ("service", True),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


def fill(api):
    api.put("pods", *odd_pods())
    api.put("services", *odd_services())
    api.put("endpoints", *odd_endpoints())
    api.put("nodes", *odd_nodes())


def needed(role, with_node):
    """As the comment in rbac.yaml has it."""
    kinds = {*READS[role], *(["node"] if with_node and role in {"pod", "endpoints"} else [])}
    return {Right(verb, PLURALS[kind]) for kind in kinds for verb in ("list", "watch")}


@pytest.mark.parametrize(("role", "with_node"), CHOICES)
def test_each_role_asks_for_what_the_file_says_and_needs_it_all(role, with_node):
    """With these rights it finds everything; without any one of them it says which is missing."""
    rights = needed(role, with_node)
    metadata = {"node": with_node}
    with KubernetesApi(rights=rights) as api:
        fill(api)
        with following(api, role, attach_metadata=metadata) as discovery:
            until(discovery.groups)
            api.wait_for_watches(len(rights) // 2)
        assert api.used == rights
        for right in rights:
            api.rights = rights - {right}
            with following(api, role, attach_metadata=metadata) as discovery:
                missing = f"{right.what} is forbidden"
                until(lambda: missing in (discovery.failure or ""))  # noqa: B023  asked here


def test_all_roles_together_need_all_that_the_file_gives_for_discovery():
    """Nothing is allowed that nobody asks for."""
    of_roles = {right for role, with_node in CHOICES for right in needed(role, with_node)}
    given = {right for right in rights_in(RBAC.read_text()) if right.verb in {"list", "watch"}}
    assert given == of_roles


def account_of(folder, authority, token=TOKEN):
    return ProjectedVolume(
        folder,
        {"token": token, "ca.crt": authority.ca_file.read_bytes(), "namespace": "monitoring"},
    )


@pytest.fixture
def in_a_pod(monkeypatch):
    """Gives the address of the API server as a pod has it."""

    def at(api):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api.port))

    return at


def discovery_of(folder, **options):
    config = build_options(KubernetesSDConfig, {"role": "pod", **options})
    return KubernetesDiscovery(config, account=folder, pace=QUICK)


def test_a_pod_needs_no_line_of_configuration(authority, tmp_path, in_a_pod):
    """Address, CA, token and namespace are where Kubernetes puts them."""
    account_of(tmp_path / "account", authority)
    with KubernetesApi(tls=authority.issue("127.0.0.1")) as api:
        in_a_pod(api)
        fill(api)
        discovery = discovery_of(tmp_path / "account", namespaces={"own_namespace": True})
        discovery.start()
        until_known(discovery, "192.168.0.1:9100", "10.0.0.7:80")
        discovery.shutdown()
    assert {path for path, _ in api.requests} == {"/api/v1/namespaces/monitoring/pods"}


def test_a_token_is_read_again_when_it_is_renewed(authority, tmp_path, in_a_pod):
    """Kubernetes exchanges the file well before the old token ends; a new watch has the new one."""
    volume = account_of(tmp_path / "account", authority, "first")
    with KubernetesApi(tls=authority.issue("127.0.0.1"), token="first") as api:
        in_a_pod(api)
        discovery = discovery_of(tmp_path / "account")
        discovery.start()
        api.wait_for_watches(1)
        api.token = "second"
        api.end_watches()
        until(lambda: "answers 401" in (discovery.failure or ""))
        files = {"token": "second", "ca.crt": authority.ca_file.read_bytes(), "namespace": "x"}
        volume.write(files)
        api.put("pods", *odd_pods()[3:4])
        until_known(discovery, "10.0.0.4:80")
        assert discovery.failure is None
        assert api.count(watch=None) == 1
        discovery.shutdown()


def test_a_server_of_another_authority_gets_no_token(authority, tmp_path, in_a_pod):
    """Not a byte of a request."""
    account_of(tmp_path / "account", Authority(tmp_path / "other"))
    with KubernetesApi(tls=authority.issue("127.0.0.1")) as api:
        in_a_pod(api)
        discovery = discovery_of(tmp_path / "account")
        discovery.start()
        until(lambda: discovery.failure)
        discovery.shutdown()
        assert "certificate" in discovery.failure
        assert api.requests == []


@pytest.mark.parametrize("file", ["token", "ca.crt"])
def test_a_file_that_is_not_mounted_yet_is_waited_for(authority, tmp_path, in_a_pod, file):
    """The failure names it; once it is there, discovery goes on."""
    volume = account_of(tmp_path / "account", authority)
    there = {"token": TOKEN, "ca.crt": authority.ca_file.read_bytes()}
    volume.write({name: text for name, text in there.items() if name != file})
    with KubernetesApi(tls=authority.issue("127.0.0.1")) as api:
        in_a_pod(api)
        fill(api)
        discovery = discovery_of(tmp_path / "account")
        discovery.start()
        until(lambda: str(tmp_path / "account" / file) in (discovery.failure or ""))
        volume.write(there)
        until(lambda: addresses(discovery))
        discovery.shutdown()


def test_outside_of_a_cluster_an_api_server_has_to_be_named(tmp_path, monkeypatch):
    """The message says what there is to write."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match=r"KUBERNETES_SERVICE_HOST.*set api_server"):
        discovery_of(tmp_path).start()


def test_ones_own_namespace_has_to_be_known(authority, tmp_path, in_a_pod):
    """It is in a file of the account."""
    with KubernetesApi() as api:
        in_a_pod(api)
        with pytest.raises(ConfigError, match=r"own_namespace is not known.*write it into names"):
            discovery_of(tmp_path, namespaces={"own_namespace": True}).start()


@pytest.mark.parametrize(
    ("host", "expected"), [("10.96.0.1", "10.96.0.1"), ("fd00::1", "[fd00::1]")]
)
def test_an_address_of_version_6_has_brackets(tmp_path, host, expected):
    """As in every URL."""
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    config = build_options(KubernetesSDConfig, {"role": "pod"})
    assert access_to(config, environ, tmp_path).url == f"https://{expected}:443"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bearer_token_file": "/t"}, "bearer_token_file belong to an api_server"),
        ({"selectors": [{"role": "node"}]}, "role pod looks at no node"),
        ({"selectors": [{"role": "pod"}, {"role": "pod"}]}, "two selectors of one role"),
        ({"role": "ingress"}, "ingress"),
        ({"api_server": "kubernetes:443"}, "https://"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=message):
        build_options(KubernetesSDConfig, {"role": "pod", **options})
