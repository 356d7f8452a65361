"""What a simulated pod uses and costs in one hour, and how rows are made of such sums. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import add
from typing import Any, NamedTuple, Self

from otel_kubecost.testing.workloads import GIB, HOUR, Pod


class Price:
    """Of one hour, in the cluster's currency; of traffic, of a GiB sent."""

    CORE = 0.031611
    RAM_GIB = 0.004237
    GPU = 0.95
    DISK_GIB = 0.00005479
    LOAD_BALANCER = 0.025
    TRAFFIC_GIB = 0.09


class Costs(NamedTuple):
    """Everything of an allocation that adds up: over pods, and over time."""

    core_hours: float = 0.0
    core_hours_requested: float = 0.0
    core_hours_used: float = 0.0
    cpu: float = 0.0
    cpu_adjustment: float = 0.0
    ram_byte_hours: float = 0.0
    ram_byte_hours_requested: float = 0.0
    ram_byte_hours_used: float = 0.0
    ram: float = 0.0
    gpu_hours: float = 0.0
    gpu_hours_used: float = 0.0
    gpu: float = 0.0
    disk_byte_hours: float = 0.0
    disk: float = 0.0
    bytes_sent: float = 0.0
    network: float = 0.0
    load_balancer: float = 0.0

    def plus(self, other: Self) -> Costs:
        return Costs(*map(add, self, other))

    @property
    def total(self) -> float:
        return (
            self.cpu
            + self.cpu_adjustment
            + self.ram
            + self.gpu
            + self.disk
            + self.network
            + self.load_balancer
        )


def pod_costs(pod: Pod, start: int, end: int) -> Costs:
    """Of ``[start, end)``, which lies in one hour of the clock and in the life of ``pod``.

    As in Kubecost, a pod pays for what it asked for or for what it used, whichever is more.
    """
    what, hours = pod.workload, (end - start) / HOUR
    busy = pod.busy_at(start // HOUR)
    cores = hours * what.cpu * max(1.0, busy)
    ram = hours * what.ram * max(1.0, busy)
    sent = hours * what.traffic * busy
    balancer = what.load_balancer and pod.replica == 0
    return Costs(
        core_hours=cores,
        core_hours_requested=hours * what.cpu,
        core_hours_used=hours * what.cpu * busy,
        cpu=cores * Price.CORE,
        cpu_adjustment=-what.discount * cores * Price.CORE,
        ram_byte_hours=ram * GIB,
        ram_byte_hours_requested=hours * what.ram * GIB,
        ram_byte_hours_used=hours * what.ram * busy * GIB,
        ram=ram * Price.RAM_GIB,
        gpu_hours=hours * what.gpu,
        gpu_hours_used=hours * what.gpu * min(1.0, busy),
        gpu=hours * what.gpu * Price.GPU,
        disk_byte_hours=hours * what.disk * GIB,
        disk=hours * what.disk * Price.DISK_GIB,
        bytes_sent=sent * GIB,
        network=sent * Price.TRAFFIC_GIB,
        load_balancer=hours * Price.LOAD_BALANCER if balancer else 0.0,
    )


def disk_costs(gib: float, hours: float) -> Costs:
    """Of a volume alone."""
    return Costs(disk_byte_hours=hours * gib * GIB, disk=hours * gib * Price.DISK_GIB)


def idle_costs(capacity: Costs, allocated: Iterable[Costs]) -> Costs:
    """What nodes cost that no pod accounts for. Idle carries no adjustment."""
    used = sum_costs(allocated)
    return Costs(
        core_hours=capacity.core_hours - used.core_hours,
        cpu=capacity.cpu - used.cpu,
        ram_byte_hours=capacity.ram_byte_hours - used.ram_byte_hours,
        ram=capacity.ram - used.ram,
        gpu_hours=capacity.gpu_hours - used.gpu_hours,
        gpu=capacity.gpu - used.gpu,
    )


def sum_costs(parts: Iterable[Costs]) -> Costs:
    total = Costs()
    for part in parts:
        total = total.plus(part)
    return total


def row_fields(costs: Costs, hours: float) -> dict[str, Any]:
    """The numbers of an allocation row whose data spans ``hours``, rounded as Kubecost does."""
    cpu_efficiency = _ratio(costs.core_hours_used, costs.core_hours_requested)
    ram_efficiency = _ratio(costs.ram_byte_hours_used, costs.ram_byte_hours_requested)
    cpu = costs.cpu + costs.cpu_adjustment
    weighted = cpu * cpu_efficiency + costs.ram * ram_efficiency
    fields = {
        **_cpu(costs, hours, cpu_efficiency),
        **_gpu(costs, hours),
        **_network(costs),
        "loadBalancerCost": costs.load_balancer,
        "loadBalancerCostAdjustment": 0,
        "pvBytes": costs.disk_byte_hours / hours,
        "pvByteHours": costs.disk_byte_hours,
        "pvCost": costs.disk,
        "pvCostAdjustment": 0,
        **_ram(costs, hours, ram_efficiency),
        "externalCost": 0,
        "sharedCost": 0,
        "totalCost": costs.total,
        "totalEfficiency": _ratio(weighted, cpu + costs.ram),
    }
    return _rounded(fields)


def _cpu(costs: Costs, hours: float, efficiency: float) -> dict[str, float]:
    return {
        "cpuCores": costs.core_hours / hours,
        "cpuCoreRequestAverage": costs.core_hours_requested / hours,
        "cpuCoreUsageAverage": costs.core_hours_used / hours,
        "cpuCoreHours": costs.core_hours,
        "cpuCost": costs.cpu,
        "cpuCostAdjustment": costs.cpu_adjustment,
        "cpuCostIdle": 0,
        "cpuEfficiency": efficiency,
    }


def _ram(costs: Costs, hours: float, efficiency: float) -> dict[str, float]:
    return {
        "ramBytes": costs.ram_byte_hours / hours,
        "ramByteRequestAverage": costs.ram_byte_hours_requested / hours,
        "ramByteUsageAverage": costs.ram_byte_hours_used / hours,
        "ramByteHours": costs.ram_byte_hours,
        "ramCost": costs.ram,
        "ramCostAdjustment": 0,
        "ramCostIdle": 0,
        "ramEfficiency": efficiency,
    }


def _gpu(costs: Costs, hours: float) -> dict[str, Any]:
    device = {
        "gpuUsageAverage": round(costs.gpu_hours_used / hours, 5),
        "gpuRequestAverage": round(costs.gpu_hours / hours, 5),
        "isGPUShared": False,
    }
    return {
        "gpuCount": costs.gpu_hours / hours,
        "gpuHours": costs.gpu_hours,
        "gpuCost": costs.gpu,
        "gpuCostAdjustment": 0,
        "gpuCostIdle": 0,
        "gpuEfficiency": _ratio(costs.gpu_hours_used, costs.gpu_hours),
        "gpuAllocation": device if costs.gpu_hours_used else None,
    }


def _network(costs: Costs) -> dict[str, float]:
    """The parts are contained in ``networkCost``."""
    return {
        "networkTransferBytes": costs.bytes_sent,
        "networkReceiveBytes": costs.bytes_sent / 3,
        "networkCost": costs.network,
        "networkCrossZoneCost": costs.network * 0.2,
        "networkCrossRegionCost": 0,
        "networkInternetCost": costs.network * 0.8,
        "networkCostAdjustment": 0,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _rounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 5) if isinstance(value, float) else value
        for name, value in fields.items()
    }
