"""The contract test of components: ``check_component`` and the rules that it holds them to."""

from otel_kubecost.testing.contract.check import check_component

__all__ = ["check_component"]
