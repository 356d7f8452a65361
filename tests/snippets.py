"""The snippets of the documents, and a place where they can run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SAVED_AS = re.compile(r"`([\w./-]+\.(?:yaml|py))`[^`\n]*:\s*\Z")
"""How a paragraph that ends before a snippet names the file that it is: "saved as `a.yaml`:"."""

INSTALLS = re.compile(r"^(?:python3 -m venv|pip install|scripts/|benchmarks/).*$", re.MULTILINE)
"""Lines that set up a machine: the tests run on one that is set up, and are run by scripts/test."""

CLOUDTUNER = "https://dashboard.cloudtuner.ai/storage/api/v2/write"


class Snippet(NamedTuple):
    document: Path
    line: int
    language: str
    text: str
    file: str
    """Its name, where the document gives it one."""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def snippets(*languages: str) -> list[Snippet]:
    """Those in one of ``languages``; all without."""
    found = [snippet for document in DOCUMENTS for snippet in _in(document)]
    return [one for one in found if not languages or one.language in languages]


def _in(document: Path) -> Iterator[Snippet]:
    text = document.read_text()
    for fence in _FENCE.finditer(text):
        named = _SAVED_AS.search(text[: fence.start()])
        line = text.count("\n", 0, fence.start()) + 1
        yield Snippet(document, line, fence[1], fence[2], named[1] if named else "")


class Stage:
    """A directory with the files that a document names, and real servers behind its addresses.

    ``otel-kubecost run`` ends by SIGTERM there after ``seconds``.
    """

    def __init__(self, directory: Path, addresses: dict[str, str], seconds: int = 4) -> None:
        self.directory = directory
        self.addresses = addresses
        self.seconds = seconds
        (directory / "bin").mkdir()
        command = directory / "bin" / "otel-kubecost"
        command.write_text(_COMMAND.format(python=sys.executable, seconds=seconds))
        command.chmod(0o755)

    def set(self, text: str) -> str:
        """``text`` with the addresses of this stage in place of those that a document has."""
        for shown, real in self.addresses.items():
            text = text.replace(shown, real)
        return text

    def save(self, snippet: Snippet, name: str = "") -> Path:
        path = self.directory / (snippet.file or name)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(self.set(snippet.text))
        return path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        bins = [str(self.directory / "bin"), str(Path(sys.executable).parent)]
        return subprocess.run(
            command,
            cwd=self.directory,
            env=os.environ | {"PATH": ":".join([*bins, os.environ["PATH"]])},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


_COMMAND = """#!/bin/sh
if [ "$1" = run ]; then
    # In the foreground: else the whole group gets the signal, and a second one ends it at once.
    set -- {python} -m otel_kubecost "$@"
    exec timeout --foreground --preserve-status --signal=TERM {seconds} "$@"
fi
exec {python} -m otel_kubecost "$@"
"""
