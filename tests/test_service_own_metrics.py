"""What a running service tells of itself on its page, and keeps to itself."""

import re
import urllib.request
from contextlib import ExitStack

import pytest
from peers import wait_until

from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.service import Service
from otel_kubecost.testing import FakeClock, FakeKubecost, RemoteWriteReceiver

NOW = 1_790_000_000.0
DAY = {"start": "2026-09-20T00:00:00Z", "end": "2026-09-21T00:00:00Z"}
ANSWER = {"code": 200, "data": [{"one/shop": {**DAY, "totalCost": 24.0, "cpuCost": 24.0}}]}
BUSY = (503, {"Retry-After": "90"})
OWN = re.compile(r"^(prometheus_remote_storage|otelcol|otel_kubecost|process)_")


class Running:
    """A service with a page and a push to each receiver that is named."""

    def __init__(self, clock, kubecost, receivers, names):
        self.clock, self.kubecost, self.receivers = clock, kubecost, receivers
        self.configs = [self.config(names)]
        self.service = Service(self.configs[0], clock=self.clock, reload=lambda: self.configs[-1])
        self.service.start()

    def config(self, names):
        pushes = {
            f"prometheus_remote_write/{name}": {"endpoint": self.receivers[name].endpoint}
            for name in names
        }
        options = {"endpoint": self.kubecost.url, "tenant_id": "t", "cluster_name": "c"}
        mapping = {
            "receivers": {"kubecost": options | {"timeout": "60s", "currency": "USD"}},
            "exporters": {"prometheus": {"endpoint": "127.0.0.1:0"}, **pushes},
            "service": {
                "pipelines": {
                    "metrics": {"receivers": ["kubecost"], "exporters": ["prometheus", *pushes]}
                }
            },
        }
        return parse_config(ConfMap(mapping), builtin_factories())

    def reload(self, *names):
        self.configs.append(self.config(names))
        assert self.service._reconfigure()

    def page(self):
        """The samples of a scrape, by series."""
        address = self.service.pipelines[0].exporters[0].address
        with urllib.request.urlopen(f"http://127.0.0.1:{address.port}/metrics", timeout=9) as got:
            lines = got.read().decode().splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    def sent(self):
        """Samples that each exporter has delivered, as the page says it."""
        return self.by_exporter("otelcol_exporter_sent_metric_points{")

    def queued(self):
        """Samples that wait in each exporter."""
        return self.by_exporter("otelcol_exporter_queue_size{")

    def by_exporter(self, name):
        return {
            re.search(r'exporter="prometheus_remote_write/(\w+)"', series).group(1): int(value)
            for series, value in self.page().items()
            if series.startswith(name)
        }


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def receivers(clock):
    """Three, with the service's time."""
    with ExitStack() as stack:
        names = ("one", "other", "third")
        yield {name: stack.enter_context(RemoteWriteReceiver(clock=clock)) for name in names}


@pytest.fixture
def run(clock, receivers):
    """Starts a service that writes to these receivers."""
    with FakeKubecost(ANSWER) as kubecost, ExitStack() as stack:

        def start(*names):
            running = Running(clock, kubecost, receivers, names)
            stack.callback(running.service.shutdown)
            return running

        yield start


def test_a_page_shows_every_exporter_and_the_process(run, receivers):
    """Beside the costs, as of the moment of the scrape: what was delivered, what the process is."""
    running = run("one", "other")
    assert running.clock.wait_for_waiters()
    wait_until(lambda: not any(running.queued().values()))
    one, other = receivers["one"], receivers["other"]
    assert running.sent() == {"one": one.sample_count, "other": other.sample_count}
    assert one.sample_count > 0
    page, labels = running.page(), f'remote_name="prometheus_remote_write/one",url="{one.endpoint}"'
    assert page[f"prometheus_remote_storage_samples_pending{{{labels}}}"] == "0"
    assert float(page["prometheus_remote_storage_highest_timestamp_in_seconds"]) == NOW // 60 * 60
    assert float(page["process_resident_memory_bytes"]) > 1_000_000
    assert any(series.startswith("cloudtuner_kubecost_namespace_total_cost") for series in page)


def test_nothing_of_it_is_written_to_a_receiver(run, receivers):
    """What the agent says of its sending is not sent: it would be about itself."""
    running = run("one")
    assert running.clock.wait_for_waiters()
    wait_until(lambda: running.sent()["one"])
    names = {dict(labels)["__name__"] for labels in receivers["one"].series}
    assert names
    assert not any(OWN.match(name) for name in names)


def test_an_exporter_that_is_removed_is_seen_until_it_has_sent_everything(run, receivers):
    """Its receiver is busy at the reload, and the next: what waits is on the page until it left."""
    receivers["other"].script([BUSY])
    running = run("one", "other")
    assert receivers["other"].wait_for(1)
    assert running.clock.wait_for_waiters(2)
    running.reload("one")
    assert running.queued()["other"] > 0
    running.reload("one", "third")
    assert running.queued()["other"] > 0
    for _ in range(2):
        assert running.clock.wait_for_waiters(2)
        running.clock.advance(60)
    wait_until(lambda: receivers["other"].series)
    wait_until(lambda: running.queued().keys() == {"one", "third"})


def test_a_reload_goes_on_with_the_counters_of_an_exporter_that_stays(run):
    """It is one series before and after, and does not fall; one with nothing to send is gone."""
    running = run("one", "other")
    assert running.clock.wait_for_waiters()
    wait_until(lambda: all(running.sent().values()))
    before = running.sent()
    running.reload("one")
    assert running.sent() == {"one": before["one"]}
    assert running.clock.wait_for_waiters()
    running.clock.advance(60)
    wait_until(lambda: running.sent()["one"] > before["one"])
