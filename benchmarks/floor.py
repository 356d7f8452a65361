"""The floor: the same answers are received and decoded with msgspec into the fields that are used.

Nothing is computed, encoded or sent. There are two ways, ``at once`` and ``in windows`` of a
mebibyte, which are cut where a row begins::

    {"code":200,"data":[{"cluster-one/a":{..},"cluster-one/b":{..},"cluster-one/c":{.|.},"cluster..
                        {"cluster-one/a":{..},"cluster-one/b":{..}}{"cluster-one/c":{.|

The second way is the faster one, as a window stays in the processor's cache; it takes advantage of
knowing how the keys begin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple

import msgspec

from benchmarks.cluster import CLUSTER

_WINDOW = 1 << 20
_BETWEEN = f'}},"{CLUSTER}/'.encode()
_FIRST, _LAST = b'[{"', b"}]"
_OPEN, _CLOSE = b"{}"


class Properties(msgspec.Struct, gc=False):
    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    pod: str | None = None


class Row(msgspec.Struct, gc=False, rename="camel"):
    """What the guide's form needs of a pod: three costs, and those that its node may have."""

    total_cost: float | None = None
    cpu_cost: float | None = None
    cpu_cost_adjustment: float | None = None
    ram_cost: float | None = None
    ram_cost_adjustment: float | None = None
    gpu_cost: float | None = None
    gpu_cost_adjustment: float | None = None
    shared_cost: float | None = None
    external_cost: float | None = None
    properties: Properties | None = None


class NamespaceRow(Row, gc=False, rename="camel"):
    """Of a namespace it has all costs and efficiencies, and the hours that they are of."""

    start: str | None = None
    end: str | None = None
    pv_cost: float | None = None
    pv_cost_adjustment: float | None = None
    network_cost: float | None = None
    network_cost_adjustment: float | None = None
    network_cross_zone_cost: float | None = None
    network_cross_region_cost: float | None = None
    network_internet_cost: float | None = None
    load_balancer_cost: float | None = None
    load_balancer_cost_adjustment: float | None = None
    cpu_efficiency: float | None = None
    ram_efficiency: float | None = None
    total_efficiency: float | None = None


class Answer(msgspec.Struct):
    data: list[dict[str, Row]]


class NamespaceAnswer(msgspec.Struct):
    data: list[dict[str, NamespaceRow]]


class Decoders(NamedTuple):
    """Of an answer, and of some of its rows."""

    whole: msgspec.json.Decoder[Any]
    rows: msgspec.json.Decoder[Any]


_OF_PODS = Decoders(msgspec.json.Decoder(Answer), msgspec.json.Decoder(dict[str, Row]))
_OF_NAMESPACES = Decoders(
    msgspec.json.Decoder(NamespaceAnswer), msgspec.json.Decoder(dict[str, NamespaceRow])
)


def at_once(answer: HTTPResponse, decoders: Decoders) -> None:
    decoders.whole.decode(answer.read())


def in_windows(answer: HTTPResponse, decoders: Decoders) -> None:
    for window in _windows(answer):
        decoders.rows.decode(window)


def _windows(answer: HTTPResponse) -> Iterator[memoryview]:
    """JSON objects of whole rows; one is valid until the next is taken."""
    held = bytearray(_WINDOW)
    view = memoryview(held)
    filled = answer.readinto(view)
    kept = _moved(view, held.index(_FIRST) + 1, filled)
    while (read := answer.readinto(view[kept:])) > 0:
        filled = kept + read
        comma = held.rindex(_BETWEEN, 0, filled) + 1
        held[comma] = _CLOSE
        yield view[: comma + 1]
        held[comma] = _OPEN
        kept = _moved(view, comma, filled)
    yield view[: held.rindex(_LAST, 0, kept) + 1]


def _moved(view: memoryview, start: int, end: int) -> int:
    """To the beginning, whatever was there; how much that is."""
    view[: end - start] = view[start:end]
    return end - start


_WAYS: Mapping[str, Callable[[HTTPResponse, Decoders], None]] = {
    "at once": at_once,
    "in windows": in_windows,
}


def main(source: str, interval: str, way: str, *aggregates: str) -> None:
    receive = _WAYS[way]
    connection = HTTPConnection(source.removeprefix("http://"))
    while True:
        time.sleep(float(interval) - time.time() % float(interval))
        for aggregate in aggregates:
            connection.request("GET", f"/model/allocation?window=24h&aggregate={aggregate}")
            decoders = _OF_PODS if "pod" in aggregate.split(",") else _OF_NAMESPACES
            receive(connection.getresponse(), decoders)


if __name__ == "__main__":
    main(*sys.argv[1:])
