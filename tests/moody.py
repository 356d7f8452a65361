"""A receiver of remote write that is well or not, from one moment to the next."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

from otel_kubecost.testing import RemoteWrite2, RemoteWriteReceiver, Reply, decode, decode_v2
from otel_kubecost.testing.wire import is_v2

PATIENCE = 0.3
"""Seconds that a POST may take."""
DISTANCE = 0.003
"""Seconds that it takes at least to get here, and the answer to get back."""


def well(request, work):
    return work()


def slow(request, work):
    time.sleep(0.02)
    return work()


def unavailable(request, work):
    return Reply(503)


def hanging(request, work):
    time.sleep(PATIENCE)
    return Reply(hang=True)


def forgetful(request, work):
    """It stores, and nobody hears of it."""
    work()
    return hanging(request, work)


def narrow(request, work):
    """One series a request, or 413."""
    read = decode_v2 if is_v2(request) else decode
    return work() if len(read(request.body).series) == 1 else Reply(413)


def closed(request, work):
    """Nobody listens, and what was under way is broken off."""
    return Reply(503)


MOODS = (well, slow, unavailable, hanging, forgetful, narrow, closed)


class Moody(RemoteWriteReceiver):
    """Answers as its ``mood`` is; ``under_way`` are the requests that wait for an answer."""

    def __init__(self) -> None:
        super().__init__(path="/api/v1/write", remote_write_2=RemoteWrite2.TAKEN)
        self.under_way = 0
        self._mood = well
        self._counting = threading.Lock()

    @property
    def mood(self):
        return self._mood

    @mood.setter
    def mood(self, mood):
        was_closed, self._mood = self._mood is closed, mood
        if was_closed and mood is not closed:
            self.__enter__()
        if mood is closed and not was_closed:
            self.__exit__(None, None, None)

    def _answer(self, request) -> Reply:
        def work():
            return super(Moody, self)._answer(request)

        if request.method == "HEAD":
            return work()
        self._count(1)
        try:
            time.sleep(DISTANCE)
            reply = self._mood(request, work)
            time.sleep(DISTANCE)
            return reply
        finally:
            self._count(-1)

    def _count(self, more) -> None:
        with self._counting:
            self.under_way += more


@contextmanager
def moody_receiver():
    with Moody() as receiver:
        try:
            yield receiver
        finally:
            receiver.mood = well
