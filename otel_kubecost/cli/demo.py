"""``otel-kubecost demo``: the whole chain in one process, with nothing else installed.

A simulated Kubecost on a fast clock, the real pipeline from a real configuration, and a receiver
that enforces remote write and stores what it gets. What is shown is what the receiver has stored.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from otel_kubecost.cli.demo_view import Snapshot, frame
from otel_kubecost.cli.screen import Screen
from otel_kubecost.clock import floor_mark
from otel_kubecost.config.environment import environment
from otel_kubecost.service import Service
from otel_kubecost.testing import (
    RemoteWriteReceiver,
    ScaledClock,
    SimulatedCluster,
    SimulatedKubecost,
)

CLUSTER, ACCOUNT, USER, PASSWORD = "demo-cluster", "demo-account", "kubecost", "demo"
PLAIN_SECONDS = 10.0
"""How long the demo lasts where it is not watched on a terminal."""
DAY, NOON = 86_400, 43_200
DAYS_BACK = 30
"""Simulated time starts so long ago: it may run fast for days without passing the present.

At noon, whatever the time is: it is the hour of the day at which pods come and go in sight.
"""
KEPT_HOURS = 3
"""What the receiver keeps, in simulated time: enough for the last events."""
KEPT_SECONDS = 5.0
"""What it keeps at least, in real time: on a busy machine samples may be late by seconds."""
REDRAW_EVERY, PRINT_EVERY = 0.5, 3.0
_DRAIN = 5.0


@click.command(short_help="Show the whole chain at work, with nothing else installed.")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End after so many seconds. Default: until Ctrl-C; 10 where the output is no terminal.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=1, max=7200),
    default=600.0,
    show_default=True,
    help="How much faster than real time the simulated cluster lives.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed: other pods.")
@click.option("--no-color", is_flag=True, help="No colours; the variable NO_COLOR says the same.")
@click.pass_context
def demo(
    context: click.Context, duration: float | None, speed: float, seed: int, no_color: bool
) -> None:
    """Show the whole chain at work: a simulated Kubecost, the pipeline, a receiver."""
    terminal = environment()
    screen = Screen(
        sys.stdout,
        live=sys.stdout.isatty() and terminal.get("TERM") != "dumb",
        colour=not no_color and not terminal.get("NO_COLOR"),
    )
    if duration is None and not screen.is_live:
        duration = PLAIN_SECONDS
    context.exit(run_demo(screen, duration, speed=speed, seed=seed))


def run_demo(screen: Screen, duration: float | None, *, speed: float = 600.0, seed: int = 0) -> int:
    """Run for ``duration`` seconds, or until Ctrl-C; the exit code.

    That is 0 where samples came and none was refused, else 1.
    """
    clock = ScaledClock(floor_mark(time.time(), DAY) - DAYS_BACK * DAY + NOON, speed)
    with (
        SimulatedKubecost(SimulatedCluster(seed, CLUSTER), clock) as kubecost,
        RemoteWriteReceiver(
            clock=clock,
            account_id=ACCOUNT,
            basic_auth=(USER, PASSWORD),
            retention=_kept(speed),
        ) as receiver,
    ):
        with _running(_config(kubecost.url, receiver.endpoint), clock):
            _watch(screen, kubecost, receiver, clock, duration)
        return _conclude(receiver)


def _kept(speed: float) -> float:
    """Simulated seconds."""
    return max(KEPT_HOURS * 3600, KEPT_SECONDS * speed)


def _config(kubecost: str, receiver: str) -> dict[str, Any]:
    """What a user would write in a file. Intervals are simulated time."""
    return {
        "receivers": {
            "kubecost": {
                "endpoint": kubecost,
                "tenant_id": ACCOUNT,
                "cluster_name": CLUSTER,
                "levels": ["cluster", "namespace", "pod"],
                "window": "1h",
                "collection_interval": "10m",
                "emit_interval": "5m",
            }
        },
        "processors": {"cardinality_limit": {"top_n_pods": 30}},
        "exporters": {
            "prometheus_remote_write": {
                "endpoint": receiver,
                "headers": {"Cloud-Account-Id": ACCOUNT},
                "basic_auth": {"username": USER, "password": PASSWORD},
            }
        },
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": ["kubecost"],
                    "processors": ["cardinality_limit"],
                    "exporters": ["prometheus_remote_write"],
                }
            }
        },
    }


@contextmanager
def _running(config: dict[str, Any], clock: ScaledClock) -> Iterator[None]:
    service = Service.from_mapping(config, clock=clock)
    service.start()
    try:
        yield
    finally:
        service.shutdown(timeout_millis=_DRAIN * 1000)


def _watch(
    screen: Screen,
    kubecost: SimulatedKubecost,
    receiver: RemoteWriteReceiver,
    clock: ScaledClock,
    duration: float | None,
) -> None:
    """Draw frames until the time is over or somebody has seen enough."""
    pause = REDRAW_EVERY if screen.is_live else PRINT_EVERY
    try:
        receiver.wait_for(_has_costs, timeout=pause)
        end = math.inf if duration is None else time.monotonic() + duration
        while (left := end - time.monotonic()) > 0:
            screen.draw(frame(_snapshot(kubecost, receiver, clock), *screen.size))
            time.sleep(min(pause, left))
    except KeyboardInterrupt:
        return


def _has_costs(receiver: RemoteWriteReceiver) -> bool:
    return any(dict(labels)["__name__"].endswith("_cost") for labels in receiver.series)


def _snapshot(
    kubecost: SimulatedKubecost, receiver: RemoteWriteReceiver, clock: ScaledClock
) -> Snapshot:
    return Snapshot(
        time=clock.time(),
        speed=clock.speed,
        queries=kubecost.request_count,
        requests=receiver.request_count,
        samples=receiver.sample_count,
        violations=len(receiver.violations),
        values=receiver.latest(lookback=_kept(clock.speed)),
        series=receiver.series,
    )


def _conclude(receiver: RemoteWriteReceiver) -> int:
    violations = receiver.violations
    click.echo(
        f"received {receiver.sample_count} samples in {receiver.request_count} requests,"
        f" {len(violations)} violations of the protocol"
    )
    for text in violations[:5]:
        click.echo(f"violation: {text}", err=True)
    if not receiver.sample_count:
        click.echo("nothing arrived; give it longer with --duration", err=True)
    return 1 if violations or not receiver.sample_count else 0
