"""What flows between components: the SDK's ``MetricsData``, columnar inside and lazy outside."""

from otel_kubecost.pdata.batch import (
    count_points,
    each_metric,
    each_scope,
    emptied,
    gauge,
    map_scopes,
    metrics_of,
    nanoseconds,
    restamp,
    stamped,
    time_if_restamped,
    with_ended,
)
from otel_kubecost.pdata.chunks import MOST, chunks
from otel_kubecost.pdata.coalescing import coalesced
from otel_kubecost.pdata.columns import AttributeTable, PointColumns, StringColumn, columns_of
from otel_kubecost.pdata.details import PointDetails
from otel_kubecost.pdata.otlp_terms import in_otlp_terms, metadata_of
from otel_kubecost.pdata.parts import HistogramParts, Parts, SummaryParts
from otel_kubecost.pdata.scraped import (
    SCRAPE_ATTRIBUTES,
    ExpositionType,
    ScrapedMetric,
    TargetScope,
    is_scraped,
)
from otel_kubecost.pdata.summary import Summary, SummaryDataPoint, ValueAtQuantile

__all__ = [
    "MOST",
    "SCRAPE_ATTRIBUTES",
    "AttributeTable",
    "ExpositionType",
    "HistogramParts",
    "Parts",
    "PointColumns",
    "PointDetails",
    "ScrapedMetric",
    "StringColumn",
    "Summary",
    "SummaryDataPoint",
    "SummaryParts",
    "TargetScope",
    "ValueAtQuantile",
    "chunks",
    "coalesced",
    "columns_of",
    "count_points",
    "each_metric",
    "each_scope",
    "emptied",
    "gauge",
    "in_otlp_terms",
    "is_scraped",
    "map_scopes",
    "metadata_of",
    "metrics_of",
    "nanoseconds",
    "restamp",
    "stamped",
    "time_if_restamped",
    "with_ended",
]
