"""What the metrics of a page are: types, help and units, histograms, summaries, starts."""

import pytest
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum
from page_reading import NOW, columns_of, read, reader

from otel_kubecost.pdata import ExpositionType, Summary
from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, TEXT


def only(text, page_format=TEXT):
    (metric,) = read(text, page_format).metrics
    return metric


@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        ("counter", "a_total", Sum),
        ("counter", "a", Sum),
        ("gauge", "a", Gauge),
        ("unknown", "a", Gauge),
        ("info", "a_info", Sum),
        ("stateset", "a", Sum),
        ("gaugehistogram", "a_gcount", Gauge),
        ("histogram", "a", Gauge),
        ("histogram", "a_bucket", Gauge),
        ("summary", "a", Gauge),
    ],
)
def test_the_type_of_a_family_is_that_of_its_series(kind, name, data):
    """What does not fit its type is a gauge, and still of its family."""
    metric = only(f"# TYPE a {kind}\n{name} 1\n# EOF\n", OPENMETRICS)
    assert (metric.name, metric.type, type(metric.data)) == (name, kind, data)
    assert metric.family == ("a" if name != "a" else "")


def test_counters_are_monotonic_and_states_are_not():
    """As the OpenTelemetry compatibility specification has them."""
    page = "# TYPE a counter\na_total 1\n# TYPE b info\nb_info 1\n# EOF\n"
    assert [one.data.is_monotonic for one in read(page, OPENMETRICS).metrics] == [True, False]


def test_help_and_unit_belong_to_all_series_of_the_family():
    """Wherever on the page they stand, and the last of each."""
    page = "a_bytes 1\n# HELP a_bytes No.\n# HELP a_bytes Yes.\n# UNIT a_bytes bytes\n# EOF\n"
    metric = only(page, OPENMETRICS)
    assert (metric.description, metric.unit, metric.type) == (
        "Yes.",
        "bytes",
        ExpositionType.UNKNOWN,
    )


def test_a_comment_behind_blanks_is_one():
    """Prometheus reads a TYPE there, too."""
    by = reader()
    for now in (NOW, NOW + 1):
        page = by.read([b"a 1\n  # TYPE b counter\n\t\nb 2\n\n"], TEXT, now)
        assert [(one.name, one.type) for one in page.metrics] == [
            ("a", "unknown"),
            ("b", "counter"),
        ]
        assert page.scraped == 2


def test_a_series_of_another_name_is_not_of_the_family_above():
    """A family ends where the names are others."""
    metrics = read("# TYPE a counter\na 1\nb 1\na_bucket 1\n").metrics
    assert [one.type for one in metrics] == ["counter", "unknown", "unknown"]


def test_a_type_that_changes_does_so_with_the_same_tables():
    """The layout says which rows there are, not what they mean."""
    by = reader()
    page = b"# TYPE b gauge\nb 1\n# note\na 1\n"
    before = by.read([page], TEXT, NOW).metrics
    after = by.read([page.replace(b"b gauge", b"a counter")], TEXT, NOW).metrics
    assert [one.type for one in before] == ["gauge", "unknown"]
    assert [one.type for one in after] == ["unknown", "counter"]
    assert after[1].data.data_points.table is before[1].data.data_points.table


HISTOGRAM = """\
# HELP wait How long.
# TYPE wait histogram
wait_bucket{q="a",le="0.1"} 3
wait_bucket{q="a",le="+Inf"} 5
wait_sum{q="a"} 0.9
wait_count{q="a"} 5
wait_created{q="a"} 1600000000.5
# EOF
"""


def test_histograms_are_one_metric_of_parts():
    """With their family's name, and the start that ``_created`` says."""
    metric = only(HISTOGRAM, OPENMETRICS)
    assert (metric.name, metric.type, metric.description) == ("wait", "histogram", "How long.")
    assert isinstance(metric.data, Histogram)
    assert list(columns_of(metric)) == ["wait_bucket", "wait_sum", "wait_count", "wait_created"]
    (point,) = metric.data.data_points
    assert (point.count, point.sum, point.bucket_counts) == (5, 0.9, [3, 2])
    assert point.start_time_unix_nano == 1_600_000_000_500_000_000
    starts = [one.details and list(one.details.starts) for one in columns_of(metric).values()]
    assert starts == [[1_600_000_000_500_000_000] * n for n in (2, 1, 1)] + [None]


def test_summaries_are_one_metric_of_parts():
    """Also without quantiles."""
    text = (
        '# TYPE s summary\ns{quantile="0.5"} 2\ns_sum 9\ns_count 3\n# TYPE t summary\nt_count 1\n'
    )
    first, second = read(text).metrics
    assert isinstance(first.data, Summary)
    (point,) = first.data.data_points
    assert [(one.quantile, one.value) for one in point.quantile_values] == [(0.5, 2)]
    assert (point.sum, point.count) == (9, 3)
    assert list(columns_of(second)) == ["t_count"]


def test_buckets_whose_bound_is_no_number_are_gauges():
    """They are no buckets to anybody."""
    metrics = read('# TYPE h histogram\nh_bucket{le="x"} 1\nh_count 1\n').metrics
    assert {one.name: type(one.data) for one in metrics} == {"h_bucket": Gauge, "h": Histogram}


def test_the_start_of_a_counter_is_beside_it_and_a_series():
    """By labels; a total without one has no start, nor has one that is no time.

    The series says the type of its family, which is described once.
    """
    text = (
        "# TYPE a counter\n"
        'a_total{x="1"} 1\na_total{x="2"} 2\na_total{x="3"} 3\n'
        'a_created{x="3"} NaN\na_created{x="1"} 1600000000\n# EOF\n'
    )
    by = reader()
    for now in (NOW, NOW + 1):
        totals, created = by.read([text.encode()], OPENMETRICS, now).metrics
        starts = list(totals.data.data_points.details.starts)
        assert starts == [1_600_000_000_000_000_000, 0, 0]
        assert (created.name, created.type, created.for_series_only) == (
            "a_created",
            "counter",
            True,
        )
        assert created.family == "a"
        assert not totals.for_series_only


def test_a_gauge_called_created_is_a_gauge():
    """As client libraries write them in 0.0.4, in a family of their own."""
    page = "# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 1600000000\n"
    totals, created = read(page).metrics
    assert totals.data.data_points.details is None
    assert (created.type, created.for_series_only) == ("gauge", False)


def test_renamed_series_are_of_the_family_with_their_new_name():
    """As in Prometheus: what a rule renames has no type, unless one has its name."""
    rule = {"source_labels": ["__name__"], "regex": "a", "target_label": "__name__"}
    page = "# TYPE a counter\na 1\n# TYPE b gauge\n"
    (to_b,) = read(page, rules=[{**rule, "replacement": "b"}]).metrics
    (to_c,) = read(page, rules=[{**rule, "replacement": "c"}]).metrics
    assert (to_b.type, to_c.type) == ("gauge", "unknown")
