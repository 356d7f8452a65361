"""What the tests of the HTTP client share."""

from __future__ import annotations

import pytest

from otel_kubecost.http.session import HTTPClient, HTTPFailure
from otel_kubecost.testing import HttpServer, Reply, Request

OK = Reply(200, b"fine")


class Recording(HttpServer):
    """Answers every request with the same reply."""

    def __init__(self, reply: Reply = OK, **keywords) -> None:
        super().__init__(lambda _: self.reply, **keywords)
        self.reply = reply


class Elsewhere(HttpServer):
    """Where redirects lead to: on another host, and every request is kept, HEAD too."""

    def __init__(self) -> None:
        super().__init__(self._keep)
        self.heard: list[Request] = []

    def _keep(self, request: Request) -> Reply:
        self.heard.append(request)
        return OK

    @property
    def redirects(self) -> list[Reply]:
        """A redirect of every kind to here; each wants a cookie to be kept as well."""
        place = self.url.replace("127.0.0.1", "localhost")
        headers = {"Location": f"{place}/", "Set-Cookie": "session=hunter2"}
        return [Reply(status, b"moved", headers=headers) for status in (301, 302, 303, 307, 308)]


def failure_of(client: HTTPClient, url: str, **keywords) -> HTTPFailure:
    with pytest.raises(HTTPFailure) as caught:
        client.get(url, **keywords)
    return caught.value
