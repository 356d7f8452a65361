"""Exemplars of a page."""

import pytest
from page_reading import NOW, read, reader

from otel_kubecost.receivers.prometheus.exposition import OPENMETRICS, ExpositionError

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def exemplars(page):
    """By metric and place of the point."""
    return {
        (metric.name, place): found
        for metric in page.metrics
        if metric.data.data_points.details
        for place, found in (metric.data.data_points.details.exemplars or {}).items()
    }


def page_of(*lines):
    return ("# TYPE a counter\n" + "".join(f"{line}\n" for line in lines) + "# EOF\n").encode()


def test_an_exemplar_says_its_trace_and_what_else_it_has():
    """The ids as numbers, the rest as attributes; its own time, or else that of its sample."""
    body = page_of(
        "a_total 1",
        f'b_total 1 # {{trace_id="{TRACE}",span_id="{SPAN}",user="u"}} 0.5 1600000000.5',
        "c_total 1 # {} 2",
    )  # fmt: skip
    found = exemplars(read(body, OPENMETRICS))
    (first,), (second,) = found["b_total", 0], found["c_total", 0]
    assert (first.trace_id, first.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert (first.value, first.filtered_attributes) == (0.5, {"user": "u"})
    assert first.time_unix_nano == 1_600_000_000_500_000_000
    assert (second.trace_id, second.span_id, second.filtered_attributes) == (None, None, {})
    assert second.time_unix_nano == NOW * 1_000_000


@pytest.mark.parametrize("text", [TRACE[:-1], TRACE.upper(), "0" * 32, "x" * 32])
def test_an_id_that_a_number_would_spell_otherwise_stays_text(text):
    """What remote write sends is what the page says."""
    body = page_of(f'a_total 1 # {{trace_id="{text}"}} 1')
    ((exemplar,),) = exemplars(read(body, OPENMETRICS)).values()
    assert exemplar.trace_id is None
    assert exemplar.filtered_attributes == {"trace_id": text}


def test_an_exemplar_is_passed_on_once():
    """Until its line has another one, wherever that line then stands."""
    by = reader()
    one, other = 'a_total{x="#"} 1 # {id="# 1"} 1', 'a_total{x="#"} 1 # {id="2"} 1'
    found = [
        len(exemplars(by.read([page_of(*lines)], OPENMETRICS, NOW + number)))
        for number, lines in enumerate([[one], [one], ["a_total 1", one], ["a_total 1", other]])
    ]
    assert found == [1, 0, 0, 1]


def test_lines_with_exemplars_keep_their_tables():
    """They are looked up one by one, and are the same rows."""
    by = reader()
    bodies = [page_of('a_total{x="1"} 1', f'a_total{{x="2"}} 2 # {{id="{n}"}} 1') for n in range(2)]
    first, second = (by.read([body], OPENMETRICS, NOW).metrics[0] for body in bodies)
    assert second.data.data_points.table is first.data.data_points.table


def test_an_exemplar_that_cannot_be_read_fails_a_series_that_is_known():
    """The short way through known lines lets nothing pass that the long one refuses."""
    by = reader()
    by.read([page_of("a_total 1 # {} 1")], OPENMETRICS, NOW)
    for bad in ("{} x", '{a="1} 1', "{}"):
        with pytest.raises(ExpositionError):
            by.read([page_of(f"a_total 1 # {bad}")], OPENMETRICS, NOW)
