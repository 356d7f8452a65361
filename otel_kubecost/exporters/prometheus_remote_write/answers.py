"""What an answer means of those who are written to by remote write, CloudTuner among them.

====================  =======  =========================================================
status                action   because
====================  =======  =========================================================
409                   DONE     Thanos, CloudTuner: the samples that the body counts were
                               refused, the rest of the request is stored; in other words
                               it is a warning at once
422                   HOLD     CloudTuner caches accounts by the minute, so a new account
                               is refused for up to 60 s, and so is a new password (401)
all others                     as in ``exporters.sending.answers``
====================  =======  =========================================================

VictoriaMetrics refuses nothing but what it cannot decode.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_kubecost.exporters.sending import answers
from otel_kubecost.exporters.sending.answers import REFUSED, Meaning
from otel_kubecost.exporters.sending.retry import Action, Verdict

TABLE = answers.table(
    {
        "too_large": "lower queue_config.max_samples_per_send, or raise the receiver's limit",
        "wrong_url": "CloudTuner's ends in /storage/api/v2/write",
    },
    Meaning({400}, Action.ISOLATE, "refused", REFUSED,
            unsaid="CloudTuner answers so without a valid header Cloud-Account-Id"),
    Meaning({409}, Action.DONE, "partly_stored",
            "some samples were not stored, the rest was ({status})",
            "the receiver has them already with another value, or they are older than its window"),
    Meaning({422}, Action.HOLD, "account_unknown",
            "the receiver does not know the account ({status})",
            "compare the header Cloud-Account-Id with Cloud Accounts (type Kubernetes) in "
            "CloudTuner"),
    everywhere="check endpoint and headers: is this the URL of remote write 1.0?",
)  # fmt: skip


def classify(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Verdict:
    """The verdict on an answer. ``now`` (seconds since the epoch) is for dates in Retry-After."""
    return answers.classify(TABLE, status, headers, body, now)
