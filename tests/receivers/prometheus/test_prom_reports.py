"""Every scrape has its report, with the labels of its target."""

from scraping import series

from otel_kubecost.pdata import each_scope
from otel_kubecost.receivers.prometheus.discovery.targets import Target
from otel_kubecost.receivers.prometheus.reports import Origin, Report

TIME = 1_700_000_000_123


def target(url="http://host:9100/metrics?a=b", **labels):
    return Target(url, labels, 60.0, 10.0, "abc", {})


def report(of):
    return Origin(of, "scope").batch([], Report(True, 0.25, 4, 3, 2), TIME)


def test_a_report_has_five_series():
    """At the time of the scrape."""
    batch = report(target(job="j", instance="i", team="a"))
    labels = ("instance=i", "job=j", "team=a")
    assert series([batch]) == {
        ("up", *labels): [(TIME, 1.0)],
        ("scrape_duration_seconds", *labels): [(TIME, 0.25)],
        ("scrape_samples_scraped", *labels): [(TIME, 4.0)],
        ("scrape_samples_post_metric_relabeling", *labels): [(TIME, 3.0)],
        ("scrape_series_added", *labels): [(TIME, 2.0)],
    }


def test_a_target_is_a_resource():
    """As the OpenTelemetry specification has targets of Prometheus."""
    ((of_resource, of_scope),) = each_scope(report(target(job="j", instance="i", team="a")))
    assert dict(of_resource.resource.attributes) == {
        "service.name": "j",
        "service.instance.id": "i",
        "server.address": "host",
        "server.port": "9100",
        "url.scheme": "http",
    }
    assert (of_scope.scope.name, of_scope.scope.target) == ("scope", "abc")


def test_a_target_without_a_job_has_none():
    """``relabel_configs`` may take it away; nothing else comes in its place."""
    keys = series([report(target("https://host/metrics", instance="i", team="a"))])
    assert ("up", "instance=i", "team=a") in keys


def test_the_end_of_a_target_has_no_point_and_a_time():
    """The scope says that it has lost all of its series."""
    batch = Origin(target(job="j", instance="i"), "scope").ended(TIME)
    ((_, of_scope),) = each_scope(batch)
    (metric,) = of_scope.metrics
    assert (metric.name, len(metric.data.data_points)) == ("up", 0)
    assert metric.data.data_points.time_unix_nano == TIME * 1_000_000
