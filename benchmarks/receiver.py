"""The receiver of remote write: takes everything at once, and looks at it when it is asked to.

    POST /write             kept as it came, answered 204
    GET /taken              how many requests, samples and bytes came since this was asked last
    GET /bodies             the bodies that the last ``/taken`` counted: 4 bytes length, body
    GET /wait?bytes=1000    whether a request of that size has come, or comes within two seconds

Samples are counted after the fact, so that the senders' cycles have both cores, and without
making messages of them.
"""

from __future__ import annotations

import sys
import threading
from functools import partial

import cramjam

from benchmarks.small_http import Reply, Request, as_json, serve

_SERIES = 0x0A
"""The tag of ``WriteRequest.timeseries``, field 1 with a length. Every series here has a sample."""


class Receiver:
    """Keeps what was written."""

    def __init__(self, groups: int) -> None:
        """``groups``: of so many ``/taken`` bodies are kept."""
        self._groups = groups
        self._arrived: list[bytes] = []
        self._kept: list[list[bytes]] = []
        self._changed = threading.Condition()

    def answer(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        if request.method == "POST":
            with self._changed:
                self._arrived.append(request.body)
                self._changed.notify_all()
            return Reply(204)
        if request.path == "/taken":
            return self._taken()
        if request.path == "/bodies":
            bodies = [body for group in self._kept for body in group]
            return Reply(200, b"".join(len(body).to_bytes(4, "big") + body for body in bodies))
        if request.path == "/wait":
            size = int(request.query["bytes"])
            with self._changed:
                return as_json(self._changed.wait_for(partial(self._has, size), 2))
        return Reply(404)

    def _has(self, size: int) -> bool:
        return any(len(body) >= size for body in self._arrived)

    def _taken(self) -> Reply:
        with self._changed:
            bodies, self._arrived = self._arrived, []
        self._kept = [*self._kept, bodies][-self._groups :]
        samples = sum(map(_samples, bodies))
        sizes = sum(map(len, bodies))
        return as_json({"requests": len(bodies), "samples": samples, "bytes": sizes})


def _samples(body: bytes) -> int:
    """How many series a request has; metadata, its other field, is passed over."""
    message = bytes(cramjam.snappy.decompress_raw(body))
    found = at = 0
    while at < len(message):
        found += message[at] == _SERIES
        length = shift = 0
        more = True
        while more:
            at += 1
            more = message[at] > 127
            length |= (message[at] & 127) << shift
            shift += 7
        at += 1 + length
    return found


if __name__ == "__main__":
    serve(int(sys.argv[2]), Receiver(int(sys.argv[1])).answer)
