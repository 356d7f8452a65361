"""The configuration as one object, and what is said of every way to get it wrong."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import Field

from otel_kubecost.component import ComponentID, Factory, Kind
from otel_kubecost.components import builtin_factories, factories
from otel_kubecost.config.checked import Config, parse_config, read_config
from otel_kubecost.config.files import load_files
from otel_kubecost.config.option_fields import fields_at
from otel_kubecost.config.options import Duration, Options
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.errors import ConfigError

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "testcases" / "config"
EXAMPLES = sorted((ROOT / "config").glob("*.yaml"))
REFERENCE = ROOT / "config" / "kubecost-to-cloudtuner.yaml"
OTHERS = ROOT / "config" / "other-components.yaml"
ENVIRON = {"TENANT_ID": "aaaaaaaa-1111-1111-1111-aaaaaaaaaaaa"}
SECRET = "hunter2"


def problems_of(*paths: str | Path) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        read_config(*paths, factories=builtin_factories(), environ=ENVIRON)
    return raised.value


@pytest.mark.parametrize("case", sorted(folder.name for folder in CASES.iterdir()))
def test_bad_configuration_is_refused_with_every_mistake_named(case, monkeypatch):
    """Each folder's file is refused with exactly the lines of its expected.err.

    UPDATE_GOLDEN=1 writes what is said now; read the difference before you keep it.
    """
    monkeypatch.chdir(CASES / case)
    said = f"{problems_of('pipeline.yaml')}\n"
    expected = Path("expected.err")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said)
    assert said == expected.read_text()
    assert SECRET not in said


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_ready_configurations_need_nothing_but_the_account(path):
    """Every file in config/ is valid once TENANT_ID is set."""
    config = read_config(path, factories=factories(), environ=ENVIRON)
    assert config.pipelines["metrics"].receivers[0] == ComponentID("kubecost")


def test_ready_configurations_ask_for_the_account():
    """Without TENANT_ID the variable is named."""
    with pytest.raises(ConfigError, match="environment variable TENANT_ID is not set"):
        read_config(REFERENCE, factories=builtin_factories(), environ={})


def every_key(model: type[Options], path: tuple[str | int, ...] = ()) -> set[str]:
    """Names of all options of a model and of the blocks and lists in it, one spelling each."""
    fields = {id(field): name for name, field in reversed(list(fields_at(model, path)))}
    keys = set(fields.values())
    for name in fields.values():
        keys |= every_key(model, (*path, name)) | every_key(model, (*path, name, 0))
    return keys


def built_in() -> list[Factory]:
    return [factory for kind in builtin_factories().values() for factory in kind.values()]


@pytest.mark.parametrize("factory", built_in(), ids=lambda factory: factory.name)
def test_annotated_configuration_names_every_option(factory):
    """The two references in config/ leave out no option of a built-in component."""
    text = REFERENCE.read_text() + OTHERS.read_text()
    keys = every_key(factory.options)
    assert keys
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", text)] == []


@pytest.mark.parametrize(
    ("path", "of_ones_own"),
    [
        (
            REFERENCE,
            {
                "kubecost.endpoint",
                "kubecost.tenant_id",
                "kubecost.cluster_name",
                "kubecost.storage",
                "file_storage.directory",
                "prometheus_remote_write/cloudtuner.storage",
                "prometheus_remote_write/cloudtuner.endpoint",
                "prometheus_remote_write/cloudtuner.headers",
                "prometheus_remote_write/cloudtuner.basic_auth",
            },
        ),
        (
            OTHERS,
            {
                "kubecost.endpoint",
                "kubecost.tenant_id",
                "kubecost.cluster_name",
                "memory_limiter.limit_mib",
                "filter.metrics",
                "attributes.actions",
                "attributes.exclude",
                "attributes.include",
                "metrics_transform.transforms",
                "otlp_http.endpoint",
                "otlp_json_file.path",
                "otlp_json_file.rotation",
                "prometheus.scrape_configs",
                "resource.attributes",
            },
        ),
    ],
    ids=lambda of: getattr(of, "stem", ""),
)
def test_annotated_configuration_shows_the_defaults(path, of_ones_own):
    """A value in a reference is the default, unless a comment says required or here."""
    config = read_config(path, factories=factories(), environ=ENVIRON)
    assert {
        f"{component_id}.{name}"
        for components in config.components.values()
        for component_id, (_, options) in components.items()
        for name, field in type(options).model_fields.items()
        if getattr(options, name) != field.get_default(call_default_factory=True)
    } == of_ones_own


class ToyOptions(Options):
    size: int = 1
    wait: Duration = 5.0
    tenant_id: str = ""
    headers: dict[str, str] = Field(default_factory=dict)


def toy(kind: Kind) -> Factory:
    return Factory(kind, "toy", "For tests.", ToyOptions, lambda options, _: options)


TOYS = {kind: {"toy": toy(kind), "plaything": toy(kind)} for kind in Kind}
PIPELINE = {"metrics": {"receivers": ["toy"], "exporters": ["toy"]}}


def parse(**sections) -> Config:
    data = {
        "receivers": {"toy": None},
        "exporters": {"toy": None},
        "service": {"pipelines": PIPELINE},
    }
    return parse_config(ConfMap(data | sections), TOYS)


def refused(**sections) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse(**sections)
    return [str(problem) for problem in raised.value.problems]


def test_component_without_body_has_its_defaults():
    """``toy:`` is a component with every option at its default."""
    assert parse().components[Kind.RECEIVER][ComponentID("toy")].options == ToyOptions()


def test_pipeline_keeps_the_order_of_its_components():
    """Ids of a pipeline come out as written, in the order written."""
    config = parse(
        processors={"toy/b": {}, "toy/a": {}},
        service={
            "pipelines": {"metrics/x": {**PIPELINE["metrics"], "processors": ["toy/b", "toy/a"]}}
        },
    )
    assert list(map(str, config.pipelines["metrics/x"].processors)) == ["toy/b", "toy/a"]


def test_other_spelling_of_a_type_is_the_same_factory():
    """A component may be named by an alias of its type."""
    config = parse(extensions={"plaything/one": {"size": "3"}})
    component = config.components[Kind.EXTENSION][ComponentID("plaything", "one")]
    assert component.factory.name == "toy"
    assert component.options == ToyOptions(size=3)


def test_component_that_no_pipeline_uses_is_checked():
    """A mistake is reported even where nothing would run it."""
    assert refused(receivers={"toy": {}, "toy/unused": {"size": "x"}}) == [
        'receivers.toy/unused.size: must be a whole number, not "x"'
    ]


def test_logs_are_for_people_unless_said_otherwise():
    """Level info and format console are the defaults; warn is an accepted spelling."""
    assert parse().telemetry.logs.format == "console"
    assert parse().telemetry.logs.level == "info"
    service = {"pipelines": PIPELINE, "telemetry": {"logs": {"level": "WARN"}}}
    assert parse(service=service).telemetry.logs.level == "warning"


def test_extensions_keep_their_order():
    """Extensions that the service names are ids, in the order written."""
    config = parse(
        extensions={"toy/a": {}, "toy/b": {}},
        service={"pipelines": PIPELINE, "extensions": ["toy/b", "toy/a"]},
    )
    assert list(map(str, config.extensions)) == ["toy/b", "toy/a"]


def test_accounts_may_differ_between_pipelines():
    """An agent may send two clusters to two accounts, as long as no pipeline mixes them."""
    config = parse(
        receivers={"toy/a": {"tenant_id": "a"}, "toy/b": {"tenant_id": "b"}},
        exporters={
            name: {"headers": {"cloud-account-id": name[-1]}} for name in ("toy/a", "toy/b")
        },
        service={
            "pipelines": {
                f"metrics/{x}": {"receivers": [f"toy/{x}"], "exporters": [f"toy/{x}"]} for x in "ab"
            }
        },
    )
    assert set(config.pipelines) == {"metrics/a", "metrics/b"}


def test_sections_may_be_empty():
    """``processors:`` with nothing under it is no mistake."""
    assert parse(processors=None).components[Kind.PROCESSOR] == {}


def test_problems_of_reading_are_reported_with_those_of_checking(tmp_path):
    """A missing variable hides neither its neighbours nor counts twice for the text left over."""
    path = tmp_path / "pipeline.yaml"
    path.write_text("receivers: {toy: {size: '${env:NOPE}', wait: soon}}\n")
    with pytest.raises(ConfigError) as raised:
        parse_config(load_files([path], environ={}), TOYS)
    assert sorted(problem.path for problem in raised.value.problems) == [
        "receivers.toy.size",
        "receivers.toy.wait",
        "service.pipelines",
    ]


def test_problems_stand_in_the_order_of_the_file(tmp_path):
    """Line 10 comes after line 9, and several files keep apart."""
    lines = "".join(f"  toy/{index}: {{size: x}}\n" for index in range(12))
    path = tmp_path / "pipeline.yaml"
    path.write_text(f"receivers:\n{lines}service: {{pipelines: {{metrics: {{}}}}}}\n")
    with pytest.raises(ConfigError) as raised:
        parse_config(load_files([path], environ={}), TOYS)
    lines_of = [problem.location.line for problem in raised.value.problems]
    assert lines_of == sorted(lines_of)
    assert len(lines_of) == 14


def test_configuration_does_not_show_its_secrets():
    """Neither the object nor the data it came from shows values in its repr."""
    confmap = ConfMap({"receivers": {"toy": {"tenant_id": SECRET}}, "exporters": {"toy": {}}})
    config = parse(receivers={"toy": {"tenant_id": SECRET}})
    assert SECRET not in repr(config)
    assert SECRET not in repr(confmap)
