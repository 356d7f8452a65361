"""Answers of the allocation API to samples: each folder of cases names a rule and proves it.

The format of a folder is in ``testcases/allocation/README.md``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from expectations import assert_samples, samples
from ruamel.yaml import YAML

from otel_kubecost.clock import floor_mark
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.testing import FakeClock, HttpServer, Reply, Request

TESTCASES = Path(__file__).parents[2] / "testcases"
FOLDERS = ("allocation", "recorded")
NOW = "2026-11-23T11:47:00Z"
OPTIONS = {"tenant_id": "t", "cluster_name": "prod"}
ALLOCATION = "/model/allocation"


@dataclass(frozen=True)
class Answer:
    """What is answered to whom; the fields are those of ``answers`` in case.yaml."""

    file: str = ""
    text: str = ""
    path: str = ALLOCATION
    query: Mapping[str, str] = field(default_factory=dict)
    status: str = "200"
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: str = ""
    cut_after: str | None = None

    def suits(self, request: Request) -> bool:
        asked = request.query.items()
        return self.path in {request.path, "*"} and self.query.items() <= asked

    def reply(self, folder: Path) -> Reply:
        body = (folder / self.file).read_bytes() if self.file else self.text.encode()
        cut = None if self.cut_after is None else int(self.cut_after)
        return Reply(
            int(self.status), body, self.type, self.headers, bool(self.hang), cut_after=cut
        )


class Case:
    """A folder of ``testcases``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = f"{folder.parent.name}/{folder.name}"

    @cached_property
    def said(self) -> dict[str, Any]:
        """What case.yaml says; every scalar is text, as it is to the options of a receiver."""
        return YAML(typ="base").load(self.folder / "case.yaml")

    @cached_property
    def answers(self) -> list[Answer]:
        given = self.said.get("answers", [{"file": "allocation.json"}])
        return [Answer(**one) for one in given]

    @property
    def rule(self) -> str:
        return f"{self.id}: {self.said['rule']}"

    @property
    def now(self) -> float:
        return parse_time(self.said.get("now", NOW))

    def answer(self, request: Request) -> Reply:
        """The first answer that suits; what nobody thought of is not there."""
        suiting = (one for one in self.answers if one.suits(request))
        found = next(suiting, None)
        return found.reply(self.folder) if found else Reply(404, b"404 page not found\n")


@dataclass(frozen=True)
class Outcome:
    url: str
    page: str
    """Exposition text of the costs, with times."""
    failure: str | None
    requests: list[Request]


def outcome(case: Case) -> Outcome:
    """What one mark of a receiver gives when ``case`` answers it."""
    clock, translator = FakeClock(case.now), Translator()
    with HttpServer(case.answer) as kubecost:
        options = OPTIONS | {"endpoint": kubecost.url} | case.said.get("options", {})
        receiver = KubecostReceiver(**options, clock=clock)
        mark = floor_mark(case.now, receiver.emit_interval)
        batches = list(receiver.collect(mark))
        receiver.shutdown()
        requests = list(kubecost.requests)
    pages = [render(translator.translate(batch), timestamps=True).decode() for batch in batches]
    return Outcome(kubecost.url, "".join(pages), receiver.failure, requests)


def costs(page: str) -> dict[str, str]:
    """Times (milliseconds) by sample, without what the agent says of itself."""
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    timed = [line.rpartition(" ") for line in lines if "_exporter_" not in line]
    return {sample: time for sample, _, time in timed}


def assert_asked(case: Case, found: Outcome) -> None:
    """The allocation queries were those of ``asked``, as far as it names their parameters."""
    wanted = case.said.get("asked")
    if wanted is None:
        return
    queries = [one.query for one in found.requests if one.path == case.answers[0].path]
    named = {key for query in wanted for key in query}
    assert [{key: query[key] for key in named & query.keys()} for query in queries] == wanted, (
        case.rule
    )


def cases(expectation: str) -> list[Any]:
    files = [file for name in FOLDERS for file in TESTCASES.glob(f"{name}/*/{expectation}")]
    found = [Case(file.parent) for file in sorted(files)]
    assert found
    return [pytest.param(case, id=case.id) for case in found]


@pytest.mark.parametrize("case", cases("expected.prom"))
def test_an_answer_becomes_the_samples_that_the_rule_says(case):
    """The cost series are those of expected.prom, no more and no less, with the values worked out
    there and the time of the mark; and Kubecost was asked what the case says."""
    found = outcome(case)
    assert found.failure is None, case.rule
    times = costs(found.page)
    assert set(times.values()) == {str(int(case.now // 60 * 60_000))}, case.rule
    wanted = samples((case.folder / "expected.prom").read_text())
    wanted = {labels: value for labels, value in wanted.items() if not is_agents(labels)}
    try:
        assert_samples(samples("\n".join(times)), wanted)
    except AssertionError as error:
        error.add_note(case.rule)
        raise
    assert_asked(case, found)


def is_agents(labels: frozenset[tuple[str, str]]) -> bool:
    return "_exporter_" in dict(labels)["__name__"]


@pytest.mark.parametrize("case", cases("expected.prom"))
def test_what_is_expected_adds_up(case):
    """In each cluster the namespaces, idle, unallocated, unmounted and shared are its total."""
    wanted = samples((case.folder / "expected.prom").read_text())
    totals = by_cluster(wanted, "cluster_total_cost")
    parts = [by_cluster(wanted, f"{word}_cost") for word in PARTS_OF_A_TOTAL]
    if parts[0]:
        for cluster, total in totals.items():
            assert total == pytest.approx(sum(part.get(cluster, 0) for part in parts)), case.rule


PARTS_OF_A_TOTAL = (
    "namespace_total",
    "cluster_idle",
    "cluster_unallocated",
    "cluster_unmounted",
    "cluster_shared",
)


def by_cluster(wanted, name: str) -> dict[str, float]:
    """The sum of a metric's samples by cluster."""
    found: dict[str, float] = {}
    for labels, value in wanted.items():
        said = dict(labels)
        if said["__name__"] == f"cloudtuner_kubecost_{name}":
            found[said["cluster"]] = found.get(said["cluster"], 0.0) + value
    return found


@pytest.mark.parametrize("case", cases("expected.err"))
def test_what_has_no_costs_is_refused_in_words_and_nothing_is_invented(case):
    """The failure reads as in expected.err ($URL is the server's), and no cost leaves.

    UPDATE_GOLDEN=1 writes what is said now; read the difference before you keep it.
    """
    found = outcome(case)
    said = f"{found.failure}\n".replace(found.url, "$URL")
    expected = case.folder / "expected.err"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said)
    assert said == expected.read_text(), case.rule
    assert costs(found.page) == {}, case.rule
    assert_asked(case, found)


@pytest.mark.parametrize("case", [*cases("expected.prom"), *cases("expected.err")])
def test_a_folder_has_nothing_that_the_case_does_not_use(case):
    """A file that nobody serves, and a second expectation, prove nothing."""
    expected = {"expected.prom", "expected.err"}
    files = {path.name for path in case.folder.iterdir()}
    assert len(files & expected) == 1
    assert files - expected == {"case.yaml", *(one.file for one in case.answers if one.file)}
