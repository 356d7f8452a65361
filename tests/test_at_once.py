"""Calls at the same time, and what is left of that where no thread can be had."""

import threading

from otel_kubecost.at_once import at_once


def test_calls_run_at_the_same_time():
    """Each waits for the other, so one after the other they would never end."""
    meeting = threading.Barrier(2, timeout=10)
    done = []
    assert at_once([lambda: done.append(meeting.wait())] * 2, lambda: 10.0)
    assert sorted(done) == [0, 1]


def test_one_that_hangs_is_left_behind():
    """The others are not: the time goes by for all of them at once."""
    release, done = threading.Event(), []
    assert not at_once([release.wait, lambda: done.append(1)], lambda: 0.05)
    assert done == [1]
    release.set()


def test_without_threads_calls_are_made_in_turn(monkeypatch):
    """As at the end of a process in Python 3.12."""

    def refuse(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    assert at_once([lambda: done.append(1), lambda: done.append(2)], lambda: 0.0)
    assert done == [1, 2]
