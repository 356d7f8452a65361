"""The end of a discovery waits for nobody, and nothing comes after it."""

import gc
import logging
import threading
import weakref

import pytest
from cluster_objects import container, pod
from kubernetes_api import HANG, KubernetesApi
from kubernetes_following import addresses, following, until, until_known

A, B = (pod(name, container("web", 80), ip=f"10.0.0.{name}") for name in "12")
FIRST = "10.0.0.1:80"


@pytest.fixture
def api():
    with KubernetesApi() as running:
        running.put("pods", A)
        yield running


@pytest.fixture
def watching():
    """The threads of this test that watch."""
    before = set(threading.enumerate())
    return lambda: [one for one in set(threading.enumerate()) - before if "watch" in one.name]


def test_a_hanging_server_ends_with_the_process_not_before_it(api, watching):
    """Neither a list nor a watch that never comes back holds up whoever stops."""
    api.faults.append(HANG)
    with following(api) as discovery:
        until(lambda: api.requests)
        assert discovery.groups() == ()
    with following(api) as discovery:
        until_known(discovery, FIRST)
        api.wait_for_watches(1)
    assert [one.daemon for one in watching()] == [True, True]  # nobody has waited for them


def test_nothing_is_written_after_the_end(api):
    """Whoever has stopped does not see what a watch brings that was under way."""
    with following(api) as discovery:
        until_known(discovery, FIRST)
        api.wait_for_watches(1)
    api.put("pods", B)
    api.end_watches()
    until(lambda: not api._watches)
    assert addresses(discovery) == [FIRST]


def test_what_was_known_is_let_go_at_the_end(api):
    """A watch that is under way for a minute still does not hold thousands of pods."""
    with following(api) as discovery:
        until_known(discovery, FIRST)
        api.wait_for_watches(1)
        board = weakref.ref(discovery._boards[0])
    del discovery
    gc.collect()
    assert board() is None
    assert api._watches


def test_a_list_that_comes_after_the_end_is_followed_by_no_watch(api, watching):
    """The API server is asked nothing more."""
    with api._changed, following(api) as discovery:  # no list is answered meanwhile
        until(lambda: api.requests)
        discovery.shutdown()
    until(lambda: not watching())
    assert len(api.requests) == 1
    assert discovery.groups() == ()


def test_what_fails_after_the_end_is_no_news(api, watching, caplog):
    """The connection that hangs breaks off sometime; nobody reads of it."""
    caplog.set_level(logging.DEBUG, "otel_kubecost")
    api.faults.append(HANG)
    with following(api):
        until(lambda: api.requests)
    api.__exit__()
    until(lambda: not watching())
    assert caplog.records == []
    api.__enter__()
