"""What can be written of an OTLP receiver."""

import pytest

from otel_kubecost.clock import SystemClock
from otel_kubecost.component import ComponentID, Kind, Settings
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.otlp_http import FACTORY, OtlpHttpExporter, OtlpHttpOptions
from otel_kubecost.pdata import each_metric


def options(**block):
    return build_options(OtlpHttpOptions, block)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://c:4318", "http://c:4318/v1/metrics"),
        ("http://c:4318/", "http://c:4318/v1/metrics"),
        ("http://c:4318/v1/metrics", "http://c:4318/v1/metrics"),
        ("http://c:4318/v1/metrics/", "http://c:4318/v1/metrics"),
        ("https://c/otlp", "https://c/otlp/v1/metrics"),
        ("https://c/otlp?key=a", "https://c/otlp/v1/metrics?key=a"),
    ],
)
def test_the_path_is_appended_unless_it_is_there(endpoint, url):
    """As the Collector does it, and no surprise for who writes the whole URL."""
    assert options(endpoint=endpoint).url == url


def test_a_whole_url_is_used_as_it_is():
    """Prometheus has a path of its own, and other products have others."""
    url = "https://prometheus.example.com/api/v1/otlp/v1/metrics"
    assert options(metrics_endpoint=url).url == url
    assert options(metrics_endpoint="https://h/else/").url == "https://h/else/"


def test_the_defaults():
    """gzip, as the Collector; the queue is that of remote write."""
    built = options(endpoint="http://c:4318")
    assert (built.compression, built.timeout, built.max_age) == ("gzip", 30.0, 0.0)
    assert built.max_batch_size_bytes == 3_000_000
    assert built.queue_config.model_dump() == {
        "capacity": 50_000,
        "min_shards": 1,
        "max_shards": 4,
        "min_backoff": 0.03,
        "max_backoff": 5.0,
        "max_points_per_send": 10_000,
    }
    assert options(endpoint="http://c:4318", retention="2h").max_age == 7200


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({}, "give one of endpoint and metrics_endpoint"),
        ({"endpoint": "http://c", "metrics_endpoint": "http://c"}, "and only one"),
        ({"endpoint": "c:4318"}, "scheme"),
        ({"endpoint": "http://c", "compression": "zstd"}, "must be 'gzip' or 'none'"),
        ({"endpoint": "http://c", "headers": {"Content-Encoding": "x"}}, "the protocol's own"),
        ({"endpoint": "http://c", "queue_config": {"max_samples_per_send": 1}}, "did you mean"),
    ],
)
def test_mistakes_are_named_with_their_remedy(block, words):
    """Each message has the place and what to do."""
    with pytest.raises(ConfigError) as caught:
        options(**block)
    assert words in str(caught.value)


def test_the_factory_builds_the_exporter_of_a_configuration():
    """Its name in logs is the id that the configuration gives it, and its own metrics are told."""
    assert (FACTORY.kind, FACTORY.name, FACTORY.aliases) == (
        Kind.EXPORTER, "otlp_http", ("otlphttp",),
    )  # fmt: skip
    settings = Settings(ComponentID("otlp_http", "central"), SystemClock())
    built = FACTORY.build(options(endpoint="http://c:4318"), settings)
    assert isinstance(built, OtlpHttpExporter)
    assert built.name == "otlp_http/central"
    told = {metric.name for _, _, metric in each_metric(settings.own_metrics.collect())}
    assert "otelcol_exporter_sent_metric_points" in told
    assert not any(name.startswith("prometheus_remote_storage") for name in told)
