"""CPU seconds that an import of what is installed takes in a fresh process."""

from __future__ import annotations

import importlib
import sys
import time


def main(names: str) -> None:
    """``package`` or ``package:Name,Name``, as ``from package import Name, Name``."""
    package, _, wanted = names.partition(":")
    before = time.process_time()
    module = importlib.import_module(package)
    for name in filter(None, wanted.split(",")):
        getattr(module, name)
    print(time.process_time() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
