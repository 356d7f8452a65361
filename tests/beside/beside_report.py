"""Both agents on a page of full size, and what differed: the command behind
``scripts/beside-prometheus``."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from beside import beside
from beside_differences import KNOWN, explained

PAGE = Path(__file__).parents[2] / "docs" / "scraping.md"
PLACE = re.compile(r"(?<=<!-- beside -->\n).*(?=<!-- end of beside -->)", re.DOTALL)
"""Of the last result in that page."""
SECONDS_OF_A_STEP = 300


@click.command()
@click.option("--size", default=100_000, help="Series of the cluster's page.")
@click.option("--interval", default=10, help="Seconds between two scrapes.")
@click.option("--record", is_flag=True, help=f"Write the result into {PAGE.name}.")
def main(size: int, interval: int, record: bool) -> None:
    """Compare what we write with what Debian's Prometheus writes for the same targets."""
    with (
        tempfile.TemporaryDirectory(prefix="beside-") as directory,
        beside(Path(directory), size=size, interval=interval, timeout=SECONDS_OF_A_STEP) as both,
    ):
        both.play()
        comparison = both.compare()
    found, others = explained(comparison.differences)
    text = "\n".join(report(size, interval, both.ours.written, both.theirs.written, found))
    click.echo(text)
    if record:
        PAGE.write_text(PLACE.sub(lambda _: f"{text}\n", PAGE.read_text()))
    problems = [one.text for one in others] + both.ours.violations
    problems += [
        f"there is no more: {name}" for name, differences in found.items() if not differences
    ]
    if problems:
        raise click.ClickException("\n".join(problems))


def report(size, interval, ours, theirs, found) -> Iterator[str]:
    """As Markdown: how much was compared, and the differences that are known."""
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    yield f"{when}, a page of {size:,} series, scraped every {interval} s, on {_machine()}:"
    yield ""
    yield "| compared | otel-kubecost | Prometheus |"
    yield "| --- | --: | --: |"
    for what, count in COUNTS.items():
        yield f"| {what} | {count(ours):,} | {count(theirs):,} |"
    yield ""
    yield "| what differs | why | series |"
    yield "| --- | --- | --: |"
    for known in KNOWN:
        yield f"| {known.name} | {known.reason} | {len(found[known.name])} |"


COUNTS = {
    "series": lambda written: len(written.series),
    "samples": lambda written: written.samples,
    "stale markers": lambda written: written.ends,
    "descriptions": lambda written: len(written.described),
    "series with exemplars": lambda written: sum(map(bool, written.exemplars.values())),
}
"""What is counted of either side; agents that scrape at other moments have other numbers."""


def _machine() -> str:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = cpu.group(1) if cpu else platform.machine()
    return f"{os.cpu_count()} CPUs {model}, Linux {platform.release()}"


if __name__ == "__main__":
    main()
