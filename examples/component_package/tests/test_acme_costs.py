"""The components keep the rules of their kinds, and do together what they are there for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_costs import csv_costs, team, webhook

from otel_kubecost import Service
from otel_kubecost.testing import HttpServer, Reply, check_component

COSTS = str(Path(__file__).parents[1] / "costs.csv")


@pytest.fixture
def chat() -> Iterator[HttpServer]:
    with HttpServer(lambda _: Reply()) as server:
        yield server


def test_csv_costs_keeps_the_rules(tmp_path: Path) -> None:
    """Also while there is another file in its place."""
    other = tmp_path / "other.csv"
    other.write_text("day,total\nmonday,7\n")
    check_component(csv_costs.FACTORY, {"path": COSTS}, failing={"path": str(other)})


def test_team_keeps_the_rules() -> None:
    """It takes whatever receivers of ours and applications send."""
    check_component(team.FACTORY, {"teams": {"shop": "storefront"}})


def test_webhook_keeps_the_rules(chat: HttpServer) -> None:
    """Also while the chat does not answer."""
    options = {"metric": "cloudtuner_kubecost_namespace_total_cost", "by": "k8s.namespace.name"}
    with HttpServer(lambda _: Reply(hang=True)) as silent:
        there, away = {**options, "url": chat.url}, {**options, "url": silent.url}
        check_component(webhook.FACTORY, there, failing=away)


def test_a_chat_gets_the_sums_by_team(chat: HttpServer) -> None:
    """From the file, by the configuration that users write."""
    service = Service.from_mapping(
        {
            "receivers": {"csv_costs": {"path": COSTS}},
            "processors": {"team": {"teams": {"shop": "storefront", "payments": "storefront"}}},
            "exporters": {"webhook": {"url": chat.url, "metric": "acme_service_cost"}},
            "service": {
                "pipelines": {
                    "metrics": {
                        "receivers": ["csv_costs"],
                        "processors": ["team"],
                        "exporters": ["webhook"],
                    }
                }
            },
        }
    )
    service.pipelines[0].run_once()
    (request,) = chat.requests
    sums = json.loads(request.body)["acme_service_cost"]
    assert sums == {"storefront": 2.625, "unknown": 0.5625}
