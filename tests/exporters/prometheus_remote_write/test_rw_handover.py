"""An exporter goes on where the one before it stopped, when a configuration is replaced."""

import threading

import pytest
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExportResult
from rw_data import NOW, Sink, batch, counter, gauge, point, series

from otel_kubecost.component import Adopting
from otel_kubecost.exporters.sending import backlog
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import RemoteWriteReceiver, Reply, is_stale

pytestmark = pytest.mark.timeout(60)

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE
WRONG = {"username": "u", "password": "old"}
RIGHT = {"username": "u", "password": "new"}


def succeeded(old, new):
    """``new`` in the place of ``old``, running."""
    new.adopt(old)
    new.start()
    return new


def times_offered(server) -> list[int]:
    """Of each request the time of its samples."""
    return [message.timeseries[0].samples[0].timestamp for message in server.messages]


def test_it_can_be_asked_to_adopt(exporter_to):
    """A service sees by its interface that an exporter takes over from its predecessor."""
    with Sink() as server:
        assert isinstance(exporter_to(server), Adopting)


def test_what_a_wrong_password_held_arrives_with_the_right_one(exporter_to, caplog):
    """Everything that waited comes first, in its order, and the ledger has each sample once."""
    with RemoteWriteReceiver(basic_auth=("u", "new")) as receiver:
        old = exporter_to(receiver, basic_auth=WRONG)
        assert old.export(series(2)) is FAILURE
        for n in range(1, 5):
            old.enqueue(series(2, at=NOW + n))
        new = exporter_to(receiver, basic_auth=RIGHT)
        caplog.set_level("INFO")
        new.adopt(old)
        assert new.stats()[:5] == (10, 0, 10, {}, "")
        assert old.stats()[:4] == (0, 0, 0, {})
        new.enqueue(series(2, at=NOW + 5))
        assert new.force_flush(30_000)
        receiver.violations.clear()  # the refused credentials
    assert new.stats()[:5] == (12, 12, 0, {}, "")
    assert {len(points) for points in receiver.series.values()} == {6}
    assert "Took over 10 samples" in caplog.text


def test_the_order_is_kept(exporter_to):
    """The successor sends what it adopted before what it was given itself."""
    with Sink(401) as server:
        old = exporter_to(server)
        old.export(series(1))
        for n in (1, 2):
            old.enqueue(series(1, at=NOW + n))
        new = exporter_to(server)
        new.adopt(old)
        new.enqueue(series(1, at=NOW + 3))
        assert new.force_flush(30_000)
    assert times_offered(server) == [NOW, NOW, NOW + 1, NOW + 2, NOW + 3]


def test_what_was_counted_stays_counted(exporter_to):
    """Delivered and dropped samples of the predecessor are in the successor's ledger."""
    with Sink(200, 429) as server:
        old = exporter_to(server, queue_config={"retry_on_http_429": "false"})
        assert old.export(series(2)) is SUCCESS
        assert old.export(series(2, at=NOW + 1)) is FAILURE
        new = succeeded(old, exporter_to(server))
        assert new.export(series(2, at=NOW + 2)) is SUCCESS
    assert new.stats()[:5] == (6, 4, 0, {"status_429": 2}, "")


def test_a_request_that_hangs_is_sent_by_the_successor(exporter_to):
    """The service does not wait for it, nothing overtakes it, and it counts once; whoever waits
    for it in ``export`` hears of its delivery."""
    results = []
    with Sink(Reply(200, hang=True)) as server:
        old = exporter_to(server)
        caller = threading.Thread(target=lambda: results.append(old.export(series(3), 30_000)))
        caller.start()
        assert server.wait_for(1)
        old.enqueue(series(3, at=NOW + 1))
        new = succeeded(old, exporter_to(server))
        assert new.force_flush(30_000)
        caller.join()
        assert results == [SUCCESS]
        assert new.stats()[:5] == (6, 6, 0, {}, "")
    assert times_offered(server) == [NOW, NOW, NOW + 1]


def test_the_answer_to_a_request_in_flight_is_waited_for(exporter_to):
    """A receiver that answers within a second gets nothing twice."""
    answer = threading.Event()

    def slow(reply):
        answer.wait(30)
        return reply

    with Sink(slow) as server:
        old = exporter_to(server)
        old.enqueue(series(1))
        old.enqueue(series(1, at=NOW + 1))
        new = exporter_to(server)
        threading.Timer(0.1, answer.set).start()
        succeeded(old, new)
        assert new.force_flush(30_000)
    assert new.stats()[:5] == (2, 2, 0, {}, "")
    assert len(set(times_offered(server))) == len(times_offered(server)) == 2


def test_one_successor_follows_another(exporter_to):
    """A configuration that could not start is replaced in turn: nothing is lost on the way."""
    with Sink(401) as server:
        first = exporter_to(server)
        first.export(series(4))
        second, third = exporter_to(server), exporter_to(server)
        second.adopt(first)
        succeeded(second, third)
        assert third.force_flush(30_000)
    assert third.stats()[:5] == (4, 4, 0, {}, "")


def test_adopting_the_same_twice_changes_nothing(exporter_to):
    """What was taken over once is not there to be taken, or counted, again."""
    with Sink(401) as server:
        old = exporter_to(server)
        old.export(batch(gauge("cost", point({"pod": "a"}), point({"pod": "b"}))))
        new = exporter_to(server)
        new.adopt(old)
        succeeded(old, new)
        assert new.export(batch(gauge("cost", point({"pod": "a"}, at=NOW + 1)))) is SUCCESS
    assert new.stats()[:5] == (4, 4, 0, {}, "")
    assert is_stale(server.values['cost{pod="b"}'])


def test_the_predecessor_takes_nothing_more(exporter_to, caplog):
    """It fails, says so, and its shutdown harms nothing."""
    with Sink(401) as server:
        old = exporter_to(server)
        old.export(series(1))
        new = exporter_to(server)
        new.adopt(old)
        assert old.export(series(1, at=NOW + 1)) is FAILURE
        old.enqueue(series(1, at=NOW + 1))
        assert "after the shutdown" in caplog.text
        old.start()
        old.shutdown()
        new.start()
        assert new.force_flush(30_000)
    assert times_offered(server) == [NOW, NOW]
    assert new.stats()[:5] == (1, 1, 0, {}, "")


def test_a_renamed_label_ends_the_old_series(exporter_to):
    """Series that the new options do not make get their markers, in the first batch."""
    with RemoteWriteReceiver() as receiver:
        old = exporter_to(receiver, external_labels={"region": "eu"})
        assert old.export(series(2)) is SUCCESS
        new = succeeded(old, exporter_to(receiver, external_labels={"site": "eu"}))
        assert new.export(series(2, at=NOW + 1000)) is SUCCESS
    assert receiver.violations == []
    ended = {
        ("region" in dict(labels), is_stale(points[-1][1]))
        for labels, points in receiver.series.items()
    }
    assert ended == {(True, True), (False, False)}
    assert len(receiver.series) == 4


@pytest.mark.parametrize(
    ("options", "expected"), [({}, [5.0, 8.0]), ({"label_names": {"x": "y"}}, [5.0, 3.0])]
)
def test_totals_of_deltas_go_on(exporter_to, options, expected):
    """A counter does not start anew; it does, and may, where labels are made in another way."""
    delta = AggregationTemporality.DELTA
    with Sink() as server:
        old = exporter_to(server)
        old.export(batch(counter("hits", point({}, 5.0), temporality=delta)))
        new = succeeded(old, exporter_to(server, basic_auth=RIGHT, **options))
        new.export(batch(counter("hits", point({}, 3.0, NOW + 1), temporality=delta)))
    assert [value for _, value in server.samples["hits_total"]] == expected


def test_who_never_started_can_be_succeeded(exporter_to):
    """A predecessor without a batch leaves nothing, and no thread is started for it."""
    with Sink() as server:
        before = threading.active_count()
        exporter_to(server).adopt(exporter_to(server))
        assert threading.active_count() == before


def test_a_large_queue_stays_on_its_disk(exporter_to, tmp_path, monkeypatch, caplog):
    """Moving it would hold up everybody: a line says so, and that storage has all of it still."""
    monkeypatch.setattr(backlog, "MOST_MOVED", 1)
    storage = FileStorage(directory=str(tmp_path))
    storage.start()
    spool = storage.queue("a")
    with Sink(401) as server:
        old = exporter_to(server, spool=spool)
        for n in range(3):
            old.enqueue(series(2, at=NOW + n))
        new = exporter_to(server)
        new.adopt(old)
        assert new.stats()[:3] == (0, 0, 0)
    assert "6 samples stay where they were" in caplog.text
    assert spool.extent.requests == 3
    storage.shutdown()
