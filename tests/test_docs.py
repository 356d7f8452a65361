"""What the documents say is so."""

import re
from pathlib import Path

from otel_kubecost.cli import commands
from otel_kubecost.components import builtin_factories
from otel_kubecost.receivers.kubecost.metrics import EVERYTHING

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readme_begins_with_the_two_commands():
    """Within its first 40 lines: how to see it, and how to test it."""
    beginning = "\n".join(README.splitlines()[:40])
    for script in ("scripts/demo", "scripts/test"):
        assert script in beginning
        assert (ROOT / script).stat().st_mode & 0o111


def test_every_command_and_component_is_mentioned():
    """Nothing that can be typed is only in the code."""
    reference = README + "".join(path.read_text() for path in ROOT.glob("config/*.yaml"))
    factories = [one for of_kind in builtin_factories().values() for one in of_kind.values()]
    for name in [*commands.commands, *(factory.name for factory in factories)]:
        assert name in reference, name


def test_every_kind_of_metric_is_in_the_table():
    """The words for costs and efficiencies in the code are those in the README."""
    table = "".join(re.findall(r"^\| `.*$", README, re.MULTILINE))
    for name in EVERYTHING:
        word, _, kind = name.rpartition("_")
        assert re.search(rf"[{{,]{word}[,}}].*_{kind}", table), name


def test_links_between_the_documents_lead_somewhere():
    """Relative links name files that are there."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)
