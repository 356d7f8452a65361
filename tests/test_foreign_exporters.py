"""Components that other distributions bring: found by entry point, imported when named."""

import json
import sys
from textwrap import dedent

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExportResult

from otel_kubecost.cli.validate import components
from otel_kubecost.component import Kind
from otel_kubecost.components import builtin_factories, factories
from otel_kubecost.errors import ConfigError
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.service import Service
from otel_kubecost.testing import FakeKubecost
from otel_kubecost.testing.exchange import Reply
from otel_kubecost.testing.server import HttpServer

DAY = {"start": "2026-09-20T00:00:00Z", "end": "2026-09-21T00:00:00Z"}
ANSWER = {"code": 200, "data": [{"one/shop": {**DAY, "totalCost": 24.0, "cpuCost": 24.0}}]}
TOTAL = "cloudtuner_kubecost_namespace_total_cost"

ACME = """
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Options

class Exporter(MetricExporter):
    def __init__(self, *, url, token="", retries=3):
        super().__init__()
        if not url.startswith("acme://"):
            raise ValueError(f"{url} with {token} is no address")
        self.url, self.retries = url, retries
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        return MetricExportResult.SUCCESS
    def force_flush(self, timeout_millis=10_000):
        return True
    def shutdown(self):
        pass

class AcmeOptions(Options):
    room: int = 1

def factory(kind, name):
    return Factory(kind, name, "Sends to Acme.", AcmeOptions, lambda options, _: options)

EXPORTER = factory(Kind.EXPORTER, "acme")
PROCESSOR = factory(Kind.PROCESSOR, "acme")
NUMBER = 7

class Lists:
    pass

LYING = Factory(Kind.EXPORTER, "ours", "Lies.", Lists, lambda options, _: options)
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a distribution with entry points ``group: {name: value}`` and a module."""

    def install(distribution, groups, module="", text=ACME):
        place = tmp_path / distribution
        info = place / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items())
            for group, names in groups.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        if module:
            (place / f"{module}.py").write_text(dedent(text))
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(place)

    return install


def configuration(exporter, options=None, *, endpoint="http://127.0.0.1:1"):
    """As it would stand in a file, with one exporter."""
    kubecost = {"endpoint": endpoint, "tenant_id": "t", "cluster_name": "c", "currency": "USD"}
    return {
        "receivers": {"kubecost": kubecost},
        "exporters": {exporter: options},
        "service": {"pipelines": {"metrics": {"receivers": ["kubecost"], "exporters": [exporter]}}},
    }


def exporter_of(service):
    (exporter,) = service.pipelines[0].exporters
    return exporter


def refusal(exporter, options=None):
    """The one problem that the configuration has, in one line."""
    with pytest.raises(ConfigError) as refused:
        Service.from_mapping(configuration(exporter, options))
    (problem,) = refused.value.problems
    return str(problem)


def test_an_exporter_of_the_sdk_goes_by_its_name_in_yaml(tmp_path, capsys):
    """``console``, as OTEL_METRICS_EXPORTER would have it, prints what Kubecost answers."""
    file = tmp_path / "pipeline.yaml"
    with FakeKubecost(ANSWER) as kubecost:
        file.write_text(json.dumps(configuration("console/screen", endpoint=kubecost.url)))
        service = Service.from_yaml(file)
        assert isinstance(exporter_of(service), ConsoleMetricExporter)
        exporter_of(service).out = sys.stdout  # its default is what standard output was at import
        assert service.pipelines[0].run_once() == [MetricExportResult.SUCCESS]
        service.shutdown()
    assert f'"name": "{TOTAL}"' in capsys.readouterr().out


def names_in(body):
    request = ExportMetricsServiceRequest.FromString(body)
    return {
        metric.name
        for of_resource in request.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    }


@pytest.fixture
def collector():
    """A server that takes OTLP over HTTP."""
    with HttpServer(lambda _: Reply(content_type="application/x-protobuf")) as server:
        yield server


def test_keyword_arguments_come_from_the_block_as_they_stand(collector):
    """Headers as a mapping, a time as a number: nothing is read out of them."""
    options = {
        "endpoint": f"{collector.url}/v1/metrics",
        "headers": {"x-tenant": "t"},
        "timeout": 5,
    }
    with FakeKubecost(ANSWER) as kubecost:
        given = configuration("otlp_proto_http", options, endpoint=kubecost.url)
        service = Service.from_mapping(given)
        assert service.pipelines[0].run_once() == [MetricExportResult.SUCCESS]
        service.shutdown()
    assert collector.requests[0].headers["x-tenant"] == "t"
    assert TOTAL in names_in(collector.requests[0].body)


def test_an_exporter_of_the_sdk_is_one_of_ours_in_code(collector):
    """No configuration, no entry point: an instance of any MetricExporter."""
    exporter = OTLPMetricExporter(endpoint=f"{collector.url}/v1/metrics")
    with FakeKubecost(ANSWER) as kubecost:
        receiver = KubecostReceiver(
            endpoint=kubecost.url, tenant_id="t", cluster_name="c", currency="USD"
        )
        pipeline = Pipeline(receiver, [], [exporter])
        pipeline.start()
        assert collector.wait_for(1)
        pipeline.shutdown()
    assert TOTAL in set().union(*(names_in(one.body) for one in collector.requests))


def test_a_class_is_given_its_arguments(installed):
    """Required ones, and those with defaults; a shutdown without a time is called without one."""
    installed(
        "acme-sdk", {"opentelemetry_metrics_exporter": {"acme": "acme_sdk:Exporter"}}, "acme_sdk"
    )
    service = Service.from_mapping(configuration("acme/two", {"url": "acme://a", "retries": 9}))
    assert (exporter_of(service).url, exporter_of(service).retries) == ("acme://a", 9)
    service.shutdown()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "acme://a", "ulr": 1}, "unexpected keyword argument 'ulr'"),
        (None, "argument: 'url'"),
    ],
)
def test_wrong_arguments_are_a_mistake_of_the_block(installed, options, said):
    """Found before anything starts, at the exporter's own id, with what the class takes."""
    installed(
        "acme-sdk", {"opentelemetry_metrics_exporter": {"acme": "acme_sdk:Exporter"}}, "acme_sdk"
    )
    problem = refusal("acme/two", options)
    assert problem.startswith("exporters.acme/two: ")
    assert said in problem
    assert "Exporter takes url, token, retries" in problem


def test_what_a_class_says_of_its_arguments_repeats_none_of_them(installed):
    """Whatever it refuses may be a secret: the message has the key in its place."""
    installed(
        "acme-sdk", {"opentelemetry_metrics_exporter": {"acme": "acme_sdk:Exporter"}}, "acme_sdk"
    )
    problem = refusal("acme", {"url": "http://x", "token": "s3cret"})
    assert problem.startswith("exporters.acme: Exporter refuses its arguments: ValueError")
    assert "<url> with <token> is no address" in problem
    assert "s3cret" not in problem


def test_what_an_sdk_calls_as_we_do_is_not_even_listed():
    """Its ``prometheus`` is a reader that came with it: nobody has tried to take our name."""
    assert "prometheus" not in factories()[Kind.EXPORTER].installed


def test_a_metric_reader_is_no_exporter(installed):
    """It would ask an SDK for data; nobody here pushes to it."""
    reader = "opentelemetry.sdk.metrics.export:InMemoryMetricReader"
    installed("acme-pull", {"opentelemetry_metrics_exporter": {"acme_pull": reader}})
    problem = refusal("acme_pull")
    assert '"acme_pull" of acme-pull (opentelemetry_metrics_exporter)' in problem
    assert "a pipeline pushes" in problem


def test_a_component_of_others_has_its_factory(installed):
    """Its options are checked as those of built-in ones are."""
    installed(
        "acme-costs", {"otel_kubecost.exporters": {"acme": "acme_costs:EXPORTER"}}, "acme_costs"
    )
    assert factories()[Kind.EXPORTER]["acme"].summary == "Sends to Acme."
    assert "exporters.acme.romo: unknown key; did you mean `room`?" in refusal("acme", {"romo": 2})


BROKEN = {
    "missing_acme:EXPORTER": (
        "ModuleNotFoundError: No module named 'missing_acme'",
        "install what",
    ),
    "acme_costs:NOTHING": ("AttributeError", "install what"),
    "acme_costs:NUMBER": ("acme_costs:NUMBER is no Factory but int", "component.Factory"),
    "acme_costs:LYING": ("the options of acme_costs:LYING are no Options", "config.options"),
    "acme_leaves:EXPORTER": ("acme_leaves:EXPORTER cannot be imported: SystemExit: 3", "install"),
    "acme_costs:PROCESSOR": ('is the processor "acme"', "mend the entry point"),
    "acme_costs:EXPORTER": ('is the exporter "acme"', "mend the entry point"),
}


@pytest.mark.parametrize("value", BROKEN)
def test_a_component_that_cannot_be_used_is_a_mistake_where_it_is_named(installed, value):
    """The message has the distribution, the group, the cause and what to do."""
    installed("acme-leaves", {}, "acme_leaves", "raise SystemExit(3)")
    installed("acme-costs", {"otel_kubecost.exporters": {"ours": value}}, "acme_costs")
    problem = refusal("ours/one")
    assert problem.startswith(
        'exporters.ours/one: "ours" of acme-costs (otel_kubecost.exporters) cannot be used: '
    )
    assert all(part in problem for part in BROKEN[value])


def test_two_distributions_cannot_have_one_name(installed):
    """Which of them is meant nobody knows, so both are named."""
    for name in ("acme-one", "acme-two"):
        installed(name, {"otel_kubecost.exporters": {"acme": "acme_costs:EXPORTER"}}, "acme_costs")
    problem = refusal("acme")
    assert "acme-one" in problem
    assert "acme-two" in problem


def test_a_built_in_name_cannot_be_taken(installed, typed_components):
    """What a configuration means by it is the same everywhere; whoever tries is listed."""
    installed(
        "evil", {"otel_kubecost.exporters": {"prometheus": "acme_costs:EXPORTER"}}, "acme_costs"
    )
    ours = builtin_factories()[Kind.EXPORTER]["prometheus"]
    assert factories()[Kind.EXPORTER]["prometheus"] is ours
    assert "prometheus from evil: cannot be used" in typed_components()


def test_our_exporter_is_no_foreign_one():
    """An SDK finds it under another name, with arguments of its own."""
    assert not [name for name in factories()[Kind.EXPORTER] if name.startswith("kubecost_")]


def test_a_name_that_is_nearly_right_is_suggested():
    """Also where it is an entry point's."""
    assert "did you mean `console`?" in refusal("consol")


def test_nothing_is_imported_until_it_is_named(installed):
    """Asking which names there are reads metadata alone."""
    installed(
        "acme-costs", {"otel_kubecost.exporters": {"acme": "acme_costs:EXPORTER"}}, "acme_costs"
    )
    known = factories()[Kind.EXPORTER]
    assert "acme" in known
    assert "acme" in list(known)
    assert "acme_costs" not in sys.modules
    assert known["acme"].name == "acme"
    assert "acme_costs" in sys.modules


def test_nobody_is_asked_for_built_in_components(monkeypatch):
    """A configuration without foreign names does not look for any."""
    monkeypatch.setattr("otel_kubecost.entry_points.entry_points", None)
    known = factories()
    for kind, ours in builtin_factories().items():
        assert all(known[kind].get(name) is ours[name] and name in known[kind] for name in ours)


@pytest.fixture
def typed_components(capsys):
    """What the command prints."""

    def run():
        components.main([], standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_list_has_everything_with_its_origin(installed, typed_components):
    """One that is broken stands there with its mistake, and the others as if it were not there."""
    groups = {
        "otel_kubecost.exporters": {"acme": "acme_costs:EXPORTER", "lost": "acme_costs:LOST"},
        "otel_kubecost.processors": {"acme": "acme_costs:PROCESSOR"},
    }
    installed("acme-costs", groups, "acme_costs")
    shown = typed_components()
    assert shown.count("  acme from acme-costs\n      Sends to Acme.\n") == 2
    assert "  lost from acme-costs: cannot be used\n      exporters.lost: " in shown
    assert "  console from opentelemetry-sdk\n" in shown
    assert "  prometheus\n" in shown


def test_a_configuration_that_is_read_again_is_the_same(tmp_path, caplog):
    """SIGHUP without a change leaves a foreign exporter running, with its connection."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(json.dumps(configuration("console")))
    service = Service.from_yaml(file)
    before = exporter_of(service)
    assert not service._reconfigure()
    assert exporter_of(service) is before


def test_a_foreign_exporter_is_followed_by_another(tmp_path, installed):
    """One whose shutdown takes no time, too: a reload must not fail for the keyword."""
    installed(
        "acme-sdk", {"opentelemetry_metrics_exporter": {"acme": "acme_sdk:Exporter"}}, "acme_sdk"
    )
    file = tmp_path / "pipeline.yaml"
    with FakeKubecost(ANSWER) as kubecost:
        given = configuration("acme", {"url": "acme://a"}, endpoint=kubecost.url)
        file.write_text(json.dumps(given))
        service = Service.from_yaml(file)
        service.start()
        file.write_text(file.read_text().replace("acme://a", "acme://b"))
        assert service._reconfigure()
        assert exporter_of(service).url == "acme://b"
        service.shutdown()
