"""The file: what is in it after SUCCESS, after FAILURE, after a kill, and whose it is."""

import errno
import json
import os
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from disks import Disk
from hypothesis import given
from hypothesis import strategies as st
from json_file_batches import batch, costs
from json_file_data import lines_of, read, said, stock, texts
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.otlp_json_file import FACTORY, OtlpJsonFileExporter
from otel_kubecost.exporters.otlp_json_file.lines import LONGEST, OPENING, lines
from otel_kubecost.exporters.otlp_json_file.mending import mend, overwriting
from otel_kubecost.service import Service
from otel_kubecost.testing import FakeClock
from otel_kubecost.testing.contract import check_component

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400
NEARLY_A_MEGABYTE = 7000
"""Points of ``costs`` in a line that leaves no room for another in a file of 1 MiB."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "carried" / "metrics.json"


@pytest.fixture
def exporter_to():
    """Makes exporters and shuts them down."""
    made = []

    def make(path, **options):
        made.append(OtlpJsonFileExporter(path=str(path), **options))
        return made[-1]

    yield make
    for exporter in made:
        exporter.shutdown()


def rotating(exporter_to, path, clock=None, **rotation):
    return exporter_to(path, clock=clock, rotation={"max_megabytes": 1, **rotation})


def earlier(path):
    return sorted(one for one in path.parent.glob("metrics-*.json"))


def test_contract(tmp_path):
    """It keeps the rules of a component."""
    (tmp_path / "file").write_text("")
    failing = {"path": str(tmp_path / "file" / "metrics.json")}
    check_component(FACTORY, {"path": str(tmp_path / "metrics.json")}, failing=failing)


def test_batches_are_appended_to_what_is_there(path, exporter_to):
    """Also by the process after this one."""
    first, second = costs(seconds=1), costs(seconds=2, tenant="b")
    for data in (first, second):
        exporter = exporter_to(path)
        exporter.start()
        assert exporter.export(data) is SUCCESS
        exporter.shutdown()
    assert said(read(path)) == stock(first) + stock(second)


def test_nobody_else_may_read_the_file(path, exporter_to):
    """As that of the Collector: what an account spends is not for everybody."""
    assert exporter_to(path).export(costs()) is SUCCESS
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_reader_of_the_sdk_writes_with_it(path, exporter_to):
    """Without start, and shut down with the SDK's own word."""
    reader = PeriodicExportingMetricReader(exporter_to(path), export_interval_millis=1e9)
    provider = MeterProvider([reader])
    provider.get_meter("app").create_counter("orders").add(3)
    provider.shutdown()
    (request,) = read(path)
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.sum.data_points[0].as_int) == ("orders", 3)


def test_threads_may_export_at_the_same_time(path, exporter_to):
    """No line is in the middle of another."""
    exporter = exporter_to(path)
    batches = [costs(3000, seconds=at) for at in range(1, 9)]
    threads = [threading.Thread(target=exporter.export, args=(data,)) for data in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lines_of(path)) == sorted(texts(*batches))


def test_a_file_that_is_carried_away_is_followed_by_a_new_one(path, exporter_to):
    """Somebody moved it to a stick while the agent runs; nothing goes after it."""
    exporter = exporter_to(path)
    exporter.export(costs(seconds=1))
    carried = path.rename(path.with_name("carried.json"))
    assert exporter.export(costs(seconds=2)) is SUCCESS
    assert said(read(carried)) == stock(costs(seconds=1))
    assert said(read(path)) == stock(costs(seconds=2))


def test_a_directory_that_is_deleted_is_made_again(path, exporter_to):
    """A volume was emptied under the agent; the new file is its own as the old one was."""
    exporter = exporter_to(path)
    exporter.export(costs(seconds=1))
    shutil.rmtree(path.parent)
    assert exporter.export(costs(seconds=2)) is SUCCESS
    assert said(read(path)) == stock(costs(seconds=2))
    with pytest.raises(OSError, match="another exporter writes to it"):
        exporter_to(path).start()


def test_a_link_is_what_it_leads_to(tmp_path, path, exporter_to):
    """A second exporter is refused by whatever name, and a full file stays on its disk."""
    path.parent.mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(path)
    exporter = rotating(exporter_to, link, FakeClock(NOON))
    exporter.start()
    with pytest.raises(OSError, match="another exporter writes to it"):
        exporter_to(path).start()
    batches = [costs(NEARLY_A_MEGABYTE, seconds=at) for at in (1, 2)]
    for data in batches:
        exporter.export(data)
    assert link.is_symlink()
    assert lines_of(*earlier(path), path) == texts(*batches)


def test_another_exporter_is_refused_until_the_first_one_ends(path, exporter_to, caplog):
    """EAGAIN, which makes the command exit with 75; the file is as it was."""
    first, second = exporter_to(path), exporter_to(path)
    first.start()
    with pytest.raises(OSError, match="another exporter writes to it; stop that one") as refused:
        second.start()
    assert refused.value.errno == errno.EAGAIN
    assert [second.export(costs()) for _ in range(2)] == [FAILURE, FAILURE]
    assert [record.getMessage() for record in caplog.records] == [refused.value.strerror]
    first.shutdown()
    assert second.export(costs()) is SUCCESS
    assert said(read(path)) == stock(costs())


def test_a_pipeline_can_name_it_as_older_collectors_do(path):
    """The alias, in a configuration; what another has is refused before anything runs."""
    config = {
        "receivers": {
            "kubecost": {"endpoint": "http://127.0.0.1:1", "tenant_id": "t", "cluster_name": "c"}
        },
        "exporters": {
            "otlpjsonfile": {"path": str(path)},
            "otlp_json_file/2": {"path": str(path)},
        },
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": ["kubecost"],
                    "exporters": ["otlpjsonfile", "otlp_json_file/2"],
                }
            }
        },
    }
    with pytest.raises(OSError, match="another exporter writes to it"):
        Service.from_mapping(config).start()
    del config["service"]["pipelines"]["metrics"]["exporters"][1]
    service = Service.from_mapping(config)
    service.start()
    service.shutdown(timeout_millis=0)
    assert path.exists()


WHOLE = b"".join(lines(costs(seconds=1)))
CUT_OFF = b"".join(lines(costs(seconds=2)))[:-1]


@given(st.integers(1, len(CUT_OFF)), st.integers(0, 20))
def test_a_line_that_a_kill_cut_off_is_blank_afterwards(cut, zeros):
    """Wherever it was cut: a reader that stands behind it goes on at the beginning of a line."""
    with Scratch() as path:
        broken = CUT_OFF[:cut] + bytes(zeros)
        path.write_bytes(WHOLE + broken)
        mend(path)
        text = path.read_bytes()
        assert text == WHOLE + b" " * (len(broken) - 1) + b"\n"


@given(st.integers(1, len(CUT_OFF)), st.data())
def test_a_kill_while_a_line_is_made_blank_leaves_no_rest_of_it(cut, data):
    """The next start finishes it."""
    broken = bytearray(CUT_OFF[:cut])
    written = [
        (at + n, text[n : n + 1]) for at, text in overwriting(broken) for n in range(len(text))
    ]
    for at, letter in written[: data.draw(st.integers(0, len(written)))]:
        broken[at : at + 1] = letter
    with Scratch() as path:
        path.write_bytes(WHOLE + broken)
        mend(path)
        assert path.read_bytes() == WHOLE + b" " * (cut - 1) + b"\n"


class Scratch:
    """A file in memory, so that a thousand of them take no time; it has a path."""

    def __enter__(self):
        self._descriptor = os.memfd_create("metrics.json")
        return Path(f"/proc/self/fd/{self._descriptor}")

    def __exit__(self, *_):
        os.close(self._descriptor)


def test_the_next_start_says_that_a_line_was_cut_off(path, exporter_to, caplog):
    """And the batch after it is a line of its own."""
    path.parent.mkdir()
    path.write_bytes(WHOLE + CUT_OFF[:50])
    exporter = exporter_to(path)
    exporter.start()
    assert caplog.records[0].getMessage().endswith("in the middle of a line, as after a kill")
    exporter.export(costs(seconds=3))
    assert said(read(path)) == stock(costs(seconds=1)) + stock(costs(seconds=3))


@pytest.mark.parametrize("text", [b"notes", b"x" * (LONGEST + 1), OPENING[:5] + b"!"])
def test_what_is_not_ours_is_never_wiped_out(path, exporter_to, text):
    """The path names a file of somebody else by mistake: it is closed with a newline."""
    path.parent.mkdir()
    path.write_bytes(text)
    exporter_to(path).start()
    assert path.read_bytes() == text + b"\n"


def test_a_full_file_gets_the_name_of_its_time(path, exporter_to):
    """As the Collector names it, so that one pattern of a receiver has them all."""
    exporter = rotating(exporter_to, path, FakeClock(NOON))
    batches = [costs(NEARLY_A_MEGABYTE, seconds=at) for at in (1, 2, 3)]
    for data in batches:
        assert exporter.export(data) is SUCCESS
    assert [one.name for one in earlier(path)] == [
        "metrics-2026-03-01T12-00-00.000.json",
        "metrics-2026-03-01T12-00-00.001.json",
    ]
    assert [lines_of(one) for one in [*earlier(path), path]] == [texts(one) for one in batches]


def test_a_batch_of_several_files_is_whole(path, exporter_to):
    """A new file begins between two lines, also in the middle of a batch."""
    exporter = rotating(exporter_to, path, FakeClock(NOON))
    data = costs(30_000)
    assert exporter.export(data) is SUCCESS
    files = [*earlier(path), path]
    assert len(files) > 2
    assert max(one.stat().st_size for one in files) <= 2**20
    assert lines_of(*files) == texts(data)


def test_the_oldest_files_go_when_there_are_too_many(path, exporter_to):
    """And nothing else goes that lies there."""
    exporter = rotating(exporter_to, path, FakeClock(NOON), max_backups=2)
    exporter.start()
    others = [path.with_name(name) for name in ("metrics-notes.json", "metrics-2026.json")]
    for one in others:
        one.write_text("")
    for at in range(1, 6):
        exporter.export(costs(NEARLY_A_MEGABYTE, seconds=at))
    kept = [one for one in earlier(path) if one not in others]
    assert lines_of(*kept) == texts(*(costs(NEARLY_A_MEGABYTE, seconds=at) for at in (3, 4)))
    assert all(one.exists() for one in others)


def test_files_go_when_they_are_too_old(path, exporter_to):
    """At the start, too: who stops an agent for a month has not asked to keep more."""
    clock = FakeClock(NOON)
    exporter = rotating(exporter_to, path, clock, max_days=3)
    for at in (1, 2, 3):
        exporter.export(costs(NEARLY_A_MEGABYTE, seconds=at))
        clock.advance(2 * DAY)
    names = ["metrics-2026-03-03T12-00-00.000.json", "metrics-2026-03-05T12-00-00.000.json"]
    assert [one.name for one in earlier(path)] == names
    exporter.shutdown()
    rotating(exporter_to, path, clock, max_days=3).start()
    assert [one.name for one in earlier(path)] == names[1:]
    assert lines_of(path) == texts(costs(NEARLY_A_MEGABYTE, seconds=3))


def test_zero_is_no_bound(path, exporter_to):
    """As in the Collector: all stay, however many and however old."""
    clock = FakeClock(NOON)
    exporter = rotating(exporter_to, path, clock, max_backups=0, max_days=0)
    for at in range(1, 5):
        exporter.export(costs(NEARLY_A_MEGABYTE, seconds=at))
        clock.advance(400 * DAY)
    assert len(earlier(path)) == 3


def test_a_full_disk_takes_no_part_of_a_line(path, exporter_to, caplog):
    """It is said once, and when there is room again the batch that is offered again is there."""
    with Disk(path.parent, "1m") as disk:
        exporter = exporter_to(path)
        assert exporter.export(costs(seconds=1)) is SUCCESS
        disk.fill()
        data = costs(NEARLY_A_MEGABYTE // 2, seconds=2)
        assert [exporter.export(data) for _ in range(3)] == [FAILURE] * 3
        assert said(read(path)) == stock(costs(seconds=1))
        (record,) = caplog.records
        assert "the disk is full; free some of it" in record.getMessage()
        disk.clear()
        assert exporter.export(data) is SUCCESS
        assert said(read(path)) == stock(costs(seconds=1)) + stock(data)
        exporter.shutdown()


def test_a_disk_that_fills_up_in_a_batch_has_whole_lines(path, exporter_to):
    """What was taken of the line that did not fit is cut away."""
    with Disk(path.parent, "3m"):
        exporter = exporter_to(path)
        data = costs(30_000)
        assert exporter.export(data) is FAILURE
        found = lines_of(path)
        assert found
        assert found == texts(data)[: len(found)]
        exporter.shutdown()


def test_a_disk_that_is_full_at_the_start_does_not_stop_the_agent(path, exporter_to, caplog):
    """Other exporters go on; a line that was cut off needs no room to be made blank."""
    with Disk(path.parent, "1m") as disk:
        path.write_bytes(WHOLE + CUT_OFF[:50])
        disk.fill()
        exporter = exporter_to(path)
        exporter.start()
        assert said(read(path)) == stock(costs(seconds=1))
        assert exporter.export(costs(5000, seconds=2)) is FAILURE
        exporter.shutdown()


def test_a_disk_that_is_read_only_is_said(path, exporter_to, caplog):
    """It is tried again with each batch."""
    with Disk(path.parent, "1m") as disk:
        disk.remount("ro")
        exporter = exporter_to(path)
        exporter.start()
        assert exporter.export(costs()) is FAILURE
        (record,) = caplog.records
        assert "Read-only file system; let this process write there" in record.getMessage()
        disk.remount("rw")
        assert exporter.export(costs()) is SUCCESS
        exporter.shutdown()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_of_somebody_else_is_said(tmp_path, exporter_to, caplog):
    """A volume that was mounted for another user."""
    (tmp_path / "kept").mkdir(mode=0o500)
    assert exporter_to(tmp_path / "kept" / "metrics.json").export(costs()) is FAILURE
    assert "Permission denied; let this process write there" in caplog.text


@pytest.mark.parametrize("there", ["a directory", "a device"])
def test_what_is_not_a_file_is_said(tmp_path, exporter_to, caplog, there):
    """A volume that was mounted one level too deep, or a pipe of somebody else."""
    path = tmp_path / "metrics.json"
    if there == "a directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert exporter_to(path).export(costs()) is FAILURE
    assert "metrics.json cannot be written to: " in caplog.text


def test_a_batch_of_nothing_is_no_line(path, exporter_to):
    """Nor are metrics without points."""
    exporter = exporter_to(path)
    assert exporter.export(MetricsData([])) is SUCCESS
    assert exporter.export(batch()) is SUCCESS
    assert lines_of(path) == []


def test_after_its_end_it_takes_nothing(path, exporter_to):
    """Nor does it open the file."""
    exporter = exporter_to(path)
    exporter.shutdown()
    assert exporter.export(costs()) is FAILURE
    assert not path.parent.exists()


def test_options_are_checked():
    """A library user gets the message that the author of a file gets."""
    with pytest.raises(ConfigError, match="path"):
        OtlpJsonFileExporter()
    with pytest.raises(ConfigError, match=r"rotation\.max_megabytes"):
        OtlpJsonFileExporter(path="x", rotation={"max_megabytes": 0})


def test_lines_are_for_people_too(path, exporter_to):
    """Text of any language stands there as it is."""
    name = "Größe"
    exporter_to(path).export(costs(name=name))
    (line,) = lines_of(path)
    assert name.encode() in line
    assert json.loads(line)
