"""The TLS context of one peer: verification is on unless it was switched off in so many words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import certifi

from otel_kubecost.http.config import TLSConfig
from otel_kubecost.http.failure import HTTPFailure
from otel_kubecost.http.files import FileStamp, file_stamp, warn_if_open_to_all
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_KEY = "tls_config.key_file"
_MIN_VERSION = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class TLS:
    """Makes the context at first need, and again when one of its files has changed."""

    def __init__(self, options: TLSConfig) -> None:
        self._options = options
        self._stamps: dict[str, FileStamp] = {}
        self._context: ssl.SSLContext | None = None

    @property
    def server_name(self) -> str | None:
        return self._options.server_name

    def context(self) -> ssl.SSLContext:
        """Raises HTTPFailure where a file named in ``tls_config`` cannot be used."""
        stamps = {option: file_stamp(option, path) for option, path in self._files().items()}
        if self._context is None or stamps != self._stamps:
            context = tls_context(self._options)
            self._warn(stamps)
            self._context, self._stamps = context, stamps
        return self._context

    def _warn(self, stamps: Mapping[str, FileStamp]) -> None:
        if self._context is None and self._options.insecure_skip_verify:
            _log.warning(
                "TLS certificates are not verified: anyone on the way can read and change data",
                hint="set tls_config.insecure_skip_verify to false; name your CA in ca_file",
            )
        if self._options.key_file:
            warn_if_open_to_all(_KEY, self._options.key_file, stamps[_KEY])

    def _files(self) -> dict[str, Path]:
        options = self._options
        named = {
            "tls_config.ca_file": options.ca_file,
            "tls_config.cert_file": options.cert_file,
            _KEY: options.key_file,
        }
        return {option: path for option, path in named.items() if path}


def tls_context(options: TLSConfig) -> ssl.SSLContext:
    """The context that ``options`` describe. Raises HTTPFailure for a file that is no PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _MIN_VERSION[options.min_version]
    context.hostname_checks_common_name = False
    if options.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, options.ca_file or Path(certifi.where()))
    if options.cert_file and options.key_file:
        _identify(context, options.cert_file, options.key_file)
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        raise _unusable(f"{ca_file} of tls_config.ca_file", error) from None


def _identify(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    try:
        # An empty password, or OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except OSError as error:
        what = f"{cert_file} of tls_config.cert_file, or that of key_file,"
        raise _unusable(what, error) from None


_REMEDIES = {"KEY_VALUES_MISMATCH": "key_file is the key of another certificate"}
"""By OpenSSL's reason."""


def _unusable(what: str, error: OSError) -> HTTPFailure:
    said = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    hint = _REMEDIES.get(said or "", "it has to be a readable file in PEM format")
    reason = (said or type(error).__name__).replace("_", " ").lower()
    return HTTPFailure("tls", f"the file {what} cannot be used: {reason}", hint)
