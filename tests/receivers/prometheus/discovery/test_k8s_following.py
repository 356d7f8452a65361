"""What is known keeps up with an API server, whatever that does."""

import json
import logging

import pytest
from cluster_objects import container, endpoints, node, pod, service
from kubernetes_api import KubernetesApi
from kubernetes_following import QUICK, addresses, following, until, until_known

A, B, C = (pod(name, container("web", 80), ip=f"10.0.0.{name}") for name in "123")
ALL = {name: f"10.0.0.{name}:80" for name in "123"}


@pytest.fixture
def api():
    with KubernetesApi() as running:
        running.put("pods", A)
        yield running


@pytest.fixture
def warnings(caplog):
    """What was said so far, from warnings on."""
    caplog.set_level("INFO", "otel_kubecost")
    return lambda: [one.message for one in caplog.records if one.levelno >= logging.WARNING]


def test_objects_come_change_and_go(api):
    """Each event of a watch is in what is given next; groups without a change stay as they are."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        (first,) = discovery.groups()
        api.put("pods", B)
        until_known(discovery, ALL["1"], ALL["2"])
        assert discovery.groups()[0] is first
        api.put("pods", pod("2", container("web", 81), ip="10.0.0.2"))
        until_known(discovery, ALL["1"], "10.0.0.2:81")
        api.delete("pods", "default/1")
        until_known(discovery, "10.0.0.2:81")
        assert discovery.groups() is discovery.groups()


def test_nothing_is_listed_twice_while_watches_last(api):
    """A watch that ends in its time is followed by one from where it ended."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        for count in range(1, 4):
            api.wait_for_watches(count)
            api.end_watches()
        api.put("pods", B)
        until_known(discovery, ALL["1"], ALL["2"])
        assert api.count(watch=None) == 1


def test_bookmarks_are_where_the_next_watch_goes_on(api):
    """Without them a quiet kind would be too old to go on from."""
    with following(api) as discovery:
        api.wait_for_watches(1)
        api.bookmark()
        api.put("nodes", node("other"))  # a later version, of which this watch hears nothing
        until(lambda: api.end_watches() or api.opened["pods"] > 1)
        (first, *_, last) = (query for _, query in api.requests if "watch" in query)
        assert int(last["resourceVersion"]) == int(first["resourceVersion"]) + 1
        assert addresses(discovery) == [ALL["1"]]


def test_long_lists_come_in_pages():
    """What is asked for is 500 at once; versions and the rest are the server's."""
    web = container("web", 80)
    many = [pod(f"p{n}", web, ip=f"10.1.{n // 250}.{n % 250}") for n in range(1100)]
    with KubernetesApi() as api:
        api.put("pods", *many)
        with following(api) as discovery:
            until(lambda: len(addresses(discovery)) == 1100)
        limits = [query["limit"] for _, query in api.requests if "limit" in query]
        assert limits == ["500"] * 3


def test_a_list_that_expires_between_two_pages_is_begun_again():
    """Half a list is none."""
    with KubernetesApi(page_size=1) as api:
        api.put("pods", A, B)
        api.faults.extend([0, 410])
        with following(api) as discovery:
            until_known(discovery, ALL["1"], ALL["2"])
        assert [query.get("continue") is None for _, query in api.requests[:4]] == [
            True, False, True, False,
        ]  # fmt: skip


@pytest.mark.parametrize("how", ["in the middle", "at the beginning"])
def test_a_version_that_is_too_old_is_listed_again(api, warnings, how):
    """410: pods that came and went meanwhile are there and gone; nobody is told of a failure."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        if how == "in the middle":
            api.expire()
        api.replace_all("pods", B, C)
        api.end_watches()
        until_known(discovery, ALL["2"], ALL["3"])
        assert discovery.failure is None
    assert warnings() == []


def test_a_watch_that_breaks_off_goes_on(api, warnings):
    """What happened in between is not lost, and that is no news."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        api.end_watches(cut=True)
        api.put("pods", B)
        until_known(discovery, ALL["1"], ALL["2"])
        assert api.count(watch=None) == 1
    assert warnings() == []


def test_half_a_line_is_not_taken_for_an_event(api):
    """What a connection broke off in comes again, whole."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        line = json.dumps({"type": "DELETED", "object": A}).encode()
        for watch in list(api._watches):
            watch.lines.put((None, line[:-20]))
        api.end_watches(cut=True)
        api.put("pods", B)
        until_known(discovery, ALL["1"], ALL["2"])
        assert api.count(watch=None) == 1


def test_an_api_server_that_is_gone_keeps_the_targets(api, warnings):
    """They are scraped still, and it is said once why they may be old; then it is there again."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        api.__exit__()
        until(lambda: discovery.failure)
        assert addresses(discovery) == [ALL["1"]]
        until(lambda: "pods in all namespaces" in discovery.failure)
        api.put("pods", B)
        api.__enter__()
        until_known(discovery, ALL["1"], ALL["2"])
        until(lambda: discovery.failure is None)
    assert len(warnings()) == 1


def test_each_outage_is_said_and_its_end(api, caplog):
    """An end is where something was heard again; then one watch that breaks off is none."""
    caplog.set_level(logging.INFO, "otel_kubecost")
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        for count in range(1, 3):
            api.wait_for_watches(1)
            api.__exit__()
            until(lambda: discovery.failure)
            api.opened.clear()
            api.__enter__()
            api.wait_for_watches(1)
            api.bookmark()
            until(lambda: len(caplog.records) == 2 * count)  # noqa: B023  asked here
        api.end_watches(cut=True)
        for more in (B, C):
            api.put("pods", more)
        until_known(discovery, *ALL.values())
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 4
    assert said[1::2] == ["Kubernetes answers again about pods in all namespaces"] * 2
    assert all(one.startswith("Cannot watch pods in all namespaces: ") for one in said[::2])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_is_said_once_and_outlived(api, caplog, status):
    """Of many in a row the first is said, with what can be done about it where that is known."""
    api.faults.extend([status] * 4)
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        assert discovery.failure is None
    (said,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    assert f"the API server answers {status}: scripted {status}" in said.getMessage()
    assert api.token not in caplog.text


@pytest.mark.parametrize("status", [500, 504, 400])
def test_a_watch_that_is_refused_is_begun_with_a_list(api, status):
    """The version may be ahead of what the server knows: of an etcd that was restored."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        api.replace_all("pods", B)
        api.faults.append(status)
        api.end_watches()
        until_known(discovery, ALL["2"])


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503])
def test_a_server_that_is_busy_has_to_list_nothing(api, status):
    """Where the answer is about the server or the token, the version is as good as before."""
    with following(api) as discovery:
        until_known(discovery, ALL["1"])
        api.wait_for_watches(1)
        api.faults.extend([status] * 3)
        api.put("pods", B)
        api.end_watches()
        until_known(discovery, ALL["1"], ALL["2"])
        until(lambda: api.opened["pods"] > 1)
        assert api.count(watch=None) == 1


def test_nodes_are_in_no_namespace(api):
    """Namespaces are for other roles: nodes are there once."""
    api.put("nodes", node("a", ip="192.168.0.1"))
    with following(api, "node", namespaces={"names": ["x", "y"]}) as discovery:
        until_known(discovery, "192.168.0.1:10250")
    assert {path for path, _ in api.requests} == {"/api/v1/nodes"}


def test_endpoints_follow_services_pods_and_nodes(api):
    """Labels of a group change with each of the objects that they come from."""
    there = {"ip": "10.0.0.1", "nodeName": "node-1", "targetRef": {
        "kind": "Pod", "namespace": "default", "name": "1"}}  # fmt: skip
    api.put("endpoints", endpoints("web", there, ports=[("http", 80)]))

    def label(name):
        groups = discovery.groups()
        return [{**group.labels, **one}.get(name) for group in groups for one in group.targets]

    with following(api, "endpoints", attach_metadata={"node": True}) as discovery:
        until_known(discovery, ALL["1"])
        api.put("services", service("web", ("http", 80), annotations={"scrape": "true"}))
        until(lambda: label("__meta_kubernetes_service_annotation_scrape") == ["true"])
        api.put("pods", pod("1", container("web", 80), ip="10.0.0.1", labels={"tier": "x"}))
        until(lambda: label("__meta_kubernetes_pod_label_tier") == ["x"])
        api.put("nodes", node("node-1", labels={"zone": "a"}))
        until(lambda: label("__meta_kubernetes_node_label_zone") == ["a"])
        api.delete("nodes", "node-1")
        api.delete("services", "default/web")
        api.delete("pods", "default/1")
        gone = ("service_name", "pod_name", "node_name")
        until(lambda: all(label(f"__meta_kubernetes_{name}") == [None] for name in gone))
        assert addresses(discovery) == [ALL["1"]]


def test_namespaces_are_looked_at_one_by_one(api):
    """Only what is named is asked for, so that a Role in each is enough; nodes are in none."""
    api.put("pods", pod("x", container("web", 80), ip="10.2.0.1", namespace="x"))
    api.put("pods", pod("y", container("web", 80), ip="10.2.0.2", namespace="y"))
    names = {"names": ["x", "y", "x"]}
    with following(api, namespaces=names, attach_metadata={"node": True}) as discovery:
        until_known(discovery, "10.2.0.1:80", "10.2.0.2:80")
        api.wait_for_watches(3)
    assert {path for path, _ in api.requests} == {
        "/api/v1/namespaces/x/pods", "/api/v1/namespaces/y/pods", "/api/v1/nodes",
    }  # fmt: skip


def test_selectors_are_for_the_server(api):
    """It leaves out what nobody wants, in lists and in watches."""
    api.put("pods", pod("4", container("web", 80), ip="10.0.0.4", labels={"a": "b"}))
    selector = {"role": "pod", "label": "a=b", "field": "spec.nodeName=node-1"}
    with following(api, selectors=[selector]) as discovery:
        until_known(discovery, "10.0.0.4:80")
        api.wait_for_watches(1)
        more = {"labels": {"a": "b"}}
        api.put("pods", pod("5", container("web", 80), ip="10.0.0.5", node="node-2", **more))
        api.put("pods", pod("6", container("web", 80), ip="10.0.0.6", **more))
        until_known(discovery, "10.0.0.4:80", "10.0.0.6:80")


def test_nothing_is_given_before_everything_was_listed(api):
    """Targets without the labels of their services would be dropped, or be others."""
    api.put("endpoints", endpoints("web", {"ip": "10.0.0.1"}, ports=[("http", 80)]))
    api.rights = {right for right in api.rights if right.what != "services"}
    with following(api, "endpoints", pace=QUICK) as discovery:
        until(lambda: discovery.failure)
        assert discovery.groups() == ()
        assert "services is forbidden" in discovery.failure
