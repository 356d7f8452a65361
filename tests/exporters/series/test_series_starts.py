"""Since when totals count: what remote write 2.0 calls the start timestamp."""

from opentelemetry.sdk.metrics.export import Gauge, Metric, Sum
from series_data import (
    CUMULATIVE,
    DELTA,
    TIME,
    batch,
    counter,
    histogram,
    histogram_point,
    joined,
    nanos,
    point,
)

from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import AttributeTable, PointColumns


def starts(*batches):
    """Of each series of the last batch its name and start."""
    translator = Translator()
    for data in batches:
        families = translator.translate(data)
    return [
        (dict(series.labels)["__name__"], series.start)
        for family in families
        for series in family.series
    ]


def test_a_total_starts_when_its_point_does():
    """Milliseconds, of a counter and of each series of a histogram; 0 where nothing is said."""
    assert starts(batch(counter("m", point(start=TIME - 5)))) == [("m_total", TIME - 5)]
    assert starts(batch(counter("m", point(start=0)))) == [("m_total", 0)]
    data = histogram_point([1, 2], [0.5])
    since = type(data)(**{**vars(data), "start_time_unix_nano": nanos(TIME - 7)})
    assert {start for _, start in starts(batch(histogram("h", since)))} == {TIME - 7}


def test_deltas_start_with_the_first_of_them():
    """A total of deltas has counted since its first delta began."""
    first = batch(counter("m", point(start=TIME - 10, time=TIME), temporality=DELTA))
    second = batch(counter("m", point(start=TIME, time=TIME + 10), temporality=DELTA))
    assert starts(first, second) == [("m_total", TIME - 10)]


def test_columns_have_the_start_of_their_points():
    """Read as columns or one by one."""
    table = AttributeTable.of(("k",), [("v",), ("w",)])
    columns = PointColumns.of(table, [1.0, 2.0], time_unix_nano=nanos(TIME))
    columns.start_time_unix_nano = nanos(TIME - 3)
    data = batch(Metric("m", "", "", Sum(columns, CUMULATIVE, is_monotonic=True)))
    assert starts(data) == [("m_total", TIME - 3)] * 2
    [family] = Translator().translate(data)
    assert set(family.series.starts()) == {TIME - 3}
    assert starts(batch(Metric("m", "", "", Gauge(columns)))) == [("m", TIME - 3)] * 2


def test_a_series_of_two_starts_has_none():
    """Two scopes that count the same since different times count nothing that one could say."""
    one, other = (batch(counter("m", point(start=at)), scope=f"s{at}") for at in (1, 2))
    assert starts(joined(one, one)) == [("m_total", 1)]
    assert starts(joined(one, other)) == [("m_total", 0)]
