"""What holds of every answer within the documented shapes, and of every window."""

from __future__ import annotations

import math
import struct
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from answers_strategy import NOW, PARTS, SYNTHETIC, answers
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from row_tables import decoded, streamed

from otel_kubecost.errors import NoDataError
from otel_kubecost.pdata import each_metric
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.answers import cluster_batch, read
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.dimensions import Level, queries
from otel_kubecost.receivers.kubecost.levels import display_names
from otel_kubecost.receivers.kubecost.window import HOUR, NAMED_WINDOWS, parse_time, plan
from otel_kubecost.testing import FakeClock, FakeKubecost

PREFIX = "cloudtuner_kubecost_"
OPTIONS = KubecostReceiverOptions(
    endpoint="http://kubecost:9090", tenant_id="t", cluster_name="prod", currency="USD"
)
(QUERY,) = queries(map(Level.parse, OPTIONS.levels))
many = settings(max_examples=400, phases=set(Phase) - {Phase.explain}, deadline=None)
few = settings(many, max_examples=25)


def published(generated):
    """Values by cluster, metric and the names of an object, in the order in which they leave."""
    if not generated.facts:
        with pytest.raises(NoDataError):
            streamed(generated.body)
        return {}
    answer = read(QUERY, decoded(generated.body), generated.window, NOW)
    return {
        (cluster, *named(metric, point)): point.value
        for cluster in sorted(answer.clusters)
        for metric in cluster_batch(cluster, [answer], OPTIONS, "USD")
        for point in metric.data.data_points
    }


def named(metric, point):
    about = [text for key, text in point.attributes.items() if key != "currency"]
    return metric.name.removeprefix(PREFIX), *about


# What is true of a row, worked out from the facts alone.

WORDS = {"loadBalancer": "lb"}
TRAFFIC = {"networkCrossZone": "network_cross_zone", "networkCrossRegion": "network_cross_region",
           "networkInternet": "network_internet"}  # fmt: skip
OCCASIONAL = {"gpu", "shared", "external", *TRAFFIC.values()}
OWN_METRIC = {"__idle__": "idle", "__unallocated__": "unallocated",
              "__unmounted__": "unmounted", "__shared__": "shared"}  # fmt: skip


def number(value):
    """NaN for what is not known."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan


def amount(fact, field):
    """A cost with its adjustment, None where the row does not report it."""
    reported = [fact.numbers[it] for it in (field, f"{field}Adjustment") if it in fact.numbers]
    return math.fsum(map(number, reported)) if field in fact.numbers else None


def total(fact):
    if "totalCost" in fact.numbers:
        return number(fact.numbers["totalCost"])
    fields = [*(f"{part}Cost" for part in PARTS), "sharedCost", "externalCost"]
    parts = {field: amount(fact, field) for field in fields}
    if parts["cpuCost"] is None or parts["ramCost"] is None:
        return None
    return math.fsum(it for it in parts.values() if it is not None)


def together(amounts):
    """The sum of what is reported; None where nothing is, or where something is not known."""
    reported = [it for it in amounts if it is not None]
    found = math.fsum(reported) if reported else math.nan
    return found if math.isfinite(found) else None


def expected_costs(facts):
    """Every cost of an object that has these facts, by its word in metric names."""
    fields = {WORDS.get(part, part): f"{part}Cost" for part in PARTS}
    fields |= {word: f"{field}Cost" for field, word in TRAFFIC.items()}
    fields |= {"shared": "sharedCost", "external": "externalCost"}
    found = {word: together(amount(fact, field) for fact in facts)
             for word, field in fields.items()}  # fmt: skip
    found["total"] = together(map(total, facts))
    known = {word: it for word, it in found.items() if it is not None}
    return {word: it for word, it in known.items() if it or word not in OCCASIONAL}


def expected(generated):
    """Every cost metric of an answer, over the window."""
    found = {}
    by_cluster = defaultdict(list)
    for fact in generated.facts:
        by_cluster[fact.cluster].append(fact)
    for cluster, facts in by_cluster.items():
        inside = [fact for fact in facts if fact.name != "__external__"]
        whole = expected_costs(inside)
        outside = expected_costs(facts).get("external")
        whole = {word: it for word, it in whole.items() if word not in {"shared", "external"}}
        whole |= {} if outside is None else {"external": outside}
        own = {word: together(total(fact) for fact in facts if fact.name == kind)
               for kind, word in OWN_METRIC.items()}  # fmt: skip
        whole |= {word: it for word, it in own.items() if it is not None}
        found |= {(cluster, f"cluster_{word}_cost"): it for word, it in whole.items()}
        for name in {fact.name for fact in facts} - set(SYNTHETIC):
            costs = expected_costs([fact for fact in facts if fact.name == name])
            found |= {(cluster, f"namespace_{word}_cost", name): it for word, it in costs.items()}
    return found


@many
@given(answers())
def test_every_cost_is_what_the_rows_say_and_none_is_invented(generated):
    """A cost leaves where all rows that report it are known, and it is their sum by the hours that
    the data covers; a zero leaves where zeros were reported, and null is never one."""
    found = {key: it for key, it in published(generated).items() if key[1].endswith("_cost")}
    wanted = {key: it / generated.hours[key[0]] for key, it in expected(generated).items()}
    assert found.keys() == wanted.keys()
    for key, value in found.items():
        assert value == pytest.approx(wanted[key], rel=1e-9, abs=1e-9), key
        assert (value == 0) == (wanted[key] == 0), key


@many
@given(answers())
def test_the_clusters_total_is_the_sum_of_its_published_parts(generated):
    """Namespaces, idle, unallocated, unmounted and shared add up, within rows x 1e-5."""
    found = published(generated)
    for cluster, hours in generated.hours.items():
        whole = found.get((cluster, "cluster_total_cost"))
        if whole is None:
            continue
        parts = [found.get((cluster, f"cluster_{word}_cost"), 0.0) for word in OWN_METRIC.values()]
        parts += [it for key, it in found.items()
                  if key[:2] == (cluster, "namespace_total_cost")]  # fmt: skip
        doubles = 1e-12 * math.fsum(map(abs, parts))
        assert abs(whole - math.fsum(parts)) <= len(generated.facts) * 1e-5 / hours + doubles


@many
@given(answers())
def test_what_leaves_is_finite_and_no_zero_is_negative(generated):
    """Neither NaN nor infinity nor -0, of costs and of efficiencies."""
    for key, value in published(generated).items():
        assert math.isfinite(value), key
        assert value or math.copysign(1, value) == 1, key


@many
@given(answers())
def test_an_efficiency_is_one_of_those_reported_or_between_them(generated):
    """A mean of ratios, and never one of which a part that weighs is not known."""
    found = published(generated)
    for which in ("cpu", "ram", "total"):
        for (cluster, metric, *name), value in found.items():
            if metric == f"namespace_{which}_efficiency":
                ratios = [number(fact.numbers[f"{which}Efficiency"]) for fact in generated.facts
                          if (fact.cluster, fact.name) == (cluster, *name)
                          and f"{which}Efficiency" in fact.numbers]  # fmt: skip
                known = [ratio for ratio in ratios if not math.isnan(ratio)]
                slack = 1e-9 * max(map(abs, known))
                assert min(known) - slack <= value <= max(known) + slack


def bits(found):
    return [(key, struct.pack("<d", value)) for key, value in found.items()]


@many
@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_an_answer_does_not_change_a_bit(generated, order):
    """Sets, rows and fields may come in any order: two agents publish the same samples."""
    assert bits(published(generated.shuffled(order))) == bits(published(generated))


@pytest.fixture(scope="module")
def kubecost():
    with FakeKubecost(b"") as server:
        yield server


@few
@given(generated=answers())
def test_a_receiver_publishes_the_same_of_an_answer_that_comes_over_http(kubecost, generated):
    """Whatever the shape, what leaves a receiver is what the answer says; nothing of an answer
    without rows, and of one in which no cost can be read."""
    kubecost.answer(generated.body)
    receiver = KubecostReceiver(
        endpoint=kubecost.url,
        tenant_id="t",
        cluster_name="prod",
        window=f"{generated.window.hours:.0f}h",
        clock=FakeClock(NOW),
    )
    batches = list(receiver.collect(NOW, patience=10))
    receiver.shutdown()
    found = {
        (of_resource.resource.attributes["k8s.cluster.name"], *named(metric, point)): point.value
        for batch in batches
        for of_resource, _, metric in each_metric(batch)
        for point in metric.data.data_points
        if "_exporter_" not in metric.name
    }
    wanted = published(generated)
    display = display_names(generated.hours, "prod")
    assert found == {(display[key[0]], *key[1:]): value for key, value in wanted.items()}
    assert (receiver.failure is None) == bool(wanted)


TIMES = st.floats(3e6, 4e9)
WINDOWS = st.sampled_from(NAMED_WINDOWS) | st.integers(1, 24 * 31).map(lambda count: count * HOUR)
STEPS = st.sampled_from([HOUR, HOUR // 6])


@many
@given(TIMES, WINDOWS, st.floats(0, 86_400), STEPS)
def test_a_window_is_closed_and_settled_and_not_empty(now, window, settle, step):
    """Whatever is asked for, and whenever: it ends on a step, the settle delay before the present
    at the latest, and no more than a step before that unless days are meant."""
    found = plan(now, window, settle, step)
    assert found.start < found.end <= now - settle
    assert found.end % step == 0
    assert window == "yesterday" or now - settle < found.end + step


@many
@given(TIMES, WINDOWS, st.floats(0, 86_400), STEPS, st.lists(st.floats(0, 600), max_size=20))
def test_windows_go_forward_and_pass_over_nothing(now, window, settle, step, pauses):
    """A later mark never has an older window, and what closed between two windows is in one."""
    found = [plan(now, window, settle, step)]
    for pause in pauses:
        now += pause
        found.append(plan(now, window, settle, step))
    for before, after in pairwise(found):
        assert before.end <= after.end
        assert after.start <= before.end


@pytest.mark.parametrize("zone", ["America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo"])
def test_the_zone_of_the_machine_is_of_no_account(monkeypatch, zone):
    """Days and months are those of UTC on the day on which clocks change, too."""
    moments = ["2026-03-08T05:30:00Z", "2026-04-04T15:30:00Z", "2026-11-01T00:30:00Z"]
    here = [str(plan(parse_time(at), name, 1200)) for at in moments for name in NAMED_WINDOWS]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    there = [str(plan(parse_time(at), name, 1200)) for at in moments for name in NAMED_WINDOWS]
    monkeypatch.undo()
    time.tzset()
    assert there == here
