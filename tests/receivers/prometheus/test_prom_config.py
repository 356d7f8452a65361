"""What users write of scraping means what it means in a prometheus.yml."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.receivers.prometheus.config import PrometheusReceiverOptions, ScrapeConfig

JOB = {"job_name": "j"}


def built(*jobs, **options):
    return build_options(PrometheusReceiverOptions, {"scrape_configs": list(jobs), **options})


def refusal(*jobs, **options):
    with pytest.raises(ConfigError) as caught:
        built(*jobs, **options)
    return str(caught.value)


def test_defaults_are_those_of_prometheus():
    """A job needs its name alone."""
    (job,) = built(JOB).jobs
    assert (job.scrape_interval, job.scrape_timeout) == (60.0, 10.0)
    assert (job.metrics_path, job.scheme) == ("/metrics", "http")
    assert (job.honor_labels, job.honor_timestamps, job.follow_redirects) == (False, True, True)
    assert built(JOB).emit_interval == 1.0


@pytest.mark.parametrize(
    ("of_all", "job", "expected"),
    [
        ({}, {"scrape_interval": "5s"}, (5, 5)),
        ({"scrape_interval": "30s"}, {}, (30, 10)),
        ({"scrape_interval": "5s"}, {}, (5, 5)),
        ({"scrape_interval": "30s", "scrape_timeout": "20s"}, {"scrape_interval": "15s"}, (15, 15)),
        ({"scrape_interval": "30s"}, {"scrape_timeout": "30s"}, (30, 30)),
    ],
)
def test_jobs_take_what_they_do_not_say_from_global(of_all, job, expected):
    """And a timeout that nobody wrote for the job is never longer than its interval."""
    (found,) = built(JOB | job, **{"global": of_all}).jobs
    assert (found.scrape_interval, found.scrape_timeout) == expected


def test_the_nesting_of_the_collector_is_the_same():
    """Its receiver has a whole prometheus.yml under ``config``."""
    block = {"global": {"scrape_interval": "7s"}, "scrape_configs": [JOB]}
    nested = build_options(PrometheusReceiverOptions, {"config": block})
    assert nested.scraped.jobs == built(JOB, **{"global": block["global"]}).scraped.jobs


def test_a_block_of_prometheus_is_taken_as_it_is():
    """Every key of version 2.42 that the receiver has a use for, or none."""
    tls = {"ca_file": "/ca.pem", "insecure_skip_verify": True}
    rule = {"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "node"}
    job = {
        "job_name": "all", "honor_labels": True, "honor_timestamps": False,
        "params": {"match[]": ["up", "node_load1"]}, "scrape_interval": "1m30s",
        "scrape_timeout": "15s", "metrics_path": "/federate", "scheme": "https",
        "body_size_limit": "10MB", "sample_limit": 1000, "target_limit": 10, "label_limit": 20,
        "label_name_length_limit": 30, "label_value_length_limit": 40,
        "authorization": {"type": "Bearer", "credentials_file": "/token"},
        "follow_redirects": False, "enable_http2": False, "tls_config": tls,
        "proxy_url": "http://proxy:3128",
        "static_configs": [{"targets": ["a:1"], "labels": {"env": "prod"}}],
        "file_sd_configs": [{"files": ["/t/*.yml"], "refresh_interval": "1m"}],
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [rule],
        "metric_relabel_configs": [{"regex": "id", "action": "labeldrop"}],
    }  # fmt: skip
    (found,) = built(job).jobs
    assert (found.body_size_limit, found.scrape_interval) == (10 * 2**20, 90.0)
    assert found.params == {"match[]": ("up", "node_load1")}


@pytest.mark.parametrize(
    ("jobs", "options", "said"),
    [
        ([], {}, "there is no job"),
        ([JOB, JOB], {}, "two jobs are called 'j'"),
        ([JOB | {"scrape_timeout": "2m"}], {}, "the scrape_timeout of job 'j' (2m) is longer"),
        ([JOB], {"global": {"scrape_timeout": "2m"}}, "the scrape_timeout of global (2m)"),
        ([JOB], {"config": {"scrape_configs": [JOB]}}, "beside config and in it"),
        ([JOB | {"metric_path": "/"}], {}, "did you mean `metrics_path`?"),
        ([JOB | {"body_size_limit": "10 apples"}], {}, "is not a size; write it as 512KB"),
        ([JOB | {"sample_limit": -1}], {}, "must be 0 or more"),
        ([JOB | {"scheme": "ftp"}], {}, "must be 'http' or 'https'"),
        ([{}], {}, "is required; add `job_name: node-exporter`"),
        (
            [JOB | {"bearer_token_file": "/t", "basic_auth": {"username": "a", "password": "b"}}],
            {},
            "exclude each other",
        ),
    ],
)
def test_mistakes_are_said(jobs, options, said):
    """With the user's own key names, and what to do."""
    assert said in refusal(*jobs, **options)


@given(st.integers(1, 10**6), st.sampled_from(["KB", "KiB", "K", "MB", "MiB", "GB", "B", ""]))
def test_a_kilobyte_has_1024_bytes(count, unit):
    """However it is spelled: that is so in Prometheus, and in no other option of ours."""
    power = " KMG".index(unit[:1].replace("B", "") or " ")
    job = build_options(ScrapeConfig, JOB | {"body_size_limit": f"{count}{unit}"})
    assert job.body_size_limit == count * 1024**power
