"""The JSON Schema of configuration files, held against what parsing says of the same files."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError

from otel_kubecost.cli import schema as command
from otel_kubecost.component import Factory, Kind
from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import ServiceOptions
from otel_kubecost.config.option_fields import fields_at
from otel_kubecost.config.option_schemas import option_schemas
from otel_kubecost.config.options import (
    Duration,
    Options,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from otel_kubecost.config.problems import validate
from otel_kubecost.config.schema import configuration_schema
from otel_kubecost.config.written import DEFINITIONS, as_written
from otel_kubecost.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "otel-kubecost.schema.json"
CASES = ROOT / "tests" / "testcases" / "config"
READY = sorted((ROOT / "config").glob("*.yaml"))
SNIPPETS = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
)


def loaded(text):
    return YAML(typ="safe", pure=True).load(text)


@cache
def built_in():
    return configuration_schema(builtin_factories())


def refused(document, schema=None):
    """Where the schema finds mistakes in a whole configuration."""
    found = Draft202012Validator(schema or built_in()).iter_errors(document)
    return [".".join(map(str, error.path)) for error in found]


def test_the_schema_is_one():
    """By the rules of the draft that it names."""
    assert built_in()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(built_in())


def test_the_file_for_editors_is_what_the_command_prints(monkeypatch):
    """Where nothing is installed beside this package. UPDATE_GOLDEN=1 writes the file."""
    monkeypatch.setattr(command, "factories", builtin_factories)
    printed = CliRunner().invoke(command.schema).output
    if os.environ.get("UPDATE_GOLDEN"):
        FILE.write_text(printed)
    assert json.loads(FILE.read_text()) == json.loads(printed) == built_in()


def test_the_command_knows_what_is_installed():
    """Exporters of the SDK have their names and whatever arguments they take."""
    schema = json.loads(CliRunner().invoke(command.schema).output)
    document = loaded(READY[0].read_text())
    document["exporters"]["otlp_proto_http"] = {"endpoint": "http://collector:4318", "timeout": 5}
    assert refused(document, schema) == []
    entry = schema["properties"]["exporters"]["properties"]["otlp_proto_http"]
    assert "OTLPMetricExporter" in entry["description"]


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_every_ready_configuration_is_valid(path):
    """And says to editors where the schema is."""
    text = path.read_text()
    assert text.startswith(f"# yaml-language-server: $schema={FILE.name}\n")
    assert refused(loaded(text)) == []


@pytest.mark.parametrize("text", SNIPPETS)
def test_every_configuration_in_the_readme_is_valid(text):
    """As it stands, references included."""
    assert refused(loaded(text)) == []


SEEN = re.compile(
    r": (unknown key|unknown section|is here under its other|is required; add|is empty, must be|"
    r"must be (a |text|true|filled|'|[0-9.]+ or \\w+, not \"-?[0-9.]+\")|"
    r"'.*' is not a (duration|level|size)|write the URL with its scheme)"
)
"""What is said of mistakes that a schema can see: keys, types, words, numbers, what is missing."""


def mistakes():
    for case in sorted(CASES.iterdir()):
        if SEEN.search((case / "expected.err").read_text()):
            try:
                yield case.name, loaded((case / "pipeline.yaml").read_text())
            except DuplicateKeyError:
                continue


@pytest.mark.parametrize(("case", "document"), list(mistakes()))
def test_mistakes_that_a_schema_can_see_are_seen(case, document):
    """An editor marks them before anybody runs the command."""
    assert refused(document) != []


VALUES = [
    None, True, False, 0, 1, 5, 90, -1, 1.5, 100_000, [], {}, [1], ["a"], {"a": "b"}, {"a": 1},
    "", "a", "5", "1_000", "1e3", "2.0", " 7 ", "+3", "true", "YES", "off", "T", "30s", "1h30m",
    "1d", "24h", " 2h ", "0.5h", "2MB", "512 mib", "today", "all", "cluster", "label:team",
    ["cluster"], ["pod", "annotation:a.b/c"], ["total_cost"], "usd", "EUR", "http://host/path", "HTTPS://host",
    "127.0.0.1:9103", ":0", "WARN", "info", "Keep", "hashmod", "TLS13", "json", "(.*)", ["a", "b"],
    [{"action": "drop", "source_labels": ["a"]}], {"tenant.id": "x"}, ["file_storage"], "upsert",
    [{"key": "a", "action": "delete"}], {"username": "a", "password": "b"}, "fold", "total",
]  # fmt: skip
"""As YAML gives them, for options of every type."""


def in_text(value):
    """What parsing gets: scalars as they are written."""
    match value:
        case dict():
            return {key: in_text(one) for key, one in value.items()}
        case list():
            return [in_text(one) for one in value]
        case bool():
            return str(value).lower()
    return None if value is None else str(value)


def blocks():
    """Every block of options that can be written somewhere."""
    factories = [one for of_kind in builtin_factories().values() for one in of_kind.values()]
    waiting = [ServiceOptions, *(factory.options for factory in factories)]
    found = {}
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = dict(fields_at(model, ()))
            waiting += (
                inner for field in found[model].values() for inner in models_in(field.annotation)
            )
    return found


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Options):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


BLOCKS = blocks()


@cache
def described():
    """A reference for each block, and the definitions."""
    references, definitions = option_schemas(BLOCKS)
    return references, DEFINITIONS | {name: as_written(one) for name, one in definitions.items()}


def definition(model):
    references, definitions = described()
    return definitions[references[model]["$ref"].removeprefix("#/$defs/")]


def checker(model):
    """A validator of one block."""
    return Draft202012Validator(definition(model) | {"$defs": described()[1]})


def example(field):
    """What one writes: an example in text stands as it would in a file."""
    return next(iter(examples(field)))


def examples(field):
    for one in field.examples or ():
        yield loaded(one) if isinstance(one, str) and one.startswith(("{", "[{")) else one


def written():
    """Each option of each block with values of every type, and what else the block needs."""
    for model, fields in BLOCKS.items():
        needed = {name: example(field) for name, field in fields.items() if field.is_required()}
        for name, field in fields.items():
            others = {key: value for key, value in needed.items() if fields[key] is not field}
            for value in [*VALUES, *examples(field)]:
                yield model, others | {name: value}


def test_what_parsing_accepts_the_schema_accepts():
    """Whatever the type of an option, and whatever YAML makes of what is written."""
    check = {model: checker(model) for model in BLOCKS}
    accepted = [each for each in written() if validate(each[0], in_text(each[1]))[0] is not None]
    assert len(accepted) > 10 * len(BLOCKS)
    wrong = [(model, block) for model, block in accepted if not check[model].is_valid(block)]
    assert wrong == []


def test_a_reference_may_stand_for_every_single_value():
    """It may become a number, a word or a size; in place of a list or a block it cannot."""
    for model, fields in BLOCKS.items():
        check = checker(model)
        for name, field in fields.items():
            for value in {"${env:X}", "${env:X:-5}", "${file:/x}"} if is_single(field) else ():
                errors = check.iter_errors({name: value})
                assert [one for one in errors if list(one.path) == [name]] == [], (model, name)


def is_single(field):
    """Whether one of its examples or its default is neither a list nor a block."""
    shown = [*examples(field), field.get_default(call_default_factory=True)]
    return any(isinstance(one, str | int | float) for one in shown)


def options():
    """Every option as the schema has it, with its place."""
    for model in BLOCKS:
        for name, option in definition(model)["properties"].items():
            yield f"{model.__name__}.{name}", option


def test_every_option_is_explained_in_a_sentence():
    """That is what an editor shows, and the message about one that is missing."""
    sentence = re.compile(r"\S.*\.")
    assert [
        name for name, one in options() if not sentence.fullmatch(one.get("description", ""))
    ] == []


def test_every_option_is_shown():
    """By an example, or by a default or words that show how it is written."""
    assert [name for name, one in options() if not is_shown(one)] == []


def is_shown(schema):
    says = schema.get("default") not in (None, "", [], {}) or schema.get("examples")
    is_block = "properties" in described()[1].get(schema.get("$ref", "")[len("#/$defs/") :], {})
    return says or "enum" in schema or is_block or any(map(is_shown, schema.get("anyOf", ())))


def test_defaults_and_examples_are_what_one_may_write():
    """They are of the types that the schema asks for; durations and sizes are spelled out."""
    for model, fields in BLOCKS.items():
        check = checker(model)
        shown = definition(model)["properties"]
        for name, field in fields.items():
            default = [shown[name]["default"]] if "default" in shown[name] else []
            for value in [*examples(field), *default]:
                errors = check.iter_errors({name: value})
                assert [one for one in errors if list(one.path)[:1] == [name]] == [], (model, name)
    receiver = built_in()["$defs"]["KubecostReceiverOptions"]["properties"]
    assert receiver["backfill"]["default"] == "2d"
    assert receiver["max_body_bytes"]["default"] == "256MiB"


def test_one_spelling_of_an_option_is_enough_and_two_are_too_many():
    """Required or not."""
    check = checker(builtin_factories()[Kind.EXPORTER]["prometheus_remote_write"].options)
    url = "http://host/write"
    assert check.is_valid({"endpoint": url, "tls": {}})
    assert check.is_valid({"url": url, "tls_config": {}})
    assert not check.is_valid({})
    assert not check.is_valid({"endpoint": url, "url": url})
    assert not check.is_valid({"endpoint": url, "tls": {}, "tls_config": {}})


def test_secrets_are_marked():
    """An editor need not show them."""
    secrets = [name for name, option in options() if '"writeOnly": true' in json.dumps(option)]
    assert {"BasicAuth.password", "OAuth2.client_secret", "Authorization.credentials"} <= set(
        secrets
    )


class AcmeOptions(Options):
    """Somebody else's."""

    wait: Duration = Field(0.5, description="How long.")
    anything: object = Field(None, description="No schema can tell.")


class Unusable(dict):
    """As what is installed and cannot be used."""

    def __getitem__(self, name):
        if name == "broken":
            raise ConfigError.at("receivers.broken", "it is broken")
        return super().__getitem__(name)


def test_components_of_others_are_described_by_their_own_options():
    """What cannot be described may be anything, what cannot be used has no options, and what is not
    known here may be known elsewhere."""
    acme = Factory(Kind.RECEIVER, "acme-1.x", "Acme.", AcmeOptions, lambda *_: None)
    schema = configuration_schema({Kind.RECEIVER: Unusable({"acme-1.x": acme, "broken": acme})})
    Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["AcmeOptions"]["properties"]["wait"]["default"] == "500ms"

    def wrong(receivers):
        document = {"receivers": receivers, "exporters": {"acme": {}}, "service": {}}
        return refused(document, schema)

    assert wrong({"acme-1.x": None, "acme-1.x/2": {"wait": "5s", "anything": [{}]}}) == []
    assert wrong({"acme-1.x/2": {"weight": 1}}) == ["receivers.acme-1.x/2"]
    assert wrong({"broken": {"weight": 1}, "acme-1yx": {"weight": 1}}) == []


@given(st.integers(0, 10**9))
def test_durations_and_sizes_are_spelled_so_that_they_can_be_read(number):
    """What is shown as a default is the default."""
    assert parse_duration(format_duration(number)) == number
    assert parse_duration(format_duration(number / 8)) == number / 8
    assert parse_size(format_size(number)) == number
