"""Files of targets that Prometheus and ours have to read alike, by what they have to do with."""

from __future__ import annotations

import json

JSON_FILES = {
    "list": json.dumps(
        [
            {"targets": ["j.test:1", "k.test"], "labels": {"team": "a", "__scheme__": "https"}},
            {"targets": []},
            {"targets": ["l.test:2"]},
        ]
    ),
    "cut": '[{"targets": ["o.test"]}',
    "no content": "",
    "null": "null",
    "null in the list": "[null]",
    "empty list": "[]",
    "empty group": "[{}]",
    "no list": '{"targets": ["a.test"]}',
    "number": '[{"targets": [1234]}]',
    "label of a number": '[{"targets": ["a.test"], "labels": {"a": 1}}]',
    "label of null": '[{"targets": ["a.test"], "labels": {"a": null}}]',
    "label without a value": '[{"targets": ["a.test"], "labels": {"a": ""}}]',
    "label name": '[{"targets": ["a.test"], "labels": {"a-b": "x"}}]',
    "no labels": '[{"targets": ["a.test"], "labels": null}]',
    "no targets": '[{"targets": null, "labels": {"a": "x"}}]',
    "unknown key": '[{"targets": ["a.test"], "label": {}}]',
    "key twice": '[{"targets": ["a.test"], "targets": ["b.test"]}]',
    "more behind": '[{"targets": ["a.test"]}] x',
    "list in a list": '[[{"targets": ["a.test"]}]]',
    "escapes": '[{"targets": ["a.test"], "labels": {"a": "\\u00fc\\n\\ud83d\\ude00"}}]',
    "target twice": '[{"targets": ["a.test", "a.test"]}, {"targets": ["a.test"]}]',
    "empty target": '[{"targets": ["", "a.test"]}]',
    "url": '[{"targets": ["http://a.test/x"]}]',
    "own address": '[{"targets": ["a.test"], "labels": {"__address__": "b.test"}}]',
}
YAML_FILES = {
    "list": "- targets: [m.test:1]\n  labels: {n: 0123, no: yes, f: 1.50, on: 2020-01-01}\n",
    "block": "- targets:\n    - a.test\n    - b.test:1\n  labels:\n    a: 'x'\n    b: |\n      c\n",
    "no content": "",
    "comment": "# nothing\n",
    "null": "~\n",
    "null in the list": "- \n",
    "empty list": "[]\n",
    "no list": "targets: [a.test]\n",
    "json": '[{"targets": ["a.test"], "labels": {"a": "x"}}]',
    "number": "- targets: [1234]\n",
    "text": "- targets: a.test\n",
    "no labels": "- targets: [a.test]\n  labels:\n",
    "label of null": "- targets: [a.test]\n  labels: {a: }\n",
    "label of a list": "- targets: [a.test]\n  labels: {a: [x]}\n",
    "label name": "- targets: [a.test]\n  labels: {a-b: x}\n",
    "unknown key": "- targets: [p.test]\n  lables: {}\n",
    "key twice": "- targets: [a.test]\n  targets: [b.test]\n",
    "anchor": "- targets: [a.test]\n  labels: &l {a: x}\n- targets: [b.test]\n  labels: *l\n",
    "cut": "- targets: [a.test",
    "tab": "-\ttargets: [a.test]\n\tlabels: {}\n",
}
"""By name; each is a file of its own, so that one that is broken spoils no other."""


def write_files(folder):
    """Gives the patterns that name them."""
    folder.mkdir()
    for name, text in JSON_FILES.items():
        (folder / f"{name}.json").write_text(text)
    for name, text in YAML_FILES.items():
        (folder / f"{name}.yml").write_text(text)
    (folder / "bytes.json").write_bytes(b'[{"targets": ["a.test"], "labels": {"a": "\xff"}}]')
    (folder / "bytes.yml").write_bytes(b"- targets: [a.test]\n  labels: {a: \xff}\n")
    (folder / "named.yaml").write_text("- targets: [n.test:1]\n")
    (folder / "other.yaml").write_text("- targets: [not-named.test:1]\n")
    (folder / "other.txt").write_text('[{"targets": ["q.test"]}]')
    return [f"{folder}/*.json", f"{folder}/*.yml", f"{folder}/named.yaml", f"{folder}/no.yml"]
