"""Targets and labels of each role, as ``discovery/kubernetes`` of Prometheus 2.42 has them."""

import pytest
from cluster_boards import odd_labels, of_pod, targets
from cluster_objects import address_of, container, endpoints, pod, service
from odd_cluster import ODD, odd_nodes, odd_pods, odd_services


def of_container(name, *, is_init=False, port=None, has_id=True):
    image = {"pod_container_name": name, "pod_container_image": "registry.example.com/app:1"}
    of_port = {
        f"pod_container_port_{key}": value
        for key, value in zip(("name", "number", "protocol"), port or (), strict=False)
        if value
    }
    identity = {"pod_container_id": f"containerd://{name}"} if has_id else {}
    return {
        **image,
        **of_port,
        **identity,
        "pod_container_init": "true" if is_init else "false",
    }


def test_a_pod_has_a_target_for_each_port():
    """Labels are of the pod and of the container; those without a value are not there."""
    plain = next(one for one in odd_pods() if one["metadata"]["name"] == "plain")
    of_all = {
        "namespace": "default",
        **of_pod("plain", "10.0.0.1"),
        "pod_controller_kind": "ReplicaSet",
        "pod_controller_name": "plain-5d4",
        **odd_labels("pod", "label"),
        **odd_labels("pod", "annotation"),
    }
    ports = [("http", "8080", "TCP"), ("", "9090", "TCP"), ("syslog", "514", "UDP")]
    assert targets("pod", pod=[plain]) == [
        {"__address__": f"10.0.0.1:{port[1]}", **of_all, **of_container("web", port=port)}
        for port in ports
    ]


def test_containers_without_ports_have_a_target_without_one():
    """Init containers are containers, with their own ids, of which there may be none yet."""
    found = pod("p", container("web"), init=[container("setup", ("x", 81))])
    of_all = {"namespace": "default", **of_pod("p", "10.0.0.1")}
    setup = of_container("setup", is_init=True, port=("x", "81", "TCP"), has_id=False)
    assert targets("pod", pod=[found]) == [
        {"__address__": "10.0.0.1", **of_all, **of_container("web")},
        {"__address__": "10.0.0.1:81", **of_all, **setup},
    ]


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("pending", []),
        ("evicted", []),
        ("empty", []),
        ("succeeded", ["10.0.0.4:80"]),
        ("portless", ["10.0.0.5", "10.0.0.5"]),
        ("with-init", ["10.0.0.6:80", "10.0.0.6", "10.0.0.6:81"]),
        ("six", ["[fd00::6]:80", "fd00::6"]),
        ("on-host", ["192.168.0.1:9100"]),
        ("same-port", ["10.0.0.10:80", "10.0.0.10:80"]),
    ],
)
def test_a_pod_is_where_its_address_is(name, addresses):
    """None without one; a pod that has ended is there for as long as the server has it."""
    found = [one for one in odd_pods() if one["metadata"]["name"] == name]
    assert [one["__address__"] for one in targets("pod", pod=found)] == addresses


@pytest.mark.parametrize(
    ("name", "ready", "phase"),
    [
        ("plain", "true", "Running"),
        ("unready", "false", "Running"),
        ("unknown", "unknown", "Running"),
        ("succeeded", "true", "Succeeded"),
    ],
)
def test_a_pod_says_how_it_is(name, ready, phase):
    """What is not known of it is unknown."""
    found = [one for one in odd_pods() if one["metadata"]["name"] == name]
    for one in targets("pod", pod=found):
        assert (one["pod_ready"], one["pod_phase"]) == (ready, phase)


def test_a_pod_may_have_the_labels_of_its_node():
    """Names, labels, and no annotations; nothing where the node is not known, or not asked for."""
    found = pod("p", container("web", 80), node="node-1")
    nodes = odd_nodes()
    (attached,) = targets("pod", with_node=True, pod=[found], node=nodes)
    (alone,) = targets("pod", pod=[found])
    assert attached == alone | {"node_name": "node-1"} | odd_labels("node", "label")
    stray = pod("p", container("web", 80), node="gone")
    (lost,) = targets("pod", with_node=True, pod=[stray], node=nodes)
    assert lost == alone | {"pod_node_name": "gone"}


def test_a_service_has_a_target_for_each_port():
    """At its name in the cluster, whatever its addresses."""
    of_all = {
        "namespace": "default",
        "service_name": "s",
        "service_type": "ClusterIP",
        "service_cluster_ip": "172.16.0.9",
        **odd_labels("service", "label"),
        **odd_labels("service", "annotation"),
    }
    found = service("s", ("http", 80), ("", 81), labels=ODD, annotations=ODD)
    assert targets("service", service=[found]) == [
        {
            "__address__": f"s.default.svc:{number}",
            **of_all,
            **({"service_port_name": name} if name else {}),
            "service_port_number": number,
            "service_port_protocol": "TCP",
        }
        for name, number in (("http", "80"), ("", "81"))
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("headless", {"type": "ClusterIP", "cluster_ip": "None"}),
        ("dual", {"type": "ClusterIP", "cluster_ip": "172.16.0.3"}),
        ("six", {"type": "NodePort", "cluster_ip": "fd00::4"}),
        ("outside", {"type": "ExternalName", "external_name": "example.com"}),
        (
            "balanced",
            {"type": "LoadBalancer", "cluster_ip": "172.16.0.5", "loadbalancer_ip": "192.0.2.1"},
        ),
        ("balanced-anywhere", {"type": "LoadBalancer", "cluster_ip": "172.16.0.6"}),
    ],
)
def test_a_service_says_of_what_type_it_is(name, expected):
    """Each type has labels of its own."""
    found = [one for one in odd_services() if one["metadata"]["name"] == name]
    (one,) = targets("service", service=found)
    kinds = ("type", "cluster_ip", "external_name", "loadbalancer_ip")
    assert {kind: one[f"service_{kind}"] for kind in kinds if f"service_{kind}" in one} == expected


def test_endpoints_have_labels_of_service_pod_and_container():
    """And the pod's other ports are targets as well, of which the endpoints say nothing."""
    found = pod("p", container("web", ("http", 8080), ("admin", 8081)), init=[container("i", 82)])
    there = endpoints("s", address_of(found), ports=[("named", 8080)], labels={"a": "b"})
    of_all = {
        "namespace": "default",
        "endpoints_name": "s",
        "endpoints_label_a": "b",
        "endpoints_labelpresent_a": "true",
        "service_name": "s",
        "service_annotation_x": "y",
        "service_annotationpresent_x": "true",
        **of_pod("p", "10.0.0.1"),
        "pod_container_name": "web",
        "pod_container_image": "registry.example.com/app:1",
        "pod_container_port_protocol": "TCP",
    }
    behind = service("s", ("named", 80), annotations={"x": "y"})
    assert targets("endpoints", endpoints=[there], service=[behind], pod=[found]) == [
        {
            "__address__": "10.0.0.1:8080",
            **of_all,
            "endpoint_port_name": "named",
            "endpoint_port_protocol": "TCP",
            "endpoint_ready": "true",
            "endpoint_node_name": "node-1",
            "endpoint_address_target_kind": "Pod",
            "endpoint_address_target_name": "p",
            "pod_container_port_name": "http",
            "pod_container_port_number": "8080",
        },
        {
            "__address__": "10.0.0.1:8081",
            **of_all,
            "pod_container_port_name": "admin",
            "pod_container_port_number": "8081",
        },
    ]


def test_endpoints_that_are_not_ready_are_targets_too():
    """An address of both kinds is two targets; relabelling tells them apart."""
    found = pod("p", container("web", 80))
    address = address_of(found, hostname="h")
    there = endpoints("s", address, not_ready=[address], ports=[("", 80)])
    both = targets("endpoints", endpoints=[there], pod=[found])
    assert [one["endpoint_ready"] for one in both] == ["true", "false"]
    assert [one["endpoint_hostname"] for one in both] == ["h", "h"]


def test_endpoints_outside_of_the_cluster_have_their_own_labels_alone():
    """Addresses that are no pods, or pods that nobody knows."""
    stranger = {"ip": "fd00::9", "targetRef": {"kind": "Pod", "namespace": "x", "name": "gone"}}
    there = endpoints("s", {"ip": "198.51.100.1"}, stranger, ports=[("", 443)])
    of_all = {
        "namespace": "default",
        "endpoints_name": "s",
        "endpoint_port_protocol": "TCP",
        "endpoint_ready": "true",
    }
    assert targets("endpoints", endpoints=[there]) == [
        {"__address__": "198.51.100.1:443", **of_all},
        {
            "__address__": "[fd00::9]:443",
            **of_all,
            "endpoint_address_target_kind": "Pod",
            "endpoint_address_target_name": "gone",
        },
    ]


def test_endpoints_may_have_the_labels_of_the_node():
    """Of the node that they say, or that they are (prometheus#12338)."""
    on_it = {"ip": "10.9.9.9", "nodeName": "node-2"}
    is_it = {"ip": "192.168.0.2", "targetRef": {"kind": "Node", "name": "node-2"}}
    there = endpoints("kubelet", on_it, is_it, {"ip": "10.9.9.8"}, ports=[("", 10250)])
    found = targets("endpoints", with_node=True, endpoints=[there], node=odd_nodes())
    assert [one.get("node_label_zone") for one in found] == ["b", "b", None]
    assert [one.get("node_name") for one in found] == ["node-2", "node-2", None]


def test_the_other_ports_of_a_pod_that_has_no_address_are_none():
    """Prometheus would scrape itself there."""
    found = pod("p", container("web", 80, 81), ip="")
    there = endpoints("s", {**address_of(pod("p")), "ip": "10.0.0.1"}, ports=[("", 80)])
    addresses = [one["__address__"] for one in targets("endpoints", endpoints=[there], pod=[found])]
    assert addresses == ["10.0.0.1:80"]
