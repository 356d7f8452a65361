"""A cluster in which every kind of object is odd in some way."""

from __future__ import annotations

from cluster_objects import address_of, container, endpoints, node, pod, service

ODD = {
    "app.kubernetes.io/name": "shop",
    "a-b.c/d": 'dots, dashes; "quotes" \\ and\nlines',
    "empty": "",
    "ünï": "ü",
    "1st": "first",
}
"""Labels and annotations whose names are no label names of Prometheus."""


def controlled_by(kind, name):
    stranger = {"kind": "Node", "name": "no-controller"}
    return [stranger, {"kind": kind, "name": name, "controller": True}]


def odd_pods():
    web = container("web", ("http", 8080), ("", 9090), ("syslog", 514))
    web["ports"][2]["protocol"] = "UDP"
    return [
        pod(
            "plain", web, labels=ODD, annotations=ODD,
            ownerReferences=controlled_by("ReplicaSet", "plain-5d4"),
        ),
        pod("pending", container("web", 80), ip="", node=""),
        pod("evicted", container("web", 80), ip="", status={"phase": "Failed"}),
        pod("succeeded", container("job", 80), ip="10.0.0.4", status={"phase": "Succeeded"}),
        pod("portless", container("one"), container("two"), ip="10.0.0.5"),
        pod(
            "with-init", container("web", 80), ip="10.0.0.6",
            init=[container("setup"), container("copy", ("files", 81))],
        ),
        pod("six", container("web", ("http", 80)), container("bare"), ip="fd00::6"),
        pod(
            "on-host", container("agent", 9100), ip="192.168.0.1",
            spec={"hostNetwork": True}, namespace="monitoring",
        ),
        pod("unready", container("web", 80), ip="10.0.0.7", namespace="monitoring", status={
            "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": None,
        }),
        pod("unknown", container("web", 80), ip="10.0.0.8", status={"conditions": None}),
        pod("nowhere", container("web", 80), ip="10.0.0.9", node="gone"),
        pod("same-port", container("a", ("x", 80)), container("b", ("y", 80)), ip="10.0.0.10"),
        pod("empty", ip="10.0.0.11"),
        pod(
            "cost-analyzer-0", container("frontend", ("tcp-frontend", 9090)),
            container("cost-model", ("tcp-model", 9003)), namespace="kubecost", ip="10.3.0.1",
        ),
        pod("node-exporter-x", container("e", ("metrics", 9100)), ip="192.168.0.1"),
    ]  # fmt: skip


def annotated(**annotations):
    """What charts write at services that are to be scraped."""
    of_all = {"scrape": "true", **annotations}
    return {f"prometheus.io/{name}": value for name, value in of_all.items()}


def odd_services():
    return [
        service(
            "cost-analyzer", ("tcp-model", 9003), namespace="kubecost",
            annotations=annotated(port="9003", path="/model/metrics"),
        ),
        service("node-exporter", ("metrics", 9100), annotations=annotated(scheme="https")),
        service("shared", ("x", 80), annotations=annotated(scheme="gopher", port="http")),
        service("init", ("http", 80), annotations=annotated(scrape="false")),
        service("no-service", ("https", 10250), namespace="elsewhere", annotations=annotated()),
        service("plain", ("http", 80), labels=ODD, annotations=ODD),
        service("two-ports", ("http", 80), ("", 81), namespace="monitoring"),
        service("portless", spec={"type": "ClusterIP", "clusterIP": "172.16.0.1"}),
        service("headless", ("http", 80), spec={"type": "ClusterIP", "clusterIP": "None"}),
        service("dual", ("http", 80), spec={
            "type": "ClusterIP", "clusterIP": "172.16.0.3",
            "clusterIPs": ["172.16.0.3", "fd00::3"], "ipFamilyPolicy": "RequireDualStack",
        }),
        service("six", ("http", 80), spec={"type": "NodePort", "clusterIP": "fd00::4"}),
        service("outside", ("http", 443), spec={
            "type": "ExternalName", "externalName": "example.com",
        }),
        service("balanced", ("http", 80), spec={
            "type": "LoadBalancer", "clusterIP": "172.16.0.5", "loadBalancerIP": "192.0.2.1",
        }),
        service("balanced-anywhere", ("http", 80), spec={
            "type": "LoadBalancer", "clusterIP": "172.16.0.6",
        }),
    ]  # fmt: skip


def odd_endpoints():
    by_name = {found["metadata"]["name"]: found for found in odd_pods()}
    plain, six, host = by_name["plain"], by_name["six"], by_name["on-host"]
    external = {"ip": "198.51.100.1"}
    on_node = {"ip": "192.168.0.2", "targetRef": {"kind": "Node", "name": "node-2"}}
    stranger = {"ip": "198.51.100.2", "targetRef": {"kind": "Pod", "namespace": "default",
                "name": "no-such"}, "nodeName": "node-2"}  # fmt: skip
    return [
        endpoints("plain", address_of(plain), ports=[("http", 8080)], labels=ODD, annotations=ODD),
        endpoints(
            "two-ports", address_of(host, hostname="agent"), external,
            not_ready=[address_of(by_name["unready"])], ports=[("http", 80), ("", 81)],
            namespace="monitoring",
        ),
        endpoints("six", address_of(six), ports=[("http", 80)]),
        endpoints("no-service", external, on_node, stranger, ports=[("https", 10250)]),
        endpoints("all-not-ready", not_ready=[address_of(plain)], ports=[("http", 9090)]),
        endpoints("portless", address_of(plain), ports=[]),
        endpoints("shared", address_of(by_name["same-port"]), ports=[("x", 80)]),
        endpoints("init", address_of(by_name["with-init"]), ports=[("http", 80)]),
        endpoints(
            "cost-analyzer", address_of(by_name["cost-analyzer-0"]), namespace="kubecost",
            ports=[("tcp-model", 9003), ("tcp-frontend", 9090)],
        ),
        endpoints("node-exporter", address_of(by_name["node-exporter-x"]), ports=[("", 9100)]),
        {"metadata": {"name": "bare", "namespace": "default"}},
        {"metadata": {"name": "null", "namespace": "default"}, "subsets": None},
    ]  # fmt: skip


def odd_nodes():
    everything = {
        "Hostname": "node-2.local",
        "ExternalDNS": "node-2.example.com",
        "ExternalIP": "203.0.113.2",
        "InternalDNS": "node-2.internal",
        "InternalIP": "192.168.0.2",
    }
    return [
        node("node-1", labels=ODD, annotations=ODD),
        node("node-2", addresses=everything, labels={"zone": "b"}),
        node("six", ip="fd00::1"),
        node("named", addresses={"Hostname": "named.local"}),
        node("outside", addresses={"ExternalIP": "203.0.113.9", "ExternalDNS": "x.example.com"}),
        node("nowhere", addresses={}),
        node("twice", addresses=[("InternalIP", "192.168.0.7"), ("InternalIP", "fd00::7")]),
    ]
