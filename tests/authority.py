"""A certificate authority for the tests of whatever speaks TLS."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import trustme

from otel_kubecost.testing import TlsFiles

_NOW = dt.datetime.now(dt.UTC)
PAST = {"not_before": _NOW - dt.timedelta(days=9), "not_after": _NOW - dt.timedelta(days=1)}
"""The validity of a certificate that has expired."""
FUTURE = {"not_before": _NOW + dt.timedelta(days=1), "not_after": _NOW + dt.timedelta(days=9)}


class Authority:
    """A certificate authority whose PEM files are in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, *names: str, **validity) -> TlsFiles:
        """A server's or a client's certificate for ``names``."""
        issued = self._ca.issue_cert(*names, **validity)
        certificate = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        key = certificate.with_suffix(".key")
        certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return TlsFiles(str(certificate), str(key))
