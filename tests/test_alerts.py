"""Our alerts, and those that people have, for histories of our own metrics.

promtool plays each history: one scrape a minute of what ``queue_metrics`` makes of a ``Stats``.
"""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from otel_kubecost.exporters.prometheus_remote_write.answers import TABLE
from otel_kubecost.exporters.prometheus_remote_write.own_metrics import About, queue_metrics
from otel_kubecost.exporters.sending.retry import Action
from otel_kubecost.exporters.sending.stats import ShardStats, Stats
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.http.failure import FailureKind
from otel_kubecost.process_metrics import process_metrics

ROOT = Path(__file__).parents[1]
OURS = ROOT / "config/alerts/otel-kubecost.yaml"
EXISTING = ROOT / "tests/testcases/alerts/existing.yaml"
SHIPPED = [rule for group in YAML(typ="safe").load(OURS)["groups"] for rule in group["rules"]]

TARGET = {"job": "agent", "instance": "host:9103"}
PROMETHEUS = {"job": "prometheus", "instance": "host:9090"}
ABOUT = About("cloudtuner", "https://host/write", 10_000, has_spool=True)
IN_MEMORY = ABOUT._replace(has_spool=False)
MARK = 500
"""Samples a minute."""
OUTAGE = 20
"""The minute at which trouble begins."""
WANTING = ShardStats(maximum=4, current=4, desired=6.5)


def healthy(minute):
    """Everything is delivered at its mark."""
    now = 60_000 * (minute + 1)
    return Stats(
        accepted=MARK * minute,
        delivered=MARK * minute,
        newest_accepted=now,
        newest_delivered=now,
        capacity=50_000,
        skew=0,
        shards=ShardStats(maximum=4),
    )


def down(minute, trouble="status_503"):
    """From minute 20 on the receiver takes nothing, and all of it waits."""
    missed = max(0, minute - OUTAGE)
    return healthy(minute)._replace(
        delivered=MARK * (minute - missed),
        pending=MARK * missed,
        newest_delivered=60_000 * (minute - missed + 1),
        trouble=trouble if missed else "",
    )


def dropping(reason, share=1.0):
    """From minute 20 on a share of each mark is lost for ``reason``."""

    def at(minute):
        lost = int(MARK * share) * max(0, minute - OUTAGE)
        stats = healthy(minute)
        return stats._replace(delivered=stats.accepted - lost, dropped={reason: lost})

    return at


def since(**changed):
    """Healthy but for some fields from minute 20 on."""
    return lambda minute: healthy(minute)._replace(**(changed if minute >= OUTAGE else {}))


def oldest_pending(stats):
    return (stats.newest_delivered + 60_000) / 1000 if stats.pending else None


def scraped(stats, about, minute, target):
    """Values by series, as a Prometheus has them that scrapes ``target``."""
    now = 60.0 * (minute + 1)
    data = queue_metrics(stats, about, now=now, oldest_pending=oldest_pending(stats))
    data.resource_metrics.extend(process_metrics(now).resource_metrics)
    found = {}
    for family in Translator().translate(data):
        if target["job"] == "prometheus" and not family.name.startswith("prometheus_"):
            continue
        for series in family.series:
            labels = dict(series.labels)
            name = labels.pop("__name__")
            pairs = ",".join(f"{key}={json.dumps(text)}" for key, text in (labels | target).items())
            found[f"{name}{{{pairs}}}"] = series.samples[-1].value
    return found


def history(scenario, about=ABOUT, *, minutes=120, target=TARGET):
    """promtool's input: the values of each series minute by minute, ``_`` where it is absent."""
    values = defaultdict(lambda: ["_"] * minutes)
    for minute in range(minutes):
        for series, value in scraped(scenario(minute), about, minute, target).items():
            values[series][minute] = repr(float(value))
    return [{"series": series, "values": " ".join(each)} for series, each in values.items()]


def histories(played):
    """Of several exporters of one process, which has the metrics of the process once."""
    return list({one["series"]: one for each in played for one in history(*each)}.values())


def play(directory, series, rules, **tests):
    """What promtool has to say against ``tests``; empty where they hold."""
    path = directory / "test.json"
    path.write_text(
        json.dumps(
            {
                "rule_files": [str(rules)],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": series, **tests}],
            }
        )
    )
    finished = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    return "" if finished.returncode == 0 else finished.stdout + finished.stderr


def firing(*names, at):
    """A test that these alerts fire at a minute and no others."""
    return {
        "promql_expr_test": [
            {
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{at}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in names
                ],
            }
        ]
    }


@pytest.mark.peers
@pytest.mark.parametrize("rules", [OURS, EXISTING], ids=["ours", "existing"])
def test_nothing_fires_while_all_is_well(tmp_path, rules):
    """No alert, ours or another's, for an agent that delivers."""
    assert play(tmp_path, history(healthy), rules, **firing(at=119)) == ""


@pytest.mark.peers
def test_an_outage_of_minutes_is_nobodys_business(tmp_path):
    """What is made up for within a quarter of an hour fires nothing."""
    assert play(tmp_path, history(down), OURS, **firing(at=OUTAGE + 15)) == ""


@pytest.mark.peers
def test_no_alert_of_ours_is_about_a_prometheus(tmp_path):
    """Its metrics have the same names, and whoever runs it has alerts of its own."""
    series = history(healthy) + history(down, target=PROMETHEUS)
    for scenario in (dropping("too_old"), since(shards=WANTING)):
        series += history(scenario, target=PROMETHEUS | {"instance": scenario.__qualname__})
    assert play(tmp_path, series, OURS, **firing(at=119)) == ""


ENDPOINT = {"remote_name": ABOUT.name, "url": ABOUT.url}
EXPORTER = {"exporter": ABOUT.name}

CASES = {
    "KubecostAgentDown": (
        [], 10, {}, "No otel-kubecost is scraped.",
    ),
    "KubecostReceiverRefuses": (
        [(lambda minute: down(minute, "account_unknown"), ABOUT)], 30,
        {**TARGET, **EXPORTER, "reason": "account_unknown"},
        "The receiver does not let cloudtuner write (account_unknown).",
    ),
    "KubecostRemoteWriteFailures": (
        [(dropping("refused", 0.02), ABOUT)], 60,
        {**TARGET, **ENDPOINT}, "The receiver refuses 2.0% of the samples of cloudtuner.",
    ),
    "KubecostRemoteWriteBehind": (
        [(down, ABOUT)], 50,
        {**TARGET, **ENDPOINT}, "What cloudtuner has sent is 1800 s behind what it has.",
    ),
    "KubecostRemoteWriteDesiredShards": (
        [(since(shards=WANTING), ABOUT)], 60,
        {**TARGET, **ENDPOINT}, "cloudtuner would need 6.5 shards to keep up.",
    ),
    "KubecostBacklogOld": (
        [(down, ABOUT)], 90,
        {**TARGET, **EXPORTER}, "A sample has waited 1h 8m 0s for cloudtuner.",
    ),
    "KubecostSamplesDropped": (
        [(dropping("queue_full"), ABOUT)], 30,
        {**TARGET, **ENDPOINT, "reason": "queue_full"},
        "cloudtuner threw samples away (queue_full).",
    ),
    "KubecostSpoolFault": (
        [(since(fault="read_only"), ABOUT)], 30,
        {**TARGET, **EXPORTER, "reason": "read_only"},
        "The spool of cloudtuner is not used (read_only).",
    ),
    "KubecostClockSkew": (
        [(since(skew=-45), ABOUT)], 30,
        {**TARGET, **EXPORTER},
        "The receiver of cloudtuner has a time that is 45 s off this agent's.",
    ),
}  # fmt: skip
"""What each exporter goes through, a minute, labels and summary of the alert that fires then."""
TOGETHER = {"KubecostBacklogOld": ["KubecostRemoteWriteBehind"]}
"""What fires beside it."""


@pytest.mark.peers
@pytest.mark.parametrize("name", [rule["alert"] for rule in SHIPPED])
def test_each_alert_fires_for_its_case_and_says_what_is_wrong(tmp_path, name):
    """Alone, with the labels that name the exporter and the reason, in words that are filled in."""
    played, minute, labels, summary = CASES[name]
    (rule,) = [rule for rule in SHIPPED if rule["alert"] == name]
    said = {
        "exp_labels": labels | rule["labels"],
        "exp_annotations": rule["annotations"] | {"summary": summary},
    }
    of_alert = {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": [said]}
    tests = firing(name, *TOGETHER.get(name, ()), at=minute)
    assert play(tmp_path, histories(played), OURS, alert_rule_test=[of_alert], **tests) == ""


EXISTING_CASES = {
    "refusals": (
        [(dropping("refused", 0.02), ABOUT)], 60,
        ["PrometheusRemoteStorageFailures", "CollectorSendFailed", "CollectorSendFailedTotal"],
    ),
    "an outage": (
        [(down, ABOUT)], 60,
        ["PrometheusRemoteWriteBehind", "PrometheusRemoteWriteBehindSince3",
         "CollectorSendsNothing"],
    ),
    "an outage of one of two": (
        [(down, ABOUT), (healthy, ABOUT._replace(name="other"))], 60,
        ["PrometheusRemoteWriteBehind", "PrometheusRemoteWriteBehindSince3",
         "CollectorSendsNothing"],
    ),
    "an outage with a queue in memory": (
        [(down, IN_MEMORY)], 119,
        ["PrometheusRemoteWriteBehind", "PrometheusRemoteWriteBehindSince3",
         "CollectorSendsNothing", "CollectorQueueAlmostFull"],
    ),
    "a queue that is full": (
        [(dropping("queue_full", 0.5), ABOUT)], 60, ["CollectorEnqueueFailed"],
    ),
    "too few shards": (
        [(since(shards=WANTING), ABOUT)], 60, ["PrometheusRemoteWriteDesiredShards"],
    ),
}  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("case", EXISTING_CASES)
def test_alerts_that_people_have_fire_for_this_agent(tmp_path, case):
    """Those for Prometheus' remote write and the Collector's exporters, as they are."""
    played, minute, names = EXISTING_CASES[case]
    assert play(tmp_path, histories(played), EXISTING, **firing(*names, at=minute)) == ""


def test_every_metric_of_an_alert_is_one_of_ours():
    """A name that is misspelt would never fire."""
    ill = down(OUTAGE + 1)._replace(fault="full")
    published = {series.partition("{")[0] for series in scraped(ill, ABOUT, OUTAGE, TARGET)}
    for rule in SHIPPED:
        named = set(re.findall(r"\b(?:prometheus|otelcol|otel_kubecost)_\w+", rule["expr"]))
        assert named
        assert named <= published


def test_the_alert_on_refusals_knows_every_reason_to_hold():
    """All for which data waits until somebody mends something: answers, and files of our own."""
    (rule,) = [rule for rule in SHIPPED if rule["alert"] == "KubecostReceiverRefuses"]
    reasons = re.search(r'reason=~"([^"]*)"', rule["expr"]).group(1).split("|")
    held = {row.reason for row in TABLE if row.action is Action.HOLD}
    assert set(reasons) == held | {FailureKind.UNREADABLE}
