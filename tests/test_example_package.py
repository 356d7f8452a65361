"""The package with components in examples/ is installed, tested and run as by its users."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from otel_kubecost.testing import HttpServer, Reply

pytestmark = pytest.mark.peers

PACKAGE = Path(__file__).parents[1] / "examples" / "component_package"
COMPONENTS = {"receivers": "csv_costs", "processors": "team", "exporters": "webhook"}


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """The variables of a process that finds it installed."""
    try:
        distribution("acme-costs")  # tox has installed it: see its environment "examples"
    except PackageNotFoundError:
        return os.environ | {"PYTHONPATH": str(unpacked(tmp_path_factory.mktemp("installed")))}
    return os.environ


def unpacked(directory):
    """Its wheel as an installer would lay it down; for environments that have no installer."""
    build = f"from hatchling.build import build_wheel; build_wheel({str(directory)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=PACKAGE, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


@pytest.fixture
def beside(tmp_path):
    """A place with what is in the package's folder, and not in its wheel."""
    for name in ("costs.csv", "pipeline.yaml", "tests"):
        (shutil.copytree if name == "tests" else shutil.copy)(PACKAGE / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def chat():
    with HttpServer(lambda _: Reply()) as server:
        yield server


def run(*command, cwd, environ):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_its_own_tests_pass(beside, environ):
    """Against the installed package, in a folder of their own."""
    finished = run("pytest", "-q", "-W", "error", "tests", cwd=beside, environ=environ)
    assert finished.returncode == 0, finished.stdout
    assert "4 passed" in finished.stdout


def test_its_components_can_be_named(beside, environ):
    """With the distribution that they come from."""
    finished = run("otel_kubecost", "components", cwd=beside, environ=environ)
    assert finished.returncode == 0, finished.stderr
    for name in COMPONENTS.values():
        assert f"  {name} from acme-costs\n" in finished.stdout


def test_its_configuration_is_valid_and_works_once(beside, environ, chat):
    """The costs of the file, each with its team."""
    variables = {**environ, "WEBHOOK_URL": chat.url}
    for command in ("validate", "once"):
        finished = run(
            "otel_kubecost", command, "--config", "pipeline.yaml", cwd=beside, environ=variables
        )
        assert (finished.returncode, finished.stderr) == (0, "")
    labels = 'currency="EUR",job="acme",namespace="shop",service="mail",team="storefront"'
    assert f"acme_service_cost{{{labels}}} 0.125 " in finished.stdout
    assert finished.stdout.count(',team="unknown"}') == 1
    assert chat.requests == []


def test_mistakes_are_said_in_the_words_of_its_options(beside, environ):
    """With place, description and remedy, as for built-in components."""
    finished = run(
        *("otel_kubecost", "validate", "--config", "pipeline.yaml"),
        *("--set", "processors.team.teems={}", "--set", "receivers.csv_costs.path="),
        cwd=beside,
        environ={**environ, "WEBHOOK_URL": "http://localhost"},
    )
    assert finished.returncode == 78
    assert "processors.team.teems: unknown key; did you mean `teams`?" in finished.stderr
    assert "receivers.csv_costs.path: " in finished.stderr


def test_a_file_that_is_gone_is_said(beside, environ):
    """`once` fails, and its log has the reason, in the format that is configured for all."""
    (beside / "costs.csv").unlink()
    finished = run(
        *("otel_kubecost", "once", "--config", "pipeline.yaml"),
        *("--set", "service.telemetry.logs.format=json"),
        cwd=beside,
        environ={**environ, "WEBHOOK_URL": "http://localhost"},
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    (line,) = finished.stderr.splitlines()
    assert "No such file or directory: 'costs.csv'" in json.loads(line)["event"]


def test_it_runs_until_it_is_told_to_stop(beside, environ, chat):
    """The chat gets the sums at the first mark."""
    command = ["run", "--config", "pipeline.yaml"]
    command += ["--set", "exporters.prometheus.endpoint=127.0.0.1:0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "otel_kubecost", *command],
        cwd=beside,
        env={**environ, "WEBHOOK_URL": chat.url},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert chat.wait_for(1, timeout=60)
    finally:
        process.terminate()
        _, log = process.communicate(timeout=40)
    assert process.returncode == 0, log
    assert json.loads(chat.requests[0].body) == {
        "acme_service_cost": {"platform": 0.5, "storefront": 2.625, "unknown": 0.0625}
    }
