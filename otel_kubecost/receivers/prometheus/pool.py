"""The targets of one job, as its discoveries know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.counts import OfJob
from otel_kubecost.receivers.prometheus.discovery.groups import Discovery, TargetGroup
from otel_kubecost.receivers.prometheus.discovery.targets import (
    Target,
    distinct,
    targets_of_group,
)
from otel_kubecost.receivers.prometheus.fetching import Fetcher
from otel_kubecost.receivers.prometheus.page import Labelling, Limits, PageReader
from otel_kubecost.receivers.prometheus.reports import Origin
from otel_kubecost.receivers.prometheus.running import Failure, Running
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Change(NamedTuple):
    """What is different since the last look."""

    come: Sequence[Running] = ()
    gone: Sequence[Running] = ()


class Pool:
    """One job. Its targets may be read from any thread; all else is for one at a time."""

    def __init__(self, job: ScrapeConfig, discoveries: Sequence[Discovery], scope: str) -> None:
        self.job = job
        self.discoveries = discoveries
        self.running: Mapping[str, Running] = {}
        """By the identity of the target."""
        self.inherited: dict[str, Running] = {}
        """As ``running``, of a predecessor; one that is found goes on, the others are ended."""
        self.refusal: Failure | None = None
        """Why none of its targets is asked."""
        self._scope = scope
        self._fetcher = Fetcher(job)
        self._groups: Sequence[Sequence[TargetGroup]] = [()] * len(discoveries)
        self._targets: dict[int, tuple[TargetGroup, Sequence[Target]]] = {}

    @property
    def has_found(self) -> bool:
        """Whether every discovery knows something."""
        return all(self._groups)

    @property
    def is_settled(self) -> bool:
        """Whether every discovery knows something, or says why not."""
        each = zip(self.discoveries, self._groups, strict=True)
        return all(groups or discovery.failure for discovery, groups in each)

    @property
    def failure(self) -> str | None:
        """Why a discovery knows nothing, or what is old."""
        return next(filter(None, (one.failure for one in self.discoveries)), None)

    def stands(self) -> OfJob:
        groups = (group for groups in self._groups for group in groups)
        discovered = sum(len(group.targets) for group in groups)
        return OfJob(self.job.job_name, discovered, len(self.running))

    def look(self) -> Change:
        """Ask the discoveries what there is now."""
        groups = [discovery.groups() for discovery in self.discoveries]
        if all(map(_is, groups, self._groups)):
            return Change()
        self._groups = groups
        return self._follow({target.identity: target for target in self._targets_now()})

    def leftover(self) -> Sequence[Running]:
        """What was inherited and not found, once: it is not expected any more."""
        inherited, self.inherited = self.inherited, {}
        return list(inherited.values())

    def close(self) -> None:
        self._fetcher.close()

    def _follow(self, targets: Mapping[str, Target]) -> Change:
        before = self.running
        come = [self._new(one) for identity, one in targets.items() if identity not in before]
        gone = [one for identity, one in before.items() if identity not in targets]
        kept = {identity: one for identity, one in before.items() if identity in targets}
        self.running = kept | {one.target.identity: one for one in come}
        self.refusal = self._refusal(len(targets))
        for one in self.running.values():
            one.refusal = self.refusal
        if gone:
            self._fetcher.close()  # connections to them are of no use any more
        return Change(come, gone)

    def _targets_now(self) -> list[Target]:
        """Groups are objects that stay where nothing has changed: most of them are known."""
        refused: list[str] = []
        known, self._targets = self._targets, {}
        for group in (group for groups in self._groups for group in groups):
            entry = known.get(id(group))
            if entry is None:
                entry = group, list(targets_of_group(self.job, group, refused))
            self._targets[id(group)] = entry
        for sentence in refused:
            _log.warning(sentence, job=self.job.job_name)
        return distinct(target for _, targets in self._targets.values() for target in targets)

    def _refusal(self, count: int) -> Failure | None:
        limit = self.job.target_limit
        if not limit or count <= limit:
            return None
        what = f"the job has {count} targets, and its target_limit is {limit}"
        return Failure(what, "raise target_limit, or drop targets by relabel_configs")

    def _new(self, target: Target) -> Running:
        one = Running(
            self.job, target, self._fetcher, Origin(target, self._scope), self._reader(target)
        )
        if before := self.inherited.pop(target.identity, None):
            one.go_on_for(before)
        return one

    def _reader(self, target: Target) -> PageReader:
        job = self.job
        return PageReader(
            Labelling(target.labels, job.honor_labels, job.metric_relabel_configs),
            Limits(
                job.sample_limit,
                job.label_limit,
                job.label_name_length_limit,
                job.label_value_length_limit,
            ),
            honor_timestamps=job.honor_timestamps,
        )


def _is(one: object, other: object) -> bool:
    return one is other
