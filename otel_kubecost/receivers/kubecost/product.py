"""Which product answers, by what is in its answers to allocation queries. Pure.

    ETag "2.4.0"                    Kubecost: its nginx adds the chart's version to everything
    ETag "1.96.0"                   OpenCost's interface, if rows have fields that are younger
    idle row __idle__/__idle__      Kubecost 3
    idle row <cluster>/__idle__     Kubecost: OpenCost always joins idle of all clusters
    envelope with "status"          OpenCost up to 1.112
    Vary: Origin, or CORS *         OpenCost's own server, where no /model is before the path

The first that holds decides. Kubecost's aggregator has no headers of its own, and the server of
Kubecost 1 at port 9003 is OpenCost's. What none of it tells stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from otel_kubecost.receivers.kubecost.identity import IDLE

MINUTE = 60.0
HOUR = 60 * MINUTE

Name = Literal["kubecost", "opencost", "unknown"]
_TITLES = {"kubecost": "Kubecost", "opencost": "OpenCost", "unknown": "an unknown product"}


@dataclass(frozen=True, slots=True)
class Product:
    """What is known of who answers; empty texts are not known."""

    name: Name = "unknown"
    version: str = ""
    """As ``2.4.0``, or as far as the fields of its rows tell: ``3.x``, ``1.113 or later``."""
    surface: str = ""
    """``frontend`` and ``aggregator`` of Kubecost, ``api`` (no other tells itself), ``ui``."""

    def __str__(self) -> str:
        surface = f"({self.surface})" if self.surface else ""
        return " ".join(filter(None, (_TITLES[self.name], self.version, surface)))

    @property
    def is_kubecost(self) -> bool:
        return self.name == "kubecost"

    @property
    def settle_delay(self) -> float:
        """Seconds after its end until an hour is complete.

        OpenCost computes from Prometheus when it is asked: a scrape (1 to 2 minutes) and its
        resolution (5 minutes) later all is there. Kubecost 3's agents export every 10 minutes, and
        an aggregator ingests every 10 minutes.
        """
        return 5 * MINUTE if self.name == "opencost" else 20 * MINUTE

    @property
    def hourly_retention(self) -> float | None:
        """Seconds for which hours can be asked for one by one; None where there is no such end.

        Kubecost keeps 49 hourly sets (Helm value ``retention1h``), and days beyond them.
        """
        return 49 * HOUR if self.is_kubecost else None

    def after(self, before: Product | None) -> Product:
        """What is known with this answer too: one that tells less takes nothing back."""
        if before is None or self.name not in {"unknown", before.name}:
            return self
        return replace(
            before,
            version=self.version or before.version,
            surface=self.surface or before.surface,
        )


def recognise(path: str, headers: Mapping[str, str], body: bytes, keys: Collection[str]) -> Product:
    """Who gave a good answer at ``path``; of ``body`` the beginning is looked at.

    ``keys`` are those of its rows that are no object.
    """
    fields, chart, behind_page = _newest_fields(body), _chart(headers), "/model" in path
    if chart == _OPENCOST_UI:
        return Product() if fields == 2022 else Product("opencost", _OPENCOST[fields], "ui")
    if chart:
        return Product("kubecost", chart, "frontend")
    idle = next((key for key in keys if key.endswith(f"/{IDLE}")), "")
    if idle:
        return _kubecost(fields, behind_page, third=set(idle.split("/")) == {IDLE})
    if _has_status(body):
        version = _OPENCOST[fields] if fields < 2025 else ""
        return Product("opencost", version, "ui" if behind_page else "api")
    if not behind_page and _allows_any_origin(headers):
        return Product("opencost", _OPENCOST[fields], "api")
    return Product()


def _kubecost(fields: int, behind_page: bool, *, third: bool) -> Product:
    """Without its nginx. Kubecost 1 answers at a port of its own; an aggregator came with 2.0."""
    version = "3.x" if third else _KUBECOST[fields]
    direct = "aggregator" if third or fields > 2023 else "api"
    return Product("kubecost", version, "frontend" if behind_page else direct)


_OPENCOST_UI = "1.96.0"
"""Kubecost 1.96.0 has that ETag as well; no field is older than 2022 in either."""
_ETAG = re.compile(r"(?:W/)?\"(\d+\.\d+\.\d+[\w.+-]*)\"", re.ASCII)


def _chart(headers: Mapping[str, str]) -> str:
    """The chart's version in the ETag; a proxy that compresses makes the ETag a weak one."""
    found = _ETAG.fullmatch(headers.get("ETag", ""))
    return found[1] if found else ""


def _allows_any_origin(headers: Mapping[str, str]) -> bool:
    """What Go's rs/cors, set to allow all, adds to each answer; the star to browsers alone."""
    varies = {word.strip().lower() for word in headers.get("Vary", "").split(",")}
    return "origin" in varies or headers.get("Access-Control-Allow-Origin") == "*"


HEAD = 1024 * 1024
"""Bytes of a body that are looked at: rows have 2 to 3 kB, with hundreds of volumes far more."""

_STATUS = re.compile(rb'\{[^\[{]*"status"\s*:\s*"')


def _has_status(body: bytes) -> bool:
    """Whether the envelope says ``"status": "success"``, before its data."""
    return bool(_STATUS.match(body[:HEAD].lstrip()))


_FIELDS = ((2025, b'"gpuAllocation"'), (2024, b'"cpuCostIdle"'), (2023, b'"lbAllocations"'))
"""The year in which rows got a field, newest first (opencost allocation_json.go)."""
_OPENCOST = {
    0: "",
    2022: "before 1.111",
    2023: "before 1.111",
    2024: "1.111 or 1.112",
    2025: "1.113 or later",
}
_KUBECOST = {
    0: "",
    2022: "before 2.3",
    2023: "before 2.3",
    2024: "2.3 or 2.4",
    2025: "2.5 or later",
}
_IN_EVERY_ROW = b'"totalEfficiency"'
"""Every row has it; where the body is cut and there are two of it, one row is there as a whole."""


def _newest_fields(body: bytes) -> int:
    """The year of the newest field of rows, 2022 if of none; 0 where no row is seen whole."""
    head = body[:HEAD]
    if head.count(_IN_EVERY_ROW) < (2 if len(body) > HEAD else 1):
        return 0
    return next((year for year, field in _FIELDS if field in head), 2022)
