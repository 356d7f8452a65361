"""An API server that says what nobody understands ends no discovery."""

import logging

import pytest
from cluster_objects import container, pod
from kubernetes_api import KubernetesApi
from kubernetes_following import addresses, following, until, until_known

from otel_kubecost.receivers.prometheus.discovery.kubernetes.watcher import Pace

A, B = (pod(name, container("web", 80), ip=f"10.0.0.{name}") for name in "12")
FIRST, SECOND = "10.0.0.1:80", "10.0.0.2:80"


@pytest.fixture
def api():
    with KubernetesApi() as running:
        running.put("pods", A)
        yield running


@pytest.fixture
def warnings(caplog):
    """What was said so far, from warnings on."""
    return lambda: [one.message for one in caplog.records if one.levelno >= logging.WARNING]


NONSENSE = (
    b"",
    b"<html>",
    b"null",
    b"[]",
    b'{"items": [{}]}',
    b'{"metadata": {"resourceVersion": 5}}',
    b'{"metadata": {}, "items": [{"metadata": {"name": "\xff"}}]}',
    b'{"metadata": {}, "items": [{"metadata": []}]}',
    b'{"metadata": {}, "items": ' + b"[" * 100_000,
    b'{"metadata": {"resourceVersion": "7"}, "items": [',
)


@pytest.mark.parametrize("body", NONSENSE)
def test_a_list_that_is_none_is_asked_for_again(api, warnings, body):
    """Whatever is behind the URL, it ends no discovery."""
    api.faults.extend([body] * 2)
    with following(api) as discovery:
        until_known(discovery, FIRST)
    (said,) = warnings()
    assert "is not understood" in said


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"{}",
        b'{"type": "ADDED"}',
        b'{"type": "ADDED", "object": null}',
        b'{"type": "ADDED", "object": {"metadata": {"name": 1}}}',
        b'{"type": "MODIFIED", "object": {"metadata": {"name": "\xc3\x28"}}}',
        b'{"type": "ERROR", "object": []}',
        b'{"type": "ERROR", "object": {"code": 500, "message": "etcd is gone"}}',
        b'{"type": "BOOKMARK", "object": 1}',
        b'{"type": "ADDED", "object": ' + b"[" * 100_000,
    ],
)
def test_a_watch_that_says_nonsense_is_begun_anew_with_a_list(api, line):
    """Something was said that nobody understood: only a list can tell what it was."""
    with following(api) as discovery:
        until_known(discovery, FIRST)
        api.wait_for_watches(1)
        api.say(line)
        until(lambda: api.count(watch=None) == 2)
        api.put("pods", B)
        until_known(discovery, FIRST, SECOND)


def test_a_server_that_always_says_nonsense_is_asked_ever_less(api, warnings):
    """It is said once, and what was listed stays."""
    pace = Pace(first=0.01, longest=60)
    with following(api, pace=pace) as discovery:
        for count in range(1, 6):
            api.wait_for_watches(count)
            api.say(b"nonsense")
        until(lambda: discovery.failure)
        assert addresses(discovery) == [FIRST]
    assert len(warnings()) == 1
