"""An application that uses OpenTelemetry's API and knows nothing of where its metrics go.

OTEL_CONFIG_FILE=examples/declarative/gauges.yaml opentelemetry-instrument \
    python examples/declarative/app.py
"""

import sys
import time

from opentelemetry import metrics


def main(seconds: str = "60") -> None:
    orders = metrics.get_meter("shop").create_counter("orders", description="Orders taken.")
    for item in ("book", "book", "pen"):
        orders.add(1, {"item": item})
    time.sleep(float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
