"""What the tests of the HTTP client share."""

from __future__ import annotations

import pytest

from otel_kubecost.http.session import HTTPClient, HTTPFailure
from otel_kubecost.testing import HttpServer, Reply

OK = Reply(200, b"fine")


class Recording(HttpServer):
    """Answers with the same reply and keeps what it was asked."""

    def __init__(self, reply: Reply = OK, **keywords) -> None:
        super().__init__(self._keep, **keywords)
        self.reply = reply
        self.requests = []

    def _keep(self, request):
        self.requests.append(request)
        return self.reply


def failure_of(client: HTTPClient, url: str, **keywords) -> HTTPFailure:
    with pytest.raises(HTTPFailure) as caught:
        client.get(url, **keywords)
    return caught.value
