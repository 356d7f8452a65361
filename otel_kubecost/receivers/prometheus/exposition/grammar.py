"""The words that both formats are made of, as patterns that match in linear time."""

from __future__ import annotations

NAME = rb"[a-zA-Z_:][a-zA-Z0-9_:]*+"
QUOTED = rb'"(?:[^\\"]++|\\.)*+"'
LABEL_NAME = rb"(?:[a-zA-Z_][a-zA-Z0-9_]*+|%b)" % QUOTED

NUMBER = (
    rb"(?:[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?"
    rb"|[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)
"""What ``ParseFloat`` of Go takes, without what Go 1.13 added: hexadecimal and ``_``."""
