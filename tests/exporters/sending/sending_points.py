"""Requests of some series at one mark, and a receiver that sees what is under way at once."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sending_data import DONE, Letters

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.exporters.sending.store import Store
from otel_kubecost.storage import StoredRequest

REFUSED = Verdict(Action.ISOLATE, "refused", "the receiver refused a whole request (400)")
ALPHABET = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))


class Points(Letters):
    """A sample of the time ``newest`` for each letter, which is a series."""

    def split(self) -> list[Points]:
        return [Points(half.text, self.newest) for half in super().split()]

    def only(self, place: float) -> Points:
        return Points(super().only(place).text, self.newest)


def unpacked(stored: StoredRequest) -> Points:
    return Points(stored.body.decode(), stored.place.newest)


def batch(mark: int, *sizes: int) -> list[Points]:
    """Requests of so many series each, the same series at every mark."""
    letters = iter(ALPHABET)
    return [Points("".join(next(letters) for _ in range(size)), mark * 1000) for size in sizes]


class Watcher:
    """A receiver that answers as scripted and then takes all but requests with a ``bad`` letter.

    Safe to use from several threads. While ``gate`` is shut everything waits for its answer, and
    while ``mercy`` is what will be taken does.
    """

    def __init__(
        self, script: Iterable[Verdict] = (), *, bad: Iterable[str] = (), nap: float = 0.0
    ) -> None:
        self.script = list(script)
        self.bad = set(bad)
        self.nap = nap
        self.gate = threading.Event()
        self.mercy = threading.Event()
        self.open()
        self.offered: list[Points] = []
        self.taken: dict[str, list[int]] = defaultdict(list)
        """Of each series the times of the samples, in the order in which they were taken."""
        self.under_way: list[Points] = []
        self.most = 0
        """Requests that were under way at the same time."""
        self.mixed: list[set[int]] = []
        """Times of requests that were under way at the same time though they differ."""
        self._lock = threading.Lock()

    def send(self, request: Points, attempt: int) -> Verdict:
        with self._lock:
            self.offered.append(request)
            self.under_way.append(request)
            self.most = max(self.most, len(self.under_way))
            times = {one.newest for one in self.under_way}
            self.mixed += [times] if len(times) > 1 else []
            verdict = self.script.pop(0) if self.script else DONE
        self.gate.wait()
        if verdict is DONE:
            self.mercy.wait()
        time.sleep(self.nap)
        with self._lock:
            self.under_way.remove(request)
            if verdict is DONE and self.bad & set(request.text):
                return REFUSED
            if verdict is DONE:
                for letter in request.text:
                    self.taken[letter].append(request.newest)
        return verdict

    def open(self) -> None:
        self.gate.set()
        self.mercy.set()

    @property
    def busy(self) -> int:
        return len(self.under_way)

    @property
    def samples(self) -> Counter[tuple[str, int]]:
        """How often each was taken."""
        return Counter((letter, at) for letter, times in self.taken.items() for at in times)

    @property
    def disorder(self) -> list[str]:
        """Series of which an older sample came after a newer one, for the first time."""
        first = {letter: list(dict.fromkeys(times)) for letter, times in self.taken.items()}
        return [letter for letter, times in first.items() if times != sorted(times)]


def queue_of(
    receiver: Watcher, store: Store[Points], clock: Clock, shards: int | tuple[int, int], **options
) -> SendingQueue[Points]:
    bounds = (shards, shards) if isinstance(shards, int) else shards
    return SendingQueue(
        receiver.send,
        store=store,
        clock=clock,
        episodes=Episodes(clock, exporter="test"),
        shards=bounds,
        **options,
    )


def unbalanced(stats: Stats) -> list[Stats]:
    """Itself, where what was accepted is not all that became of it."""
    parts = [stats.delivered, stats.pending, *stats.dropped.values()]
    return [] if sum(parts) == stats.accepted and min(parts) >= 0 else [stats]


@contextmanager
def ledger_watched(queues: list[SendingQueue[Points]]) -> Iterator[list[Stats]]:
    """What was wrong with the ledger of the last of ``queues``, at any of many looks."""
    wrong: list[Stats] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            wrong.extend(unbalanced(queues[-1].stats()))
            time.sleep(0.0002)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield wrong
    finally:
        over.set()
        watching.join()
