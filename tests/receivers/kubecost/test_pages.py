"""Answers in pages, put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubecost_asking import DAY, NAMESPACES, T0, client_of, queries

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.allocation import Allocations
from otel_kubecost.receivers.kubecost.pages import MOST_PAGES, all_pages
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.rows import Row
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Flavour,
    SimulatedCluster,
    SimulatedKubecost,
    drip,
    null_rows,
)

PODS = Projection(("cluster", "namespace", "pod"))
ROW = Row(total_cost=1.0)


def rows(count, *, idle=("one/__idle__",)):
    return dict.fromkeys([*idle, *(f"one/{at}" for at in range(count))], ROW)


def page_of(found, **counts):
    return RowTable.of(Allocations([dict(found)], **counts), NAMESPACES, keyed=True)


def keys(table):
    return [key for _, key in table.keys]


def sorted_rows(table):
    """Names and measures, whatever the order of the rows."""
    return sorted(zip(*table.names, *table.measures.values(), strict=True))


def pager(everything, asked=None):
    """Kubecost's pages of ``everything``; idle stands on each beside what ``limit`` counts."""
    idle = {key: row for key, row in everything.items() if key.endswith("__idle__")}
    others = [key for key in everything if key not in idle]

    def ask(page):
        limit, offset = int(page["limit"]), int(page["offset"])
        if asked is not None:
            asked.append(offset)
        found = idle | {key: everything[key] for key in others[offset : offset + limit]}
        if not found:
            raise NoDataError
        return page_of(found)

    return ask


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 3))
def test_every_row_is_there_once(count, limit, clusters):
    """However many rows, whatever the size of a page, and with the idle row of every cluster."""
    idle = [f"{at}/__idle__" for at in range(clusters)]
    if not count and not clusters:
        return
    everything = rows(count, idle=idle)
    asked = []
    assert keys(all_pages(pager(everything, asked), limit)) == list(everything)
    assert len(asked) <= count // limit + 2


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 3))
def test_a_server_without_pages_is_asked_twice_at_most(count, limit, clusters):
    """It answers with everything each time, of which the second time nothing is new."""
    everything = rows(count, idle=[f"{at}/__idle__" for at in range(clusters)])
    asked = []

    def ask(page):
        asked.append(page)
        return page_of(everything, null_rows=1)

    whole = all_pages(ask, limit)
    assert keys(whole) == list(everything)
    assert whole.null_rows == 1
    assert len(asked) == 1 if count > limit or len(everything) + 1 < limit else len(asked) <= 2


def test_what_was_null_or_lenient_adds_up():
    """Over the pages, as over the rows of one."""
    pages = [
        page_of(rows(2), null_rows=1, lenient_rows=2),
        page_of({"one/x": ROW}, null_rows=1, lenient_rows=4),
    ]
    whole = all_pages(lambda page: pages[int(page["offset"]) // 3], 3)
    assert (whole.null_rows, whole.lenient_rows) == (2, 6)
    assert len(whole) == 4


def test_sets_have_pages_of_their_own():
    """A server that pages each set by itself has another page where any of them is full."""
    sets = [{f"one/{step}-{at}": ROW for at in range(4)} for step in range(2)]

    def ask(page):
        first = int(page["offset"])
        found = [dict(list(rows.items())[first : first + 3]) for rows in sets]
        return RowTable.of(Allocations(found), NAMESPACES, keyed=True)

    assert sorted(keys(all_pages(ask, 3))) == sorted(key for rows in sets for key in rows)


def test_asking_for_pages_always_ends():
    """A server that has something new on every page is refused, not followed for ever; part of
    the rows would be a wrong total."""
    with pytest.raises(ScrapeError, match=f"more than {MOST_PAGES} pages of rows; raise page_size"):
        all_pages(lambda page: page_of({f"one/{page['offset']}": ROW}), 1)


def test_a_page_that_fails_fails_the_answer():
    """Half of the costs are not the costs."""

    def ask(page):
        if page["offset"] != "0":
            raise ScrapeError("gone")
        return page_of(rows(2))

    with pytest.raises(ScrapeError, match="gone"):
        all_pages(ask, 2)


@pytest.mark.parametrize("flavour", Flavour)
def test_pages_of_any_product_are_its_whole_answer(flavour):
    """Kubecost gives pages, OpenCost everything at once; rows and their costs are the same."""
    simulated = SimulatedKubecost(SimulatedCluster(), FakeClock(T0), flavour=flavour)
    with simulated as kubecost:
        with client_of(kubecost) as client:
            whole = client.allocations(DAY, PODS)
        before = len(queries(kubecost))
        with client_of(kubecost, page_size=20) as client:
            paged = client.allocations(DAY, PODS)
        answered = len(queries(kubecost)) - before
    assert sorted_rows(paged) == sorted_rows(whole)
    assert (answered > 5) is flavour.startswith("kubecost")


def test_steps_are_not_asked_for_in_pages():
    """Kubecost has pages of accumulated rows alone."""
    with SimulatedKubecost(SimulatedCluster(), FakeClock(T0)) as kubecost:
        with client_of(kubecost, page_size=2) as client:
            found = client.allocations(DAY, NAMESPACES, accumulate=False)
            assert {one.step for one in found.times} == set(range(24))
        assert all("limit" not in query for query in queries(kubecost))


def test_a_null_row_counts_as_a_row_of_its_page():
    """A page of which a row is null is a full page."""
    with SimulatedKubecost(SimulatedCluster(), FakeClock(T0)) as kubecost:
        kubecost.script([null_rows])
        with client_of(kubecost, page_size=5) as client:
            found = client.allocations(DAY, NAMESPACES)
    assert found.null_rows == 1
    assert len(found) == 8


def test_all_pages_have_one_deadline():
    """Many pages, each within the time for a request, are late together."""
    pages = FakeKubecost(lambda query: {"code": 200, "data": [{f"one/{query.offset}": {}}]})
    with pages, client_of(pages, timeout="1s", page_size=1) as client:
        pages.script([drip(0.01)] * 100)
        with pytest.raises(ScrapeError, match="raise timeout, or ask for less"):
            client.allocations(DAY, NAMESPACES)
        assert 1 < pages.request_count < 100
