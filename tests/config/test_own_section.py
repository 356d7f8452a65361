"""Our section in a file of OpenTelemetry's declarative configuration."""

import pytest
from opentelemetry.configuration import load_config_file

from otel_kubecost.config.files import load_files, own_section_runs
from otel_kubecost.config.own_section import SECTION
from otel_kubecost.errors import ConfigError

FILE = """
file_format: "1.0"
resource: {attributes: [{name: team, value: "${TEAM}"}]}
otel_kubecost:
  receivers:
    kubecost: {endpoint: "${KUBECOST_URL}", tenant_id: "${env:TENANT_ID:-t}", window: $$1}
"""


@pytest.fixture
def file(tmp_path):
    """A function that writes a text to a file and gives its path."""

    def write(text, name="otel.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def refused(*paths):
    with pytest.raises(ConfigError) as raised:
        load_files(paths, environ={})
    return str(raised.value)


def test_the_section_is_the_configuration(file):
    """References are filled in however they are spelled; what is outside of it is left alone."""
    confmap = load_files([file(FILE)], environ={"KUBECOST_URL": "http://k"})
    kubecost = {"endpoint": "http://k", "tenant_id": "t", "window": "$1"}
    assert confmap.data == {"receivers": {"kubecost": kubecost}}
    assert confmap.problems == ()
    assert confmap.locate(("receivers",)).line == 5


def test_the_sdk_takes_the_same_file(file, monkeypatch):
    """It has a schema that leaves our section alone."""
    monkeypatch.setenv("TEAM", "shop")
    config = load_config_file(file(FILE))
    assert config.resource.attributes[0].value == "shop"
    assert config.additional_properties.keys() == {SECTION}


def test_it_merges_with_files_of_our_own(file):
    """Several files make one configuration, whatever each of them is."""
    more = file("receivers: {kubecost: {window: 7d}}\n", "more.yaml")
    confmap = load_files([file(FILE), more], environ={"KUBECOST_URL": "http://k"})
    assert confmap.data["receivers"]["kubecost"]["window"] == "7d"


def test_variables_of_the_section_have_to_be_set(file):
    """The SDK would take nothing for it; here that is the mistake that it mostly is."""
    (problem,) = load_files([file(FILE)], environ={}).problems
    assert "environment variable KUBECOST_URL is not set" in str(problem)


def test_mistakes_of_others_are_left_to_them(file):
    """A key that is written twice is told in the section, by its path there, and not outside."""
    twice = "\n  exporters: {prometheus: {a: 1, a: 2}}\nresource: {}\n"
    found = load_files([file(FILE + twice)], environ={"KUBECOST_URL": "http://k"}).problems
    assert [problem.path for problem in found] == ["exporters.prometheus.a"]


def test_a_file_without_the_section_is_not_ours(file):
    """What is to be done is said; an empty one is no different from an empty file."""
    assert "has no section otel_kubecost" in refused(file('file_format: "1.0"\n'))
    assert "is empty" in refused(file('file_format: "1.0"\notel_kubecost:\n'))


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (FILE, True),
        (f"{FILE}disabled: false\n", True),
        (f"{FILE}disabled: TRUE\n", False),
        (f"{FILE}disabled: ${{OFF:-true}}\n", False),
        (f"{FILE}disabled: ${{OFF}}\n", True),
        (FILE.replace("file_format", "format"), False),
        ('file_format: "1.0" # otel_kubecost\n', False),
    ],
)
def test_whether_a_process_runs_the_section(file, text, runs):
    """It is there, in OpenTelemetry's file, and that is not ``disabled``."""
    assert own_section_runs(file(text), {}) is runs
