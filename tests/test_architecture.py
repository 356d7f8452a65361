"""The house rules about imports and sizes, read from the source (CONTRIBUTING says why)."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import otel_kubecost
from otel_kubecost.components import builtin_factories

ROOT = Path(otel_kubecost.__file__).parent
KINDS = ("receivers", "processors", "exporters", "extensions")

# The rooms that components of a kind share; everything else under it is a component.
SHARED = {"exporters.encoding", "exporters.sending", "exporters.series", "processors.editing"}

# What a component may import, beside its own folder. Of `config` it is the types of options, what
# makes an instance of them, the variables, and YAML for files of targets; configurations are for
# no component to read.
FOR_COMPONENTS = {
    "allocator", "attributes", "clock", "component", "config.cloudtuner", "config.environment",
    "config.options", "config.problems", "config.yaml_document", "errors", "http", "memory",
    "own_metrics", "pdata", "relabel", "storage", "telemetry", "tracing",
}  # fmt: skip

# Of those, what rooms that components share have no use for.
BUILDING = {
    "allocator", "config.problems", "config.environment", "config.cloudtuner",
    "config.yaml_document", "memory",
}  # fmt: skip

# Outside things with the only modules or folders that may import them, all of which do.
IMPORTERS = {
    "opentelemetry.instrumentation": {"sdk.instrumentor"},
    "requests": {"http"},
    "urllib3": {"http"},
    "ruamel": {"config.yaml_document"},
    "cramjam": {"exporters.prometheus_remote_write.codec", "testing.wire"},
    "google": {"testing.wire", "testing.wire_otlp", "testing.wire_v2", "testing.message_classes"},
    "opentelemetry.configuration": {"cli.own_telemetry", "config.declarative"},
    "opentelemetry.exporter.prometheus_remote_write.gen": {"testing.wire"},
    "opentelemetry.trace": {
        "cli.own_telemetry",
        "exporters.sending.tracing",
        "receivers.kubecost.tracing",
        "tracing",
    },
    "signal": {"signals", "service"},
    "msgspec": {"receivers.kubecost", "receivers.prometheus"},
    "re2": {"config.options"},
    "click": {"cli"},
    "sqlite3": {"extensions.file_storage", "testing.ledger"},
    "fcntl": {"exporters.otlp_json_file", "extensions.file_storage"},
    "ctypes": {"allocator"},
}

# What modules call for its effect when they are imported.
EFFECTS = {
    "__main__": ["main"],
    "telemetry": ["logging.getLogger(PACKAGE).addHandler"],
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def statements(tree):
    """Names of imported modules; ``from a import b`` gives a.b where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


TREES = {module_name(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
SOURCES = {module_name(path): path.read_text() for path in sorted(ROOT.rglob("*.py"))}
IMPORTS = {module: set(statements(tree)) for module, tree in TREES.items()}


def inner(module):
    """The modules of this package that ``module`` imports."""
    ours = "otel_kubecost."
    names = {name.removeprefix(ours) for name in IMPORTS[module] if name.startswith(ours)}
    return names & set(TREES) - {module}


def room(module):
    """``exporters.series`` of ``exporters.series.names``, ``http`` of ``http.tls``."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] in (*KINDS, "config") else parts[0]


def test_there_are_no_import_cycles():
    """Arrows point down: a reader never has to turn back."""
    graph = {module: inner(module) for module in TREES}
    assert list(TopologicalSorter(graph).static_order())


def test_nothing_inside_imports_the_root_package():
    """The root package is for users; inside, a module imports what it needs from where it is."""
    assert [module for module, names in IMPORTS.items() if "otel_kubecost" in names] == []


@pytest.mark.parametrize("module", [m for m in TREES if m.split(".")[0] in KINDS and "." in m])
def test_components_import_the_shared_rooms_and_themselves_alone(module):
    """A component never imports its siblings, nor what is built of components."""
    allowed = FOR_COMPONENTS | SHARED | {room(module)}
    if room(module) in SHARED:
        allowed -= {*BUILDING, "exporters.sending"} - {room(module)}
    assert {room(name) for name in inner(module)} - set(KINDS) <= allowed


def test_components_are_imported_by_their_names_alone():
    """What is on the disk is what a configuration can name, and no module imports it of itself."""
    rooms = {room(module) for module in TREES if module.split(".")[0] in KINDS and "." in module}
    named = {
        f"{kind}.{factory.name}"
        for kind, factories in builtin_factories().items()
        for factory in factories.values()
    }
    assert rooms - SHARED == named
    users = {
        module
        for module in TREES
        for name in inner(module)
        if room(name) in named and room(name) != room(module)
    }
    assert users == set()


def test_components_go_by_the_names_that_they_say():
    """The list that imports nothing has their own names and spellings, and no others."""
    for kind, factories in builtin_factories().items():
        for name, factory in factories.items():
            assert factory.kind is kind
            assert name in {factory.name, *factory.aliases} <= set(factories)


def is_within(module, place):
    return f"{module}.".startswith(f"{place}.")


@pytest.mark.parametrize("outside", IMPORTERS)
def test_each_outside_thing_has_one_importer(outside):
    """Where a library or a file descriptor is used is known without searching."""
    users = {
        module
        for module, names in IMPORTS.items()
        if any(is_within(name, outside) for name in names)
    }
    places = {place for place in IMPORTERS[outside] if any(is_within(u, place) for u in users)}
    assert places == IMPORTERS[outside]
    assert {user for user in users if not any(is_within(user, p) for p in places)} == set()


def test_the_environment_is_read_in_one_place():
    """Nobody else reads variables: what configures a component is in its options."""
    readers = [name for name, text in SOURCES.items() if re.search(r"os\.(environ|getenv)", text)]
    assert readers == ["config.environment"]


def test_only_the_command_configures_logging():
    """structlog's configuration and the process' handlers belong to whoever owns the process."""
    configure = "otel_kubecost.telemetry.configure"
    users = [module for module, names in IMPORTS.items() if configure in names]
    assert users == ["cli.options", "cli.run"]
    outside = re.compile(
        r"structlog\.configure|logging\.(basicConfig|config)|telemetry\.configure\("
    )
    assert [module for module, text in SOURCES.items() if outside.search(text)] == []


@pytest.mark.parametrize("module", TREES)
def test_files_and_functions_stay_small(module):
    """300 lines a file, 60 a function; no marks of unfinished work, no typing escapes."""
    source = SOURCES[module]
    assert source.count("\n") <= 300
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", source)
    assert "TYPE_CHECKING" not in IMPORTS[module] | {n.split(".")[-1] for n in IMPORTS[module]}
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def run_on_import(node):
    """The statements below ``node`` that an import runs: those of functions wait for a call."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from run_on_import(child)


@pytest.mark.parametrize("module", TREES)
def test_importing_has_no_effect(module):
    """No module calls for a thread, a socket, a file or a variable when it is imported."""
    calls = [
        ast.unparse(node.value.func)
        for node in run_on_import(TREES[module])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert calls == EFFECTS.get(module, [])


def test_importing_the_package_starts_and_prints_nothing():
    """A program that only imports it has one thread, an unchanged root logger and no output."""
    check = (
        "import logging, threading; before = logging.getLogger().handlers[:]\n"
        "import otel_kubecost\n"
        "assert threading.active_count() == 1\n"
        "assert logging.getLogger().handlers == before == []\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_the_public_names_are_sorted_and_there():
    """``__all__`` is what is promised, and all of it exists."""
    assert list(otel_kubecost.__all__) == sorted(otel_kubecost.__all__)
    assert all(hasattr(otel_kubecost, name) for name in otel_kubecost.__all__)
    assert set(otel_kubecost.__all__) <= set(dir(otel_kubecost))
    assert not hasattr(otel_kubecost, "KubecostReciever")


def test_type_checkers_see_the_public_names_where_they_are():
    """The stub beside the package imports each name from the module that it comes from."""
    stub = ast.parse((ROOT / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    stated = {alias.name: node.module for node in imports for alias in node.names}
    (names,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(stated) == ast.literal_eval(names) == list(otel_kubecost.__all__)
    for name, module in stated.items():
        assert getattr(import_module(module), name) is getattr(otel_kubecost, name)
