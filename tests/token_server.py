"""A server that issues OAuth2 tokens, for the tests of whatever needs them."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, unquote_plus

from otel_kubecost.testing import HttpServer, Reply

CLIENT, SECRET = "me & you", "hunter2:/ü"


class TokenServer(HttpServer):
    """Issues token-1, token-2 and so on to whoever has the secret."""

    def __init__(self, *, in_body=False, secret=SECRET, tls=None, **fields) -> None:
        super().__init__(self._grant, tls=tls)
        self.secret = secret
        self._in_body = in_body
        self._fields = {"token_type": "bearer", "expires_in": 3600} | fields
        self.issued = 0

    @property
    def token_url(self) -> str:
        return f"{self.url}/token?hidden=1"

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.body.decode())) for request in self.requests]

    def _grant(self, request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        said = form.get("client_id"), form.get("client_secret")
        if not self._in_body:
            scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
            decoded = base64.b64decode(pair).decode() if scheme == "Basic" else ":"
            said = tuple(map(unquote_plus, decoded.split(":")))
        if said != (CLIENT, self.secret):
            return refusal(401, "invalid_client")
        self.issued += 1
        fields = {"access_token": f"token-{self.issued}"} | self._fields
        return Reply(200, json.dumps(fields).encode(), content_type="application/json")


def refusal(status: int, code: str) -> Reply:
    body = {"error": code, "error_description": f"{SECRET} is wrong"}
    return Reply(status, json.dumps(body).encode(), content_type="application/json")


def block(server: TokenServer, **options) -> dict[str, object]:
    """An ``oauth2`` block with which ``server`` issues tokens."""
    return {
        "client_id": CLIENT,
        "token_url": server.token_url,
        **({} if "client_secret_file" in options else {"client_secret": SECRET}),
        **options,
    }
