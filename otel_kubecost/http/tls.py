"""The TLS context of one peer: verification is on unless it was switched off in so many words."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from otel_kubecost.http.config import TLSConfig
from otel_kubecost.http.failure import HTTPFailure
from otel_kubecost.http.files import FileStamp, file_stamp
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_MIN_VERSION = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class TLS:
    """Makes the context at first need, and again when one of its files has changed."""

    def __init__(self, options: TLSConfig) -> None:
        self._options = options
        self._stamps: list[FileStamp] = []
        self._context: ssl.SSLContext | None = None

    @property
    def server_name(self) -> str | None:
        return self._options.server_name

    def context(self) -> ssl.SSLContext:
        """Raises HTTPFailure where a file named in ``tls_config`` cannot be used."""
        stamps = [file_stamp(path) for path in self._files()]
        if self._context is None or stamps != self._stamps:
            if self._context is None and self._options.insecure_skip_verify:
                _log.warning(
                    "TLS certificates are not verified: anyone on the way can read and change data",
                    hint="set tls_config.insecure_skip_verify to false; name your CA in ca_file",
                )
            self._context, self._stamps = tls_context(self._options), stamps
        return self._context

    def _files(self) -> list[Path]:
        options = self._options
        return [path for path in (options.ca_file, options.cert_file, options.key_file) if path]


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
        raise _unusable("ca_file", ca_file, error) from None


def _identify(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    try:
        # An empty password, or OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except OSError as error:
        raise _unusable("cert_file and key_file", cert_file, error) from None


def _unusable(option: str, path: Path, error: OSError) -> HTTPFailure:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    what = f"tls_config.{option} {path} cannot be used: {reason or type(error).__name__}"
    return HTTPFailure("tls", what, "it has to be a readable file in PEM format")
