"""Misbehaviour on command, one fault a request, for every fake server here.

A fault is what a test writes in a script: a status, a status with headers, a whole ``Reply``, or a
function that spoils the reply that would have been given::

    kubecost.script([503, spa_page, hang, cut_after(100)])
    receiver.script([(429, {"Retry-After": "1"}), 503, 204])

A status or ``Reply`` above 299 stands instead of the work: a receiver stores nothing then. A
function gets the reply of work that was done: ``hang`` after a write is an answer that is lost.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from otel_kubecost.testing.exchange import Reply

Fault: TypeAlias = int | tuple[int, Mapping[str, str]] | Reply | Callable[[Reply], Reply]


class Script:
    """Faults in the order of the requests that they hit. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()

    def extend(self, faults: Iterable[Fault]) -> None:
        with self._lock:
            self._faults.extend(faults)

    def answer(self, work: Callable[[], Reply]) -> Reply:
        """The reply of ``work``, or what the next fault makes of it."""
        with self._lock:
            fault = self._faults.popleft() if self._faults else _no_fault
        if callable(fault):
            return fault(work())
        refusal = _reply(fault)
        if refusal.status > 299:
            return refusal
        done = work()
        return refusal if done.status <= 299 else done


def _no_fault(reply: Reply) -> Reply:
    return reply


def _reply(fault: int | tuple[int, Mapping[str, str]] | Reply) -> Reply:
    if isinstance(fault, Reply):
        return fault
    status, headers = (fault, {}) if isinstance(fault, int) else fault
    return Reply(status, f"scripted {status}\n".encode(), headers=headers)


def hang(reply: Reply) -> Reply:
    """The answer never comes; the connection stays open."""
    return replace(reply, hang=True)


def drip(seconds: float) -> Callable[[Reply], Reply]:
    """The body comes a byte at a time, ``seconds`` apart: no single read ever times out."""
    return lambda reply: replace(reply, drip=seconds)


def cut_after(size: int) -> Callable[[Reply], Reply]:
    """The connection closes after ``size`` bytes of the body."""
    return lambda reply: replace(reply, cut_after=size)


def gzipped(reply: Reply) -> Reply:
    """The body is compressed, as nginx in front of Kubecost does with long ones."""
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return replace(reply, body=gzip.compress(reply.body, mtime=0), headers=headers)


def login_redirect(_: Reply) -> Reply:
    """Single sign-on stands in front: a browser would be shown a form."""
    return Reply(302, b"Found\n", headers={"Location": "/login"})


def login_page(_: Reply) -> Reply:
    """A form with status 200, as proxies for single sign-on show it (kubecost docs, SAML)."""
    return Reply(200, LOGIN_PAGE, "text/html")


def legacy_error(_: Reply) -> Reply:
    """An error with status 200 (opencost ``router.go``, ``WrapData``)."""
    return _error(200, code=500, status="error", data=None, message="error computing allocation")


def error_code(_: Reply) -> Reply:
    """An error with status 200 that only ``code`` tells (skyhook-io/radar issue 1055)."""
    return _error(200, code=500, message="query failed")


def empty_set_error(_: Reply) -> Reply:
    """What OpenCost says when a set to accumulate has no data (openchoreo issue 4522)."""
    return _error(500, code=500, data=None, message=EMPTY_SET)


def saturated(_: Reply) -> Reply:
    """An aggregator with too much to do (containers-cost-allocation-dashboard issue 4)."""
    message = "acquiring max concurrency semaphore: context canceled"
    return _error(500, code=500, data=None, message=message)


def _error(http_status: int, /, **envelope: object) -> Reply:
    return Reply(http_status, json.dumps(envelope).encode(), "application/json")


def not_supported(_: Reply) -> Reply:
    """Kubecost 2's nginx at paths that its aggregator lacks (chart, frontend config map)."""
    return Reply(501, b"Aggregator does not support this endpoint.", "text/html")


def gateway_timeout(_: Reply) -> Reply:
    """Kubecost's nginx when the backend took 300 s (chart, ``frontend.timeoutSeconds``)."""
    return Reply(504, b"<html><body>The request timed out.</body></html>", "text/html")


def truncated_json(reply: Reply) -> Reply:
    """Half of the body, and a Content-Length to it: an aborted upstream behind a proxy."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def spa_page(_: Reply) -> Reply:
    """The page of the web interface with status 200: what Kubecost says on a wrong path."""
    return Reply(200, SPA_PAGE, "text/html")


SPA_PAGE = b"""<!doctype html>
<html lang="en"><head><title>Kubecost</title></head><body><div id="root"></div></body></html>
"""

LOGIN_PAGE = b"""<!doctype html>
<html><head><title>Sign in</title></head><body><form method="post" action="/login">
<input name="user"><input name="password" type="password"></form></body></html>
"""
EMPTY_SET = (
    "error accumulating by all: error accumulating all:AllocationSetRange has empty AssetSet"
    " in accumulation"
)
