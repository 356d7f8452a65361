"""``scripts/kill-test``: many kills, and a report of them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import click
from kills import NOTHING, WHOLE, feed_and_kill, run_and_kill
from moody import MOODS

A_ROUND = 10
"""Kills in one directory."""
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
PLACE = re.compile(r"(?<=<!-- kill-test -->\n).*(?=<!-- end -->)", re.DOTALL)
"""Of the last result in that page."""
PROTOCOLS = ("prometheus.WriteRequest", "io.prometheus.write.v2.Request")


@click.command()
@click.option("--kills", default=200, help="Of processes that fill a spool without a pause.")
@click.option("--agents", default=20, help="Of agents, with a mark a second, beside those.")
@click.option("--seed", type=int, help="For instants and answers as they were in another run.")
@click.option("--duration", default=0.12, help="Seconds within which a process is killed.")
@click.option("--record", is_flag=True, help=f"Write the result into {PAGE.name}.")
def main(kills, agents, seed, duration, record):
    """Kill processes that keep a spool with SIGKILL, and see whether anything was lost."""
    seed = time.time_ns() % 10_000 if seed is None else seed
    random, began = Random(seed), time.monotonic()
    fed, ran = Counter(), Counter()
    for number, part in enumerate(rounds(kills)):
        options = {"protobuf_message": PROTOCOLS[number % len(PROTOCOLS)]}
        fed += a_round(feed_and_kill, seed, random, part, duration, **options)
    for part in rounds(agents):
        ran += a_round(run_and_kill, seed, random, part, 20 * duration)
    text = report(fed, ran, f"seed {seed}, {time.monotonic() - began:.0f} s")
    click.echo(text)
    if record:
        PAGE.write_text(PLACE.sub(lambda _: text, PAGE.read_text()))


def rounds(kills):
    return [min(A_ROUND, kills - done) for done in range(0, kills, A_ROUND)]


def a_round(ordeal, seed, random, *arguments, **options):
    """What was counted; of a round in which something was lost the directory stays."""
    directory = Path(tempfile.mkdtemp(prefix=f"kill-test-{seed}-"))
    try:
        tally = ordeal(directory, random, *arguments, **options)
    except BaseException:
        click.echo(f"seed {seed}; what is left is in {directory}", err=True)
        raise
    shutil.rmtree(directory)
    done = ", ".join(f"{tally[what]} {what}" for what in SHOWN)
    click.echo(f"nothing lost: {done}", err=True)
    return tally


SHOWN = {
    "kills": "killed with SIGKILL",
    "commit": "… while a commit was under way",
    "checkpoint": "… while the log was copied into the file",
    "POST": "… while a POST was under way",
    "commit and POST": "… while both were",
}


def report(fed, ran, run):
    """As Markdown. It is written where nothing was lost, so that this is said and not counted."""
    rows = [
        ("", "a spool that is filled without a pause", "the agent"),
        ("---", "---", "---"),
        *((words, fed[what], ran[what]) for what, words in SHOWN.items()),
        ("… in `enqueue`: its batch is there, whole", fed[WHOLE], ""),
        ("… in `enqueue`: nothing of its batch is there", fed[NOTHING], ""),
        *(
            (f"… with a receiver that is {mood.__name__}", fed[mood.__name__], ran[mood.__name__])
            for mood in MOODS
        ),
        ("accepted", f"{fed['samples']} samples", f"{ran['marks']} marks"),
        ("lost, changed, or out of order", 0, 0),
    ]
    table = "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
    return f"{datetime.now(UTC):%Y-%m-%d}, {run}, on {machine()}:\n\n{table}\n"


def machine():
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = cpu.group(1) if cpu else platform.machine()
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} CPUs {model}, {platform.system()} {platform.release()}, {versions}"


if __name__ == "__main__":
    main()
