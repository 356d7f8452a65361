"""The contract test passes good components, and names the rule that a bad one breaks."""

import json
import logging
from contextlib import ExitStack
from dataclasses import replace

import pytest
from broken_components import BROKEN, LEFT_OPEN, forgets_to_return
from component_samples import GOOD, SampleExporter, factory
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, Sum

from otel_kubecost.clock import SystemClock
from otel_kubecost.component import Kind
from otel_kubecost.components import builtin_factories
from otel_kubecost.errors import RetryableError
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import each_metric
from otel_kubecost.testing import (
    HttpServer,
    RemoteWriteReceiver,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    check_component,
)
from otel_kubecost.testing.contract import rules

RULES = {name: one for name, one in vars(rules).items() if isinstance(one, rules.Rule)}
SHORT = 0.25
"""Seconds that is waited for what never comes."""


# Built-in components.


@pytest.fixture(scope="module")
def far_ends():
    """A Kubecost, a server that takes everything, and one that hangs."""
    with (
        SimulatedKubecost(SimulatedCluster(seed=1), SystemClock()) as kubecost,
        HttpServer(lambda _: Reply()) as taking,
        HttpServer(lambda _: Reply(hang=True)) as hanging,
    ):
        urls = {"kubecost": kubecost.url, "taking": taking.url, "hanging": hanging.url}
        addresses = {name: url.removeprefix("http://") for name, url in urls.items()}
        yield urls | {"page": addresses["taking"], "void": addresses["hanging"]}


@pytest.fixture
def places(far_ends, tmp_path):
    """What is there for one component, with a receiver of remote write that finds no fault."""
    with RemoteWriteReceiver() as receiver:
        yield far_ends | {"receiver": receiver.endpoint, "directory": str(tmp_path)}
        assert receiver.violations == []


OFTEN = {"job_name": "j", "scrape_interval": "100ms"}
POD_COST = "cloudtuner_kubecost_pod_total_cost"
OPTIONS = {
    "attributes": {"actions": [{"key": "team", "value": "a", "action": "upsert"}]},
    "batch": {},
    "cardinality_limit": {"top_n_pods": 1},
    "debug": {"verbosity": "detailed"},
    "file_storage": {"directory": "{directory}"},
    "filter": {"metrics": {"exclude": {"match_type": "strict", "metric_names": [POD_COST]}}},
    "kubecost": {"endpoint": "{kubecost}", "tenant_id": "t", "cluster_name": "c"},
    "memory_limiter": {"limit_mib": 4000},
    "metrics_transform": {
        "transforms": [{"include": POD_COST, "action": "update", "new_name": "pod_cost"}]
    },
    "otlp_http": {"endpoint": "{taking}"},
    "otlp_json_file": {"path": "{directory}/metrics.json"},
    "pricing": {"CPU": 28.0},
    "prometheus": {"endpoint": "127.0.0.1:0"},
    "prometheus receiver": {
        "scrape_configs": [OFTEN | {"static_configs": [{"targets": ["{page}"]}]}]
    },
    "prometheus_remote_write": {"endpoint": "{receiver}"},
    "resource": {"attributes": [{"key": "team", "value": "a", "action": "upsert"}]},
}
"""Of every built-in component: a new one is not checked before it stands here."""
FAILING = {
    "kubecost": {"endpoint": "{hanging}"},
    "otlp_http": {"endpoint": "{hanging}"},
    "prometheus receiver": {
        "scrape_configs": [OFTEN | {"static_configs": [{"targets": ["{void}"]}]}]
    },
    "prometheus_remote_write": {"endpoint": "{hanging}"},
}
"""What is another option where the other end fails."""

TWICE = {(Kind.RECEIVER, "prometheus"): "prometheus receiver"}
"""What shares its name with a component of another kind."""
BUILT_IN = {
    TWICE.get((kind, factory.name), factory.name): factory
    for kind, of_kind in builtin_factories().items()
    for factory in of_kind.values()
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_components_keep_the_rules(name, places):
    """What others are held to holds for ours."""
    options = placed(OPTIONS[name], places)
    failing = options | placed(FAILING[name], places) if name in FAILING else None
    check_component(BUILT_IN[name], options, failing=failing)


def placed(options, places):
    """``options`` with the places of this test in their texts."""
    if isinstance(options, dict):
        return {key: placed(value, places) for key, value in options.items()}
    if isinstance(options, list):
        return [placed(value, places) for value in options]
    return options.format(**places) if isinstance(options, str) else options


def test_exporters_and_receivers_keep_the_rules_with_a_storage(places):
    """What an extension keeps for them is part of the same contract."""
    with ExitStack() as stack:
        storage = FileStorage(directory=places["directory"])
        storage.start()
        stack.callback(storage.shutdown)
        for name in ("kubecost", "prometheus_remote_write"):
            options = placed(OPTIONS[name], places) | {"storage": "file_storage"}
            check_component(BUILT_IN[name], options, extensions={"file_storage": storage})


@pytest.mark.parametrize("factory", GOOD.values(), ids=GOOD)
def test_the_smallest_components_keep_the_rules(factory):
    """The rules ask for no more than is written down of a kind."""
    failing = {"works": False} if factory.kind in {Kind.RECEIVER, Kind.EXPORTER} else None
    check_component(factory, {"works": True}, failing=failing)


def test_a_processor_may_refuse_a_batch_for_now():
    """RetryableError is no defect."""

    def refuse(data):
        raise RetryableError("there is no memory")

    check_component(factory(Kind.PROCESSOR, lambda *_: refuse))


class OfTheSdk(SampleExporter):
    """Encodes what it gets as the SDK's own exporters do, and fails where they would."""

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        for _, _, metric in each_metric(metrics_data):
            assert isinstance(metric.data, Gauge | Sum | Histogram | ExponentialHistogram)
        json.loads(metrics_data.to_json())
        return super().export(encode_metrics(metrics_data))


def test_an_exporter_gets_what_a_pipeline_gives_it():
    """Who knows the SDK's types alone is not held to know summaries."""
    check_component(factory(Kind.EXPORTER, lambda *_: OfTheSdk()))


WAITING = {"ENDS_IN_TIME", "LEAVES_NOTHING", "SETTLES"}
"""Rules that are broken when ``patience`` is over."""


@pytest.fixture
def tidied():
    """A process as it was, whatever a component has done to it."""
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers
    while LEFT_OPEN:
        LEFT_OPEN.pop().close()


@pytest.mark.usefixtures("tidied")
@pytest.mark.parametrize(("rule", "broken"), BROKEN)
def test_a_broken_rule_is_named(rule, broken):
    """With the reason and the remedy, and nothing is said of rules that are kept.

    A few defects cannot but break two.
    """
    expected = rule.split()
    kind = getattr(broken, "kind", None)
    failing = {"works": False} if kind in {Kind.RECEIVER, Kind.EXPORTER} else None
    patience = SHORT if rule in WAITING else 20.0
    with pytest.raises(AssertionError) as caught:
        check_component(broken, {}, failing=failing, patience=patience)
    found = {name for name, one in RULES.items() if f"{one.says}, but " in str(caught.value)}
    assert found == set(expected)
    for name in expected:
        assert f"Why: {RULES[name].why}." in str(caught.value)
        assert f"To do: {RULES[name].remedy}." in str(caught.value)


def test_options_that_are_refused_are_said():
    """In the words of the message that a user would get."""
    with pytest.raises(AssertionError, match="this is wrong: workz: unknown key; did you mean"):
        check_component(GOOD["processor"], {"workz": True})


def test_all_broken_rules_are_said_at_once():
    """An author mends them in one go."""
    broken = replace(
        GOOD["processor"], name="Acme", summary="x", build=lambda *_: forgets_to_return
    )
    with pytest.raises(AssertionError, match="Acme breaks 3 rules") as caught:
        check_component(broken)
    for rule in ("NAME", "SUMMARY", "SHAPE"):
        assert RULES[rule].says in str(caught.value)


def test_every_rule_can_be_broken():
    """A rule that nothing here breaks would be one that nobody knows to work."""
    assert {name for rule, _ in BROKEN for name in rule.split()} | {"ACCEPTED"} == set(RULES)
