"""``python -m otel_kubecost``."""

from otel_kubecost.cli import main

main()
