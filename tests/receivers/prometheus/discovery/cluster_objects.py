"""Objects of the Kubernetes API as it writes them, with much in them that discovery skips."""

from __future__ import annotations


def container(name, *ports, image="registry.example.com/app:1"):
    """``ports`` are numbers, or pairs of a name and a number."""
    named = [port if isinstance(port, tuple) else ("", port) for port in ports]
    described = [
        {"containerPort": number, "protocol": "TCP", **({"name": name} if name else {})}
        for name, number in named
    ]
    return {
        "name": name,
        "image": image,
        "resources": {"limits": {"cpu": "1"}},
        **({"ports": described} if described else {}),
    }


def pod(
    name,
    *containers,
    namespace="default",
    ip="10.0.0.1",
    node="node-1",
    init=(),
    spec=None,
    status=None,
    **metadata,
):
    """``spec`` and ``status`` have what is other than usual."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{name}",
            "creationTimestamp": None,
            **metadata,
        },
        "spec": {
            "nodeName": node,
            "volumes": [{"name": "v"}],
            "containers": list(containers),
            **({"initContainers": list(init)} if init else {}),
            **(spec or {}),
        },
        "status": {
            "phase": "Running",
            "hostIP": "192.168.0.1",
            **({"podIP": ip, "podIPs": [{"ip": ip}]} if ip else {}),
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
            "containerStatuses": [
                {"name": one["name"], "containerID": f"containerd://{one['name']}"}
                for one in containers
            ],
            **(status or {}),
        },
    }


def service(name, *ports, namespace="default", **metadata):
    spec = metadata.pop("spec", {"type": "ClusterIP", "clusterIP": "172.16.0.9"})
    return {
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "ports": [
                {"name": label, "port": number, "protocol": "TCP"} for label, number in ports
            ],
            **spec,
        },
    }


def address_of(found, **more):
    """The endpoint address of a pod."""
    metadata = found["metadata"]
    reference = {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"]}
    return {
        "ip": found["status"]["podIP"],
        "nodeName": found["spec"]["nodeName"],
        "targetRef": reference,
        **more,
    }


def endpoints(name, *addresses, ports, namespace="default", not_ready=(), **metadata):
    subset = {
        "addresses": list(addresses),
        "notReadyAddresses": list(not_ready),
        "ports": [{"name": label, "port": number, "protocol": "TCP"} for label, number in ports],
    }
    return {
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "subsets": [subset],
    }


def node(name, *, ip="192.168.0.1", port=10250, addresses=None, **metadata):
    """``addresses`` are pairs of type and address, or a mapping."""
    where = {"InternalIP": ip, "Hostname": name} if addresses is None else addresses
    pairs = where.items() if isinstance(where, dict) else where
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"providerID": f"aws:///eu-1/{name}", "podCIDR": "10.0.0.0/24"},
        "status": {
            "addresses": [{"type": sort, "address": value} for sort, value in pairs],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "images": [{"names": ["x"]}],
        },
    }
