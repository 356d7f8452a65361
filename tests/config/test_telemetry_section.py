"""``service.telemetry``: checked where it stands, read into OpenTelemetry's own model."""

import dataclasses
import importlib.resources
import json
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
from opentelemetry.configuration import models

from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.declarative import declared
from otel_kubecost.config.model_reader import ModelReader
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.errors import ConfigError

OTLP = {"otlp_http": {"endpoint": "http://collector:4318/v1/metrics"}}


def config(**telemetry):
    """The checked configuration with this ``service.telemetry``."""
    mapping = {
        "receivers": {
            "kubecost": {"endpoint": "http://k:9090", "tenant_id": "t", "cluster_name": "c"}
        },
        "exporters": {"prometheus": {}},
        "service": {
            "pipelines": {"metrics": {"receivers": ["kubecost"], "exporters": ["prometheus"]}},
            "telemetry": telemetry,
        },
    }
    return parse_config(ConfMap(mapping), builtin_factories())


def problems(**telemetry):
    """Messages by place below ``service.telemetry``."""
    with pytest.raises(ConfigError) as raised:
        config(**telemetry)
    return {
        one.path.removeprefix("service.telemetry."): f"{one.message}; {one.hint}"
        for one in raised.value.problems
    }


def test_a_block_of_the_collector_is_the_model_of_the_sdk():
    """Numbers may be text, as they are in files; an empty block stands for its defaults."""
    periodic = {"interval": "30000", "exporter": OTLP}
    batch = {"schedule_delay": 500, "exporter": {"console": None}}
    telemetry = config(
        resource={"deployment.environment.name": "prod", "service.version": None},
        metrics={"level": "basic", "readers": [{"periodic": periodic}]},
        traces={"processors": [{"batch": batch}]},
    ).telemetry
    model = declared(telemetry)
    reader = model.meter_provider.readers[0].periodic
    assert (reader.interval, reader.timeout) == (30_000, None)
    assert reader.exporter.otlp_http == models.OtlpHttpMetricExporter(
        endpoint="http://collector:4318/v1/metrics"
    )
    assert model.tracer_provider.processors[0].batch.exporter.console == {}
    about = {one.name: one.value for one in model.resource.attributes}
    assert about.pop("service.instance.id")
    assert about == {"service.name": "otel-kubecost", "deployment.environment.name": "prod"}


def test_nothing_is_set_up_unless_it_is_asked_for():
    """Logs alone need no SDK, and a level of none switches readers off."""
    assert declared(config(logs={"level": "debug"}).telemetry) is None
    off = {"level": "none", "readers": [{"periodic": {"exporter": OTLP}}]}
    assert declared(config(metrics=off).telemetry) is None


def test_every_mistake_is_found_where_it_stands():
    """With the remedies that all options have; what somebody wrote is not quoted."""
    headers = [{"name": "Authorization", "value": ["5ecret"]}, {"value": "x"}]
    found = problems(
        metrics={
            "level": "high",
            "readers": [
                {"periodic": {"interval": "often", "exporter": {"otlp_htp": {}}}},
                {"periodic": {}},
                {"periodic": {"exporter": {"otlp_http": {"headers": headers, "timeout": -1}}}},
                {
                    "pull": {
                        "exporter": {"prometheus/development": {"scope_info_enabled": "5ecret"}}
                    }
                },
                {"periodic": {"exporter": "5ecret"}},
            ],
        },
        traces={"processors": [{"batch": {"exporter": {**OTLP, "console": {}}}}, {}]},
        sampler={},
    )
    assert found.pop("metrics.level").startswith("must be 'none', 'basic'")
    assert "did you mean `otlp_http`?" in found.pop("metrics.readers[0].periodic.exporter.otlp_htp")
    assert found.pop("metrics.readers[1].periodic.exporter") == "is required; add `exporter: ...`"
    assert "known keys: " in found.pop("traces.processors[0].batch.exporter")
    assert "known keys: batch, simple" in found.pop("traces.processors[1]")
    assert "unknown key" in found.pop("sampler")
    count = "must be a whole number, 0 or more; times are in milliseconds"
    third = "metrics.readers[2].periodic.exporter.otlp_http"
    assert found == {
        "metrics.readers[0].periodic.interval": count,
        f"{third}.headers[0].value": "must be text; ",
        f"{third}.headers[1].name": "is required; add `name: ...`",
        f"{third}.timeout": count,
        "metrics.readers[3].pull.exporter.prometheus/development.scope_info_enabled": (
            "must be true or false; "
        ),
        "metrics.readers[4].periodic.exporter": "must be a block of `key: value` lines; ",
    }
    assert "5ecret" not in str(found)


def test_exporters_of_other_distributions_go_by_their_entry_points():
    """Their block is theirs: it is handed over as it stands."""
    own = {"kubecost_prometheus_remote_write": {"endpoint": "http://mimir/api/v1/push"}}
    telemetry = config(metrics={"readers": [{"periodic": {"exporter": own}}]}).telemetry
    exporter = declared(telemetry).meter_provider.readers[0].periodic.exporter
    assert exporter.additional_properties == own


def test_headers_are_not_shown():
    """They hold tokens, and a configuration is printed in messages of tests and defects."""
    headers = [{"name": "Authorization", "value": "Bearer 5ecret"}]
    exporter = {"otlp_http": {"headers": headers}}
    checked = config(
        metrics={"readers": [{"periodic": {"exporter": exporter}}]},
        traces={"processors": [{"batch": {"exporter": exporter}}]},
    )
    assert "5ecret" not in repr(checked)


WITHOUT = """
import sys
sys.modules["opentelemetry.configuration"] = None
from otel_kubecost.config.declarative import telemetry
for metrics in ({"readers": [{"periodic": {}}]}, {}):
    print(list(telemetry({"service": {"telemetry": {"metrics": metrics}}})))
"""


def test_without_the_extra_its_name_is_the_remedy():
    """Whoever configures nothing of it does not need it."""
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    asked, not_asked = finished.stdout.splitlines()
    assert "service', 'telemetry', 'metrics', 'readers'" in asked
    assert "pip install 'otel-kubecost[telemetry]'" in asked
    assert not_asked == "[]"


def reachable(hint, found):
    """The classes of the model that a reader or a processor can have inside."""
    for inner in get_args(hint):
        reachable(inner, found)
    if dataclasses.is_dataclass(hint) and hint not in found:
        found.add(hint)
        for one in get_type_hints(hint).values():
            reachable(one, found)


def test_what_is_a_choice_is_one_in_the_schema_too():
    """The model's classes do not say it: there what has blocks alone takes one of them."""
    schema = json.loads(
        (importlib.resources.files("opentelemetry.configuration") / "schema.json").read_text()
    )["$defs"]
    found: set[type] = set()
    for model in (models.MetricReader, models.SpanProcessor):
        reachable(model, found)
    assert len(found) > 20
    for model in found:
        reader = ModelReader(lambda _: ())
        reader.read({}, model, ())
        is_choice = any(one.message == "must have one key" for one in reader.findings)
        assert is_choice == (schema[model.__name__].get("maxProperties") == 1), model
