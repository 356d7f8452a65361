"""A receiver that answers as it is told to, and keeps what came, with the time of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from wire_reading import V2, Series, read, written

from otel_kubecost.testing import HttpServer, Reply, Request

Answer: TypeAlias = int | Reply | Callable[[Request], "Answer"]


@dataclass
class Arrival:
    """A request, and what it was answered: 0 where it was nothing."""

    request: Request
    began: float
    """Monotonic seconds, and of ``ended``, when the answer went off."""
    ended: float = 0.0
    status: int = 0

    @property
    def body(self) -> bytes:
        return self.request.body

    @property
    def is_v2(self) -> bool:
        return self.request.headers.get("Content-Type", "").endswith(V2)

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status <= 299

    @cached_property
    def series(self) -> list[Series]:
        """As upstream's own messages read them. Raises ValueError."""
        return read(self.body, in_v2=self.is_v2)


@dataclass
class Endpoint:
    """A path of the receiver: ``answers`` are for its first requests, ``then`` for all others."""

    url: str
    answers: list[Answer]
    then: Answer
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def taken(self) -> list[Arrival]:
        """Those that were answered with success."""
        return [one for one in self.arrivals if one.is_taken]

    def answer(self, request: Request) -> Reply:
        arrival = Arrival(request, time.monotonic())
        self.arrivals.append(arrival)
        count = len(self.arrivals)
        reply = _reply(
            self.answers[count - 1] if count <= len(self.answers) else self.then, request
        )
        arrival.ended, arrival.status = time.monotonic(), 0 if reply.hang else reply.status
        return reply


def _reply(answer: Answer, request: Request) -> Reply:
    if isinstance(answer, int):
        return Reply(answer, b"" if answer == 204 else b"scripted")
    if isinstance(answer, Reply):
        return answer
    return _reply(answer(request), request)


class Receiver(HttpServer):
    """Any number of endpoints. HEAD asks for the time alone, and is answered 405."""

    def __init__(self) -> None:
        super().__init__(self._answer_at)
        self._endpoints: dict[str, Endpoint] = {}

    def endpoint(self, name: str, answers: Iterable[Answer] = (), then: Answer = 204) -> Endpoint:
        endpoint = Endpoint(f"{self.url}/{name}", list(answers), then)
        return self._endpoints.setdefault(name, endpoint)

    def _answer_at(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        return self._endpoints[request.path.strip("/")].answer(request)


def takes_v2(request: Request) -> Reply:
    """As the specification wants it of a receiver of 2.0: with how much is written."""
    return Reply(204, headers=written(request.body))


def break_off(_: Request) -> Answer:
    """No answer: the connection ends."""
    raise ConnectionResetError


def later(seconds: float) -> Callable[[Request], Answer]:
    """204, after a while."""

    def answer(_: Request) -> Answer:
        time.sleep(seconds)
        return 204

    return answer
