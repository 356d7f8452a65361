"""Scraped metrics to series: as Prometheus itself would have them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Histogram, MetricsData
from scraped_series import CUMULATIVE, at, histogram, rows, scraped, summary, target
from series_data import TIME, gauge, histogram_point, nanos, point, samples
from test_series_columns import as_lists

from otel_kubecost.exporters.series.model import ColumnSeries, Type
from otel_kubecost.exporters.series.translate import Translation, Translator
from otel_kubecost.pdata import (
    ExpositionType,
    Parts,
    PointColumns,
    Summary,
    SummaryDataPoint,
    TargetScope,
    ValueAtQuantile,
    metrics_of,
)

TARGET = {"job": "node", "instance": "host:9100"}


def families(*resources, **translation):
    scopes = Translator(Translation(**translation)).by_scope(MetricsData(list(resources)))
    return [family for scope in scopes for family in scope.families]


def labels(found):
    return [label_set for _, label_set, _, _ in samples(found)]


# Names and labels.


@pytest.mark.parametrize(
    ("name", "expected"),
    [("go_info", "go_info"), ("a:b__c", "a:b__c"), ("x_ratio_total", "x_ratio_total"),
     ("http.requests", "http_requests"), ("9to5", "_9to5")],
)  # fmt: skip
def test_a_name_stays_as_it_is(name, expected):
    """Neither unit nor type adds to it; only what is no legal name is made one."""
    metric = scraped(name, rows({}), "counter", unit="seconds")
    [family] = families(target(metric))
    assert (family.name, family.type, family.unit) == (expected, Type.COUNTER, "seconds")
    assert samples([family]) == [(expected, TARGET, TIME, 0.0)]


def test_labels_stay_as_they_are():
    """What is a label's name already is not mapped, also where it is reserved for Prometheus."""
    own = {"le": "1", "quantile": "2", "_x": "3", "__tmp": "4", "a.b": "5", "pod": "6"}
    known = {"pod": "renamed", "le": "bound", "a.b": "ab"}
    found = families(target(scraped("m", rows(own))), label_names=known)
    assert isinstance(found[0].series, ColumnSeries)
    [label_set] = labels(found)
    assert label_set == {"le": "1", "quantile": "2", "_x": "3", "__tmp": "4", "ab": "5",
                         "pod": "6", **TARGET}  # fmt: skip


def test_what_a_row_lacks_is_no_label():
    """Sparse tables stay columns."""
    found = families(target(scraped("m", rows({"a": "x"}, {"b": "y"}, {}, zone="z"))))
    assert isinstance(found[0].series, ColumnSeries)
    assert labels(found) == [{**one, "zone": "z", **TARGET} for one in ({"a": "x"}, {"b": "y"}, {})]


def test_a_target_s_own_labels_can_be_left_out():
    """Rows with a job of their own, or with none, do not fall back to that of the target."""
    points = rows({"job": "other", "n": "1"}, {"instance": "there", "n": "2"}, {"n": "3"})
    metric = scraped("m", points, without=frozenset({"job", "instance"}))
    found = families(target(metric))
    assert isinstance(found[0].series, ColumnSeries)
    assert labels(found) == [
        {"job": "other", "n": "1"}, {"instance": "there", "n": "2"}, {"n": "3"},
    ]  # fmt: skip


def test_an_external_label_is_there_where_a_row_lacks_it():
    """As in Prometheus, which adds it to each series that does not have one of that name."""
    points = rows({"job": "other"}, {"cluster": "own"}, values=[1, 2])
    metric = scraped("m", points, without=frozenset({"job", "instance"}))
    found = families(target(metric), external_labels={"cluster": "c", "job": "j"})
    assert labels(found) == [{"cluster": "c", "job": "other"}, {"cluster": "own", "job": "j"}]
    assert isinstance(found[0].series, ColumnSeries)


def test_rows_that_an_external_label_makes_equal_are_one_series():
    """The row that lacks the label and the one that has that very value."""
    found = families(target(scraped("m", rows({}, {"cluster": "c"}))),
                     external_labels={"cluster": "c"})  # fmt: skip
    assert samples(found) == [("m", {"cluster": "c", **TARGET}, TIME, 0.0)]


KEYS = st.sampled_from(["a", "_b", "__c", "le", "a.b", "a_b", "job", "cluster", "é"])
TEXTS = st.sampled_from(["", "x", "y", "é", "\ud800"])


@given(
    st.lists(st.dictionaries(KEYS, TEXTS, max_size=4), min_size=1, max_size=5,
             unique_by=lambda one: tuple(sorted(pair for pair in one.items() if pair[1]))),
    st.dictionaries(KEYS, TEXTS, max_size=2),
    st.sampled_from([frozenset(), frozenset({"job", "instance"})]),
    st.sampled_from([{}, {"cluster": "x", "job": "y"}]),
)  # fmt: skip
def test_columns_are_what_rows_are(label_sets, constant, without, external):
    """Whatever keys and values there are, columns come to the labels of single points."""
    keys = {key for one in label_sets for key in one}
    constant = {key: text for key, text in constant.items() if key not in keys and text}
    metric = scraped("m", rows(*label_sets, **constant), without=without)
    data = MetricsData([target(metric)])
    translation = Translation(external_labels=external)
    columns, lists = (Translator(translation).translate(one) for one in (data, as_lists(data)))
    assert samples(columns) == samples(lists)


# Types, and what a page describes.


@pytest.mark.parametrize("kind", ExpositionType)
def test_each_type_is_kept(kind):
    """All eight, with what the page describes it as."""
    [family] = families(target(scraped("m_total", rows({}), kind, family="m")))
    assert family.type.value == kind.value.replace("unknown", "untyped")
    assert (family.heading, family.help) == ("m", "About m_total.")


def test_parts_of_a_histogram_are_families_over_columns():
    """One for each name that its series have; all are described as the histogram."""
    metric = histogram("wait", bucket=rows({"le": "1"}, {"le": "+Inf"}), sum=rows({}),
                       count=rows({}, values=[1]), created=rows({}))  # fmt: skip
    found = families(target(metric))
    assert [family.name for family in found] == [
        "wait_bucket", "wait_sum", "wait_count", "wait_created",
    ]  # fmt: skip
    assert {(one.type, one.heading, one.unit, one.help) for one in found} == {
        (Type.HISTOGRAM, "wait", "s", "About wait.")
    }
    assert all(isinstance(family.series, ColumnSeries) for family in found)
    assert samples(found)[1] == ("wait_bucket", {"le": "+Inf", **TARGET}, TIME, 1.0)


def test_parts_of_a_summary_are_families_over_columns():
    """Its quantiles have its name."""
    metric = summary("wait", rows({"quantile": "0.5"}), sum=rows({}), count=rows({}))
    found = families(target(metric))
    assert [(one.name, one.heading) for one in found] == [
        ("wait", "wait"), ("wait_sum", "wait"), ("wait_count", "wait"),
    ]  # fmt: skip
    assert {family.type for family in found} == {Type.SUMMARY}


def test_points_in_place_of_parts_are_one_family():
    """What a processor of others makes of parts is a histogram, or a summary, as any other."""
    buckets = histogram("h", bucket=rows({}), count=rows({}))
    buckets = replace(buckets, data=Histogram([histogram_point([1, 2], [0.5])], CUMULATIVE))
    quantiles = summary("s", rows({}))
    points = [SummaryDataPoint({"a": "b"}, 0, nanos(TIME), 3, total, (ValueAtQuantile(0.5, 7.0),))
              for total in (6.0, None)]  # fmt: skip
    quantiles = replace(quantiles, data=Summary([points[0]]))
    found = families(target(buckets, quantiles))
    assert [(one.name, one.type, one.described_as) for one in found] == [
        ("h", Type.HISTOGRAM, ""), ("s", Type.SUMMARY, ""),
    ]  # fmt: skip
    assert [(name, value) for name, *_, value in samples([found[1]])] == [
        ("s", 7.0), ("s_sum", 6.0), ("s_count", 3.0),
    ]  # fmt: skip
    assert labels([found[1]])[0] == {"a": "b", "quantile": "0.5", **TARGET}
    [without] = families(target(replace(quantiles, data=Summary([points[1]]))))
    assert [name for name, *_ in samples([without])] == ["s", "s_count"]


def test_a_target_has_no_series_about_where_it_was_scraped():
    """``target_info`` says what else is known of it, and does not exist where that is nothing."""
    metric = scraped("m", rows({}))
    assert [family.name for family in families(target(metric))] == ["m"]
    found = families(target(metric, **{"k8s.pod.uid": "u"}))
    assert samples(found)[1:] == [("target_info", {"k8s_pod_uid": "u", **TARGET}, TIME, 1.0)]


# Times, starts and exemplars of single points.


def test_each_row_has_the_time_that_the_page_says():
    """Starts and exemplars, too; as columns and one by one, and nobody waits for its end."""
    found = Exemplar({"trace_id": "abc", "other": "o"}, 0.5, nanos(TIME - 2), None, None)
    details = replace(at(TIME - 5, -1), starts=at(TIME - 9, 0).times, exemplars={1: [found]})
    metric = scraped("m", rows({"a": "x"}, {"a": "y"}, details=details), is_tracked=False)
    [family] = families(target(metric))
    assert isinstance(family.series, ColumnSeries)
    assert family.is_tracked is False
    first, second = family.series
    assert (first.samples, first.start, first.exemplars) == (((TIME - 5, 0.0),), TIME - 9, ())
    assert (second.samples, second.start) == (((-1, 1.0),), 0)
    assert second.exemplars == (((("other", "o"), ("trace_id", "abc")), TIME - 2, 0.5),)
    data = MetricsData([target(metric)])
    [built] = Translator().translate(as_lists(data))
    assert [tuple(one) for one in built.series] == [tuple(one) for one in family.series]


def test_a_scope_has_the_time_of_the_scrape():
    """Whatever times a target says of single series; of nothing else there are those."""
    early, late = (scraped(name, rows({}, details=at(time)), is_tracked=False)
                   for name, time in (("early", TIME - 99), ("late", TIME + 99)))  # fmt: skip
    for metrics, time in [((early, late, scraped("up", rows({}))), TIME), ((early,), TIME - 99)]:
        [scope] = Translator().by_scope(MetricsData([target(*metrics)]))
        assert (scope.time, scope.is_target) == (time, True)


def test_a_target_that_is_gone_says_when():
    """``up`` without a point left is no family, but a time."""
    [scope] = Translator().by_scope(MetricsData([target(scraped("up", rows({}).select(())))]))
    assert (scope.families, scope.time) == ([], TIME)


# Many targets.


def test_targets_of_one_resource_are_two_scopes():
    """A kubelet's own page and its cAdvisor's: other series, and each says only what it lacks."""
    one, other = (target(scraped("up", rows({"path": path})), identity=path) for path in "ab")
    origins = [scope.origin for scope in Translator().by_scope(MetricsData([one, other]))]
    assert len(set(origins)) == 2


class UnreadablePoints(PointColumns):
    """Columns that must not become points."""

    def __iter__(self):
        raise AssertionError("points were built")


def test_the_same_names_from_many_targets_stay_columns():
    """What all of them have and each has otherwise tells them apart, whatever else they have."""
    found = families(
        *(
            target(scraped("m", rows({}, {key: "x"}, **{f"of_{at_}": "y"})), instance=f"h{at_}")
            for at_, key in enumerate("abc")
        )
    )
    assert [type(family.series) for family in found] == [ColumnSeries] * 3
    assert len(labels(found)) == 6


def test_targets_with_the_same_labels_are_read_row_by_row():
    """Only those: what tells others apart from them still does."""
    twins = [target(scraped("m", rows({})), identity=one) for one in "ab"]
    found = families(*twins, target(scraped("m", rows({})), instance="other"))
    assert [type(family.series) for family in found] == [list, ColumnSeries]
    assert [one["instance"] for one in labels(found)] == ["host:9100", "other"]


def test_targets_may_call_a_name_what_they_like(caplog):
    """Each series is sent with the type that its target says."""
    found = families(
        target(scraped("m_count", rows({}), "counter")),
        target(scraped("m_count", rows({})), instance="other"),
        target(histogram("m", count=rows({})), instance="third"),
    )
    assert [(one.name, one.type, one.heading) for one in found] == [
        ("m_count", Type.COUNTER, "m_count"),
        ("m_count", Type.GAUGE, "m_count"),
        ("m_count", Type.HISTOGRAM, "m"),
    ]
    assert caplog.messages == []


def test_a_scraped_name_and_a_measured_histogram_s_do_not_mix(caplog):
    """As between metrics that are measured: the later of two meanings is left out."""
    measured = histogram_point([1, 2], [0.5])
    own = metrics_of({}, [(TargetScope("s", "t"), [gauge("x"), gauge("m_count", point(3))])])
    other = replace(histogram("m"), data=Histogram([measured], CUMULATIVE))
    found = families(target(other), own)
    assert [family.name for family in found] == ["m", "x"]
    assert "m_count belongs to the histogram m" in caplog.text


def test_rows_with_and_without_times_of_one_name_stay_two_families():
    """Only one of them is waited for; together they are still each series once."""
    plain = scraped("m", rows({"a": "x"}, {"a": "y"}))
    timed = scraped("m", rows({"a": "y"}, {"a": "z"}, details=at(TIME - 1, TIME - 1)),
                    is_tracked=False)  # fmt: skip
    tracked, untracked = families(target(plain, timed))
    assert (tracked.is_tracked, untracked.is_tracked) == (True, False)
    assert [(one["a"], time) for _, one, time, _ in samples([tracked, untracked])] == [
        ("x", TIME), ("y", TIME - 1), ("y", TIME), ("z", TIME - 1),
    ]  # fmt: skip


def test_parts_are_never_read_as_points():
    """The points that parts stand for are made for others alone."""

    class Unread(Parts):
        def __iter__(self):
            raise AssertionError("points were built")

    metric = histogram("h")
    points = UnreadablePoints(rows({}).table, rows({}).values, time_unix_nano=nanos(TIME))
    metric = replace(metric, data=Histogram(Unread({"_count": points}), CUMULATIVE))
    assert [family.name for family in families(target(metric))] == ["h_count"]
