"""The mutants of ``scripts/mutants`` can still be made, and one of them is; all take longer."""

import ast

import pytest
from mutant_report import ROOT, Copy
from mutants import MUTANTS, broken

PACKAGE = ROOT / "otel_kubecost"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.what)
def test_a_mutant_is_what_the_package_is_but_for_its_edits(mutant):
    """What an edit replaces stands in its file once, and what comes of it is a program."""
    whole = {edit.file: (PACKAGE / edit.file).read_text() for edit in mutant.edits}
    texts = broken(mutant, whole)
    assert texts != whole
    assert [ast.parse(text) for text in texts.values()]


@pytest.mark.peers
def test_a_mutant_is_seen(tmp_path):
    """The tests of the wire contract run against the copy that is broken, and say what is."""
    (mutant,) = [one for one in MUTANTS if one.what == "no header for the version"]
    assert Copy(tmp_path).failures_of(mutant) == ["test_the_version_is_said"]
