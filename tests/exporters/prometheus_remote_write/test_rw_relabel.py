"""``write_relabel_configs`` on the wire: beside a real Prometheus, and with stale markers."""

from __future__ import annotations

import random
import sys
import time
from contextlib import ExitStack

import pytest
import requests
from opentelemetry.sdk.metrics.export import MetricExportResult
from peers import Prometheus, wait_until
from rw_data import NOW, Sink, batch, gauge, point

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.exporters.prometheus_remote_write.codec import encode
from otel_kubecost.relabel.labels import lower_case, upper_case
from otel_kubecost.testing import RemoteWriteReceiver, is_stale

SUCCESS = MetricExportResult.SUCCESS


def series_of(receiver) -> dict[str, bool]:
    """The stored series as text, and whether they have ended."""
    return {
        ",".join(value for _, value in labels): is_stale(points[-1][1])
        for labels, points in receiver.series.items()
    }


# Stale markers.


def test_a_series_that_left_ends_under_its_new_labels(exporter_to):
    """The receiver knows the relabelled series only, and that is what the marker ends."""
    rules = [
        {"source_labels": ["pod"], "target_label": "instance", "replacement": "p-$1"},
        {"action": "labeldrop", "regex": "pod"},
    ]
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, write_relabel_configs=rules)
        exporter.export(batch(gauge("cost", point({"pod": "a"}), point({"pod": "b"}))))
        exporter.export(batch(gauge("cost", point({"pod": "a"}, at=NOW + 1000))))
        assert series_of(receiver) == {"cost,p-a": False, "cost,p-b": True}
    assert receiver.violations == []


def test_a_series_made_of_several_ends_with_the_last_of_them(exporter_to):
    """What two pods became goes on while one of them is there."""
    rules = [{"action": "labeldrop", "regex": "pod"}]
    pods = [["a", "b"], ["b"], []]
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, write_relabel_configs=rules)
        ended = []
        for n, names in enumerate(pods):
            points = [point({"pod": name}, at=NOW + n) for name in names]
            others = gauge("other", point({}, at=NOW + n))
            costs = [gauge("cost", *points)] if points else []
            assert exporter.export(batch(others, *costs)) is SUCCESS
            ended.append(series_of(receiver)["cost"])
    assert ended == [False, False, True]
    assert receiver.violations == []


def test_a_name_that_changes_leaves_no_twin(exporter_to):
    """Series renamed into one metric by their own labels are one family, each once."""
    rules = [
        {"source_labels": ["kind"], "regex": "(.+)", "target_label": "__name__",
         "replacement": "cost_$1"},
        {"action": "labeldrop", "regex": "kind"},
    ]  # fmt: skip
    points = [point({"kind": kind, "pod": pod}) for kind in ("cpu", "ram") for pod in ("a", "b")]
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, write_relabel_configs=rules)
        data = batch(gauge("cost", *points), gauge("cost_cpu", point({"pod": "a"}, 9.0)))
        assert exporter.export(data) is SUCCESS
    assert set(series_of(receiver)) == {"cost_cpu,a", "cost_cpu,b", "cost_ram,a", "cost_ram,b"}
    assert receiver.violations == []


# Beside Prometheus. Debian's is 2.42, whose dot does not match a line break.

LABELS = [
    {"namespace": "shop", "pod": "web-7f9c-x2", "node": "n1", "cluster": "prod"},
    {"namespace": "kube-system", "pod": "dns-5d-b", "cluster": "prod"},
    {"namespace": "Straße", "pod": "é$1-${1}", "node": "n1", "cluster": "prod"},
    {"namespace": "n1", "node": "n1", "cluster": "test"},
    {"pod": "web-7f9c-x2", "cluster": "1e3", "a_b": "x;y"},
]
GUIDE = "(kubecost_.*|cloudtuner_kubecost_.*|container_.*|kube_.*|node_.*|pod_pvc_.*|pv_.*|up)"
CASES = [
    [{"source_labels": ["__name__"], "regex": GUIDE, "action": "keep"}],
    [{"source_labels": ["__name__"], "regex": "node_cost", "action": "drop"}],
    [{"source_labels": ["namespace", "node"], "regex": ".*;", "action": "keep"}],
    [{"source_labels": ["namespace"], "target_label": "node", "action": "keepequal"}],
    [{"source_labels": ["namespace"], "target_label": "node", "action": "dropequal"}],
    [{"target_label": "replica", "replacement": "a"}],
    [{"source_labels": ["pod"], "regex": "(.*)-(.*)-(.*)", "target_label": "app"}],
    [{"source_labels": ["pod"], "regex": "([^-]+)-.*", "target_label": "p", "replacement": "$1_x"}],
    [{"source_labels": ["pod"], "regex": "(?P<app>[a-z]+)-.*", "target_label": "${app}_",
      "replacement": "${app}$$$0$"}],
    [{"source_labels": ["cluster"], "target_label": "${1}", "replacement": "c"}],
    [{"source_labels": ["none"], "target_label": "cluster"}],
    [{"source_labels": ["namespace", "pod"], "separator": "/", "target_label": "path"}],
    [{"source_labels": ["pod"], "regex": "", "target_label": "pod", "replacement": "none"}],
    [{"source_labels": ["namespace", "pod"], "action": "hashmod", "modulus": 7,
      "target_label": "shard"}],
    [{"source_labels": ["pod"], "action": "hashmod", "modulus": 18446744073709551615,
      "target_label": "shard"}, {"source_labels": ["shard"], "regex": ".*[02468]",
      "action": "keep"}],
    [{"action": "labelmap", "regex": "n(.*)", "replacement": "my_${1}"}],
    [{"action": "labelmap", "regex": "(namespace|node)", "replacement": "place"}],
    [{"action": "labeldrop", "regex": "node|a_.*"}],
    [{"action": "labelkeep", "regex": "__name__|namespace|pod|case"}],
    [{"source_labels": ["namespace"], "action": "lowercase", "target_label": "namespace"}],
    [{"source_labels": ["namespace", "pod"], "action": "uppercase", "target_label": "big"}],
    [{"source_labels": ["namespace"], "target_label": "__name__", "regex": "(shop|n1)"}],
    [{"source_labels": ["__name__"], "regex": "(.*)_cost", "target_label": "__name__",
      "replacement": "my:$1"}, {"action": "drop", "source_labels": ["__name__"], "regex": "up"}],
]  # fmt: skip


NAMES = ["namespace", "pod", "node", "cluster", "a_b", "nothing"]
REGEXES = ["(.*)", "", "(.+)", "([^-]*)-?(.*)", "prod|n1", "(?P<x>.).*(.)", "[^;]*;(.*)", "s.*"]
TEMPLATES = ["$1", "${2}", "$x", "${x}y", "-$2-$1", "$1x", "$$1", "", "é$"]
OTHERS = [
    {"action": "labelmap", "regex": "(.*)e", "replacement": "m_${1}"},
    {"action": "labelmap", "regex": "pod|node", "replacement": "place"},
    {"action": "labeldrop", "regex": "n.*"},
    {"action": "labelkeep", "regex": "__name__|case|n.*"},
]


def drawn_rule(choose: random.Random) -> dict[str, object]:
    """None renames a series or takes its name."""
    sources = {"source_labels": choose.choices(NAMES, k=choose.randint(1, 3))}
    if choose.random() < 0.4:
        return {
            **sources,
            "regex": choose.choice(REGEXES),
            "separator": choose.choice([";", "", "-"]),
            "target_label": choose.choice([*NAMES, "l_$1", "${2}", "$x"]),
            "replacement": choose.choice(TEMPLATES),
        }
    if choose.random() < 0.3:
        return {**sources, "action": "drop", "regex": choose.choice(REGEXES)}
    if choose.random() < 0.3:
        return choose.choice(OTHERS)
    action = choose.choice(["keepequal", "dropequal", "hashmod", "lowercase", "uppercase"])
    modulus = {"modulus": choose.randint(1, 9)} if action == "hashmod" else {}
    return {**sources, "target_label": choose.choice(NAMES), "action": action, **modulus}


def drawn(seed: int) -> list[list[dict[str, object]]]:
    """Lists of rules at random, the same for one seed."""
    choose = random.Random(seed)
    return [[drawn_rule(choose) for _ in range(choose.randint(1, 4))] for _ in range(40)]


def sent(receiver: Sink) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(labels) for labels in receiver.labels}


def both_relabel(tmp_path, cases, data) -> list[tuple[set, set]]:
    """What Prometheus and what our exporter send of ``data``, rule by rule."""
    with ExitStack() as stack:
        theirs = [stack.enter_context(Sink()) for _ in cases]
        ours = [stack.enter_context(Tomorrow()) for _ in cases]
        blocks = [
            {
                "url": sink.endpoint,
                "write_relabel_configs": [*rules],
                "queue_config": {"batch_send_deadline": "100ms", "max_shards": 1},
                "metadata_config": {"send": False},
            }
            for sink, rules in zip(theirs, cases, strict=True)
        ]
        with Prometheus(tmp_path, remote_write=tuple(blocks)) as prometheus:
            for sink, rules in zip(ours, cases, strict=True):
                export(data, endpoint=sink.endpoint, write_relabel_configs=rules)
            write(data, prometheus.write_url)
            wait_until(
                lambda: all(sent(a) >= sent(b) for a, b in zip(theirs, ours, strict=True)),
                timeout=60,
            )
        # It sends the rest when it is stopped.
        return [(sent(their), sent(our)) for their, our in zip(theirs, ours, strict=True)]


def export(data, **options) -> None:
    exporter = PrometheusRemoteWriteExporter(**options)
    assert exporter.export(data) is SUCCESS
    exporter.shutdown()


def soon() -> int:
    """In milliseconds: Prometheus sends on only what is newer than the start of its queues."""
    return round((time.time() + 60) * 1000)


class Tomorrow(Sink):
    """Its clock is past what is ``soon`` here, which it takes."""

    def _time(self):
        return time.time() + 3600


def write(data, url) -> None:
    """As a client would that knows no clock."""
    families = PrometheusRemoteWriteExporter(endpoint=url).translate(data)
    for request in encode(families, 10_000):
        assert requests.post(url, request.body, timeout=9).ok


def costs():
    names = ["cloudtuner_kubecost_pod_total_cost", "node_cost", "up", "other"]
    points = [point({**labels, "case": str(n)}, at=soon()) for n, labels in enumerate(LABELS)]
    return batch(*(gauge(name, *points) for name in names))


@pytest.mark.peers
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cases", [CASES, drawn(1), drawn(2)], ids=["chosen", "drawn", "more"])
def test_prometheus_sends_the_same_series(tmp_path, cases):
    """For each list of rules Debian's Prometheus writes exactly the label sets that ours writes."""
    found = both_relabel(tmp_path, cases, costs())
    for rules, (theirs, ours) in zip(cases, found, strict=True):
        assert theirs == ours, rules
    assert sum(bool(ours) for _, ours in found) > len(cases) / 3


@pytest.mark.peers
def test_go_changes_the_case_of_every_letter_as_this_does(tmp_path):
    """All letters that have more than one spelling in a case, and every one beyond ASCII below
    U+2000 that has another."""
    letters = [
        chr(code)
        for code in range(sys.maxunicode)
        if not 0xD800 <= code < 0xE000
        and (max(len(chr(code).upper()), len(chr(code).lower())) > 1 or code < 0x2000)
        and chr(code).swapcase() != chr(code)
    ]
    rules = [
        {"source_labels": ["letter"], "action": "uppercase", "target_label": "upper"},
        {"source_labels": ["letter"], "action": "lowercase", "target_label": "lower"},
    ]

    alphabet = batch(gauge("letters", *(point({"letter": one}, at=soon()) for one in letters)))
    [(theirs, _)] = both_relabel(tmp_path, [rules], alphabet)
    assert {dict(one)["letter"]: (dict(one)["lower"], dict(one)["upper"]) for one in theirs} == {
        letter: (lower_case(letter), upper_case(letter)) for letter in letters
    }
