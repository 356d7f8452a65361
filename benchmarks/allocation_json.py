"""Rows of an allocation answer as OpenCost writes them: its fields, in its order, 2.2 kB a pod."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cluster import CLUSTER, Amounts, Pod, amounts, efficiency

START, END = "@@@window-starts-@@@", "@@@@window-ends-@@@@"
"""As long as a time; replaced by the window that is asked for."""
_UNIT = 100_000
HOURS = 24

_NUMBERS = (
    '"minutes":1440,"cpuCores":%(cores).5f,"cpuCoreRequestAverage":%(cores).5f,'
    '"cpuCoreLimitAverage":%(limit).5f,"cpuCoreUsageAverage":%(usage).5f,'
    '"cpuCoreHours":%(core_hours).5f,"cpuCost":%(cpu)s,"cpuCostAdjustment":%(cpu_adjustment)s,'
    '"cpuCostIdle":0,"cpuEfficiency":%(cpu_efficiency)s,"gpuCount":0,"gpuHours":0,"gpuCost":0,'
    '"gpuCostAdjustment":0,"gpuCostIdle":0,"gpuEfficiency":0,'
    '"networkTransferBytes":%(sent)d,"networkReceiveBytes":%(received)d,'
    '"networkCost":%(network)s,"networkCrossZoneCost":%(zone)s,'
    '"networkCrossRegionCost":%(region)s,"networkInternetCost":%(internet)s,'
    '"networkNatGatewayEgressCost":0,"networkNatGatewayIngressCost":0,'
    '"networkCostAdjustment":0,"loadBalancerCost":%(lb)s,"loadBalancerCostAdjustment":0,'
    '"pvBytes":%(volume)d,"pvByteHours":%(volume_hours)d,"pvCost":%(pv)s,"pvs":null,'
    '"pvCostAdjustment":0,"ramBytes":%(memory).5f,"ramByteRequestAverage":%(memory).5f,'
    '"ramByteLimitAverage":%(memory_limit)d,"ramByteUsageAverage":%(memory_usage).5f,'
    '"ramByteHours":%(memory_hours).5f,"ramCost":%(ram)s,"ramCostAdjustment":0,"ramCostIdle":0,'
    '"ramEfficiency":%(ram_efficiency)s,"externalCost":0,"sharedCost":0,"totalCost":%(total)s,'
    '"totalEfficiency":%(total_efficiency)s,"lbAllocations":null,"gpuAllocation":null}'
)
_ROW = (
    '"%(key)s":{"name":"%(key)s","properties":%(properties)s,'
    f'"window":{{"start":"{START}","end":"{END}"}},"start":"{START}","end":"{END}",' + _NUMBERS
)
_POD_PROPERTIES = (
    '{"cluster":"%(cluster)s","node":"%(node)s","controller":"%(app)s",'
    '"controllerKind":"deployment","namespace":"%(namespace)s","pod":"%(pod)s",'
    '"services":["%(app)s"],"providerID":"aws:///eu-central-1a/i-%(number)017x","labels":{'
    '"app":"%(app)s","app_kubernetes_io_instance":"%(app)s","app_kubernetes_io_managed_by":"Helm",'
    '"app_kubernetes_io_name":"%(app)s","app_kubernetes_io_version":"2.%(minor)d.0",'
    '"helm_sh_chart":"%(app)s-2.%(minor)d.0","kubernetes_io_metadata_name":"%(namespace)s",'
    '"node_kubernetes_io_instance_type":"m5.2xlarge","pod_template_hash":"%(number)010x",'
    '"team":"%(namespace)s","topology_kubernetes_io_zone":"eu-central-1a"}}'
)


def pod_row(pod: Pod, generation: int, dimensions: Sequence[str]) -> bytes:
    """``"key":{...}`` of a pod; the key has a name for each of ``dimensions``."""
    names = {"cluster": CLUSTER, "namespace": pod.namespace, "pod": pod.name, "node": pod.node}
    names |= {"controllerKind": "deployment", "controller": pod.app}
    said = {**names, "app": pod.app, "number": pod.number, "minor": pod.number % 17}
    key = "/".join(names[dimension] for dimension in dimensions)
    return _row(key, _POD_PROPERTIES % said, amounts(pod.number, generation), pod.number)


def namespace_row(name: str, costs: Amounts) -> bytes:
    properties = f'{{"cluster":"{CLUSTER}","namespace":"{name}"}}'
    return _row(f"{CLUSTER}/{name}", properties, costs, len(name) + costs.lb)


def idle_row(costs: Amounts, dimensions: Sequence[str]) -> bytes:
    """What nothing uses; it has CPU and memory alone."""
    spare = Amounts(costs.cpu // 4, costs.ram // 4, *([0] * (len(costs) - 2)))
    key = "/".join([CLUSTER, *["__idle__"] * (len(dimensions) - 1)])
    return _row(key, f'{{"cluster":"{CLUSTER}"}}', spare, 0)


def _row(key: str, properties: str, costs: Amounts, number: int) -> bytes:
    cores, memory = costs.cpu / 75_866, costs.ram / 10_169 * 2**30
    numbers = {name: amount / _UNIT for name, amount in costs._asdict().items()}
    ratios = [efficiency(number, which) / _UNIT for which in range(3)]
    names = ("cpu_efficiency", "ram_efficiency", "total_efficiency")
    return (
        _ROW
        % {
            "key": key,
            "properties": properties,
            **numbers,
            **dict(zip(names, ratios, strict=True)),
            "total": costs.total / _UNIT,
            "cores": cores,
            "limit": cores * 2,
            "usage": cores * ratios[0],
            "core_hours": cores * HOURS,
            "sent": costs.network * 37_511,
            "received": costs.network * 81_203,
            "volume": costs.pv * 131_072,
            "volume_hours": costs.pv * 131_072 * HOURS,
            "memory": memory,
            "memory_limit": memory * 2,
            "memory_usage": memory * ratios[1],
            "memory_hours": memory * HOURS,
        }
    ).encode()
