"""The differences that there are, each with its reason, and what it is known by.

Everything else that differs is a defect, of ours or of this list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from beside_agents import REMOVED
from beside_compare import Difference
from beside_written import ENDED

REPORTS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
NEGATIVE_ZERO = 1 << 63


class Known(NamedTuple):
    """One difference that is meant."""

    name: str
    reason: str
    covers: Callable[[Difference], bool]


def _of(difference, name):
    return dict(difference.labels).get(name, "")


def _page(*paths):
    return lambda difference: _of(difference, "page") in paths


def _job(name):
    return lambda difference: _of(difference, "job") == name


def _is_removed_job(difference):
    if _of(difference, "job") != REMOVED or difference.kind != "course":
        return False
    ours, theirs = difference.ours, difference.theirs
    return ours == ([*theirs, ENDED] if isinstance(theirs, list) else True)


def _is_report_with_an_exported_label(difference):
    return (
        "alone" in difference.kind
        and _of(difference, "__name__") in REPORTS
        and _of(difference, "job") in {"honoured", "own"}
    )


def _is_written_twice(difference):
    is_page = _of(difference, "page").rpartition("/")[2].startswith(("twice-", "up-of-its-own"))
    is_name = _of(difference, "__name__") == "requests" and _of(difference, "job") == "own"
    return (is_page or is_name) and difference.kind in {"course", "times of theirs"}


def _is_negative_zero(difference):
    if _of(difference, "__name__") != "depth" or difference.kind != "course":
        return False
    return difference.ours[0] == NEGATIVE_ZERO and difference.theirs[0] == 0


def _is_description_of_a_report(difference):
    is_ours = difference.kind == "description of ours alone"
    return is_ours and _of(difference, "__name__") in REPORTS


def _is_description_of_nothing(difference):
    is_theirs = difference.kind == "description of theirs alone"
    return is_theirs and _of(difference, "__name__") in {"depth", "hits", "odd"}


def _has_times_now(difference):
    return _of(difference, "__name__") == "mixed_times"


KNOWN = (
    Known(
        "a job that a reload removes",
        "Its series end with a stale marker. Prometheus writes none then: they are seen for five "
        "minutes more.",
        _is_removed_job,
    ),
    Known(
        "a page beyond `sample_limit`",
        "The series of the page before end, and nothing else does. Prometheus leaves them open, "
        "and ends those of the page that it refused.",
        _job("growing"),
    ),
    Known(
        "`up` of a target with the labels `x` and `exported_x`",
        "It has both. Prometheus loses the second.",
        _is_report_with_an_exported_label,
    ),
    Known(
        "a series that is on a page twice with two values",
        "The first is sent, the other is counted as a duplicate. Prometheus sends both with one "
        "time, and the receiver keeps the first or refuses the request.",
        _is_written_twice,
    ),
    Known(
        "negative zero",
        "It is sent as such; Prometheus' encoder leaves out whatever is equal to zero.",
        _is_negative_zero,
    ),
    Known(
        "OpenMetrics with blank lines, commas at the end of labels, exemplars of gauges",
        "Read, as Prometheus reads it since 2.43 and later. 2.42 refuses the page.",
        _page(
            "/odd/openmetrics/blank-line",
            "/odd/openmetrics/trailing-comma",
            "/odd/openmetrics/exemplar-on-a-gauge",
        ),
    ),
    Known(
        "a raw line break in a label's value, in 0.0.4",
        "The page is refused, as the format says. Prometheus takes it.",
        _page("/odd/text/newline-in-a-value"),
    ),
    Known(
        "`scrape_samples_scraped` of a page with a bad name",
        "The line that fails does not count; Prometheus has counted it before it looks at names.",
        _page("/odd/text/spaces"),
    ),
    Known(
        "`scrape_series_added` of samples out of bounds",
        "A series whose first sample is too far ahead of now counts as added; not in Prometheus.",
        _page("/odd/text/time-far-ahead"),
    ),
    Known(
        "samples of a page that are not newer than the last of their series",
        "Left out and counted. Prometheus sends them, and the receiver refuses them.",
        _page("/odd/text/time-twice", "/odd/text/times-backwards"),
    ),
    Known(
        "a series that gets times of its own",
        "It goes on. Prometheus ends it at the time of that scrape, though it is there.",
        _has_times_now,
    ),
    Known(
        "descriptions of what a scrape adds",
        "`up` and `scrape_*` are described; Prometheus describes them from version 3 on.",
        _is_description_of_a_report,
    ),
    Known(
        "descriptions without series",
        "What has no sample that is sent is not described, nor is what says neither type nor help. "
        "Prometheus describes whatever the page does, also of a page that fails.",
        _is_description_of_nothing,
    ),
    Known(
        "an exemplar of more than 128 characters",
        "It is sent without its labels, as the OpenTelemetry specification has it. Prometheus "
        "drops it.",
        _page("/odd/openmetrics/exemplar-that-is-long"),
    ),
    Known(
        "an exemplar with a label twice",
        "The last one is sent. Prometheus sends both.",
        _page("/odd/openmetrics/exemplar-with-a-label-twice"),
    ),
)


def explained(differences):
    """The differences by the name of the known one, and those that none covers."""
    found = {known.name: [] for known in KNOWN}
    others = []
    for difference in differences:
        names = [known.name for known in KNOWN if known.covers(difference)]
        (found[names[0]] if names else others).append(difference)
    return found, others
