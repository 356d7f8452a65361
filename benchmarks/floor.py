"""The floor: an answer is received and decoded with msgspec into the fields that are used.

Nothing is computed, encoded or sent.
"""

from __future__ import annotations

import sys
import time
from http.client import HTTPConnection

import msgspec


class Properties(msgspec.Struct, gc=False):
    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None


class Row(msgspec.Struct, gc=False, rename="camel"):
    """What the guide's form needs of a row: three costs a pod, and those that a node may have."""

    total_cost: float | None = None
    cpu_cost: float | None = None
    cpu_cost_adjustment: float | None = None
    ram_cost: float | None = None
    ram_cost_adjustment: float | None = None
    gpu_cost: float | None = None
    gpu_cost_adjustment: float | None = None
    shared_cost: float | None = None
    external_cost: float | None = None
    start: str | None = None
    end: str | None = None
    properties: Properties | None = None


class Answer(msgspec.Struct):
    data: list[dict[str, Row | None] | None]


_decoder = msgspec.json.Decoder(Answer)
_PATH = "/model/allocation?window=24h&aggregate=cluster,namespace,pod,node"


def main(source: str, interval: str) -> None:
    connection = HTTPConnection(source.removeprefix("http://"))
    while True:
        time.sleep(float(interval) - time.time() % float(interval))
        connection.request("GET", _PATH)
        _decoder.decode(connection.getresponse().read())


if __name__ == "__main__":
    main(*sys.argv[1:])
