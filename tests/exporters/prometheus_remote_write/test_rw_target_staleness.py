"""Stale markers of targets, each of which comes when it was scraped."""

import gc
import tracemalloc
from dataclasses import replace

from opentelemetry.sdk.metrics.export import MetricsData
from scraped_series import TIME, at, nanos, rows, scraped, target

from otel_kubecost.exporters.prometheus_remote_write.remembered import Remembered
from otel_kubecost.exporters.prometheus_remote_write.staleness import STALE_NAN, StaleMarkers
from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import ColumnSeries
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import PointColumns

SECOND = 1000


def scopes(*targets):
    return Translator().by_scope(MetricsData(list(targets)))


def ended(markers, *targets):
    """The time of each marker, by name, instance and the label ``n``."""
    found = {}
    for family in markers.departed(scopes(*targets)):
        for series in family.series:
            labels, [(time, _)] = dict(series.labels), series.samples
            key = labels[NAME], labels.get("instance"), labels.get("n")
            assert key not in found
            found[key] = time
    return found


def scrape(instance, *numbers, time=TIME, metric="m", **more):
    """A target whose page has one series for each of ``numbers``."""
    points = rows(*({"n": str(number)} for number in numbers), time=time)
    metrics = [scraped(metric, points)] if numbers else []
    up = scraped("up", rows({}, time=time))
    return target(*metrics, up, instance=instance, **more)


def test_a_series_that_a_page_lacks_has_ended():
    """At the time of the scrape; the batch of another target says nothing of it."""
    markers = StaleMarkers()
    ended(markers, scrape("a", 1, 2), scrape("b", 1, 2))
    assert ended(markers, scrape("a", 1, time=TIME + 5)) == {("m", "a", "2"): TIME + 5}
    assert ended(markers, scrape("b", time=TIME + 7)) == {
        ("m", "b", "1"): TIME + 7,
        ("m", "b", "2"): TIME + 7,
    }


def test_a_target_that_is_gone_takes_all_along():
    """Its last batch has ``up`` without a point, at the time of the end."""
    markers = StaleMarkers()
    ended(markers, scrape("a", 1))
    gone = target(scraped("up", rows({}, time=TIME + 9).select(())), instance="a")
    assert ended(markers, gone) == {("m", "a", "1"): TIME + 9, ("up", "a", None): TIME + 9}
    assert ended(markers, gone) == {}


def test_two_targets_of_one_resource_do_not_end_each_others_series():
    """A kubelet's own page and its cAdvisor's."""
    markers = StaleMarkers()
    pages = [scrape("a", 1, metric=name, identity=name) for name in ("own", "cadvisor")]
    ended(markers, *pages)
    found = ended(markers, scrape("a", metric="own", identity="own", time=TIME + 1))
    assert found == {("own", "a", "1"): TIME + 1}


def timed(*numbers, time, said):
    points = rows(*({"n": str(number)} for number in numbers), time=time,
                  details=at(*[said] * len(numbers)))  # fmt: skip
    metric = scraped("m", points, is_tracked=False)
    return target(metric, scraped("up", rows({}, time=time)), instance="a")


def test_series_whose_times_a_page_says_have_no_end():
    """Prometheus does not wait for them either: nobody knows when they end."""
    markers = StaleMarkers()
    ended(markers, timed(1, 2, time=TIME, said=TIME - 3))
    assert ended(markers, timed(1, time=TIME + 10, said=TIME + 7)) == {}
    assert ended(markers, scrape("a", time=TIME + 20)) == {}


def test_a_series_whose_time_the_page_begins_to_say_goes_on():
    """What it says may be older than the scrape, whose time a marker would have."""
    for said in (TIME + 7, TIME + 10):
        markers = StaleMarkers()
        ended(markers, scrape("a", 1, 2))
        assert ended(markers, timed(1, time=TIME + 10, said=said)) == {("m", "a", "2"): TIME + 10}
        assert ended(markers, timed(1, time=TIME + 20, said=TIME + 17)) == {}
        assert ended(markers, scrape("a", 1, time=TIME + 30)) == {}
        assert ended(markers, scrape("a", time=TIME + 40)) == {("m", "a", "1"): TIME + 40}


def test_rows_with_and_without_times_are_waited_for_apart():
    """Of one name in one page: those without times end."""
    markers = StaleMarkers()

    def page(untimed, time):
        tracked = rows(*({"n": str(number)} for number in untimed), time=time)
        other = rows({"n": "t"}, time=time, details=at(time - 1))
        return target(scraped("m", tracked), scraped("m", other, is_tracked=False), instance="a")

    ended(markers, page([1, 2], TIME))
    assert ended(markers, page([2], TIME + 5)) == {("m", "a", "1"): TIME + 5}


# A new configuration.


def test_targets_that_come_later_than_others_have_not_ended():
    """A scrape a minute: the others' batches of the first seconds say nothing of it."""
    markers = StaleMarkers()
    minute = 60 * SECOND
    for lap in range(2):
        for number, name in enumerate("abc"):
            time = TIME + lap * minute + number * SECOND
            assert ended(markers, scrape(name, 1, time=time)) == {}
    markers.outlive()
    begin = TIME + 2 * minute
    assert ended(markers, scrape("a", 1, time=begin)) == {}
    assert ended(markers, scrape("b", 1, time=begin + SECOND)) == {}
    assert ended(markers, scrape("a", 1, time=begin + minute)) == {}
    assert ended(markers, scrape("b", 1, time=begin + minute + SECOND)) == {}
    gone = TIME + minute + 2 * SECOND
    assert ended(markers, scrape("a", 1, time=begin + minute + 3 * SECOND)) == {
        ("m", "c", "1"): gone + minute,
        ("up", "c", None): gone + minute,
    }


# What hundreds of targets cost.


def fleet(count, families, time, tables):
    return [
        target(
            *(scraped(f"m{number}", replace_time(tables[number % len(tables)], time))
              for number in range(families)),
            instance=f"host{number}",
        )
        for number in range(count)
    ]  # fmt: skip


def replace_time(points, time):
    return PointColumns(points.table, points.values, constant=points.constant,
                        time_unix_nano=nanos(time))  # fmt: skip


class Looked(Remembered):
    """Counts how often a scope of another target is searched for a family."""

    count = 0

    def family(self, name):
        Looked.count += 1
        return super().family(name)


def test_a_target_that_ends_is_not_sought_in_all_others(monkeypatch):
    """Labels tell targets apart as a whole: none of 40 is asked for each family of another."""
    monkeypatch.setattr(
        "otel_kubecost.exporters.prometheus_remote_write.staleness.Remembered", Looked
    )
    markers, tables = StaleMarkers(), [rows({})]
    for one in fleet(40, 20, TIME, tables):
        ended(markers, one)
    Looked.count = 0
    gone = target(scraped("up", rows({}, time=TIME + 9)), instance="host3")
    assert len(ended(markers, gone)) == 20
    assert Looked.count <= 20 * 3 * 2


def test_what_is_remembered_of_a_family_is_little():
    """100 targets with 100 families weigh less than 400 bytes a family, tables apart."""
    markers, tables = StaleMarkers(), [rows({}), rows({"n": "1"}, {"n": "2"})]
    gc.collect()
    tracemalloc.start()
    try:
        for one in fleet(100, 100, TIME, tables):
            markers.departed(scopes(one))
        gc.collect()
        weight, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert weight < 100 * 100 * 400
    families = markers.departed(scopes(*fleet(1, 1, TIME + 1, tables)))
    assert all(isinstance(family.series, ColumnSeries) for family in families)
    assert sum(len(family.series) for family in families) == 49 + 2 * 50


def test_a_family_is_remembered_as_it_was():
    """With its labels in their order, its rows and its description; its values end it."""
    points = rows({"A": "x", "n": "1"}, {"n": "2"}, {"n": "3"}, zone="z").select([0, 2])
    [scope] = scopes(target(scraped("m_total", points, "counter", family="m", unit="s")))
    [family], kept = scope.families, Remembered(scope).family("m_total")
    assert [one.labels for one in kept.series] == [one.labels for one in family.series]
    assert replace(kept, series=()) == replace(family, series=())
    assert (
        kept.series.points.values.tobytes() == type(points.values)("d", [STALE_NAN] * 2).tobytes()
    )
