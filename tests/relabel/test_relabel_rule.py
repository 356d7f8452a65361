"""Which rules are rules."""

from __future__ import annotations

import subprocess

import pytest

from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.relabel.rule import RelabelRule

BOTH = {"source_labels": ["a"], "target_label": "b"}

GOOD = [
    {"target_label": "b"},
    {"action": "Replace", "target_label": "b", "replacement": ""},
    {"target_label": "label${1}", "source_labels": ["__name__"]},
    {"target_label": "${1}label"},
    {"target_label": "$1"},
    {"target_label": "asd$2asd"},
    {"target_label": "_${1}_"},
    {"target_label": "foo${bar}foo9"},
    {"target_label": "b", "modulus": 5, "separator": "", "regex": ""},
    {"action": "keep"},
    {"action": "drop", "target_label": "$", "replacement": "-", "modulus": 3},
    {"action": "KEEPEQUAL", **BOTH},
    {"action": "dropequal", "target_label": "b"},
    {"action": "hashmod", **BOTH, "modulus": 18446744073709551615},
    {"action": "labelmap"},
    {"action": "labelmap", "regex": "a_(.+)", "replacement": "b_$1", "source_labels": ["x"]},
    {"action": "labeldrop"},
    {"action": "labelkeep", "regex": "a|b", "separator": ";"},
    {"action": "lowercase", **BOTH, "regex": "x", "separator": "/", "modulus": 1},
    {"action": "uppercase", "target_label": "b", "replacement": "$1"},
]
BAD = [
    ({}, "replace needs a target_label"),
    ({"action": ""}, "must be"),
    ({"action": "labldrop"}, "did you mean `labeldrop`?"),
    ({"action": "hashmod", "source_labels": ["a"], "modulus": 5}, "hashmod needs a target_label"),
    ({"action": "hashmod", **BOTH}, "hashmod needs a modulus"),
    ({"action": "hashmod", "target_label": "${1}", "modulus": 5}, "is not a label name"),
    ({"action": "hashmod", "target_label": "b", "modulus": -1}, "0 or more"),
    ({"action": "lowercase"}, "lowercase needs a target_label"),
    ({"action": "lowercase", **BOTH, "replacement": "x"}, "lowercase has no use for replacement"),
    ({"action": "keepequal", "source_labels": ["a"]}, "keepequal needs a target_label"),
    ({"action": "keepequal", **BOTH, "regex": "x"}, "keepequal has no use for regex"),
    ({"action": "dropequal", **BOTH, "separator": ","}, "dropequal has no use for separator"),
    ({"action": "dropequal", **BOTH, "modulus": 1}, "dropequal has no use for modulus"),
    ({"action": "dropequal", **BOTH, "replacement": "x"}, "dropequal has no use for replacement"),
    ({"action": "keepequal", "target_label": "a-b"}, "'a-b' is not a label name"),
    ({"action": "labeldrop", "source_labels": ["a"]}, "labeldrop has no use for source_labels"),
    ({"action": "labelkeep", "target_label": "a"}, "labelkeep has no use for target_label"),
    ({"action": "labeldrop", "replacement": "x"}, "labeldrop has no use for replacement"),
    ({"action": "labeldrop", "separator": "x"}, "labeldrop has no use for separator"),
    ({"action": "labelkeep", "modulus": 2}, "labelkeep has no use for modulus"),
    ({"action": "labelmap", "replacement": "-$1"}, "makes no label names"),
    ({"action": "labelmap", "replacement": ""}, "makes no label names"),
    ({"target_label": "-label"}, "is not a label name"),
    ({"target_label": "0${3}"}, "and groups such as ${1}"),
    ({"target_label": "${"}, "is not a label name"),
    ({"target_label": "foo${"}, "is not a label name"),
    ({"target_label": "$"}, "is not a label name"),
    ({"target_label": "${}"}, "is not a label name"),
    ({"target_label": "-foo${1}bar-"}, "is not a label name"),
    ({"target_label": "b", "source_labels": ["a-b"]}, "source_labels[0]: 'a-b' is not a label"),
    ({"target_label": "b", "regex": "(?!x)"}, "is not an RE2 pattern"),
    ({"target_label": "b", "sourcelabels": ["a"]}, "did you mean `source_labels`?"),
]

# Where Debian's Prometheus, 2.42, sees it otherwise.
WRITTEN_OUT = {"action": "keepequal", **BOTH, "separator": ";", "regex": "(.*)"}
ONLY_BAD_HERE = [
    # refused by Prometheus too since it checks the names of all actions
    ({"action": "uppercase", "target_label": "${3}"}, "is not a label name; use letters"),
    # rounded there
    ({"action": "hashmod", "target_label": "b", "modulus": 18446744073709551616}, "less than"),
    # the brackets that anchor a pattern there close its own
    ({"target_label": "b", "regex": "x)|(y"}, "is not an RE2 pattern"),
]


@pytest.mark.parametrize("block", [*GOOD, WRITTEN_OUT], ids=str)
def test_what_prometheus_accepts(block):
    """Defaults may be written out, and what an action ignores may be there."""
    assert build_options(RelabelRule, block).action == block.get("action", "replace").lower()


@pytest.mark.parametrize(("block", "words"), [*BAD, *ONLY_BAD_HERE], ids=str)
def test_what_prometheus_refuses(block, words):
    """A rule that cannot do what it seems to say is a mistake, named with its remedy."""
    with pytest.raises(ConfigError) as raised:
        build_options(RelabelRule, block)
    assert words in str(raised.value)


def test_the_defaults_are_those_of_prometheus():
    """What is left out is the first group of everything, joined with semicolons."""
    rule = build_options(RelabelRule, {"target_label": "b"})
    assert (rule.action, rule.separator, rule.regex.text) == ("replace", ";", "(.*)")
    assert (rule.replacement, rule.modulus, rule.source_labels) == ("$1", 0, ())


def test_numbers_may_stand_for_text():
    """``replacement: 1`` is the text 1, as in Prometheus."""
    assert build_options(RelabelRule, {"target_label": "b", "replacement": 1}).replacement == "1"


@pytest.mark.peers
@pytest.mark.parametrize(
    ("block", "good"),
    [(block, True) for block in GOOD] + [(block, False) for block, _ in BAD],
    ids=str,
)
def test_prometheus_agrees(tmp_path, block, good):
    """``promtool check config`` accepts and refuses the same rules."""
    config = tmp_path / "prometheus.yml"
    pairs = "".join(f"    {name}: {_yaml(value)}\n" for name, value in block.items())
    rule = f"  - {pairs.strip()}" if pairs else "  - {}"
    config.write_text(f"remote_write:\n- url: http://x/\n  write_relabel_configs:\n{rule}\n")
    found = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert (found.returncode == 0) is good, found.stdout + found.stderr


def _yaml(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return f"'{value}'" if isinstance(value, str) else str(value)
