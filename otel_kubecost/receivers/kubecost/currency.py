"""The currency of Kubecost's prices, which only its settings say. Pure.

Kubecost's frontend has ``/model/getConfigs`` beside ``/model/allocation``. Its aggregator does not
say it, and OpenCost has no such path.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_CODE = re.compile(r"[A-Za-z]{3}", re.ASCII)


class _Configs(msgspec.Struct):
    data: Any = None


_configs = msgspec.json.Decoder(_Configs)


def has_settings(body: bytes) -> bool:
    """Whether it is an answer with settings, be there a currency in them or not."""
    return isinstance(_data(body), dict)


def currency_code(body: bytes) -> str | None:
    """``EUR`` of ``{"data": {"currencyCode": "eur", ...}}``; None where it is not said."""
    data = _data(body)
    code = data.get("currencyCode") if isinstance(data, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code.strip()):
        return None
    return code.strip().upper()


def _data(body: bytes) -> Any:
    try:
        return _configs.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
