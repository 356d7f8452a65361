from __future__ import annotations

import pytest

from otel_kubecost.clock import SystemClock
from otel_kubecost.component import ComponentID, Kind, Settings
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.prometheus_remote_write import (
    FACTORY,
    PrometheusRemoteWriteExporter,
    PrometheusRemoteWriteOptions,
)
from otel_kubecost.exporters.prometheus_remote_write.config import V2, options_from_environment

URL = "https://dashboard.cloudtuner.ai/storage/api/v2/write"


def options(**keywords) -> PrometheusRemoteWriteOptions:
    return build_options(PrometheusRemoteWriteOptions, {"endpoint": URL, **keywords})


def mistake(**keywords) -> str:
    with pytest.raises(ConfigError) as caught:
        options(**keywords)
    return str(caught.value)


def test_a_block_of_the_deployment_guide_is_accepted_as_it_is():
    """Prometheus' spellings, its durations and its shards: nothing has to be rewritten."""
    block = {
        "url": URL,
        "remote_timeout": "30s",
        "name": "cloudtuner",
        "headers": {"Cloud-Account-Id": "aaaa"},
        "basic_auth": {"username": "kubecost", "password_file": "/etc/secrets/password"},
        "tls_config": {"insecure_skip_verify": "false"},
        "queue_config": {
            "capacity": "50000",
            "max_shards": "20",
            "min_shards": "4",
            "max_samples_per_send": "10000",
            "batch_send_deadline": "30s",
            "min_backoff": "30ms",
            "max_backoff": "5s",
        },
        "write_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "(kube_.*|up)", "action": "keep"}
        ],
    }
    built = build_options(PrometheusRemoteWriteOptions, block)
    assert (built.endpoint, built.timeout) == (URL, 30)
    assert (built.queue_config.capacity, built.queue_config.min_backoff) == (50_000, 0.03)
    assert built.tls_config.insecure_skip_verify is False


def test_the_defaults():
    """What nobody writes is what CloudTuner's guide has."""
    built = options()
    assert built.queue_config.model_dump() == {
        "capacity": 50_000,
        "min_shards": 1,
        "max_shards": 4,
        "max_samples_per_send": 10_000,
        "batch_send_deadline": 5.0,
        "min_backoff": 0.03,
        "max_backoff": 5.0,
        "retry_on_http_429": True,
        "sample_age_limit": 0.0,
    }
    assert (built.timeout, built.stale_markers, built.send_exemplars) == (30.0, True, False)
    assert built.metadata_config.send is False
    assert built.max_age == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [("remote_write_queue", "queue_config"), ("tls", "tls_config"), ("remote_name", "name")],
)
def test_other_spellings(first, second):
    """Each spelling stands for the same option, and both at once are a mistake."""
    value = "a" if second == "name" else {}
    assert getattr(options(**{first: value}), second) == getattr(options(**{second: value}), second)
    assert mistake(**{first: value, second: value})


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"endpoint": "https://user:hunter2@host/"}, "credentials do not belong in the URL"),
        ({"endpoint": "host/write"}, "scheme"),
        ({"headers": {"Authorization": "Basic hunter2"}}, "headers: header Authorization"),
        ({"headers": {"X-Prometheus-Remote-Write-Version": "2.0.0"}}, "the protocol's own"),
        ({"headers": {"Cloud-Account-Id": ""}}, "is empty; is the variable"),
        ({"protobuf_message": V2}, "leave `protobuf_message` out"),
        ({"protobuf_message": "io.prometheus.write.v2.Reqest"}, "did you mean"),
        ({"queue_config": {"capacity": 0}}, "queue_config.capacity"),
        ({"queue_config": {"min_shards": 9}}, "min_shards is more than max_shards"),
        ({"queue_config": {"min_backoff": "9s"}}, "min_backoff is more than max_backoff"),
        ({"external_labels": {"a-b": "x"}}, "'a-b' is not a label name"),
        ({"label_names": {"a.b": "x y"}}, "'x y' is not a label name"),
        ({"write_relabel_configs": [{"action": "replace"}]}, "write_relabel_configs[0]"),
        ({"write_relabel_configs": [{"action": "keep", "regex": "("}]}, "not an RE2 pattern"),
        ({"endpiont": URL}, "did you mean `endpoint`"),
    ],
)
def test_mistakes_are_named_with_their_remedy(block, words):
    """Each message has the place and what to do, and never what may be a secret."""
    assert words in mistake(**block)
    assert "hunter2" not in mistake(**block)


@pytest.mark.parametrize(
    ("endpoint", "headers"),
    [
        ("https://dashboard.cloudtuner.ai/elsewhere", {}),
        ("https://optscale.example/storage/api/v2/write/", {}),
        ("https://proxy.example/api/v1/write", {"cloud-account-id": "aaaa"}),
    ],
)
def test_2_0_is_not_for_cloudtuner(endpoint, headers):
    """By its domain, its path or its header: it would drop everything without a word."""
    block = {"endpoint": endpoint, "headers": headers, "protobuf_message": V2}
    with pytest.raises(ConfigError, match=r"protobuf_message: .* drops 2\.0 without a word"):
        build_options(PrometheusRemoteWriteOptions, block)
    block["protobuf_message"] = "prometheus.WriteRequest"
    assert build_options(PrometheusRemoteWriteOptions, block)


def test_2_0_is_for_other_receivers():
    """Where it is asked for; without that it is 1.0."""
    mimir = {"endpoint": "https://notcloudtuner.ai/api/v1/push", "headers": {"X-Scope-OrgID": "a"}}
    built = build_options(PrometheusRemoteWriteOptions, {**mimir, "protobuf_message": V2})
    assert built.protobuf_message == V2
    plain = build_options(PrometheusRemoteWriteOptions, mimir)
    assert plain.protobuf_message == "prometheus.WriteRequest"


def test_age_limits():
    """The shorter of the two limits holds; 0 is none."""
    assert options(retention="15d").max_age == 15 * 86_400
    assert options(retention="1h", queue_config={"sample_age_limit": "2h"}).max_age == 3600
    assert options(queue_config={"sample_age_limit": "2h"}).max_age == 7200


def test_the_environment_of_the_deployment_guide():
    """The guide's variables make the options; what is set to nothing is not set."""
    built = options_from_environment(
        {
            "REMOTE_WRITE_URL": f" {URL} ",
            "TENANT_ID": "aaaa",
            "REMOTE_WRITE_PASSWORD_FILE": "/etc/secrets/password",
            "REMOTE_WRITE_USERNAME": "",
        }
    )
    assert (built.endpoint, built.headers) == (URL, {"Cloud-Account-Id": "aaaa"})
    assert built.basic_auth is not None
    assert built.basic_auth.username == "kubecost"
    assert str(built.basic_auth.password_file) == "/etc/secrets/password"
    alone = options_from_environment({"REMOTE_WRITE_URL": URL})
    assert (alone.headers, alone.basic_auth) == ({}, None)


def test_without_options_and_environment_the_mistake_is_named(monkeypatch):
    """The variable that is missing is in the message."""
    monkeypatch.delenv("REMOTE_WRITE_URL", raising=False)
    with pytest.raises(ConfigError, match="REMOTE_WRITE_URL: is not set"):
        PrometheusRemoteWriteExporter()


def test_the_factory_builds_the_exporter_of_a_configuration():
    """Its name in logs is the id that the configuration gives it."""
    assert (FACTORY.kind, FACTORY.name) == (Kind.EXPORTER, "prometheus_remote_write")
    assert FACTORY.aliases == ("prometheusremotewrite",)
    settings = Settings(ComponentID("prometheus_remote_write", "cloudtuner"), SystemClock())
    built = FACTORY.build(options(), settings)
    assert isinstance(built, PrometheusRemoteWriteExporter)
    assert built.name == "prometheus_remote_write/cloudtuner"
    assert FACTORY.build(options(name="mine"), settings).name == "mine"
