"""How far the data came, whatever the storage does."""

import pytest

from otel_kubecost.receivers.kubecost.checkpoints import Checkpoints
from otel_kubecost.receivers.kubecost.window import DAY, Window


class Kept:
    """A storage in memory; ``fails`` is what it raises."""

    def __init__(self):
        self.values = {}
        self.fails = None

    def get(self, key):
        self._fail()
        return self.values.get(key)

    def set(self, key, value):
        self._fail()
        self.values[key] = value

    def delete(self, key):
        self._fail()
        self.values.pop(key, None)

    def _fail(self):
        if self.fails:
            raise self.fails


def test_a_checkpoint_outlives_the_object_and_never_goes_back():
    """What was delivered is delivered."""
    kept = Kept()
    Checkpoints(kept).advance("one", 120.0, now=200.0)
    again = Checkpoints(kept)
    again.advance("one", 60.0, now=200.0)
    assert again.get("one") == Checkpoints(kept).get("one") == 120.0
    assert again.get("two") is None


def test_a_checkpoint_of_the_future_is_given_up():
    """A clock was wrong when it was written; it would hide every gap until then."""
    checkpoints = Checkpoints(Kept())
    checkpoints.advance("one", 9000.0, now=9000.0)
    checkpoints.advance("one", 120.0, now=200.0)
    assert checkpoints.get("one") == 120.0


def test_what_was_forgotten_is_gone():
    """Also from the storage."""
    kept = Kept()
    checkpoints = Checkpoints(kept)
    checkpoints.advance("one", 120.0, now=200.0)
    checkpoints.forget("one")
    assert checkpoints.get("one") is None
    assert kept.values == {}


@pytest.mark.parametrize(
    "garbage", [b"", b"yesterday", b"\xff", b"nan", b"inf", b"-inf", b"-60.0", b"1e300"]
)
def test_something_else_in_its_place_is_nothing(garbage, caplog):
    """The receiver begins with the present, and says once that it does."""
    kept = Kept()
    kept.values["one"] = garbage
    checkpoints = Checkpoints(kept)
    assert checkpoints.get("one") is None
    checkpoints.advance("one", 120.0, now=200.0)
    assert checkpoints.get("one") == 120.0
    assert [record.reader for record in caplog.records] == ["one"]


def test_days_outlive_the_object():
    """The newest ones; something else in their place is nothing."""
    kept = Kept()
    days = [Window(at * DAY, at * DAY + DAY) for at in range(20)]
    assert Checkpoints(kept).days() == Checkpoints(None).days() == set()
    Checkpoints(kept).keep_days(days)
    assert Checkpoints(kept).days() == set(days[10:])
    for garbage in (b"\xff", b"1", b"1/2/3", b"a/b"):
        kept.values["days"] = garbage
        assert Checkpoints(kept).days() == set()


def test_a_storage_that_fails_is_said_once(caplog):
    """It costs nothing now; when it works again, and fails again, that is said again."""
    kept = Kept()
    checkpoints = Checkpoints(kept)
    kept.fails = OSError(28, "The storage in /x cannot be used: it is full; free some of the disk")
    for mark in (60.0, 120.0):
        checkpoints.advance("one", mark, now=200.0)
    assert checkpoints.get("one") == 120.0
    assert len(caplog.records) == 1
    assert "it is full; free some of the disk" in caplog.text
    kept.fails = None
    checkpoints.advance("one", 180.0, now=200.0)
    assert kept.values["one"] == b"180.0"
    kept.fails = OSError("gone")
    checkpoints.forget("one")
    assert len(caplog.records) == 2
