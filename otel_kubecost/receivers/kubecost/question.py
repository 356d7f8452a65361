"""What is asked of the allocation API: the parameters, and what is kept of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.window import Window


class Question(NamedTuple):
    parameters: Mapping[str, str]
    wanted: Projection

    @property
    def is_page(self) -> bool:
        return "limit" in self.parameters

    def but(self, parameters: Mapping[str, str]) -> Question:
        return self._replace(parameters={**self.parameters, **parameters})

    def without_idle(self) -> Question:
        return self.but(_idle(asked=False))


def question_for(
    options: KubecostReceiverOptions, window: Window, wanted: Projection, *, accumulate: bool
) -> Question:
    parameters = {
        "window": str(window),
        "aggregate": ",".join(wanted.dimensions),
        "accumulate": _flag(accumulate),
        "shareIdle": _flag(options.share_idle),
        **_idle(asked=options.include_idle),
    }
    return Question(parameters, wanted)


def _idle(*, asked: bool) -> dict[str, str]:
    """Kubecost reads the one, OpenCost the other; each passes over what it does not know."""
    return {"idle": _flag(asked), "includeIdle": _flag(asked)}


def _flag(value: bool) -> str:
    return "true" if value else "false"
