"""What the tests of the HTTP client share."""

from __future__ import annotations

import pytest

from otel_kubecost.http.session import HTTPClient, HTTPFailure
from otel_kubecost.testing import HttpServer, Reply

OK = Reply(200, b"fine")


class Recording(HttpServer):
    """Answers every request with the same reply."""

    def __init__(self, reply: Reply = OK, **keywords) -> None:
        super().__init__(lambda _: self.reply, **keywords)
        self.reply = reply


def failure_of(client: HTTPClient, url: str, **keywords) -> HTTPFailure:
    with pytest.raises(HTTPFailure) as caught:
        client.get(url, **keywords)
    return caught.value
