"""Where two senders differ that have scraped the same pages, each at times of its own.

What a page says is the same for both as long as it is in one phase, and so is the course of each
of its series. Of targets that say another thing at every moment (``live``) the series that are
there are the same, and values that did not change.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from beside_written import ENDED, is_timed

from otel_kubecost.testing.wire import STALE_BITS, show

ANY_VALUE = "scrape_duration_seconds"
"""Of what a scrape adds, the only thing that is another one each time."""


class Difference(NamedTuple):
    """What the two sides say of a series, or of a family of that name."""

    kind: str
    labels: tuple[tuple[str, str], ...]
    ours: Any = None
    theirs: Any = None

    @property
    def text(self) -> str:
        return f"{self.kind}: {show(self.labels)}: {self.ours} | {self.theirs}"


class Comparison:
    """``differences`` as far as they were found."""

    def __init__(self, ours, theirs, live):
        self.ours, self.theirs = ours, theirs
        self._live = live
        self.differences = []
        both = ours.series.keys() & theirs.series.keys()
        self._compare_presence()
        for labels in sorted(both):
            self._compare(labels)
        self._compare_descriptions()
        self._compare_exemplars()
        self._check_scrapes("ours", ours)
        self._check_scrapes("theirs", theirs)

    def _compare_presence(self):
        sides = {"ours": (self.ours, self.theirs), "theirs": (self.theirs, self.ours)}
        for side, (one, other) in sides.items():
            for labels in sorted(one.series.keys() - other.series.keys()):
                if not self._is_live(labels) or one.is_alive(labels):
                    self._note(f"series of {side} alone", labels, one.course(labels))

    def _compare(self, labels):
        if is_timed(labels):
            ours, theirs = (set(side.series[labels]) for side in (self.ours, self.theirs))
            if ours != theirs:
                self._note("samples", labels, sorted(ours - theirs), sorted(theirs - ours))
            return
        ours, theirs = self.ours.course(labels), self.theirs.course(labels)
        if dict(labels)["__name__"] == ANY_VALUE:
            ours, theirs = ENDED in ours, ENDED in theirs
        elif self._is_live(labels):
            if self.ours.is_alive(labels) != self.theirs.is_alive(labels):
                self._note("end", labels, ours[-1], theirs[-1])
            if len(ours) > 1 or len(theirs) > 1:
                return
        if ours != theirs:
            self._note("course", labels, ours, theirs)

    def _compare_descriptions(self):
        for side, one, other in (
            ("ours", self.ours, self.theirs),
            ("theirs", self.theirs, self.ours),
        ):
            for name, *about in sorted(one.described - other.described):
                self._note(f"description of {side} alone", (("__name__", name),), *about[:2])

    def _compare_exemplars(self):
        for labels in sorted(self.ours.exemplars.keys() | self.theirs.exemplars.keys()):
            ours, theirs = (
                _exemplars(labels, side.exemplars[labels]) for side in (self.ours, self.theirs)
            )
            if ours != theirs:
                self._note("exemplars", labels, sorted(ours - theirs), sorted(theirs - ours))

    def _check_scrapes(self, side, written):
        """Nothing is left out between a series' first sample and its end: every scrape has it."""
        scrapes = {
            frozenset(labels) - {("__name__", "up")}: [at for at, _ in samples]
            for labels, samples in written.series.items()
            if ("__name__", "up") in labels
        }
        by_job = defaultdict(list)
        for target in scrapes:
            by_job[dict(target).get("job")].append(target)
        for labels, samples in written.series.items():
            if is_timed(labels) or "mixed" in dict(labels)["__name__"]:
                continue
            for target in by_job[dict(labels).get("job")]:
                if target <= set(labels):
                    self._check_times(side, labels, samples, scrapes[target])

    def _check_times(self, side, labels, samples, scrapes):
        found = dict(samples)
        missing, goes_on = [], False
        for at in (at for at in scrapes if at < samples[-1][0]):
            if at in found:
                goes_on = found[at] != STALE_BITS
            elif goes_on:
                missing.append(at)
        beside = sorted(found.keys() - set(scrapes))
        if missing or beside:
            self._note(f"times of {side}", labels, missing, beside)

    def _is_live(self, labels):
        return dict(labels).get("job") in self._live

    def _note(self, kind, labels, ours, theirs=None):
        self.differences.append(Difference(kind, labels, ours, theirs))


def _exemplars(labels, found):
    """Without the times where a scrape has given them, and not the page."""
    return found if is_timed(labels) else {(of_it, value) for of_it, _, value in found}
