"""``otel-kubecost backfill``: what it sends, what it refuses, and how it goes on."""

import os
import pty
import subprocess
import time
from datetime import UTC, datetime

import pytest
from peers import COMMAND

from otel_kubecost.clock import floor_mark
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import FakeKubecost, Flavour, RemoteWriteReceiver

HOUR = 3600
READER = "metrics/prometheus_remote_write"
TOTAL = "cloudtuner_kubecost_cluster_total_cost"


def shown(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def costs(query):
    """Every hour costs what its number says."""
    span = {"start": shown(query.start), "end": shown(query.end)}
    hours = (query.end - query.start) / HOUR
    return {"code": 200, "data": [{"one/shop": {**span, "totalCost": hours * query.start / HOUR}}]}


@pytest.fixture
def kubecost():
    with FakeKubecost(costs) as server:
        yield server


@pytest.fixture
def store():
    with RemoteWriteReceiver() as server:
        yield server


@pytest.fixture
def config(tmp_path, kubecost, store):
    """Writes a configuration; ``receiver`` and ``more`` are YAML."""

    def write(receiver="", more="", exporters="prometheus_remote_write, prometheus", clusters="c"):
        receivers = "\n".join(
            f"  kubecost/{name}: {{endpoint: '{kubecost.url}', tenant_id: t, cluster_name: {name},"
            f" currency: USD, window: 1h, emit_interval: 10m, collection_interval: 10m{receiver}}}"
            for name in clusters
        )
        names = ", ".join(f"kubecost/{name}" for name in clusters)
        path = tmp_path / "pipeline.yaml"
        path.write_text(
            f"""
receivers:
{receivers}
exporters:
  prometheus_remote_write: {{endpoint: "{store.endpoint}"}}
  prometheus: {{endpoint: "127.0.0.1:0"}}
service:
  {more}
  pipelines: {{metrics: {{receivers: [{names}], exporters: [{exporters}]}}}}
"""
        )
        return path

    return write


@pytest.fixture
def with_storage(tmp_path, config):
    """A configuration with a storage, and the storage."""
    directory = tmp_path / "kept"
    path = config(receiver=", storage: file_storage", more="extensions: [file_storage]")
    path.write_text(
        f"extensions: {{file_storage: {{directory: '{directory}'}}}}\n{path.read_text()}"
    )
    return path, FileStorage(directory=str(directory))


def window_of(hours_ago, length=2):
    """Options for a time that is over, and its marks."""
    start = floor_mark(time.time() - hours_ago * HOUR, HOUR)
    end = start + length * HOUR
    return ("--from", shown(start), "--to", shown(end)), [
        int(start) + 600 * step for step in range(length * 6)
    ]


def stored(store, cluster="c"):
    """Time and value of the samples of the cluster's total cost."""
    (points,) = [
        points
        for labels, points in store.series.items()
        if ("__name__", TOTAL) in labels and ("cluster", cluster) in labels
    ]
    return [(at // 1000, value) for at, value in points]


def expected(mark):
    """What an hour cost that had settled 20 minutes after its end."""
    return (floor_mark(mark - 1200, HOUR) - HOUR) / HOUR


def test_a_time_that_is_over_is_sent_oldest_first(typed, config, store):
    """Each mark of ``[from, to)`` with what its window cost; nothing of the agent itself, and
    nothing to the page. Half open: the end is the beginning of the next."""
    times, marks = window_of(10)
    finished = typed("backfill", "--config", config(), *times)
    assert finished[:2] == (0, "12 marks sent (24 samples)\n")
    assert "Refusals by prometheus_remote_write could not be foreseen" in finished.stderr
    assert stored(store) == [(mark, expected(mark)) for mark in marks]
    assert len(store.series) == 2
    assert store.violations == []


def test_a_dry_run_counts_and_sends_nothing(typed, config, kubecost, store):
    """Kubecost is asked once, for the present: how many series there are, and who it is."""
    times, marks = window_of(10)
    finished = typed("backfill", "--config", config(), *times, "--dry-run")
    assert finished.returncode == 0
    assert finished.stdout.splitlines() == [
        f"{READER}: {shown(marks[0])} to {shown(marks[-1])} (12 marks, 3 windows)",
        "  marks to send      12",
        "  windows            3 hourly, 0 daily, 0 gone",
        "  series             2, as of now",
        "  samples            about 24",
        (
            "  expected refusals  not known: the newest sample at the destination is not known,"
            " for no storage tells what the agent delivered there"
        ),
    ]
    assert len(kubecost.requests) == 1
    assert store.requests == []


def test_hours_that_kubecost_no_longer_keeps_are_read_as_days(typed, config, kubecost, store):
    """Six days ago the marks of a day have the day's cost per hour."""
    today = floor_mark(time.time(), 24 * HOUR)
    day = [today - 6 * 24 * HOUR + 12 * HOUR, today - 6 * 24 * HOUR + 14 * HOUR]
    finished = typed(
        "backfill", "--config", config(), "--from", shown(day[0]), "--to", shown(day[1])
    )
    assert finished.stdout == "12 marks sent (24 samples)\n"
    assert {value for _, value in stored(store)} == {(today - 6 * 24 * HOUR) / HOUR}
    windows = [request.query["window"] for request in kubecost.requests[1:]]
    assert windows == [f"{shown(today - 6 * 24 * HOUR)},{shown(today - 5 * 24 * HOUR)}"]


def test_what_kubecost_has_no_more_is_counted(typed, config, kubecost):
    """A hole in Kubecost's data stays one, and the summary says how large it is."""
    times, marks = window_of(10)
    hole = floor_mark(marks[6] - 1200, HOUR) - HOUR
    kubecost.answer(
        lambda query: {"code": 200, "data": [None]} if query.start == hole else costs(query)
    )
    finished = typed("backfill", "--config", config(), *times)
    assert finished.returncode == 0
    assert finished.stdout == (
        "6 marks sent (12 samples), 6 of which Kubecost has nothing any more\n"
    )


def test_totals_of_hours_that_are_gone_are_not_made_up(typed, config):
    """A day's total is not that of an hour."""
    path = config(receiver=", metric_mode: total")
    finished = typed("backfill", "--config", path, "--from", "2026-01-01", "--to", "2026-01-02")
    assert finished.stdout == (
        "0 marks sent (0 samples), 144 of which Kubecost has nothing any more\n"
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("2026-01-02", "2026-01-01"), "--from 2026-01-02T00:00:00Z is not before --to"),
        (("2026-01-01", "2026-01-01T00:00:00Z"), "is not before --to 2026-01-01T00:00:00Z"),
        (("2026-01-01", "2999-01-01"), "is in the future, of which nothing is known; the latest"),
        (("yesterday", "2026-01-01"), "'yesterday' is no time; write 2026-11-23 or"),
        (("2026-01-01", "10:00"), "'10:00' is no time"),
        (("0001-01-01", "2026-01-01"), "are 739616 days; send 400 at most at a time"),
        (("2025-01-01", "9999-12-31T23:59:59-10:00"), "'9999-12-31T23:59:59-10:00' is no time"),
    ],
)
def test_times_that_make_no_sense_are_wrong_usage(typed, config, kubecost, given, reason):
    """They are refused before anybody is asked."""
    finished = typed("backfill", "--config", config(), "--from", given[0], "--to", given[1])
    assert finished.returncode == 2
    assert reason in finished.stderr
    assert kubecost.requests == []


def test_a_page_alone_has_nothing_to_fill(typed, config):
    """It shows the present; the remedy is named."""
    times, _ = window_of(10)
    finished = typed("backfill", "--config", config(exporters="prometheus"), *times)
    assert finished.returncode == 1
    assert "add a prometheus_remote_write to a pipeline" in finished.stderr


def test_a_kubecost_that_does_not_answer_ends_it_at_once(typed, config, kubecost, store):
    """The reason is the one that the agent would log."""
    kubecost.script([401] * 3)
    times, _ = window_of(10)
    finished = typed("backfill", "--config", config(), *times)
    assert finished.returncode == 1
    assert "Kubecost wants authentication" in finished.stderr
    assert store.requests == []


def test_what_the_receiver_would_refuse_is_refused_first(typed, with_storage, store):
    """The agent delivered newer samples: the sentence says how many marks, from when they would be
    taken, and how to send them all the same."""
    path, storage = with_storage
    times, marks = window_of(10)
    delivered = marks[-1] + HOUR
    storage.start()
    storage.client("kubecost/c").set(READER, str(delivered).encode())
    storage.shutdown()
    finished = typed("backfill", "--config", path, *times)
    assert finished.returncode == 1
    earliest = shown(delivered - HOUR)
    assert "prometheus_remote_write would refuse 11 marks" in finished.stderr
    assert (
        f"takes none from before {earliest}. Send the rest with --from {earliest}"
        in finished.stderr
    )
    assert store.requests == []
    dry = typed("backfill", "--config", path, *times, "--dry-run", "--force")
    assert dry.returncode == 0
    assert "expected refusals  11 marks" in dry.stdout
    wide = typed("backfill", "--config", path, *times, "--out-of-order-window", "3h")
    assert wide.stdout == "12 marks sent (24 samples)\n"
    assert typed("backfill", "--config", path, *times, "--force").returncode == 0


def test_it_goes_on_where_it_was_broken_off(typed, with_storage, kubecost, store):
    """With a storage the second run asks for nothing that the first has sent."""
    path, _ = with_storage
    times, marks = window_of(10)
    broken = floor_mark(marks[8] - 1200, HOUR) - HOUR

    def answer(query):
        if query.start == broken:
            raise ValueError("out of memory")
        return costs(query)

    kubecost.answer(answer)
    first = typed("backfill", "--config", path, *times)
    sent = len(stored(store))
    assert first.returncode == 1
    assert first.stdout == f"{sent} marks sent ({2 * sent} samples)\n"
    assert "It is not complete: " in first.stderr
    assert "out of memory" in first.stderr
    assert f"or begin with --from {shown(marks[sent - 1])}" in first.stderr
    kubecost.answer(costs)
    asked = len(kubecost.requests)
    second = typed("backfill", "--config", path, *times)
    assert second.returncode == 0
    assert second.stdout == f"{12 - sent} marks sent ({24 - 2 * sent} samples)\n"
    windows = [request.query["window"] for request in kubecost.requests[asked + 1 :]]
    assert windows[0].startswith(shown(broken))
    assert [at for at, _ in stored(store)] == marks
    again = typed("backfill", "--config", path, *times)
    assert again.stdout == "12 marks sent (24 samples)\n"


def test_clusters_are_sent_side_by_side(typed, config, store):
    """A mark of one is not older than the newest of another: that might be refused."""
    times, marks = window_of(10)
    finished = typed("backfill", "--config", config(clusters="ab"), *times)
    assert finished.stdout == "24 marks sent (48 samples)\n"
    assert [at for at, _ in stored(store, "a")] == [at for at, _ in stored(store, "b")] == marks
    assert store.requests[1].body != store.requests[0].body


def test_marks_that_are_refused_are_counted(typed, config, store):
    """A mark with a series that is not taken; the exit code says that not everything arrived."""
    store.poison = lambda labels: ("__name__", TOTAL) in labels
    times, _ = window_of(10, length=1)
    finished = typed("backfill", "--config", config(), *times)
    assert finished.returncode == 1
    assert finished.stdout == "0 marks sent (0 samples), 6 refused\n"
    assert len(store.series) == 1


def test_what_is_stored_in_part_is_counted(typed, config, store):
    """The store has newer samples of these series; nobody kept that, so nobody foresaw it."""
    path = config()
    typed("backfill", "--config", path, *window_of(10)[0])
    finished = typed("backfill", "--config", path, *window_of(20)[0])
    assert finished.returncode == 1
    assert finished.stdout == (
        "12 marks sent (24 samples), 12 of them refused in part or as a whole (409)\n"
    )


def test_the_first_mark_is_not_before_from(typed, config, store):
    """Half of an interval has no mark; one and a half have one."""
    path = config()
    (_, begin, _, _), _ = window_of(10)
    begin = datetime.fromisoformat(begin).timestamp()
    times = ("--from", shown(begin + 1), "--to", shown(begin + 601))
    finished = typed("backfill", "--config", path, *times)
    assert finished.stdout == "1 marks sent (2 samples)\n"
    assert [at for at, _ in stored(store)] == [begin + 600]
    finished = typed("backfill", "--config", path, "--from", shown(begin + 1), "--to",
                     shown(begin + 600))  # fmt: skip
    assert finished.returncode == 2
    assert "There is no mark from" in finished.stderr


def test_without_a_storage_nobody_is_told_to_run_it_again(typed, config, kubecost):
    """It would begin anew: the sentence says from where to go on."""
    times, marks = window_of(10)
    broken = floor_mark(marks[8] - 1200, HOUR) - HOUR

    def answer(query):
        if query.start == broken:
            raise ValueError("out of memory")
        return costs(query)

    kubecost.answer(answer)
    finished = typed("backfill", "--config", config(), *times)
    assert finished.returncode == 1
    assert "Run it again" not in finished.stderr
    assert ". Begin with --from " in finished.stderr


def test_opencost_is_asked_for_hours_however_old(typed, config, kubecost, store):
    """It keeps no sets, it computes."""
    with FakeKubecost(costs, flavour=Flavour.OPENCOST) as opencost:
        path = config()
        path.write_text(path.read_text().replace(kubecost.url, opencost.url))
        times, _ = window_of(24 * 30)
        finished = typed("backfill", "--config", path, *times)
        assert finished.stdout == "12 marks sent (24 samples)\n"
        values = {value for _, value in stored(store)}
    assert len(values) == 3


@pytest.mark.peers
def test_a_terminal_shows_a_bar(config):
    """On standard error, while the summary goes to standard output."""
    times, _ = window_of(10)
    terminal, theirs = pty.openpty()
    finished = subprocess.run(
        [*COMMAND, "backfill", "--config", str(config()), *times],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    shown_there = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert (finished.returncode, finished.stdout) == (0, b"12 marks sent (24 samples)\n")
    assert "Sending" in shown_there
    assert "12/12" in shown_there
