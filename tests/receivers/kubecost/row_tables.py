"""Tables of rows as tests make and compare them."""

from otel_kubecost.receivers.kubecost.allocation import Allocations, decode
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.stream import AllocationStream
from otel_kubecost.receivers.kubecost.table import Rows, RowTable

NAMESPACES = Projection(("cluster", "namespace"))


def rows_of(rows):
    """Namespaces with these rows."""
    by_key = {f"one/{number}": row for number, row in enumerate(rows)}
    table = RowTable.of(Allocations([by_key]), NAMESPACES)
    return Rows(table, range(len(rows)))


def decoded(body, dimensions=NAMESPACES.dimensions):
    """The plain path: whole rows of the whole body, row by row into a table."""
    return RowTable.of(decode(body), Projection(dimensions))


def streamed(body, projection=NAMESPACES):
    reading = AllocationStream(RowTable(projection))
    reading.feed(body)
    return reading.finish()


def content(table):
    """All that a table says; NaN equals NaN here."""
    measures = {name: list(map(repr, column)) for name, column in table.measures.items()}
    about = (table.kinds, table.unnamed, table.kind_keys, table.null_rows, table.lenient_rows)
    return table.names, measures, table.times, about


def named(table):
    """The last name of each row."""
    return list(table.names[-1])
