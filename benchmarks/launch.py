"""Runs a module of this folder as a program, with our package as it is installed.

This folder need not be installed: it is found here, and nothing else of the repository is.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path


def main() -> None:
    sys.path[0] = str(Path(__file__).parent.parent)
    importlib.import_module("benchmarks")
    del sys.path[0], sys.argv[0]
    runpy.run_module(f"benchmarks.{sys.argv[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
