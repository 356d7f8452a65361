"""Our service on a clock that runs faster, to see many cycles in little time.

It starts behind, so that its time is never ahead of the receiver's, where nothing would be sent.
"""

from __future__ import annotations

import sys
import time

from otel_kubecost import Service
from otel_kubecost.testing import ScaledClock


def main(file: str, speed: str, behind: str) -> None:
    clock = ScaledClock(time.time() - float(behind), float(speed))
    Service.from_yaml(file, clock=clock).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
