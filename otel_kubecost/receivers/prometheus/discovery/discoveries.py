"""Which discoveries a job has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from otel_kubecost.receivers.prometheus.discovery.files import FileDiscovery
from otel_kubecost.receivers.prometheus.discovery.groups import Discovery
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import KubernetesSDConfig
from otel_kubecost.receivers.prometheus.discovery.options import FileSDConfig, StaticConfig
from otel_kubecost.receivers.prometheus.discovery.static import StaticDiscovery


class Job(Protocol):
    """What a ``scrape_config`` says of where its targets come from."""

    @property
    def job_name(self) -> str: ...
    @property
    def static_configs(self) -> Sequence[StaticConfig]: ...
    @property
    def file_sd_configs(self) -> Sequence[FileSDConfig]: ...
    @property
    def kubernetes_sd_configs(self) -> Sequence[KubernetesSDConfig]: ...


def discoveries_of(jobs: Iterable[Job]) -> Mapping[str, tuple[Discovery, ...]]:
    """The discoveries of each job, by its name.

    Jobs that say the same of an API server or of files share one: what it knows is in memory once.
    """
    made: list[tuple[FileSDConfig | KubernetesSDConfig, Discovery]] = []

    def shared(config: FileSDConfig | KubernetesSDConfig) -> Discovery:
        for known, discovery in made:
            if known == config:
                return discovery
        made.append((config, _discovery(config)))
        return made[-1][1]

    return {
        job.job_name: (
            *([StaticDiscovery(job.static_configs)] if job.static_configs else ()),
            *map(shared, job.file_sd_configs),
            *map(shared, job.kubernetes_sd_configs),
        )
        for job in jobs
    }


def _discovery(config: FileSDConfig | KubernetesSDConfig) -> Discovery:
    if isinstance(config, FileSDConfig):
        return FileDiscovery(config)
    from otel_kubecost.receivers.prometheus.discovery.kubernetes.discovery import (  # noqa: PLC0415  msgspec and its decoders, for whoever asks an API server
        KubernetesDiscovery,
    )

    return KubernetesDiscovery(config)
