"""The service: shared components, reloads that lose nothing, an end that nobody holds up."""

import threading
import urllib.request

import pytest
from peers import wait_until

from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.service import Service
from otel_kubecost.testing import FakeClock, FakeKubecost, RemoteWriteReceiver, hang, is_stale

NOW = 1_790_000_000.0
DAY = {"start": "2026-09-20T00:00:00Z", "end": "2026-09-21T00:00:00Z"}
ANSWER = {"code": 200, "data": [{"one/shop": {**DAY, "totalCost": 24.0, "cpuCost": 24.0}}]}
TOTAL = "cloudtuner_kubecost_namespace_total_cost"


def settings(kubecost, receiver, **receiver_options):
    """A configuration as data, with one pipeline from ``kubecost`` to ``receiver``."""
    options = {
        "endpoint": kubecost.url,
        "tenant_id": "t",
        "cluster_name": "c",
        "timeout": "60s",
        "currency": "USD",  # else Kubecost is asked, too
    }
    return {
        "receivers": {"kubecost": options | receiver_options},
        "exporters": {"prometheus_remote_write": {"endpoint": receiver.endpoint}},
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["kubecost"], "exporters": ["prometheus_remote_write"]}
            }
        },
    }


def checked(mapping):
    return parse_config(ConfMap(mapping), builtin_factories())


def stored(receiver, name=TOTAL):
    """Points of the metric by their labels."""
    return {
        labels: points for labels, points in receiver.series.items() if ("__name__", name) in labels
    }


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def kubecost():
    with FakeKubecost(ANSWER) as server:
        yield server


def next_mark(clock):
    assert clock.wait_for_waiters()
    clock.advance(60)


def test_pipelines_that_share_components_do_not_bury_each_other(kubecost, clock):
    """Two pipelines with one receiver, one push and one page, each with a part of the metrics:
    Kubecost is asked once, nothing is marked stale, and the page has both parts once."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        mapping = settings(kubecost, receiver)
        mapping["processors"] = {
            f"cardinality_limit/{level}": {"metric_allowlist": [f".*_{level}_.*"]}
            for level in ("cluster", "namespace")
        }
        mapping["exporters"]["prometheus"] = {"endpoint": "127.0.0.1:0"}
        mapping["service"]["pipelines"] = {
            f"metrics/{level}": {
                "receivers": ["kubecost"],
                "processors": [f"cardinality_limit/{level}"],
                "exporters": ["prometheus_remote_write", "prometheus"],
            }
            for level in ("cluster", "namespace")
        }
        service = Service(checked(mapping), clock=clock)
        service.start()
        for _ in range(3):
            assert clock.wait_for_waiters(2)
            clock.advance(60)
        assert clock.wait_for_waiters(2)
        page = service.pipelines[0].exporters[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{page.address.port}/metrics") as got:
            lines = got.read().decode().splitlines()
        service.shutdown()
        assert receiver.violations == []
        points = [point for of_series in receiver.series.values() for point in of_series]
        assert not any(is_stale(value) for _, value in points)
        assert len(kubecost.requests) == 3
    samples = [line for line in lines if not line.startswith("#")]
    assert len({line.split(" ")[0] for line in samples}) == len(samples)
    assert any("_cluster_total_cost" in line for line in samples)
    assert any("_namespace_total_cost" in line for line in samples)


def reloading(mapping, clock):
    """A service that has started, and a function that gives it another configuration."""
    configs = [checked(mapping)]
    service = Service(configs[0], clock=clock, reload=lambda: configs[-1])
    service.start()

    def reload(changed):
        configs.append(checked(changed))
        return service._reconfigure()

    return service, reload


def test_credentials_mended_by_a_reload_lose_nothing(kubecost, clock):
    """What was held because of a wrong password is sent with the right one, in its order."""
    with RemoteWriteReceiver(clock=clock, basic_auth=("kubecost", "right")) as receiver:
        mapping = settings(kubecost, receiver)
        write = mapping["exporters"]["prometheus_remote_write"]
        write["basic_auth"] = {"username": "kubecost", "password": "wrong"}
        service, reload = reloading(mapping, clock)
        for _ in range(3):
            assert clock.wait_for_waiters(2)  # the pipeline, and the queue that holds its data
            clock.advance(60)
        assert clock.wait_for_waiters(2)
        assert stored(receiver) == {}
        write["basic_auth"] = {"username": "kubecost", "password": "right"}
        assert reload(mapping)
        next_mark(clock)
        wait_until(lambda: len(next(iter(stored(receiver).values()), [])) >= 4)
        service.shutdown()
        (points,) = stored(receiver).values()
    times = [at for at, _ in points]
    first = int(NOW // 60 * 60) * 1000
    assert times[:4] == [first + 60_000 * step for step in range(4)]


def test_a_cluster_renamed_by_a_reload_ends_its_old_series(kubecost, clock):
    """Both names at once would double every sum; the agent's own series end as well."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        mapping = settings(kubecost, receiver)
        service, reload = reloading(mapping, clock)
        next_mark(clock)
        assert clock.wait_for_waiters()
        mapping["receivers"]["kubecost"]["cluster_name"] = "renamed"
        assert reload(mapping)
        next_mark(clock)
        assert clock.wait_for_waiters()
        service.shutdown()
        alive = {dict(labels)["cluster"] for labels in receiver.latest()}
        assert receiver.violations == []
    assert alive == {"renamed"}


def test_a_reload_that_cannot_start_leaves_everything_as_it_was(kubecost, clock):
    """Cases 65 and 67: a port in use is found at the start; the old configuration goes on with its
    queue."""
    with RemoteWriteReceiver(clock=clock) as receiver, FakeKubecost(ANSWER) as other:
        mapping = settings(kubecost, receiver)
        service, reload = reloading(mapping, clock)
        next_mark(clock)
        port = other.url.rpartition(":")[2]
        changed = settings(kubecost, receiver)
        changed["exporters"]["prometheus"] = {"endpoint": f"127.0.0.1:{port}"}
        changed["service"]["pipelines"]["metrics"]["exporters"].append("prometheus")
        assert not reload(changed)
        next_mark(clock)
        assert clock.wait_for_waiters()
        service.shutdown()
        (points,) = stored(receiver).values()
        assert receiver.violations == []
    assert len({at for at, _ in points}) == 3


def test_a_kubecost_that_hangs_does_not_hold_up_the_end(kubecost, clock):
    """Case 57: what waits is sent at once; the query under way is left behind."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        service = Service(checked(settings(kubecost, receiver)), clock=clock)
        service.start()
        assert clock.wait_for_waiters()
        kubecost.script([hang])
        asked = len(kubecost.requests)
        clock.advance(120)
        wait_until(lambda: len(kubecost.requests) > asked)
        ended = threading.Thread(target=service.shutdown)
        ended.start()
        ended.join(15)
        assert not ended.is_alive()
        assert len(stored(receiver)) == 1


def two_pipelines(kubecost, receiver, **limits):
    """One receiver and one push, in two pipelines with a cardinality_limit each."""
    mapping = settings(kubecost, receiver, levels=["pod"])
    mapping["processors"] = {f"cardinality_limit/{name}": each for name, each in limits.items()}
    mapping["service"]["pipelines"] = {
        f"metrics/{name}": {
            "receivers": ["kubecost"],
            "processors": [f"cardinality_limit/{name}"],
            "exporters": ["prometheus_remote_write"],
        }
        for name in limits
    }
    return mapping


def test_pipelines_get_the_same_batches_for_a_mark_whatever_the_source_does(kubecost, clock):
    """A Kubecost that fails is asked once a mark, and both pipelines say the same of it."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        kubecost.script([500] * 20)
        mapping = two_pipelines(kubecost, receiver, one={}, two={})
        service = Service(checked(mapping), clock=clock)
        service.start()
        for _ in range(3):
            assert clock.wait_for_waiters(2)
            clock.advance(60)
        assert clock.wait_for_waiters(2)
        service.shutdown()
        assert receiver.violations == []
        (points,) = stored(receiver, "cloudtuner_kubecost_exporter_scrape_errors_total").values()
    assert [value for _, value in points] == [1, 2, 3, 4]


def test_a_series_that_another_pipeline_still_has_does_not_end(kubecost, clock):
    """A pod that falls out of one pipeline's top one is in the other's top two."""

    def pods(first, second):
        rows = {
            "one/shop/a": {**DAY, "totalCost": first},
            "one/shop/b": {**DAY, "totalCost": second},
        }
        return {"code": 200, "data": [rows]}

    with RemoteWriteReceiver(clock=clock) as receiver:
        kubecost.answer(pods(48.0, 24.0))
        limits = {
            "one": {"top_n_pods": 1, "other": "drop"},
            "two": {"top_n_pods": 2, "other": "drop"},
        }
        service = Service(checked(two_pipelines(kubecost, receiver, **limits)), clock=clock)
        service.start()
        for _ in range(4):
            assert clock.wait_for_waiters(2)
            kubecost.answer(pods(24.0, 48.0))
            clock.advance(60)
        assert clock.wait_for_waiters(2)
        service.shutdown()
        found = stored(receiver, "cloudtuner_kubecost_pod_total_cost")
        assert receiver.violations == []
    assert len(found) == 2
    assert not any(is_stale(value) for points in found.values() for _, value in points)


def page_of(service):
    (page,) = [one for one in service.pipelines[0].exporters if hasattr(one, "address")]
    with urllib.request.urlopen(f"http://127.0.0.1:{page.address.port}/metrics") as got:
        lines = got.read().decode().splitlines()
    return [line for line in lines if line.startswith("cloudtuner_")]


def test_a_reload_keeps_the_page_and_the_last_good_answer(kubecost, clock):
    """Whatever else changed: a scrape between reload and next mark finds the series, and a Kubecost
    that is down just then ends nothing."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        mapping = settings(kubecost, receiver)
        mapping["exporters"]["prometheus"] = {"endpoint": "127.0.0.1:0"}
        mapping["service"]["pipelines"]["metrics"]["exporters"].append("prometheus")
        service, reload = reloading(mapping, clock)
        assert clock.wait_for_waiters()
        before = page_of(service)
        kubecost.script([500] * 20)
        mapping["exporters"]["prometheus_remote_write"]["queue_config"] = {"capacity": 1000}
        assert reload(mapping)
        assert page_of(service) == before
        for _ in range(3):
            next_mark(clock)
        assert clock.wait_for_waiters()
        after = page_of(service)
        service.shutdown()
        (points,) = stored(receiver).values()
        assert receiver.violations == []
    assert any("_namespace_total_cost{" in line for line in after)
    assert [value for _, value in points] == [1.0] * 4


def test_what_a_reload_removes_ends_at_its_second_mark(kubecost, clock):
    """A receiver that is gone never comes again to say that its series have ended."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        mapping = settings(kubecost, receiver)
        service, reload = reloading(mapping, clock)
        next_mark(clock)
        assert clock.wait_for_waiters()
        options = mapping["receivers"].pop("kubecost")
        mapping["receivers"]["kubecost/new"] = {**options, "cluster_name": "new"}
        mapping["service"]["pipelines"]["metrics"]["receivers"] = ["kubecost/new"]
        assert reload(mapping)
        for _ in range(2):
            next_mark(clock)
        assert clock.wait_for_waiters()
        service.shutdown()
        alive = {dict(labels)["cluster"] for labels in receiver.latest()}
        assert receiver.violations == []
    assert alive == {"new"}


def test_an_exporter_that_is_removed_holds_up_nobody_and_goes_on_sending(kubecost, clock):
    """Its endpoint is busy at the reload: the others have every mark, and its data still leaves."""
    with RemoteWriteReceiver(clock=clock) as receiver, RemoteWriteReceiver(clock=clock) as removed:
        removed.script([(503, {"Retry-After": "90"})])
        mapping = settings(kubecost, receiver)
        mapping["exporters"]["prometheus_remote_write/removed"] = {"endpoint": removed.endpoint}
        exporters = mapping["service"]["pipelines"]["metrics"]["exporters"]
        exporters.append("prometheus_remote_write/removed")
        service, reload = reloading(mapping, clock)
        assert removed.wait_for(1)
        assert clock.wait_for_waiters(2)
        exporters.pop()
        assert reload(mapping)
        for _ in range(2):
            assert clock.wait_for_waiters(2)
            clock.advance(60)
        wait_until(lambda: stored(removed))
        service.shutdown()
        (points,) = stored(receiver).values()
    assert len(points) == 3


def test_a_reload_may_give_the_storage_more_room(kubecost, clock, tmp_path):
    """The directory stays locked and open: what waits there goes on waiting, and is sent."""
    with RemoteWriteReceiver(clock=clock) as receiver:
        mapping = settings(kubecost, receiver)
        mapping["extensions"] = {"file_storage": {"directory": str(tmp_path), "max_bytes": "8MiB"}}
        mapping["service"]["extensions"] = ["file_storage"]
        mapping["exporters"]["prometheus_remote_write"]["storage"] = "file_storage"
        receiver.script([503] * 3)
        service, reload = reloading(mapping, clock)
        next_mark(clock)
        mapping["extensions"]["file_storage"]["max_bytes"] = "16MiB"
        assert reload(mapping)
        for _ in range(3):
            next_mark(clock)
        assert clock.wait_for_waiters()
        service.shutdown()
        (points,) = stored(receiver).values()
        assert receiver.violations == []
    assert len(points) == 5
