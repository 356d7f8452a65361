"""``python -m benchmarks``: runs the parts, prints the table and writes the results."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import Bench, say
from benchmarks.findings import Finding
from benchmarks.parts import PARTS, Sizes
from benchmarks.report import table, write


def main(arguments: list[str]) -> int:
    """Exit code 1 where a goal is missed."""
    options = _options(arguments)
    command = shlex.join(["benchmarks/run", *arguments])
    sizes = Sizes(options.sizes, options.largest, options.series, options.programs)
    findings: dict[str, list[Finding]] = {}
    with tempfile.TemporaryDirectory(prefix="otel-kubecost-") as room:
        bench = Bench(Path(room), options.rounds, options.cycles)
        for name in options.only:
            say(f"{name}:")
            findings[name] = list(PARTS[name](bench, sizes))
            write(options.output, command, findings, bench)
    print("\n".join(table(findings)))
    return int(any(one.is_reached is False for part in findings.values() for one in part))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks/run", description=__doc__)
    parser.add_argument(
        "--sizes", type=_sizes, default="10000,50000", help="numbers of pods, for comparisons"
    )
    parser.add_argument(
        "--largest", type=int, default=100_000, help="a number of pods, for ours alone"
    )
    parser.add_argument("--series", type=int, default=100_000, help="of a page that is scraped")
    parser.add_argument("--programs", type=int, default=300, help="with small pages")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each sender, in turns")
    parser.add_argument("--cycles", type=int, default=3, help="cycles of a run that count")
    parser.add_argument(
        "--only", type=_parts, default=",".join(PARTS), help=f"of: {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder for results"
    )
    return parser.parse_args(arguments)


def _sizes(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


def _parts(text: str) -> list[str]:
    names = text.split(",")
    unknown = ", ".join(name for name in names if name not in PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such part: {unknown}")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
