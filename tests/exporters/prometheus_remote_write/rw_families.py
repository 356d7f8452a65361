"""Families of any kind, for the tests of what is made of them."""

from array import array
from itertools import chain

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Sample,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import AttributeTable, PointColumns, PointDetails

at_any_pace = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine takes long to think of families; that is no finding."""

TIMES = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(min_size=1, max_size=6)
NAMES = st.text("abc_", min_size=1, max_size=3)
TYPES = st.sampled_from(Type)

LABELS = st.dictionaries(NAMES, TEXT, max_size=3).map(lambda found: tuple(sorted(found.items())))
EXEMPLARS = st.builds(SeriesExemplar, LABELS, TIMES, st.floats())
SAMPLES = st.lists(st.builds(Sample, TIMES, st.floats()), min_size=1, max_size=3,
                   unique_by=lambda one: one.timestamp).map(sorted)  # fmt: skip


@st.composite
def plain_families(draw):
    name = draw(NAMES)
    pairs = tuple(sorted({**dict(draw(LABELS)), "__name__": name}.items()))
    series = Series(pairs, draw(SAMPLES), tuple(draw(st.lists(EXEMPLARS, max_size=2))), draw(TIMES))
    return Family(name, draw(TYPES), [series], draw(st.text(max_size=5)), draw(st.text(max_size=3)))


NANOSECONDS = st.integers(-(2**62), 2**62) | st.just(-1_000_000) | st.just(0)


def details_of(count):
    """What columns of so many points say of single ones, if anything."""
    column = st.lists(NANOSECONDS, min_size=count, max_size=count).map(
        lambda all_: array("q", all_)
    )
    return st.none() | st.builds(PointDetails, st.none() | column, st.none() | column)


CELLS = st.sampled_from(["", "a", "é"]) | st.text(max_size=3)


@st.composite
def column_families(draw):
    """Families over one or two tables, with labels from columns at any place among the others.

    Some have the same rows and time, and some the same labels but for their names. Some say times
    of their own, or starts, or have exemplars.
    """
    families = []
    for table_number in range(draw(st.integers(1, 2))):
        keys = draw(st.lists(NAMES, unique=True, max_size=3))
        rows = draw(st.lists(st.tuples(*[CELLS] * len(keys)), unique=True, max_size=9))
        table = AttributeTable.of(keys, rows)
        cells = st.lists(st.none() | st.floats(), min_size=len(rows), max_size=len(rows))
        full = st.lists(st.floats(), min_size=len(rows), max_size=len(rows))
        holes = draw(st.sets(st.sampled_from(range(len(rows))))) if rows else ()
        time = draw(st.integers(0, 2**60))
        details = {}
        is_detailed = draw(st.booleans())
        for number in range(draw(st.integers(1, 4))):
            constant = draw(st.dictionaries(st.sampled_from("BXxyz"), TEXT, max_size=2))
            values = draw(cells | full)
            if draw(st.booleans()):
                values = [None if row in holes else 0.5 for row in range(len(rows))]
            at = draw(st.just(time) | st.integers(0, 2**60))
            points = PointColumns.of(table, values, time_unix_nano=at)
            points.start_time_unix_nano = draw(st.integers(0, 2**60))
            if is_detailed:
                own = details_of(len(points))
                shared = details.setdefault(len(points), draw(own))
                points.details = draw(st.just(shared) | own)
            named = {"__name__": f"m{table_number}{number}", **constant}
            columns = dict(zip(keys, table.columns, strict=True))
            found = {}
            if is_detailed and points:
                places = st.integers(0, len(points) - 1)
                found = draw(st.dictionaries(places, st.tuples(EXEMPLARS), max_size=2))
            series = ColumnSeries(sorted((columns | named).items()), points, found)
            families.append(Family(named["__name__"], draw(TYPES), series, draw(TEXT), "By"))
    return families


FAMILIES = st.lists(st.lists(plain_families(), max_size=3) | column_families(), max_size=3).map(
    lambda groups: list(chain.from_iterable(groups))
)
"""Both kinds side by side."""
