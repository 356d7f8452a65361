"""Columns of points: the fast path gives what the plain path gives."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import Gauge, Metric, Sum
from series_data import CUMULATIVE, DELTA, TIME, batch, joined, nanos, translated

from otel_kubecost.exporters.series.model import ColumnSeries
from otel_kubecost.exporters.series.translate import Translation, Translator
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn, map_scopes

NAMESPACES = AttributeTable.of(("k8s.namespace.name",), [("default",), ("shop",), ("kube-system",)])


class UnreadablePoints(PointColumns):
    """Columns that must not become points."""

    def __iter__(self):
        raise AssertionError("points were built")


def columns(table=NAMESPACES, values=(1.0, None, 3.0), cls=PointColumns, **constant):
    return cls.of(table, values, constant=constant, time_unix_nano=nanos(TIME))


def gauge(name, points):
    return Metric(name, "", "", Gauge(points))


def as_lists(data):
    """The same batch with every column of points as a list."""
    return map_scopes(
        data,
        lambda _, metrics: [
            replace(metric, data=replace(metric.data, data_points=list(metric.data.data_points)))
            for metric in metrics
        ],
    )


def test_columns_are_translated_without_being_read():
    """Costs become series of columns; no point is built, unknown values have no series."""
    points = columns(cls=UnreadablePoints, currency="USD")
    data = batch(gauge("cost", points), resource={"tenant.id": "t", "k8s.cluster.name": "prod"})
    [family] = Translator().translate(data)
    assert isinstance(family.series, ColumnSeries)
    assert [dict(series.labels) for series in family.series] == [
        {
            "__name__": "cost",
            "cluster": "prod",
            "currency": "USD",
            "namespace": name,
            "tenant_id": "t",
        }
        for name in ("default", "kube-system")
    ]
    assert [series.samples for series in family.series] == [((TIME, 1.0),), ((TIME, 3.0),)]


class ReadOnce(Sequence):
    """Strings of a column, each of which may be looked at once."""

    def __init__(self, strings):
        self._strings = strings
        self.read = 0

    def __len__(self):
        return len(self._strings)

    def __getitem__(self, at):
        found = self._strings[at]
        self.read += len(found) if isinstance(at, slice) else 1
        assert self.read <= len(self._strings)
        return found


def test_a_table_is_looked_at_once_for_all_metrics_over_it():
    """Whether its strings can be labels is the same for each; so are the labels but the name."""
    known = StringColumn.of(f"n{at}" for at in range(10_000))
    strings = ReadOnce(known.values)
    table = AttributeTable(["k8s.namespace.name"], [StringColumn(known.codes, strings)], 10_000)
    points = [columns(table, [1.0] * 10_000, currency="USD") for _ in range(3)]
    families = Translator().translate(batch(*map(gauge, "abc", points)))
    assert [dict(family.series.shape)["__name__"] for family in families] == ["a", "b", "c"]
    assert {family.series.labels[1:] for family in families} == {families[0].series.labels[1:]}
    assert strings.read == 10_000


def test_metrics_over_one_table_may_differ_in_what_is_constant():
    """A ratio has no currency; a cost may be in another."""
    points = [columns(currency="USD"), columns(), columns(currency="EUR")]
    families = Translator().translate(batch(*map(gauge, "abc", points)))
    assert [dict(one.series.shape).get("currency") for one in families] == ["USD", None, "EUR"]


def test_labels_of_columns_are_sorted_by_their_new_names():
    """The order is that of the translated names, though the keys sort otherwise."""
    table = AttributeTable.of(("k8s.pod.name", "k8s.namespace.name"), [("p", "n")])
    [family] = Translator().translate(batch(gauge("m", columns(table, (1.0,), zone="z"))))
    assert [name for name, _ in family.series.labels] == ["__name__", "namespace", "pod", "zone"]


def test_cumulative_sums_are_columns_too():
    """A counter over columns stays columns; one of deltas is read, to be added up."""

    def family(temporality):
        data = batch(Metric("m", "", "", Sum(columns(), temporality, is_monotonic=True)))
        return Translator().translate(data)[0]

    assert isinstance(family(CUMULATIVE).series, ColumnSeries)
    assert not isinstance(family(DELTA).series, ColumnSeries)
    assert [s.samples for s in family(CUMULATIVE).series] == [
        s.samples for s in family(DELTA).series
    ]


@pytest.mark.parametrize(
    ("keys", "rows", "constant", "resource"),
    [
        (("a.b", "a_b"), [("1", "2"), ("2", "1")], {}, {}),
        (("a.b",), [("1",), ("2",)], {"a_b": "3"}, {}),
        (("a",), [("1",), ("2",)], {"a": "3"}, {}),
        (("__meta", "a"), [("1", "x"), ("2", "x")], {}, {}),
        (("a",), [("\ud800",), ("\ud801",)], {}, {}),
        (("tenant.id",), [("",), ("t",)], {}, {"tenant.id": "t"}),
    ],
    ids=[
        "colliding keys",
        "constant collides",
        "constant hides",
        "reserved",
        "invalid",
        "inherited",
    ],
)
def test_columns_that_cannot_be_labels_are_read_row_by_row(keys, rows, constant, resource):
    """Where translation could make rows equal, each series still comes once."""
    points = columns(AttributeTable.of(keys, rows), (1.0, 2.0), **constant)
    data = batch(gauge("m", points), resource=resource)
    [family] = Translator().translate(data)
    assert not isinstance(family.series, ColumnSeries)
    assert translated(data) == translated(as_lists(data))


def clusters(*batches):
    return joined(
        *(
            batch(*metrics, resource={"k8s.cluster.name": name})
            for name, metrics in zip("ab", batches, strict=True)
        )
    )


def test_two_clusters_stay_columns():
    """A label that is another for each cluster keeps their series apart; none is looked at."""
    metrics = [gauge("m", columns(cls=UnreadablePoints)), gauge("n", columns())]
    scopes = Translator().by_scope(clusters(metrics, metrics))
    series = [family.series for scope in scopes for family in scope.families]
    assert [type(one) for one in series] == [ColumnSeries] * 4
    assert [dict(one.shape)["cluster"] for one in series] == ["a", "a", "b", "b"]


def test_two_clusters_are_one_family_where_families_are_asked_for():
    """Flattened, a name is one family, with the rows of both."""
    data = clusters([gauge("m", columns())], [gauge("m", columns())])
    [family] = Translator().translate(data)
    assert [dict(series.labels)["cluster"] for series in family.series] == ["a", "a", "b", "b"]


PODS = AttributeTable.of(("k8s.namespace.name", "k8s.pod.name"), [("shop", "p"), ("default", "")])
OTHER_PODS = AttributeTable.of(("k8s.namespace.name", "k8s.pod.name"), [("shop", "p"), ("x", "")])


@pytest.mark.parametrize(
    "points",
    [columns(cls=UnreadablePoints, zone="z"), columns(OTHER_PODS, (1.0, 2.0), UnreadablePoints)],
    ids=["one has more labels", "other columns"],
)
def test_families_without_a_series_in_common_stay_columns(points):
    """Of several scopes, or as pieces of one family."""
    metrics = gauge("m", columns(cls=UnreadablePoints)), gauge("m", points)
    for data in (
        joined(*(batch(one, scope=scope) for one, scope in zip(metrics, "ab", strict=True))),
        batch(*metrics),
    ):
        scopes = Translator().by_scope(data)
        families = [family for scope in scopes for family in scope.families]
        assert sum(len(family.chunks) for family in families) == 2


@pytest.mark.parametrize(
    "metrics",
    [
        [gauge("m", columns()), gauge("m", columns())],
        [gauge("m", columns()), gauge("m", columns(PODS, (1.0, 2.0)))],
        [gauge("m", columns(currency="USD")), gauge("m", list(columns()))],
    ],
    ids=["nothing differs", "other columns, one row the same", "a plain list"],
)
def test_families_that_share_a_series_are_read_row_by_row(metrics):
    """Where labels alone do not keep two of one name apart, each series still comes once."""
    data = joined(*(batch(one, scope=scope) for one, scope in zip(metrics, "ab", strict=True)))
    scopes = Translator().by_scope(data)
    built = [one for scope in scopes for family in scope.families for one in family.series]
    assert not any(isinstance(f.series, ColumnSeries) for scope in scopes for f in scope.families)
    assert len({one.labels for one in built}) == len(built)
    assert plain(scopes) == plain(Translator().by_scope(as_lists(data)))


def test_empty_columns_are_no_family():
    """Columns without points are left out, and do not stand in the way of others of their name."""
    empty = columns().select(())
    data = joined(batch(gauge("m", empty), scope="a"), batch(gauge("m", columns()), scope="b"))
    first, second = Translator().by_scope(data)
    assert first.families == []
    assert isinstance(second.families[0].series, ColumnSeries)


KEYS = [
    "k8s.pod.name",
    "pod",
    "a.b",
    "a_b",
    "tenant.id",
    "__name__",
    "currency",
    "9",
    "le",
    "zone",
    "Z",
]
TEXTS = st.text(max_size=2) | st.sampled_from(["", "x", "\ud800", "\ud801", "é", '"\\\n'])


@st.composite
def tables(draw):
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
    rows = st.tuples(*(TEXTS for _ in keys))
    return AttributeTable.of(keys, draw(st.lists(rows, unique=True, max_size=6)))


@st.composite
def points(draw):
    table = draw(tables())
    values = draw(
        st.lists(st.none() | st.floats(allow_nan=False), min_size=len(table), max_size=len(table))
    )
    constant = draw(st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=2))
    return columns(table, values, **constant)


@st.composite
def batches(draw):
    def metric():
        name = draw(st.sampled_from(["m", "n", "o.p", "n_total"]))
        series = draw(points())
        if draw(st.booleans()):
            return gauge(name, series)
        return Metric(name, "", "", Sum(series, CUMULATIVE, is_monotonic=draw(st.booleans())))

    resources = st.dictionaries(st.sampled_from([*KEYS, "service.name"]), TEXTS, max_size=2)
    return joined(
        *(
            batch(*(metric() for _ in range(draw(st.integers(0, 3)))), resource=draw(resources))
            for _ in range(draw(st.integers(1, 2)))
        )
    )


@settings(deadline=None, max_examples=400)
@given(batches())
def test_columns_and_lists_are_translated_alike(data):
    """Any batch of columns gives the series, in the order, that the same batch of lists gives."""
    translation = Translation(external_labels={"zone": "eu"})
    by_columns = Translator(translation).by_scope(data)
    by_lists = Translator(translation).by_scope(as_lists(data))
    assert plain(by_columns) == plain(by_lists)


def plain(scopes):
    return [
        (
            origin,
            [
                (family.name, family.type, [tuple(one) for one in family.series])
                for family in families
            ],
        )
        for origin, families, *_ in scopes
    ]
