"""Reading an answer while it arrives gives what reading it at once gives, wherever it is cut."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_tables import NAMESPACES, content

from otel_kubecost.errors import ScrapeError
from otel_kubecost.receivers.kubecost import stream
from otel_kubecost.receivers.kubecost.allocation import decode
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.stream import AllocationStream
from otel_kubecost.receivers.kubecost.table import RowTable

CASES = sorted(Path(__file__).parents[2].glob("testcases/*/**/*.json"))
ROW = (
    b'{"name":"x/a","properties":{"cluster":"x","labels":{"t":"},\\"k\\":{\\"name\\":"}},'
    b'"window":{"start":"2026-09-01T00:00:00Z","end":"2026-09-02T00:00:00Z"},"totalCost":1.5}'
)
TWO = b'{"code":200,"data":[{"x/a":' + ROW + b',"x/b":' + ROW + b"}]}"


POD_COSTS = Projection(("cluster", "namespace", "pod"), ("cpu_cost", "total_cost"), spans=False)
PROJECTIONS = [NAMESPACES, POD_COSTS, Projection(("cluster", "label:team"))]


def at_once(body: bytes, projection: Projection = NAMESPACES) -> Any:
    """The plain path: the whole body, whole rows, and each row by itself."""
    try:
        table = RowTable(projection)
        table.add(decode(body))
        return content(table) if len(table) else "NoDataError"
    except ScrapeError as error:
        return type(error).__name__


def arriving(pieces: list[bytes], projection: Projection = NAMESPACES) -> tuple[Any, bytes]:
    """What it says, and the beginning that is kept."""
    reading = AllocationStream(RowTable(projection))
    try:
        for piece in pieces:
            reading.feed(piece)
        return content(reading.finish()), reading.beginning
    except ScrapeError as error:
        return type(error).__name__, reading.beginning


@pytest.fixture(params=[1, 40, 300])
def small_windows(monkeypatch, request):
    monkeypatch.setattr(stream, "WINDOW", request.param)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("projection", PROJECTIONS, ids=["all", "few", "labels"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_case_reads_the_same(path, projection):
    """Sets, nulls, rows of another shape, errors and what is no JSON, with all fields or few."""
    body = path.read_bytes()
    found, beginning = arriving([body[at : at + 97] for at in range(0, len(body), 97)], projection)
    assert found == at_once(body, projection)
    assert body.startswith(beginning)


@pytest.mark.usefixtures("small_windows")
def test_every_cut_reads_the_same():
    """In a key, a number, an escape, between rows: two pieces are one answer."""
    for at in range(len(TWO) + 1):
        assert arriving([TWO[:at], TWO[at:]])[0] == at_once(TWO)


LABELS = Projection(("cluster", "label:team"), ("total_cost",), spans=False)


@pytest.mark.parametrize("window", [60, 100, 250])
@pytest.mark.parametrize("projection", [LABELS, POD_COSTS])
def test_rows_with_labels_are_let_go_with_their_window(projection, window, monkeypatch):
    """Labels of a row refer to the bytes they came in; the next window takes their place. So do
    those of whole rows, as which rows are read where one of them has no total."""
    monkeypatch.setattr(stream, "WINDOW", window)
    labels = {"cluster": "x", "namespace": "s", "pod": "p", "labels": {"team": "a", "app": "b"}}
    rows = {
        f"x/{number}": {"name": f"x/{number}", "properties": labels, "cpuCost": 1.0, "ramCost": 2.0}
        | ({"totalCost": 3.0} if number % 3 else {})
        for number in range(30)
    }
    body = json.dumps({"code": 200, "data": [rows]}, separators=(",", ":")).encode()
    found, _ = arriving([body[at : at + 50] for at in range(0, len(body), 50)], projection)
    assert found == at_once(body, projection)


@pytest.mark.usefixtures("small_windows")
def test_every_early_end_is_refused():
    """An answer that breaks off has no costs, however much of it was read."""
    for end in range(len(TWO)):
        assert arriving([TWO[:end]])[0] == at_once(TWO[:end]) == "ScrapeError"


_TEXT = st.text('ab"{}[],:\\\u00e9 ', max_size=6)
_VALUE = st.none() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
_ROWS = st.dictionaries(
    _TEXT,
    st.none()
    | st.fixed_dictionaries(
        {"name": _TEXT, "totalCost": _VALUE},
        optional={"properties": st.dictionaries(_TEXT, _TEXT), "cpuCost": st.floats(0, 9)},
    ),
    max_size=12,
)


@given(
    sets=st.lists(st.none() | _ROWS, max_size=3),
    spaced=st.booleans(),
    pieces=st.integers(1, 200),
    window=st.integers(1, 400),
    projection=st.sampled_from(PROJECTIONS),
)
def test_whatever_stands_in_it_reads_the_same(sets, spaced, pieces, window, projection):
    """Brackets and quotes in names, rows of any shape, several sets, any window."""
    separators = (", ", ": ") if spaced else (",", ":")
    body = json.dumps({"code": 200, "data": sets}, separators=separators).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "WINDOW", window)
        parts = [body[at : at + pieces] for at in range(0, len(body), pieces)]
        found, _ = arriving(parts, projection)
    assert found == at_once(body, projection)


def test_rows_are_read_before_the_end(monkeypatch):
    """The bytes of what was read are let go: what stays is a window and a row."""
    monkeypatch.setattr(stream, "WINDOW", 2000)
    reading = AllocationStream(RowTable(NAMESPACES))
    body = (
        b'{"code":200,"data":[{'
        + b",".join(b'"x/%d":' % number + ROW for number in range(500))
        + b"}]}"
    )
    for at in range(0, len(body), 500):
        reading.feed(body[at : at + 500])
        assert len(reading._buffer) < 2000 + 500 + len(ROW)
    assert content(reading.finish()) == at_once(body)


def test_an_error_is_known_from_its_head(monkeypatch):
    """What comes behind it is not waited for."""
    monkeypatch.setattr(stream, "WINDOW", 20)
    with pytest.raises(ScrapeError, match="no Prometheus"):
        AllocationStream(RowTable(NAMESPACES)).feed(
            b'{"code":500,"message":"no Prometheus","data":[{"a":{"name":'
        )
