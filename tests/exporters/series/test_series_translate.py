"""Numbers, metadata, and data that is not what it says."""

import logging
import math
from types import SimpleNamespace

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Gauge, Metric
from series_data import (
    TIME,
    batch,
    counter,
    gauge,
    histogram,
    histogram_point,
    nanos,
    point,
    samples,
    translated,
)

from otel_kubecost.exporters.series.model import Family, SeriesExemplar, Type
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import AttributeTable, PointColumns


def test_types_follow_the_data():
    """A monotonic sum is a counter, another sum and a gauge are gauges."""
    data = batch(gauge("a"), counter("b"), counter("c", monotonic=False))
    families = Translator().translate(data)
    assert [(family.name, family.type) for family in families] == [
        ("a", Type.GAUGE),
        ("b_total", Type.COUNTER),
        ("c", Type.GAUGE),
    ]


def test_metadata_goes_along():
    """Description and unit are the family's, valid as text."""
    [family] = Translator().translate(batch(gauge("m", description="A \ud800.", unit="By")))
    assert (family.name, family.help, family.unit) == (
        "m_bytes",
        "A \N{REPLACEMENT CHARACTER}.",
        "By",
    )
    [family] = Translator().translate(batch(Metric("m", None, None, Gauge([point()]))))
    assert (family.help, family.unit) == ("", "")


def test_times_are_milliseconds():
    """A nanosecond is cut to its millisecond."""
    data = batch(gauge("m", point(time=TIME + 1)))
    assert [time for _, _, time, _ in translated(data)] == [TIME + 1]


def test_a_scope_has_the_newest_time_of_all_that_came():
    """Points and columns count alike, also columns of which no point is left."""
    table = AttributeTable.of(("k",), [("v",)])
    columns = PointColumns.of(table, [1.0], time_unix_nano=nanos(TIME + 2))

    def times(*metrics):
        resource = {"service.name": "shop", "team": "a"}
        return [scope.time for scope in Translator().by_scope(batch(*metrics, resource=resource))]

    assert times(gauge("a"), gauge("b", point(time=TIME + 1))) == [TIME + 1] * 2
    assert times(gauge("a"), Metric("b", "", "", Gauge(columns))) == [TIME + 2] * 2
    assert times(Metric("b", "", "", Gauge(columns.select(())))) == [TIME + 2] * 2
    assert times(Metric("b", "", "", Gauge([]))) == [0] * 2


def test_the_newest_sample_of_a_family_is_that_of_any_series():
    """Whatever the order of its series; a family without any has no time."""
    points = [point(at, {"at": at}, TIME + at) for at in (1, 3, 2)]
    [family] = Translator().translate(batch(gauge("m", *points)))
    assert family.newest == TIME + 3
    assert Family("m", Type.GAUGE, ()).newest == 0


def test_values_that_are_no_numbers_pass():
    """NaN and infinities of other people's gauges are values as any other."""
    values = [math.inf, -math.inf, math.nan, 3]
    data = batch(gauge("m", *(point(value, {"at": at}) for at, value in enumerate(values))))
    got = [value for *_, value in translated(data)]
    assert got[:2] == [math.inf, -math.inf]
    assert math.isnan(got[2])
    assert type(got[3]) is float


def test_unknown_data_costs_itself_alone(caplog):
    """A metric that Prometheus has no word for is named in a warning; the batch goes on."""
    data = batch(
        Metric("strange", "", "", SimpleNamespace(data_points=[1])),
        Metric("empty", "", "", None),
        Metric("pointless", "", "", Gauge(None)),
        gauge("日本"),
        gauge("m"),
    )
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        assert [name for name, *_ in translated(data)] == ["m"]
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "Skipped metric 'strange'",
        "Skipped metric 'empty'",
        "Skipped metric 'pointless'",
        "Skipped metric '日本'",
    ]


def test_a_bad_point_costs_itself_alone(caplog):
    """Points that cannot be read are counted in one warning that names the metric."""
    bad = [point("text"), point(10**400), point(attributes=3), point(attributes={1: "a", "b": "c"})]
    data = batch(
        gauge("m", *bad, point(7, {"a": "b"})),
        histogram(
            "h",
            histogram_point([1], [0.5, 1]),
            histogram_point([1, 2, 3], [0.5, 0.5]),
            histogram_point([1, 0], [0.5], total="text"),
        ),
    )
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        assert translated(data) == [("m", {"a": "b"}, TIME, 7.0)]
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "Skipped 4 data points of metric 'm'",
        "Skipped 3 data points of metric 'h'",
    ]


def exemplar(value=1.5, attributes=None, trace=0xAB, span=0xCD):
    return Exemplar(attributes, value, nanos(TIME - 1), span, trace)


def test_counters_carry_exemplars():
    """Trace and span are labels in hexadecimal, attributes that a view dropped go along."""
    data = batch(counter("m", point(exemplars=[exemplar(attributes={"user.id": 5})])))
    [series] = Translator().translate(data)[0].series
    labels = (("span_id", "cd".zfill(16)), ("trace_id", "ab".zfill(32)), ("user_id", "5"))
    assert series.exemplars == (SeriesExemplar(labels, TIME - 1, 1.5),)


def test_exemplars_stay_within_the_limit():
    """Attributes that would exceed 128 characters are dropped, the trace is not."""
    data = batch(counter("m", point(exemplars=[exemplar(attributes={"q": "x" * 65})])))
    [series] = Translator().translate(data)[0].series
    assert [name for name, _ in series.exemplars[0].labels] == ["span_id", "trace_id"]


def test_gauges_carry_no_exemplars():
    """The specification drops exemplars of anything but counters and histograms."""
    data = batch(gauge("m", point(exemplars=[exemplar()])))
    assert Translator().translate(data)[0].series[0].exemplars == ()


def test_translating_again_gives_the_same():
    """Gauges and cumulative sums leave no trace in the translator."""
    translator, data = Translator(), batch(gauge("a"), counter("b"))
    assert samples(translator.translate(data)) == samples(translator.translate(data))
