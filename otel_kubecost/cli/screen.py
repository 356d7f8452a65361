"""Frames on a terminal, drawn in place with plain ANSI, or one after another into a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TextIO

from otel_kubecost.cli.demo_view import Line

_STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "31"}
_PLAIN = os.terminal_size((100, 100))


class Screen:
    """Where frames go: ``live`` overwrites the last one, else no escape sequence is written."""

    def __init__(self, out: TextIO, *, live: bool, colour: bool) -> None:
        self.is_live = live
        self._out = out
        self._colour = colour
        self._drawn = 0

    @property
    def size(self) -> os.terminal_size:
        """Columns and lines, as the terminal is now; its last line is left to the cursor."""
        if not self.is_live:
            return _PLAIN
        columns, lines = shutil.get_terminal_size()
        return os.terminal_size((columns, max(1, lines - 1)))

    def draw(self, lines: Sequence[Line]) -> None:
        if self.is_live:
            self._redraw(lines)
        else:
            self._out.write("".join(f"{line.text}\n" for line in lines) + "\n")
        self._out.flush()

    def _redraw(self, lines: Sequence[Line]) -> None:
        """Go up over the last frame and overwrite it; what does not fit is left out."""
        fitting = lines[: self.size.lines]
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        text = "".join(f"{self._styled(line)}\x1b[K\n" for line in fitting)
        self._out.write(f"{up}{text}\x1b[J")
        self._drawn = len(fitting)

    def _styled(self, line: Line) -> str:
        code = _STYLES.get(line.style)
        return f"\x1b[{code}m{line.text}\x1b[0m" if code and self._colour else line.text
