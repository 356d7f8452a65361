"""The headers that say who is asking. Secrets in files are read again when the file changes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from otel_kubecost.http.config import AuthOptions
from otel_kubecost.http.failure import HTTPFailure
from otel_kubecost.http.files import FileStamp, file_stamp, unreadable


class SecretFile:
    """One secret in a file, without the white space around it."""

    def __init__(self, option: str, path: Path) -> None:
        self._option = option
        self._path = path
        self._stamp: FileStamp | None = None
        self._secret = ""

    def read(self) -> str:
        """The secret as the file has it now. Raises HTTPFailure where it has none."""
        stamp = file_stamp(self._path)
        if stamp != self._stamp:
            self._secret = self._load()
            self._stamp = stamp
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
            raise HTTPFailure("other", f"{self._option} {self._path} holds no secret", hint)
        return secret


class Credentials:
    """The headers of one peer's ``AuthOptions``."""

    def __init__(self, options: AuthOptions) -> None:
        self._options = options
        self._file = _secret_file(options)

    def headers(self) -> Mapping[str, str]:
        """Empty without credentials. Raises HTTPFailure where a secret's file gives none."""
        basic, other = self._options.basic_auth, self._options.authorization
        if basic:
            pair = f"{basic.username}:{self._secret(basic.password)}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        if other:
            return {"Authorization": _sendable(f"{other.type} {self._secret(other.credentials)}")}
        if self._options.bearer_token_file:
            return {"Authorization": _sendable(f"Bearer {self._secret(None)}")}
        if self._options.api_key_file:
            return {"X-API-KEY": _sendable(self._secret(None))}
        return {}

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
