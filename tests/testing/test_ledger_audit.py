"""An audit is silent while nothing is lost, and says what is wrong otherwise."""

import re
import sqlite3
from contextlib import closing

import feeder
import pytest
from peers import wait_until

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.testing import Audit, RemoteWrite2, RemoteWriteReceiver, Reply, read_spool

V2 = "io.prometheus.write.v2.Request"
QUEUE = {"max_samples_per_send": 6, "min_backoff": "5ms", "max_backoff": "20ms"}
LOST = "samples neither wait nor arrived"
SIZE = feeder.SERIES


class Gate(RemoteWriteReceiver):
    """Answers the exporter here 503 while it ``is_shut``."""

    is_shut = False

    def _answer(self, request):
        is_refused = self.is_shut and HERE.items() <= dict(request.headers).items()
        return Reply(503) if is_refused else super()._answer(request)


HERE = {"X-From": "here"}


class Subject:
    """An exporter with its receiver, and what holds one against the other."""

    def __init__(self, receiver, exporter, books):
        self.receiver = receiver
        self.exporter = exporter
        self.path = books
        self.audit = Audit(receiver, books)

    def give(self, *numbers):
        for number in numbers:
            self.exporter.enqueue(feeder.batch(number))

    def deliver(self, *numbers):
        self.give(*numbers)
        assert self.exporter.force_flush()

    def tamper(self, *statements):
        """As no exporter would."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                assert connection.execute(statement).rowcount

    def numbers(self):
        books = self.audit.books()
        return books.accepted, books.delivered, books.pending, dict(books.dropped)


@pytest.fixture
def receiver():
    with Gate(path="/api/v1/write", remote_write_2=RemoteWrite2.TAKEN) as server:
        yield server


@pytest.fixture
def spooled(receiver, tmp_path):
    """Makes the exporter, with options, that has a spool."""
    storage = FileStorage(directory=str(tmp_path))
    storage.start()
    made = []

    def make(**options):
        queue = storage.queue("fed")
        push = {"endpoint": receiver.endpoint, "headers": HERE, "queue_config": QUEUE}
        made.append(PrometheusRemoteWriteExporter(**push, **options, spool=queue))
        return Subject(receiver, made[-1], queue.database.path)

    yield make
    for exporter in made:
        exporter.shutdown(timeout_millis=0)
    storage.shutdown()


@pytest.fixture
def held(spooled):
    """With batch 0 delivered, and 1 and 2 waiting; all seen by the audit."""
    subject = spooled()
    subject.deliver(0)
    subject.receiver.is_shut = True
    subject.give(1, 2)
    assert subject.audit.faults() == []
    return subject


@pytest.mark.parametrize("options", [{}, {"protobuf_message": V2}])
def test_an_exporter_that_loses_nothing_has_no_faults(spooled, options):
    """Of either protocol: what waits, what is delivered, and both in numbers."""
    subject = spooled(**options)
    subject.deliver(0)
    subject.receiver.is_shut = True
    subject.give(1, 2)
    subject.audit.accepted({labels: [point] for labels, point in feeder.samples(1).items()})
    assert subject.audit.faults() == []
    assert subject.numbers() == (3 * SIZE, SIZE, 2 * SIZE, {})
    waiting = subject.audit.books().waiting
    assert waiting == {
        labels: [point, feeder.samples(2)[labels]] for labels, point in feeder.samples(1).items()
    }
    subject.receiver.is_shut = False
    assert subject.exporter.force_flush()
    assert subject.audit.faults() == []
    assert subject.numbers() == (3 * SIZE, 3 * SIZE, 0, {})


def test_an_exporter_may_be_at_work_meanwhile(spooled):
    """At every instant the numbers add up, and everything is here or there."""
    subject = spooled()
    for number in range(30):
        subject.give(number)
        one = {labels: [point] for labels, point in feeder.samples(number).items()}
        subject.audit.accepted(one)
        assert subject.audit.faults() == []
    wait_until(lambda: subject.numbers() == (30 * SIZE, 30 * SIZE, 0, {}))


def test_what_is_dropped_is_not_missed(held):
    """As long as the ledger says so, with a reason."""
    held.receiver.poison = lambda labels: ("n", "3") in labels
    held.receiver.is_shut = False
    assert held.exporter.force_flush()
    assert held.audit.faults() == []
    (lost,) = held.audit.books().dropped.values()
    assert lost == 2
    held.tamper("UPDATE ledger SET samples = 1 WHERE name LIKE 'dropped:%'")
    numbers, missing = held.audit.faults()
    assert numbers.startswith("accepted 36 is not delivered 34 + pending 0 + dropped {")
    assert missing.startswith(f"2 {LOST}, 1 of them accounted for: ")


FIRST = "number = (SELECT min(number) FROM requests)"
LAST = "number = (SELECT max(number) FROM requests)"
TAMPERINGS = {
    "a request is gone": (
        [f"DELETE FROM requests WHERE {LAST}"],
        ["accepted 36 is not delivered 12 + pending 18 + dropped {}", f"6 {LOST}"],
    ),
    "a request is gone and booked as delivered": (
        [
            f"DELETE FROM requests WHERE {LAST}",
            "UPDATE ledger SET samples = samples + 6 WHERE name = 'delivered'",
        ],
        [f"6 {LOST}, 0 of them accounted for: {feeder.BEGINNING + 2} in fed{{n="],
    ),
    "less than nothing was dropped": (
        [
            "UPDATE ledger SET samples = samples - 1 WHERE name = 'accepted'",
            "INSERT INTO ledger VALUES ('dropped:full', -1)",
        ],
        ["accepted 35 is not delivered 12 + pending 24 + dropped {'full': -1}"],
    ),
    "a body is not what it was": (
        [f"UPDATE requests SET body = zeroblob(9) WHERE {LAST}"],
        ["request N: body is not what was written: its checksum differs", f"6 {LOST}"],
    ),
    "nobody knows how to read a body": (
        [f"UPDATE requests SET kind = 'x' WHERE {LAST}"],
        ["request N: nobody knows what kind 'x' is", f"6 {LOST}"],
    ),
    "a body has more samples than are counted": (
        [
            f"UPDATE requests SET samples = 5 WHERE {LAST}",
            "UPDATE ledger SET samples = samples - 1 WHERE name = 'accepted'",
        ],
        ["request N: body has 6 samples instead of 5", f"6 {LOST}"],
    ),
    "the file contradicts itself": (
        [
            "PRAGMA writable_schema = ON",
            "DELETE FROM sqlite_schema WHERE name = 'in_order'",
        ],
        ["*** in database main ***\nPage "],
    ),
}


@pytest.mark.parametrize(("statements", "faults"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_no_exporter_should_do_is_said(held, statements, faults):
    """Each in a line of its own, with the series where there is one."""
    held.tamper(*statements)
    found = held.audit.faults()
    assert len(found) == len(faults)
    for fault, beginning in zip(found, faults, strict=True):
        assert re.sub(r"^request \d+", "request N", fault).startswith(beginning)


def test_an_order_that_would_be_refused_is_said(held):
    """What leaves last is older than what leaves before it."""
    held.tamper(f"UPDATE requests SET newest = newest + 9 WHERE {FIRST}")
    faults = held.audit.faults()
    assert len(faults) == 6
    first, second = feeder.BEGINNING + 1, feeder.BEGINNING + 2
    assert all(one.startswith(f"{first} waits behind {second} in fed{{") for one in faults)


def test_a_sample_that_comes_too_late_is_said(held):
    """As long as it waits though a later one arrived, and by what the receiver says of it then."""
    other = PrometheusRemoteWriteExporter(endpoint=held.receiver.endpoint)
    other.export(feeder.batch(3))
    other.shutdown()
    first, last = feeder.BEGINNING + 1, feeder.BEGINNING + 3
    faults = held.audit.faults()
    assert len(faults) == 2 * SIZE
    assert faults[0].startswith(f"{first} waits though {last} was delivered in fed{{n=")
    held.receiver.is_shut = False
    assert held.exporter.force_flush()
    faults = held.audit.faults()
    assert len(faults) == 2 * SIZE
    assert faults[0].startswith(f"the receiver says: out of order sample: {first} after {last} in ")


def test_a_sample_that_nobody_has_is_lost(held):
    """What ``enqueue`` took is missed though the file never had it."""
    held.audit.accepted({(("__name__", "else"),): [(7, 1.0)]})
    (fault,) = held.audit.faults()
    assert fault == f"1 {LOST}, 0 of them accounted for: 7 in else{{}}"


def test_another_value_than_was_accepted_is_said(held):
    """At the receiver or in the spool; NaN is what it was."""
    (labels, (at, value)), *_ = feeder.samples(1).items()
    held.audit.accepted({labels: [(at, value + 1)]})
    (fault,) = held.audit.faults()
    assert fault.startswith(f"{at} has the value [{value}] instead of {value + 1} in fed{{n=")


def test_an_exporter_in_memory_is_audited_by_its_stats(receiver):
    """What waits cannot be seen there, and excuses as much as it counts."""
    push = {"endpoint": receiver.endpoint, "headers": HERE, "queue_config": QUEUE}
    exporter = PrometheusRemoteWriteExporter(**push)
    subject = Subject(receiver, exporter, exporter.stats)
    subject.deliver(0)
    receiver.is_shut = True
    for number in (0, 1):
        one = {labels: [point] for labels, point in feeder.samples(number).items()}
        subject.audit.accepted(one)
    subject.give(1)
    assert subject.audit.faults() == []
    assert not subject.audit.books().shows_waiting
    subject.audit.accepted({(("__name__", "else"),): [(7, 1.0)]})
    (fault,) = subject.audit.faults()
    assert fault.startswith(f"13 {LOST}, 12 of them accounted for: ")
    exporter.shutdown(timeout_millis=0)


def test_an_audit_may_be_of_some_series(held):
    """What is wrong with others is not its business; the numbers are."""
    one = Audit(held.receiver, held.path, of=lambda labels: ("n", "0") in labels)
    assert one.faults() == []
    held.tamper(f"DELETE FROM requests WHERE {LAST}")
    (fault,) = one.faults()
    assert fault.startswith("accepted 36 is not ")


def test_a_file_that_is_not_made_to_its_end_has_nothing(tmp_path):
    """A process may be killed before it has made its tables."""
    path = tmp_path / "queue-fed.db"
    assert read_spool(path) == read_spool(tmp_path / "elsewhere" / "queue.db")
    path.touch()
    assert read_spool(path).faults == ()
    assert read_spool(path).accepted == 0
    path.with_name(f"{path.name}-journal").touch()
    path.write_bytes(b"half a page")
    assert read_spool(path).faults == ()


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path):
    """Whatever stands there instead."""
    path = tmp_path / "queue-fed.db"
    path.write_bytes(b"x" * 4096)
    (fault,) = read_spool(path).faults
    assert fault == "queue-fed.db cannot be read: file is not a database"
