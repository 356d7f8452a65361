"""Scrapes get a thread at once, and nobody waits for one that hangs."""

import threading

from scraping import until

from otel_kubecost.receivers.prometheus.crew import Crew


def alive(name):
    return [one for one in threading.enumerate() if one.name == name]


def test_work_that_hangs_delays_no_other():
    """There are as many threads as work is under way, and no more after that."""
    crew, hang, done = Crew("crew-a"), threading.Event(), []
    for _ in range(3):
        crew.do(hang.wait)
    crew.do(lambda: done.append(1))
    until(lambda: done == [1])
    assert len(alive("crew-a")) == 4
    hang.set()
    crew.end()
    until(lambda: not alive("crew-a"))


def test_threads_are_used_again():
    """Work that comes one after the other takes one, or one more."""
    crew, done = Crew("crew-b"), []
    for number in range(20):
        crew.do(lambda number=number: done.append(threading.get_ident()))
        until(lambda number=number: len(done) > number)
    until(lambda: len(set(done)) <= 2)
    crew.end()
    until(lambda: not alive("crew-b"))


def test_the_end_waits_for_nobody():
    """What is under way is left behind, on a thread that the interpreter does not join."""
    crew, hang = Crew("crew-c"), threading.Event()
    crew.do(hang.wait)
    crew.end()
    (left,) = alive("crew-c")
    assert left.daemon
    hang.set()
    until(lambda: not alive("crew-c"))


def test_threads_without_work_end(monkeypatch):
    """An outage of many targets leaves none behind."""
    monkeypatch.setattr("otel_kubecost.receivers.prometheus.crew._IDLE_SECONDS", 0.01)
    crew, done = Crew("crew-d"), []
    for number in range(3):
        crew.do(lambda: done.append(1))
        until(lambda number=number: len(done) > number)
        until(lambda: not alive("crew-d"))


def test_without_a_new_thread_work_waits_for_an_old_one(monkeypatch, caplog):
    """A process may have reached its limit."""
    crew, hang, done = Crew("crew-e"), threading.Event(), []
    crew.do(hang.wait)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    crew.do(lambda: done.append(1))
    assert "There is no thread for a scrape" in caplog.text
    hang.set()
    until(lambda: done == [1])
    crew.end()
    until(lambda: not alive("crew-e"))
