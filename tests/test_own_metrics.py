"""What components tell of their own work, and the process of itself."""

import importlib.metadata
import logging
import os
import platform
import threading
import time

import pytest
from opentelemetry.sdk.metrics.export import Gauge, MetricsData, Sum

from otel_kubecost.own_metrics import OwnMetrics, own_batch, own_metric
from otel_kubecost.process_metrics import process_metrics, usage

STAT = "42 (a (b) c) S 1 42 42 0 -1 4194304 0 0 0 0 250 50 0 0 20 0 4 0 {started} 9000 700 1\n"


def values(data):
    """Values by name, of metrics without labels."""
    return {
        metric.name: metric.data.data_points[0].value
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    }


def says(name, value):
    return lambda: own_batch("test", [own_metric(name, "A value.", [({}, value)], 1.0)])


def test_everybody_who_registered_is_asked_each_time():
    """What was said the last time is of no account."""
    told, own = iter([says("first", 1)(), says("first", 2)()]), OwnMetrics()
    own.register("first", lambda: next(told))
    own.register("second", says("second", 7))
    assert values(own.collect()) == {"first": 1, "second": 7}
    assert values(own.collect()) == {"first": 2, "second": 7}


def test_the_newer_of_one_name_is_asked_and_none_that_has_left():
    """A name is one component; whoever takes it out is given what it was."""
    own, newer = OwnMetrics(), says("newer", 2)
    own.register("a", says("older", 1))
    own.register("a", newer)
    assert values(own.collect()) == {"newer": 2}
    assert own.unregister("a") is newer
    assert own.unregister("a") is None
    assert own.collect() == MetricsData([])


def test_one_that_fails_costs_the_others_nothing(caplog):
    """A defect is in the log, with the name of the component."""

    def fails():
        raise RuntimeError("broken")

    own = OwnMetrics()
    own.register("prometheus_remote_write/a", fails)
    own.register("b", says("b", 1))
    with caplog.at_level(logging.ERROR):
        assert values(own.collect()) == {"b": 1}
    (record,) = caplog.records
    assert "prometheus_remote_write/a" in record.getMessage()
    assert record.exc_info[0] is RuntimeError


def test_components_come_and_go_while_somebody_asks():
    """A reload and a scrape do not disturb each other."""
    own, failures = OwnMetrics(), []

    def come_and_go(name):
        for _ in range(300):
            own.register(name, says(name, 1))
            own.unregister(name)

    def ask():
        try:
            for _ in range(300):
                own.collect()
        except RuntimeError as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "ab"]
    threads += [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_name_says_the_type():
    """What ends in _total is a counter that goes on; all else is a gauge."""
    counter = own_metric("a_total", "", [({"b": "c"}, 2)], 1.5)
    assert isinstance(counter.data, Sum)
    assert counter.data.is_monotonic
    (point,) = counter.data.data_points
    assert (point.attributes, point.value, point.time_unix_nano) == ({"b": "c"}, 2, 1_500_000_000)
    assert isinstance(own_metric("a_totals", "", [({}, 2)], 1.5).data, Gauge)


def test_the_process_is_described_as_prometheus_clients_do():
    """Time, memory and files of this process; both ends of the measurement bound what it says."""
    cpu, now = time.process_time(), time.time()
    found = values(process_metrics(now))
    assert found.pop("otel_kubecost_build_info") == 1
    tick = 2 / os.sysconf("SC_CLK_TCK")
    assert cpu - tick <= found.pop("process_cpu_seconds_total") <= time.process_time() + tick
    assert found.pop("process_start_time_seconds") <= now
    assert found.pop("process_resident_memory_bytes") > 1_000_000
    assert found.pop("process_open_fds") >= 3
    assert found == {}


def test_an_open_file_is_counted(tmp_path):
    """One more while it is open, and not one more after."""
    before = usage().open_fds
    with (tmp_path / "file").open("w"):
        assert usage().open_fds == before + 1
    assert usage().open_fds == before


@pytest.fixture
def proc(tmp_path):
    """A file system like /proc, of a machine that started at second 1000."""
    files = tmp_path / "self/fd"
    files.mkdir(parents=True)
    for number in range(4):
        (files / str(number)).touch()
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1000\nprocesses 5\n")
    (tmp_path / "self/statm").write_text("9000 700 300 1 0 2000 0\n")
    (tmp_path / "self/stat").write_text(STAT.format(started=7 * os.sysconf("SC_CLK_TCK")))
    return tmp_path


def test_numbers_are_those_of_proc(proc):
    """Whatever characters the program's name has; the descriptor that lists is not counted."""
    second, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert usage(proc) == (300 / second, 1007.0, 700 * page, 3)


def test_the_start_does_not_move_with_the_clock(proc):
    """The machine's start does, and a process whose start changes would look restarted."""
    started = usage(proc).start
    (proc / "stat").write_text("btime 1001\n")
    assert usage(proc).start == started


def test_without_proc_there_is_the_build_alone(tmp_path):
    """Other systems, and containers that hide it: what cannot be known is absent."""
    (metric,) = process_metrics(1.0, tmp_path).resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    assert metric.name == "otel_kubecost_build_info"
    assert point.attributes == {
        "version": importlib.metadata.version("otel-kubecost"),
        "python": platform.python_version(),
    }
