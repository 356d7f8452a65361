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
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import click
from mutants import MUTANTS, Mutant, broken

ROOT = Path(__file__).parents[1]
TESTS = "tests/wire_contract"
PAGE = ROOT / "docs" / "reliability.md"
PLACE = re.compile(r"(?<=<!-- mutants -->\n).*(?=<!-- end of mutants -->)", re.DOTALL)
"""Of the last result in that page."""
AT_ONCE = os.cpu_count() or 1
"""Mutants. Most of the time their tests wait for the next scrape."""


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
        return re.findall(r"^FAILED \S+?::(.+?)(?: - .*)?$", finished.stdout, re.MULTILINE)

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
    with ExitStack() as stack:
        temporary = (tempfile.TemporaryDirectory(prefix="mutants-") for _ in range(AT_ONCE))
        copies = [Copy(Path(stack.enter_context(one))) for one in temporary]
        mutants = [one for one in MUTANTS if only in one.what]
        if wrong := copies[0].failures(*sorted({one.part for one in mutants})):
            raise click.ClickException(f"the sender fails as it is: {', '.join(wrong)}")
        rows = list(caught(copies, mutants))
    text = report(rows, time.monotonic() - began)
    click.echo(text)
    if record:
        PAGE.write_text(PLACE.sub(lambda _: text, PAGE.read_text()))
    survivors = [one.what for one, failures in rows if not failures]
    if survivors:
        raise click.ClickException(f"nobody saw: {', '.join(survivors)}")


def caught(copies: Sequence[Copy], mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, list[str]]]:
    """Each mutant with the tests that fail, as many at once as there are copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def failures_of(one: Mutant) -> list[str]:
        copy = free.get()
        try:
            return copy.failures_of(one)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        for one, failures in zip(mutants, pool.map(failures_of, mutants), strict=True):
            click.echo(f"{one.what}: {', '.join(failures) or 'SURVIVES'}", err=True)
            yield one, failures


def report(rows: Iterable[tuple[Mutant, list[str]]], seconds: float) -> str:
    """As Markdown."""
    lines = ["| broken | seen in | by |", "| --- | --- | --- |"]
    lines += [f"| {one.what} | {one.part} | {_seen_by(failures)} |" for one, failures in rows]
    run = (
        f"{datetime.now(UTC):%Y-%m-%d}, {len(lines) - 2} mutants, {seconds:.0f} s, on {_machine()}"
    )
    return f"{run}:\n\n" + "\n".join(lines) + "\n"


def _seen_by(failures: Iterable[str]) -> str:
    """The first two tests, and how many others."""
    names = list(dict.fromkeys(name.partition("[")[0] for name in failures))
    shown = ", ".join(f"`{name}`" for name in names[:2]) or "nobody"
    return f"{shown} and {len(names) - 2} more" if len(names) > 2 else shown


def _machine() -> str:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = cpu.group(1) if cpu else platform.machine()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} CPUs {model}, {system}"


if __name__ == "__main__":
    main()
