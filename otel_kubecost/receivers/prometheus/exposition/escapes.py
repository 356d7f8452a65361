r"""Texts without their escapes. A ``\`` in front of anything else is itself."""

from __future__ import annotations

import re

_IN_VALUE = re.compile(r'\\([\\n"])')
_IN_HELP = re.compile(r"\\([\\n])")


def unescaped(text: str) -> str:
    r"""With ``\\``, ``\n`` and ``\"`` as what they stand for."""
    return _IN_VALUE.sub(_character, text) if "\\" in text else text


def unescaped_help(text: str) -> str:
    r"""As the format 0.0.4 has it in help: with ``\\`` and ``\n``."""
    return _IN_HELP.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]
