"""The headers that say who is asking. Secrets in files are read again when the file changes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from otel_kubecost.http.config import AuthOptions
from otel_kubecost.http.failure import FailureKind, HTTPFailure
from otel_kubecost.http.files import FileStamp, file_stamp, unreadable, warn_if_open_to_all

_BEARER = "Bearer "


class SecretFile:
    """One secret in a file, without the white space around it."""

    def __init__(self, option: str, path: Path) -> None:
        self._option = option
        self._path = path
        self._stamp: FileStamp | None = None
        self._secret = ""

    def read(self) -> str:
        """The secret as the file has it now. Raises HTTPFailure where it has none."""
        stamp = file_stamp(self._option, self._path)
        if stamp != self._stamp:
            self._secret = self._load()
            self._stamp = stamp
            warn_if_open_to_all(self._option, self._path, stamp)
        return self._secret

    def _load(self) -> str:
        try:
            secret = self._path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise unreadable(self._option, self._path, error) from None
        except UnicodeDecodeError:
            secret = ""
        if not secret.isprintable() or not secret:
            hint = "it has to hold one line of text"
            what = f"the file {self._path} of {self._option} holds no secret"
            raise HTTPFailure(FailureKind.UNREADABLE, what, hint)
        return secret


class Tokens(Protocol):
    """Gives bearer tokens that end."""

    def token(self, timeout: float) -> str:
        """One to use now, within ``timeout`` seconds. Raises HTTPFailure."""
        ...

    def forget(self, token: str) -> None:
        """Never give ``token`` again: it was refused."""
        ...


class Credentials:
    """The headers of one peer's ``AuthOptions``; ``tokens`` are those of its ``oauth2``."""

    def __init__(self, options: AuthOptions, tokens: Tokens | None = None) -> None:
        self._options = options
        self._tokens = tokens
        self._file = _secret_file(options)

    def headers(self, timeout: float) -> Mapping[str, str]:
        """Empty without credentials. A token that has to be fetched may take ``timeout`` seconds.

        Raises HTTPFailure where a file or a server gives no secret.
        """
        if self._tokens:
            return {"Authorization": _sendable(_BEARER + self._tokens.token(timeout))}
        basic, other = self._options.basic_auth, self._options.authorization
        if basic:
            pair = f"{basic.username}:{self._secret(basic.password)}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        if other:
            return {"Authorization": _sendable(f"{other.type} {self._secret(other.credentials)}")}
        if self._options.bearer_token_file:
            return {"Authorization": _sendable(_BEARER + self._secret(None))}
        if self._options.api_key_file:
            return {"X-API-KEY": _sendable(self._secret(None))}
        return {}

    def renewed(self, refused: Mapping[str, str]) -> bool:
        """Whether the next headers are others than those ``refused`` with 401: a new token."""
        if self._tokens is None:
            return False
        self._tokens.forget(refused["Authorization"].removeprefix(_BEARER))
        return True

    def _secret(self, inline: SecretStr | None) -> str:
        if inline is not None:
            return inline.get_secret_value()
        return self._file.read() if self._file else ""


def _sendable(token: str) -> str:
    if not token.isascii() or not token.isprintable():
        hint = "a token is one line of ASCII; was the right file named?"
        raise HTTPFailure("other", "the token cannot be sent in a header", hint)
    return token


def _secret_file(options: AuthOptions) -> SecretFile | None:
    basic, other = options.basic_auth, options.authorization
    named = {
        "basic_auth.password_file": basic.password_file if basic else None,
        "authorization.credentials_file": other.credentials_file if other else None,
        "bearer_token_file": options.bearer_token_file,
        "api_key_file": options.api_key_file,
    }
    return next((SecretFile(option, path) for option, path in named.items() if path), None)
