"""What users write under ``prometheus``."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from otel_kubecost.config.options import Options, Text


class Address(NamedTuple):
    """Where a server listens. An empty host stands for all of them, port 0 for any free one."""

    host: str
    port: int


_ENDPOINT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:/\[\]]*)):(\d{1,5})", re.ASCII)


def parse_endpoint(text: str) -> Address:
    """Host and port of ``0.0.0.0:9103``, ``[::]:9103`` or ``:9103``. Raises ValueError."""
    match = _ENDPOINT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not an address to listen on; write it as 0.0.0.0:9103')
    address = Address(match.group(1) or match.group(2) or "", int(match.group(3)))
    if address.port > 65_535:
        raise ValueError(f"there is no port {address.port}; ports end at 65535")
    return address


def _checked(text: str) -> str:
    parse_endpoint(text)
    return text.strip()


class PrometheusExporterOptions(Options):
    """Where the page is served."""

    endpoint: Annotated[Text, AfterValidator(_checked)] = Field(
        "0.0.0.0:9103",
        description="Host and port to serve /metrics on; port 0 takes any free one.",
        examples=["0.0.0.0:9103", "127.0.0.1:9103", "[::]:9103"],
    )

    @property
    def address(self) -> Address:
        return parse_endpoint(self.endpoint)
