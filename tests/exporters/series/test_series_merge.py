"""One batch, each series once."""

import logging
from dataclasses import replace

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Gauge, Metric
from series_data import (
    TIME,
    batch,
    counter,
    gauge,
    histogram,
    histogram_point,
    joined,
    nanos,
    point,
    samples,
    translated,
)

from otel_kubecost.exporters.series.merge import each_series_once, flatten
from otel_kubecost.exporters.series.model import (
    ColumnChunks,
    ColumnSeries,
    Family,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import AttributeTable, PointColumns


def test_a_series_in_two_scopes_is_sent_once():
    """Defect 11: the same series and time from two scopes is one sample, the first scope's."""
    data = joined(batch(gauge("m", point(1)), scope="a"), batch(gauge("m", point(2)), scope="b"))
    assert translated(data) == [("m", {}, TIME, 1.0)]


def test_samples_of_a_series_are_in_the_order_of_time():
    """Defect 11: times ascend, each once, whatever the order of the points."""
    points = [point(value, time=TIME + at) for value, at in ((3, 30), (1, 10), (2, 20), (9, 10))]
    assert [
        (time - TIME, value) for _, _, time, value in translated(batch(gauge("m", *points)))
    ] == [
        (10, 1.0),
        (20, 2.0),
        (30, 3.0),
    ]


def test_points_of_one_millisecond_are_one_sample():
    """Prometheus counts no finer: the second would be a duplicate."""
    one, other = (replace(point(value), time_unix_nano=nanos(TIME) + value) for value in (2, 1))
    assert translated(batch(gauge("m", one, other))) == [("m", {}, TIME, 2.0)]


def test_exemplars_of_all_stay_each_once():
    """Those of a sample that is not sent, too: they are of the series."""
    known = [Exemplar({}, value, nanos(TIME), 1, 2) for value in (1.0, 2.0)]
    parts = [
        batch(counter("m", point(value, exemplars=known[:value])), scope=f"{value}")
        for value in (1, 2)
    ]
    [family] = Translator().translate(joined(*parts))
    [series] = family.series
    assert [one.value for one in series.exemplars] == [1.0, 2.0]


def test_samples_that_a_second_scope_has_for_a_series_go_to_the_first():
    """A series is in one scope only, with the samples of all; flattened, its family is one."""
    data = joined(
        batch(gauge("m", point(1)), scope="a"),
        batch(gauge("m", point(2, time=TIME + 1), point(3, {"x": "y"})), scope="b"),
    )
    first, second = Translator().by_scope(data)
    assert samples(first.families) == [("m", {}, TIME, 1.0), ("m", {}, TIME + 1, 2.0)]
    assert samples(second.families) == [("m", {"x": "y"}, TIME, 3.0)]
    [family] = flatten([first, second])
    assert len(family.series) == 3 - 1


def test_a_scope_whose_series_are_anothers_has_no_family():
    """What is left of a family when all its series belong to an earlier scope is nothing."""
    data = joined(batch(gauge("m"), scope="a"), batch(gauge("m"), scope="b"))
    assert [len(scope.families) for scope in Translator().by_scope(data)] == [1, 0]


def test_scopes_stay_though_they_bring_nothing():
    """A scope with no metrics, or with metrics without points, is an origin without families."""
    data = joined(batch(scope="a"), batch(Metric("m", "", "", Gauge([])), scope="b"))
    scopes = Translator().by_scope(data)
    assert [scope.families for scope in scopes] == [[], []]
    assert len({scope.origin for scope in scopes}) == 2


def test_an_empty_batch_is_nothing():
    """Defect 12: no resources, no families, no complaint."""
    assert Translator().by_scope(joined()) == []
    assert Translator().translate(joined()) == []


def test_two_metrics_of_one_name_in_one_scope_are_one_family():
    """Names that become equal by translation are one family with the series of both."""
    data = batch(gauge("a.b", point(1)), gauge("a/b", point(2, {"x": "y"})))
    [family] = Translator().translate(data)
    assert samples([family]) == [("a_b", {}, TIME, 1.0), ("a_b", {"x": "y"}, TIME, 2.0)]


def test_a_name_has_one_type(caplog):
    """Of a gauge and a histogram of one name the second is left out, and named in a warning."""
    data = batch(gauge("m"), histogram("m", histogram_point([1, 2], [0.5])), gauge("n"))
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        assert [name for name, *_ in translated(data)] == ["m", "n"]
    [warning] = caplog.messages
    assert warning == "Skipped metric m: m belongs to the gauge m"


def test_a_family_in_many_pieces_is_left_out_with_one_warning(caplog):
    """A long page is read in blocks; the warning is about the metric."""
    first = Family("m", Type.HISTOGRAM, [Series((("__name__", "m_sum"),), (Sample(1, 1.0),))])
    tables = [AttributeTable.of(["pod"], [[f"{block}"]]) for block in range(3)]
    pieces = [
        ColumnSeries(
            [("__name__", "m"), ("pod", table.columns[0])],
            PointColumns.of(table, [1.0], time_unix_nano=1_000_000),
        )
        for table in tables
    ]
    long = Family("m", Type.GAUGE, ColumnChunks(pieces))
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        each_series_once([ScopeFamilies(("a",), [first]), ScopeFamilies(("b",), [long])])
    assert caplog.messages == ["Skipped metric m: m belongs to the histogram m"]


def test_a_metric_does_not_take_the_series_names_of_a_histogram(caplog):
    """A gauge foo_count beside a histogram foo would make foo_count mean two things."""
    data = batch(histogram("m", histogram_point([1, 2], [0.5])), gauge("m_count", point(7)))
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        values = {name: value for name, _, _, value in translated(data)}
    assert values["m_count"] == 3.0
    assert "m_count belongs to the histogram m" in caplog.text


def test_a_counter_and_a_gauge_of_the_same_final_name_do_not_merge():
    """A counter m becomes m_total; a gauge m_total after it is left out."""
    data = batch(counter("m", point(1)), gauge("m_total", point(2, {"x": "y"})))
    assert translated(data) == [("m_total", {}, TIME, 1.0)]


def test_all_scopes_together_are_a_valid_request():
    """Over all scopes no label set comes twice and every series ascends in time."""
    data = joined(
        *(
            batch(
                gauge("m", *(point(at, {"k": str(at % 3)}, TIME + at % 4) for at in range(12))),
                scope=scope,
            )
            for scope in "abc"
        )
    )
    series = [
        one for scope in Translator().by_scope(data) for f in scope.families for one in f.series
    ]
    assert len({one.labels for one in series}) == len(series) == 3
    for one in series:
        times = [sample.timestamp for sample in one.samples]
        assert times == sorted(set(times))
