"""Names of metrics and labels."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.series.names import label_name, metric_name

VALID_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
VALID_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def name_of_gauge(name, unit=""):
    return metric_name(name, unit, monotonic=False, gauge=True)


def name_of_counter(name, unit=""):
    return metric_name(name, unit, monotonic=True, gauge=False)


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("cost", "{USD}", "cost"),
        ("cost", "{USD/h}", "cost"),
        ("cost", "{USD}/h", "cost_per_hour"),
        ("cost", "USD", "cost_USD"),
        ("cost_USD", "USD", "cost_USD"),
        ("cost", "USD/h", "cost_USD_per_hour"),
        ("cost", "", "cost"),
        ("usage", "1", "usage_ratio"),
        ("usage_ratio", "1", "usage_ratio"),
        ("usage", "%", "usage_percent"),
        ("memory", "By", "memory_bytes"),
        ("memory", "KiBy", "memory_kibibytes"),
        ("memory.bytes.used", "By", "memory_bytes_used"),
        ("latency", "ms", "latency_milliseconds"),
        ("uptime", "d", "uptime_days"),
        ("io", "By/s", "io_bytes_per_second"),
        ("io_bytes_per_second", "By/s", "io_bytes_per_second"),
        ("io", "By{sent}/s", "io_bytes_per_second"),
        ("requests", "1/s", "requests_per_second"),
        ("requests", "{request}/mo", "requests_per_month"),
        ("custom", "unit@with#special/chars", "custom_unit_with_special_per_chars"),
        ("odd", "/", "odd"),
        ("odd", "°", "odd"),
    ],
)
def test_units_become_suffixes_of_gauges(name, unit, expected):
    """A unit is spelt out once at the end of the name; annotations in braces are not."""
    assert name_of_gauge(name, unit) == expected


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("requests", "", "requests_total"),
        ("requests_total", "", "requests_total"),
        ("requests", "1", "requests_total"),
        ("requests", "{request}", "requests_total"),
        ("cpu.time", "s", "cpu_time_seconds_total"),
        ("cpu_seconds_total", "s", "cpu_seconds_total"),
        ("cpu_total", "s", "cpu_seconds_total"),
    ],
)
def test_counters_end_in_total(name, unit, expected):
    """A monotonic sum ends in _total once, after its unit; unit 1 does not make it a ratio."""
    assert name_of_counter(name, unit) == expected


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("cloudtuner_kubecost_namespace_total_cost", "{USD/h}"),
        ("cloudtuner_kubecost_pod_cpu_cost", "{USD/h}"),
        ("cloudtuner_kubecost_exporter_last_success_timestamp_seconds", "s"),
        ("cloudtuner_kubecost_exporter_data_through_timestamp_seconds", "s"),
        ("cloudtuner_kubecost_exporter_scrape_duration_seconds", "s"),
        ("cloudtuner_kubecost_exporter_series_count", "{series}"),
        ("cloudtuner_kubecost_namespace_total_efficiency", ""),
    ],
)
def test_our_own_gauges_keep_their_names(name, unit):
    """What a dashboard reads is named as documented, whatever the unit says."""
    assert name_of_gauge(name, unit) == name


def test_our_own_counter_has_its_documented_name():
    """The counter of failed scrapes ends in _total on the Prometheus side."""
    name = name_of_counter("cloudtuner_kubecost_exporter_scrape_errors", "{error}")
    assert name == "cloudtuner_kubecost_exporter_scrape_errors_total"


def test_a_histogram_has_its_unit_and_no_type_suffix():
    """The unit goes into a histogram's name; _total and _ratio do not."""
    assert metric_name("lat", "s", monotonic=False, gauge=False) == "lat_seconds"
    assert metric_name("lat", "1", monotonic=False, gauge=False) == "lat"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coût", "co_t"),
        ("9to5", "_9to5"),
        ("a.b-c/d", "a_b_c_d"),
        ("a..b", "a_b"),
        ("a_.b", "a_b"),
        (".a.", "a"),
        ("a:b", "a:b"),
        ("a__b", "a__b"),
        ("a\n", "a"),
        ("日本", ""),
        ("", ""),
    ],
)
def test_metric_names_are_made_valid(name, expected):
    """Runs that sanitising makes are one underscore; digits in front get one; ASCII alone stays."""
    assert name_of_gauge(name) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("k8s.pod.name", "k8s_pod_name"),
        ("9abc", "key_9abc"),
        ("٣abc", "_abc"),
        ("coût", "co_t"),
        ("a..b", "a_b"),
        ("a__b", "a__b"),
        ("a:b", "a_b"),
        ("..a", "_a"),
        ("_.a", "_a"),
        ("__name__", "__name__"),
        ("", ""),
    ],
)
def test_label_names_are_made_valid(key, expected):
    """Keys become ASCII names that never look reserved unless they were."""
    assert label_name(key) == expected


@given(st.text(), st.text(), st.booleans(), st.booleans())
def test_every_metric_name_is_valid_or_empty(name, unit, monotonic, gauge):
    """No name or unit makes a name that a receiver would refuse."""
    result = metric_name(name, unit, monotonic=monotonic, gauge=gauge)
    assert not result or VALID_METRIC.fullmatch(result)


@given(st.text(min_size=1))
def test_every_label_name_is_valid(key):
    """No key makes a label name that a receiver would refuse; only reserved keys stay reserved."""
    name = label_name(key)
    assert VALID_LABEL.fullmatch(name)
    assert not name.startswith("__") or key.startswith("__")
