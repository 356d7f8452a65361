"""The page with what was scraped elsewhere: as it was there, with the labels of its targets."""

import pytest
from opentelemetry.sdk.metrics.export import MetricsData
from peers import lint
from scraped_series import TIME, at, histogram, rows, scraped, summary, target

from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.model import Family
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import ExpositionType

MINUTE = 60_000


def families(*targets):
    return Translator().translate(MetricsData(list(targets)))


def page(*targets):
    scopes = Translator().by_scope(MetricsData(list(targets)))
    return render(family for scope in scopes for family in scope.families).decode()


def page_of(*metrics):
    """The page of one target, without what is the same in each of its lines."""
    lines = page(target(*metrics)).replace('instance="host:9100",job="node"', "")
    return lines.replace(",}", "}").replace("{}", "").splitlines()


def test_a_histogram_stands_below_one_header():
    """Its buckets ascend, though as texts they do not; what 0.0.4 does not know stands apart."""
    buckets = [{"le": le, "q": queue} for queue in "ba" for le in ("9", "10", "+Inf")]
    each = [{"q": queue} for queue in "ba"]
    metric = histogram("wait", bucket=rows(*buckets), sum=rows(*each), count=rows(*each),
                       created=rows({}))  # fmt: skip
    assert [line.replace(",,", ",") for line in page_of(metric)] == [
        "# HELP wait About wait.",
        "# TYPE wait histogram",
        'wait_bucket{,le="9",q="a"} 3',
        'wait_bucket{,le="10",q="a"} 4',
        'wait_bucket{,le="+Inf",q="a"} 5',
        'wait_bucket{,le="9",q="b"} 0',
        'wait_bucket{,le="10",q="b"} 1',
        'wait_bucket{,le="+Inf",q="b"} 2',
        'wait_count{,q="a"} 1',
        'wait_count{,q="b"} 0',
        'wait_sum{,q="a"} 1',
        'wait_sum{,q="b"} 0',
        "# HELP wait_created About wait.",
        "# TYPE wait_created untyped",
        "wait_created 0",
    ]


def test_a_summary_stands_below_one_header():
    """Its quantiles have its own name."""
    quantiles = rows({"quantile": "0.5"}, {"quantile": "0.05"})
    assert page_of(summary("wait", quantiles, sum=rows({}), count=rows({}))) == [
        "# HELP wait About wait.",
        "# TYPE wait summary",
        'wait{,quantile="0.5"} 0',
        'wait{,quantile="0.05"} 1',
        "wait_count 0",
        "wait_sum 0",
    ]


def test_each_type_is_one_that_0_0_4_knows():
    """Prometheus refuses a page with another; a counter is declared by the name it has, and what
    has none of a histogram's names is none."""
    metrics = [scraped(f"m_{kind}", rows({}), kind) for kind in ExpositionType]
    lines = page_of(*metrics, scraped("c_total", rows({}), "counter", family="c"))
    assert [line.split()[2:] for line in lines if line.startswith("# TYPE")] == [
        ["c_total", "counter"],
        ["m_counter", "counter"],
        ["m_gauge", "gauge"],
        ["m_gaugehistogram", "untyped"],
        ["m_histogram", "untyped"],
        ["m_info", "gauge"],
        ["m_stateset", "gauge"],
        ["m_summary", "summary"],
        ["m_unknown", "untyped"],
    ]


def test_a_name_of_many_targets_has_one_header():
    """Columns of each are written without being joined."""
    targets = [target(scraped("m", rows({})), histogram("h", count=rows({})), instance=name)
               for name in "cab"]  # fmt: skip
    assert page(*targets).splitlines() == [
        "# HELP h About h.",
        "# TYPE h histogram",
        *(f'h_count{{instance="{name}",job="node"}} 0' for name in "abc"),
        "# HELP m About m.",
        "# TYPE m gauge",
        *(f'm{{instance="{name}",job="node"}} 0' for name in "abc"),
    ]


def test_a_time_is_shown_where_the_page_said_one():
    """The others are of the moment, as whoever scrapes takes them."""
    own = scraped("own", rows({"n": "1"}, {"n": "2"}, details=at(TIME - 1, -5)), is_tracked=False)
    assert page_of(own, scraped("plain", rows({})))[2:] == [
        'own{,n="1"} 0 ' + str(TIME - 1),
        'own{,n="2"} 1 -5',
        "# HELP plain About plain.",
        "# TYPE plain gauge",
        "plain 0",
    ]


def test_columns_are_shown_as_rows_are():
    """Sparse ones, too, and parts."""
    found = families(
        target(
            scraped("m", rows({"a": "x"}, {"b": "y", "le": "2"}, {"b": "y", "le": "10"})),
            histogram("h", bucket=rows({"le": "2"}, {"le": "10"}, {"le": "2", "a": "x"})),
            scraped("t", rows({"a": "x"}, {}, details=at(1, 2)), is_tracked=False),
        )
    )
    built = [
        Family(one.name, one.type, [*one.series], one.help, "", one.described_as, one.is_tracked)
        for one in found
    ]
    assert render(found) == render(built)


@pytest.mark.peers
def test_promtool_has_no_objection():
    """To the page of a histogram, a summary and a counter of two targets."""
    bucket = rows({"le": "1"}, {"le": "+Inf"}, values=[1, 2])
    parts = {"sum": rows({}), "count": rows({}, values=[2])}
    metrics = [
        histogram("wait_seconds", bucket=bucket, **parts),
        summary("took_seconds", rows({"quantile": "0.5"}), **parts),
        scraped("done_total", rows({}), "counter"),
    ]
    assert lint(page(target(*metrics), target(*metrics, instance="other")).encode()) == (
        0,
        b"",
        b"",
    )


# The exporter.


def shown(exporter):
    text = exporter._page.text().decode()
    return [line for line in text.splitlines() if not line.startswith(("#", "up"))]


def scrape(instance, value=1.0, time=TIME, metric="m"):
    metrics = [scraped(metric, rows({}, values=[value], time=time))] if metric else []
    return MetricsData([target(*metrics, scraped("up", rows({}, time=time)), instance=instance)])


def line(instance, value):
    return f'm{{instance="{instance}",job="node"}} {value}'


def test_each_target_s_latest_page_stays():
    """Every batch has only some targets; a failed scrape leaves ``up``, an end nothing."""
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.export(scrape("a"))
    exporter.export(scrape("b"))
    exporter.export(scrape("a", 2.0, TIME + 1000))
    assert shown(exporter) == [line("a", 2), line("b", 1)]
    exporter.export(scrape("b", time=TIME + 2000, metric=""))
    assert shown(exporter) == [line("a", 2)]
    gone = scraped("up", rows({}, time=TIME + 3000).select(()))
    exporter.export(MetricsData([target(gone, instance="a")]))
    assert shown(exporter) == []
    assert 'up{instance="b",job="node"} 0' in exporter._page.text().decode()


def test_after_a_new_configuration_targets_stay_until_they_are_scraped():
    """One that is not there any more goes after five minutes, when it is stale for PromQL."""
    old, new = (PrometheusExporter(endpoint="127.0.0.1:0") for _ in range(2))
    for name in "abc":
        old.export(scrape(name))
    new.adopt(old)
    new.export(scrape("a", 2.0, TIME + MINUTE))
    new.export(scrape("b", 2.0, TIME + MINUTE + 1000))
    assert shown(new) == [line("a", 2), line("b", 2), line("c", 1)]
    new.export(scrape("a", 3.0, TIME + 6 * MINUTE))
    assert shown(new) == [line("a", 3), line("b", 2)]
