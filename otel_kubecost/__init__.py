"""otel-kubecost."""
