"""What a role makes of objects, without a server."""

from __future__ import annotations

import json

from odd_cluster import ODD, odd_endpoints, odd_nodes, odd_pods, odd_services

from otel_kubecost.receivers.prometheus.discovery.kubernetes.board import Board
from otel_kubecost.receivers.prometheus.discovery.kubernetes.kinds import KINDS
from otel_kubecost.receivers.prometheus.discovery.kubernetes.roles import rules_of

META = "__meta_kubernetes_"
EVERYTHING = {
    "pod": odd_pods,
    "service": odd_services,
    "endpoints": odd_endpoints,
    "node": odd_nodes,
}


def board_of(role, *, with_node=False, **objects):
    """What a role knows of these objects, by their kinds."""
    rules = rules_of(role, with_node=with_node)
    board = Board(rules)
    for kind in rules.reads:
        page = {"metadata": {}, "items": objects.get(kind, [])}
        board.list(kind, KINDS[kind].page(json.dumps(page).encode()).objects)
    return board


def targets(role, **objects):
    """Labels of each target, those of its group among them, without the prefix."""
    return [
        {name.removeprefix(META): value for name, value in {**group.labels, **one}.items()}
        for group in board_of(role, **objects).groups()
        for one in group.targets
    ]


def odd_labels(kind, sort):
    names = {
        "app_kubernetes_io_name": ODD["app.kubernetes.io/name"],
        "a_b_c_d": ODD["a-b.c/d"],
        "_n_": "ü",
        "1st": "first",
    }
    present = dict.fromkeys([*names, "empty"], "true")
    return {f"{kind}_{sort}_{name}": value for name, value in names.items()} | {
        f"{kind}_{sort}present_{name}": value for name, value in present.items()
    }


def of_pod(name, ip, **more):
    """What every target of such a pod has."""
    return {
        "pod_name": name,
        "pod_ip": ip,
        "pod_ready": "true",
        "pod_phase": "Running",
        "pod_node_name": "node-1",
        "pod_host_ip": "192.168.0.1",
        "pod_uid": f"uid-of-{name}",
        **more,
    }
