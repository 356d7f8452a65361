"""What users write under ``receivers: prometheus:``, in the words of Prometheus' scrape_config."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from otel_kubecost.config.options import Duration, Options, Text, format_duration
from otel_kubecost.http.config import AuthOptions, ProxyURL, TLSConfig
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import KubernetesSDConfig
from otel_kubecost.receivers.prometheus.discovery.options import FileSDConfig, StaticConfig
from otel_kubecost.relabel.rule import RelabelRule

_POWERS = " KMGTPE"
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:([KMGTPE])i?)?B?", re.ASCII)


def _page_size(value: Any) -> int:
    """Bytes of ``10MB``, where a kilobyte has 1024 bytes as in Prometheus."""
    found = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f"{value!r} is not a size; write it as 512KB, 10MB or a number of bytes")
    return round(float(found[1]) * 2.0 ** (10 * _POWERS.index(found[2] or " ")))


PageSize = Annotated[
    int,
    BeforeValidator(_page_size),
    WithJsonSchema(
        {"type": ["string", "number"], "minimum": 0, "pattern": rf"^\s*{_SIZE.pattern}\s*$"}
    ),
]
"""Bytes."""

Limit = Annotated[int, Field(ge=0)]


class ScrapeConfig(AuthOptions):
    """One job: what is scraped, how often, and what becomes of its labels."""

    job_name: Text = Field(
        min_length=1, description="Name of the job; label job.", examples=["node-exporter"]
    )
    scrape_interval: Duration = Field(
        60.0, gt=0, description="How often each target is scraped. Default: that of global."
    )
    scrape_timeout: Duration = Field(
        10.0,
        gt=0,
        description="Time for a scrape with its whole page. Default: that of global, "
        "scrape_interval at most.",
    )
    metrics_path: Text = Field("/metrics", description="Path of the page.")
    scheme: Literal["http", "https"] = Field("http", description="How targets are asked.")
    params: dict[str, tuple[Text, ...]] = Field(
        default_factory=dict,
        description="Parameters of the URL.",
        examples=[{"module": ["http_2xx"]}],
    )
    static_configs: tuple[StaticConfig, ...] = Field(
        (),
        description="Targets that are known beforehand.",
        examples=[[{"targets": ["node-exporter:9100"]}]],
    )
    file_sd_configs: tuple[FileSDConfig, ...] = Field(
        (),
        description="Targets that stand in files.",
        examples=[[{"files": ["/etc/otel-kubecost/targets/*.yaml"]}]],
    )
    kubernetes_sd_configs: tuple[KubernetesSDConfig, ...] = Field(
        (),
        description="Targets that a Kubernetes API server knows.",
        examples=[[{"role": "endpoints"}]],
    )
    honor_labels: bool = Field(
        False,
        description="True: labels of the page win over those of the target; else they become "
        "exported_<name>.",
    )
    honor_timestamps: bool = Field(
        True, description="Whether samples keep the times that the page says."
    )
    relabel_configs: tuple[RelabelRule, ...] = Field(
        (),
        description="What happens to the labels of targets before they are scraped.",
        examples=[[{"source_labels": ["__meta_kubernetes_namespace"], "target_label": "ns"}]],
    )
    metric_relabel_configs: tuple[RelabelRule, ...] = Field(
        (),
        description="What happens to the labels of samples after a scrape.",
        examples=[[{"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"}]],
    )
    sample_limit: Limit = Field(
        0, description="Samples of a scrape after relabelling; with more it fails. 0: no limit."
    )
    label_limit: Limit = Field(0, description="Labels of a sample; 0: no limit.")
    label_name_length_limit: Limit = Field(
        0, description="Bytes of the name of a label; 0: no limit."
    )
    label_value_length_limit: Limit = Field(
        0, description="Bytes of the value of a label; 0: no limit."
    )
    target_limit: Limit = Field(
        0, description="Targets of the job; with more all its scrapes fail. 0: no limit."
    )
    body_size_limit: PageSize = Field(
        0,
        description="Size of an uncompressed page, at which a scrape fails. 0: no limit.",
        examples=["10MB"],
    )
    tls_config: TLSConfig = Field(
        default_factory=TLSConfig,
        validation_alias=AliasChoices("tls_config", "tls"),
        description="TLS of https targets.",
    )
    proxy_url: ProxyURL | None = Field(
        None,
        description="Proxy; the environment names none.",
        examples=["http://proxy.example.com:3128"],
    )
    follow_redirects: bool = Field(
        True, description="Whether redirects are followed, to the same host and port alone."
    )
    enable_compression: bool = Field(True, description="Whether pages may come compressed.")
    enable_http2: bool = Field(True, description="Accepted; targets are asked by HTTP/1.1.")


class GlobalConfig(Options):
    """What holds for every job that says nothing else."""

    scrape_interval: Duration = Field(60.0, gt=0, description="How often targets are scraped.")
    scrape_timeout: Duration = Field(
        10.0, gt=0, description="Time for a scrape, scrape_interval at most."
    )

    @model_validator(mode="after")
    def _timeout_within_the_interval(self) -> Self:
        if "scrape_timeout" in self.model_fields_set:
            _check_lengths("global", self.scrape_interval, self.scrape_timeout)
        return self


class ScrapeOptions(Options):
    """The part of a prometheus.yml that is about scraping."""

    global_: GlobalConfig = Field(
        default_factory=GlobalConfig,
        validation_alias="global",
        description="How often all jobs are scraped that do not say it themselves.",
    )
    scrape_configs: tuple[ScrapeConfig, ...] = Field(
        (),
        description="The jobs.",
        examples=[
            [{"job_name": "node-exporter", "static_configs": [{"targets": ["node-exporter:9100"]}]}]
        ],
    )

    @model_validator(mode="after")
    def _jobs_fit(self) -> Self:
        names = Counter(job.job_name for job in self.scrape_configs)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two jobs are called {twice[0]!r}; give each a job_name of its own")
        for job in self.jobs:
            _check_lengths(f"job {job.job_name!r}", job.scrape_interval, job.scrape_timeout)
        return self

    @property
    def jobs(self) -> tuple[ScrapeConfig, ...]:
        """``scrape_configs`` with what they take from ``global``."""
        return tuple(_completed(job, self.global_) for job in self.scrape_configs)


class PrometheusReceiverOptions(ScrapeOptions):
    """What is scraped, and how often samples leave."""

    config: ScrapeOptions | None = Field(
        None,
        description="The same one level deeper, as the Collector's receiver has it.",
        examples=[{"scrape_configs": [{"job_name": "node-exporter"}]}],
    )
    emit_interval: Duration = Field(
        1.0, gt=0, description="How often what was scraped meanwhile goes on to the pipelines."
    )

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        given = {"scrape_configs", "global_"} & self.model_fields_set
        if self.config and given:
            raise ValueError("there are jobs beside config and in it; keep one of the two")
        if not self.scraped.scrape_configs:
            raise ValueError("there is no job; add scrape_configs with a job_name and targets")
        return self

    @property
    def scraped(self) -> ScrapeOptions:
        return self.config or self


def _completed(job: ScrapeConfig, of_all: GlobalConfig) -> ScrapeConfig:
    given = job.model_fields_set
    interval = job.scrape_interval if "scrape_interval" in given else of_all.scrape_interval
    timeout = min(of_all.scrape_timeout, interval)
    timeout = job.scrape_timeout if "scrape_timeout" in given else timeout
    return job.model_copy(update={"scrape_interval": interval, "scrape_timeout": timeout})


def _check_lengths(where: str, interval: float, timeout: float) -> None:
    if timeout > interval:
        longer, shorter = format_duration(timeout), format_duration(interval)
        raise ValueError(
            f"the scrape_timeout of {where} ({longer}) is longer than its scrape_interval "
            f"({shorter}); shorten it"
        )
