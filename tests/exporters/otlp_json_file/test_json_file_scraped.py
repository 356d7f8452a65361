"""What was scraped as lines of OTLP-JSON: the messages that the specification makes of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_file_data import parsed, said
from opentelemetry.sdk.metrics import Exemplar
from scraped_batches import (
    ExpositionType,
    in_otlp,
    pages,
    scraped,
    sparse,
    summary,
    target,
    waits,
)

from otel_kubecost.exporters.otlp_json_file.lines import LONGEST, lines
from otel_kubecost.pdata import PointColumns, PointDetails


def metric_in(*metrics):
    (line,) = lines(target(*metrics))
    ((metric,),) = (
        of_scope["metrics"]
        for of_resource in json.loads(line)["resourceMetrics"]
        for of_scope in of_resource["scopeMetrics"]
    )
    return metric


@given(pages(), st.sampled_from([300, LONGEST]))
def test_what_is_read_back_is_what_the_specification_makes_of_it(data, longest):
    """Numbers, histograms and summaries, however the lines are cut."""
    assert said(map(parsed, lines(data, longest))) == said([in_otlp(data)])


def test_the_type_is_metadata_and_the_unit_opentelemetrys():
    """By the name that the fields have in OTLP's JSON."""
    metric = metric_in(waits(queues=("a",)))
    typed = [{"key": "prometheus.type", "value": {"stringValue": "histogram"}}]
    assert (metric["metadata"], metric["unit"]) == (typed, "s")
    (point,) = metric["histogram"]["dataPoints"]
    assert (point["bucketCounts"], point["explicitBounds"]) == (["2", "1"], [1.0])


def test_a_summary_has_its_quantiles():
    """A value that nobody knows has its name, as every float has."""
    quantiles = sparse(("quantile",), [("0.5",), ("0.9",)], [0.25, float("nan")])
    count = sparse((), [()], [3.0])
    (point,) = metric_in(summary("took", quantiles, count=count))["summary"]["dataPoints"]
    assert point["quantileValues"] == [
        {"quantile": 0.5, "value": 0.25},
        {"quantile": 0.9, "value": "NaN"},
    ]
    assert point["count"] == "3"
    assert "sum" not in point


@pytest.mark.parametrize("ids", [{"trace_id": 0xAB}, {"span_id": 0xAB}])
def test_an_exemplar_keeps_the_one_id_that_it_has(ids):
    """Pages say a trace and no span mostly."""
    points = sparse((), [()], details=PointDetails(exemplars={0: [Exemplar({}, 1.0, 9, **ids)]}))
    metric = metric_in(scraped("foo_total", points, ExpositionType.COUNTER))
    (exemplar,) = metric["sum"]["dataPoints"][0]["exemplars"]
    found = {key: int(exemplar[key], 16) for key in ("traceId", "spanId") if key in exemplar}
    assert found == {{"trace_id": "traceId", "span_id": "spanId"}[key]: 0xAB for key in ids}


def test_a_gauge_of_a_page_needs_no_point(monkeypatch):
    """Nor where rows lack labels and have times of their own."""
    numbers = type(sparse((), []).values)("q", [7, 8])
    points = sparse(("a",), [("x",), ("",)], details=PointDetails(times=numbers))
    monkeypatch.delattr(PointColumns, "_point")
    first, second = metric_in(scraped("foo", points))["gauge"]["dataPoints"]
    assert (first["timeUnixNano"], len(first["attributes"])) == ("7", 1)
    assert (second["timeUnixNano"], second["attributes"]) == ("8", [])
