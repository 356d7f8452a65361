"""``scripts/mutants``: break the sender in one way after another, and see who notices.

The tests run against a copy of the package as they run against the package itself: they start the
command, and the command imports the copy.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from mutants import MUTANTS, Mutant, broken

ROOT = Path(__file__).parents[1]
TESTS = "tests/wire_contract"
PAGE = ROOT / "docs" / "reliability.md"
PLACE = re.compile(r"(?<=<!-- mutants -->\n).*(?=<!-- end of mutants -->)", re.DOTALL)
"""Of the last result in that page."""


class Copy:
    """The package in another directory, with the tests: to be broken and mended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._package = directory / "otel_kubecost"
        shutil.copytree(ROOT / "otel_kubecost", self._package)
        shutil.copytree(ROOT / TESTS, directory / TESTS)
        for name in ("pyproject.toml", "tests/conftest.py", "tests/running.py", "tests/peers.py"):
            shutil.copy2(ROOT / name, directory / name)
        where = self._run("-c", "import otel_kubecost; print(otel_kubecost.__file__)").stdout
        if not where.startswith(f"{self._package}/"):
            raise click.ClickException(f"the tests would not import the copy, but {where}")

    def failures(self, *parts: str) -> list[str]:
        """Names of the tests that fail; of all parts where none is named."""
        files = [f"{TESTS}/{part}" for part in parts] or [TESTS]
        finished = self._run("-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", *files)
        if finished.returncode not in {0, 1} or "\nERROR " in finished.stdout:
            raise click.ClickException(f"the tests cannot run:\n{finished.stdout}")
        return re.findall(r"^FAILED \S+?::(\S+)", finished.stdout, re.MULTILINE)

    def failures_of(self, one: Mutant) -> list[str]:
        files = {edit.file for edit in one.edits}
        whole = {file: (self._package / file).read_text() for file in files}
        try:
            for file, text in broken(one, whole).items():
                (self._package / file).write_text(text)
            return self.failures(one.part)
        finally:
            for file, text in whole.items():
                (self._package / file).write_text(text)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self._directory,
            env=os.environ | {"PYTHONPATH": str(self._directory)},
            capture_output=True,
            text=True,
            check=False,
        )


@click.command()
@click.option("--only", default="", help="Mutants with this text in their name.")
@click.option("--record", is_flag=True, help=f"Write the result into {PAGE.name}.")
def main(only: str, record: bool) -> None:
    """Break the sender in many ways; each must be seen by a test of the wire contract."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copy = Copy(Path(directory))
        if wrong := copy.failures():
            raise click.ClickException(f"the sender fails as it is: {', '.join(wrong)}")
        rows = list(caught(copy, [one for one in MUTANTS if only in one.what]))
    text = report(rows, time.monotonic() - began)
    click.echo(text)
    if record:
        PAGE.write_text(PLACE.sub(lambda _: text, PAGE.read_text()))
    survivors = [one.what for one, failures in rows if not failures]
    if survivors:
        raise click.ClickException(f"nobody saw: {', '.join(survivors)}")


def caught(copy: Copy, mutants: Iterable[Mutant]) -> Iterator[tuple[Mutant, list[str]]]:
    for one in mutants:
        failures = copy.failures_of(one)
        click.echo(f"{one.what}: {', '.join(failures) or 'SURVIVES'}", err=True)
        yield one, failures


def report(rows: Iterable[tuple[Mutant, list[str]]], seconds: float) -> str:
    """As Markdown."""
    lines = ["| broken | seen by |", "| --- | --- |"]
    for one, failures in rows:
        names = list(dict.fromkeys(name.partition("[")[0] for name in failures))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        seen = f"`{names[0]}`{more}" if names else "nobody"
        lines.append(f"| {one.what} | {seen} |")
    run = f"{datetime.now(UTC):%Y-%m-%d}, {seconds:.0f} s, Python {platform.python_version()}"
    return f"{run}:\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
