"""What users write of an HTTP peer, in Prometheus' words: credentials, TLS, headers, proxy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from otel_kubecost.config.options import Duration, Options, Text

RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "user-agent",
        "www-authenticate",
        "x-prometheus-remote-read-version",
        "x-prometheus-remote-write-version",
    }
)
"""Names that ``headers`` may not have: the protocol owns them (remote write 1.0)."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VISIBLE = re.compile(r"[\x20-\x7e\x80-\xff\t]+")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f]")


def split_url(text: str) -> SplitResult:
    """The parts of an ``http`` or ``https`` URL. Raises ValueError for anything else.

    A URL with ``user:password@`` is refused: URLs are logged, credentials are not. For the same
    reason no message here repeats the URL.
    """
    if _NOT_IN_URLS.search(text):
        raise ValueError("there is a space or a line break in the URL; remove it")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("write the URL with its scheme, as in https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials do not belong in the URL; use basic_auth")
    if not _is_host(parts.hostname or "") or parts.port == 0:
        raise ValueError("the URL has no host or a wrong port; write https://host:443/path")
    return parts


def _is_host(name: str) -> bool:
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def shown_url(text: str) -> str:
    """``text`` as it may be logged: without query and fragment, which may hold a token."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _endpoint(text: str) -> str:
    split_url(text)
    return text


def _proxy(secret: SecretStr) -> SecretStr:
    """A proxy's URL may hold the credentials of the proxy, and is a secret for that."""
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write the proxy as http://host:port")
    return secret


EndpointURL = Annotated[
    str,
    AfterValidator(_endpoint),
    WithJsonSchema({"type": "string", "pattern": "^[hH][tT][tT][pP][sS]?://"}),
]
ProxyURL = Annotated[SecretStr, AfterValidator(_proxy)]


def _exactly_one(options: Options, *names: str) -> None:
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give one of {' and '.join(names)}, and only one")


class BasicAuth(Options):
    """User name and password. The file is read again when it changes."""

    username: Text = Field(min_length=1, description="User name.", examples=["kubecost"])
    password: SecretStr | None = Field(
        None, description="Password; better in a file.", examples=["${env:PASSWORD}"]
    )
    password_file: Path | None = Field(
        None,
        description="File with the password.",
        examples=["/etc/secrets/password"],
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        _exactly_one(self, "password", "password_file")
        if ":" in self.username:
            raise ValueError("a user name with a colon cannot be sent (RFC 7617)")
        return self


class Authorization(Options):
    """The header ``Authorization: <type> <credentials>``."""

    type: str = Field("Bearer", pattern=f"^{_TOKEN.pattern}$", description="Scheme of the header.")
    credentials: SecretStr | None = Field(
        None, description="Token; better in a file.", examples=["${env:TOKEN}"]
    )
    credentials_file: Path | None = Field(
        None, description="File with the token.", examples=["/etc/secrets/token"]
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        _exactly_one(self, "credentials", "credentials_file")
        if self.type.lower() == "basic":
            raise ValueError("write basic_auth instead of an authorization of type Basic")
        return self


class TLSConfig(Options):
    """How an ``https`` peer is verified, and how this side identifies itself."""

    ca_file: Path | None = Field(
        None,
        description="CA certificates to trust instead of certifi's.",
        examples=["/etc/ssl/ca.pem"],
    )
    cert_file: Path | None = Field(
        None, description="Client certificate (PEM).", examples=["/etc/ssl/client.pem"]
    )
    key_file: Path | None = Field(
        None, description="Key of the client certificate (PEM).", examples=["/etc/ssl/client.key"]
    )
    server_name: str | None = Field(
        None, description="Name to expect in the certificate.", examples=["metrics.example.com"]
    )
    insecure_skip_verify: bool = Field(False, description="True: trust any certificate.")
    min_version: Literal["TLS12", "TLS13"] = Field("TLS12", description="Oldest version spoken.")

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both")
        return self


class OAuth2(Options):
    """A token for a client and its secret, fetched from ``token_url`` (RFC 6749, 4.4).

    It is fetched when it is first needed, before it expires, and when the peer refuses it.
    """

    client_id: Text = Field(
        min_length=1, description="Name of the client.", examples=["otel-kubecost"]
    )
    client_secret: SecretStr | None = Field(
        None, description="Its secret; better in a file.", examples=["${env:CLIENT_SECRET}"]
    )
    client_secret_file: Path | None = Field(
        None,
        description="File with the secret.",
        examples=["/etc/secrets/client_secret"],
    )
    token_url: EndpointURL = Field(
        description="Where tokens are fetched.", examples=["https://login.example.com/oauth2/token"]
    )
    scopes: tuple[Text, ...] = Field(
        (), description="What the token shall allow.", examples=[["metrics:write"]]
    )
    endpoint_params: dict[str, Text] = Field(
        default_factory=dict,
        repr=False,
        description="More parameters, such as audience.",
        examples=[{"audience": "metrics"}],
    )
    tls_config: TLSConfig = Field(
        default_factory=TLSConfig,
        validation_alias=AliasChoices("tls_config", "tls"),
        description="TLS of token_url; the peer's own is not used for it.",
    )
    proxy_url: ProxyURL | None = Field(
        None, description="Proxy to token_url.", examples=["http://proxy.example.com:3128"]
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        _exactly_one(self, "client_secret", "client_secret_file")
        return self

    @field_validator("endpoint_params")
    @classmethod
    def _parameters_of_its_own(cls, parameters: dict[str, str]) -> dict[str, str]:
        for name, option in _PARAMETERS.items():
            if name in parameters:
                raise ValueError(f"{name} is not for endpoint_params; use {option}")
        return parameters


_PARAMETERS = {
    "client_id": "client_id",
    "client_secret": "client_secret_file",
    "scope": "scopes",
}
"""What is sent to ``token_url`` anyway, and from which option it comes."""


class AuthOptions(Options):
    """At most one way to say who is asking."""

    basic_auth: BasicAuth | None = Field(None, description="User name and password.")
    authorization: Authorization | None = Field(None, description="Any other scheme and token.")
    bearer_token_file: Path | None = Field(
        None, description="File with a bearer token.", examples=["/etc/secrets/token"]
    )
    api_key_file: Path | None = Field(
        None,
        description="File with Kubecost's X-API-KEY.",
        examples=["/etc/secrets/api_key"],
    )
    oauth2: OAuth2 | None = Field(None, description="A token of an OAuth2 server.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in AuthOptions.model_fields if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; keep one")
        return self


class HTTPOptions(AuthOptions):
    """Everything that a client has to know of its peer, beside the URL.

    A component with its credentials in a block of their own joins the two:
    ``HTTPOptions(**dict(options.auth), timeout=...)``.
    """

    headers: dict[str, Text] = Field(
        default_factory=dict,
        repr=False,
        description="Headers sent with every request.",
        examples=[{"Cloud-Account-Id": "${env:TENANT_ID}"}],
    )
    tls_config: TLSConfig = Field(
        default_factory=TLSConfig,
        validation_alias=AliasChoices("tls_config", "tls"),
        description="TLS of an https endpoint.",
    )
    proxy_url: ProxyURL | None = Field(
        None,
        description="Proxy; the environment names none.",
        examples=["http://proxy.example.com:3128"],
    )
    timeout: Duration = Field(30.0, gt=0, description="Time for a request with its whole answer.")

    @field_validator("headers")
    @classmethod
    def _sendable_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            _check_header(name, value)
        return headers


def _check_header(name: str, value: str) -> None:
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"header {name} is the protocol's own; credentials go into basic_auth")
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header")
    if not value.strip():
        raise ValueError(f"header {name} is empty; is the variable it comes from set?")
    if not _VISIBLE.fullmatch(value):
        raise ValueError(f"header {name} holds a line break or a character beyond Latin-1")
