"""What flows between components: the SDK's ``MetricsData``, columnar inside and lazy outside."""

from otel_kubecost.pdata.batch import (
    NANOSECONDS,
    count_points,
    each_metric,
    emptied,
    gauge,
    map_columns,
    map_scopes,
    metrics_of,
    nanoseconds,
    restamp,
    with_ended,
)
from otel_kubecost.pdata.columns import AttributeTable, PointColumns, StringColumn, columns_of

__all__ = [
    "NANOSECONDS",
    "AttributeTable",
    "PointColumns",
    "StringColumn",
    "columns_of",
    "count_points",
    "each_metric",
    "emptied",
    "gauge",
    "map_columns",
    "map_scopes",
    "metrics_of",
    "nanoseconds",
    "restamp",
    "with_ended",
]
