"""Whether two senders' samples are the same, as a receiver of its own reads them: VictoriaMetrics.

Series are compared by all labels but those that Prometheus adds, values as far as the order of a
sum can change them.
"""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import urlencode

from benchmarks.cluster import Cluster
from benchmarks.processes import Process, fetch, free_port, wait_until_open

Series: TypeAlias = Mapping[str, float]
"""Values by labels, ``name=value`` in their order, one a line."""

OF_OBJECTS = '{__name__=~"cloudtuner_kubecost_(pod|namespace|node)_.+"}'
_ADDED = {"job", "instance"}


class Comparison(NamedTuple):
    same: int
    missing: int
    """Series that one of the two has not."""
    different: int
    """Series of both, with another value."""
    gone: int
    """Series of the second alone, of pods that the cluster has no more."""


def compare(ours: Series, theirs: Series, size: int) -> Comparison:
    """At generation 0 of a cluster of ``size`` pods; theirs may still have pods of later ones."""
    common = ours.keys() & theirs.keys()
    same = sum(math.isclose(ours[key], theirs[key], rel_tol=1e-12) for key in common)
    pods = {f"pod={pod.name}" for pod in Cluster(size, churn=0).pods}
    gone = sum(_is_of_a_pod_beside(pods, key) for key in theirs.keys() - common)
    missing = len(ours) + len(theirs) - 2 * len(common) - gone
    return Comparison(same, missing, len(common) - same, gone)


def _is_of_a_pod_beside(pods: Collection[str], key: str) -> bool:
    return any(label.startswith("pod=") and label not in pods for label in key.split("\n"))


def read_back(receiver: str, room: Path) -> Series:
    """What the receiver's last bodies say, written to a VictoriaMetrics and read from it."""
    bodies = list(_bodies(fetch(f"{receiver}/bodies")))
    url = f"http://127.0.0.1:{free_port()}"
    with Process(_victoria(url, room), room / "victoria.log") as victoria:
        wait_until_open(url, victoria)
        for body in bodies:
            _write(f"{url}/api/v1/write", body)
        fetch(f"{url}/internal/force_flush")
        lines = fetch(f"{url}/api/v1/export?{urlencode({'match[]': OF_OBJECTS})}").splitlines()
    return dict(filter(None, map(_newest, lines)))


def _newest(line: bytes) -> tuple[str, float] | None:
    """None where the series has ended."""
    found = json.loads(line)
    value = found["values"][-1]
    labels = [f"{name}={said}" for name, said in found["metric"].items() if name not in _ADDED]
    return None if value is None else ("\n".join(sorted(labels)), value)


def _victoria(url: str, room: Path) -> list[str]:
    address = url.removeprefix("http://")
    data = room / "victoria"
    return ["victoria-metrics", f"-storageDataPath={data}", f"-httpListenAddr={address}"]


def _bodies(joined: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(joined):
        end = at + 4 + int.from_bytes(joined[at : at + 4], "big")
        yield joined[at + 4 : end]
        at = end


def _write(url: str, body: bytes) -> None:
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(url, body, headers)
    urllib.request.urlopen(request, timeout=60).close()
