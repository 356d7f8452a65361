"""OpenCost's queries with idle that never end (opencost issue 3999)."""

import pytest
from kubecost_asking import DAY, NAMESPACES, OPENCOST_SHOP, SHOP, T0, client_of, queries

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.testing import FakeClock, FakeKubecost, Flavour, hang, idle_hangs

OPENCOST = Flavour.OPENCOST_1_121


@pytest.fixture
def clock():
    return FakeClock(T0)


def idles(kubecost):
    return [query["includeIdle"] for query in queries(kubecost)]


def test_a_query_that_hangs_is_asked_once_more_without_idle(clock):
    """The costs of the namespaces are worth more than no costs, and the answer says what it
    lacks."""
    with FakeKubecost(idle_hangs(OPENCOST_SHOP), flavour=OPENCOST) as opencost:
        with client_of(opencost, clock, timeout="300ms") as client:
            allocations = client.allocations(DAY, NAMESPACES)
        assert allocations.without_idle
        assert len(allocations)
        assert idles(opencost)[-1] == "false"
        assert opencost.requests[-1].query["idle"] == "false"


def test_for_an_hour_idle_is_not_asked_for_again(clock):
    """Every time-out would hold up the other queries; after an hour it may have been mended."""
    with FakeKubecost(idle_hangs(OPENCOST_SHOP), flavour=OPENCOST) as opencost:
        with client_of(opencost, clock, timeout="300ms") as client:
            client.allocations(DAY, NAMESPACES)
            clock.advance(3599)
            assert client.allocations(DAY, NAMESPACES).without_idle
            clock.advance(1)
            opencost.answer(OPENCOST_SHOP)
            assert not client.allocations(DAY, NAMESPACES).without_idle
        asked = idles(opencost)
    # Two of each find the path; then once without and, when the hour is over, once with.
    assert asked == ["true", "true", "false", "false", "false", "true"]


def test_the_first_error_counts_when_it_fails_without_idle_too(clock):
    """An OpenCost that answers nothing has another trouble, and idle is asked for as before."""
    with FakeKubecost(OPENCOST_SHOP, flavour=OPENCOST) as opencost:
        with client_of(opencost, clock, timeout="300ms") as client:
            client.allocations(DAY, NAMESPACES)
            opencost.script([hang, 503])
            with pytest.raises(ScrapeError, match=r"no whole answer within 0\.3 s"):
                client.allocations(DAY, NAMESPACES)
            assert not client.allocations(DAY, NAMESPACES).without_idle
        assert idles(opencost)[-3:] == ["true", "false", "true"]


def test_an_answer_without_data_shows_that_idle_hangs(clock):
    """It is an answer: the window that is asked for next does not wait for another time-out."""
    with FakeKubecost(idle_hangs({"code": 200, "data": [{}]}), flavour=OPENCOST) as opencost:
        with client_of(opencost, clock, timeout="300ms") as client:
            for _ in range(2):
                with pytest.raises(NoDataError):
                    client.allocations(DAY, NAMESPACES)
        assert idles(opencost)[-2:] == ["false", "false"]


def test_kubecost_is_not_asked_twice(clock):
    """Its idle does not hang; what takes too long would take as long again."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, clock, timeout="300ms") as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.script([hang])
        with pytest.raises(ScrapeError, match="raise timeout, or ask for less"):
            client.allocations(DAY, NAMESPACES)
        assert len(queries(kubecost)) == 2


def test_a_kubecost_that_was_slow_once_is_asked_for_idle_again(clock):
    """Before its first answer nobody knows that it is one; with that answer it is known."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, clock, timeout="300ms") as client:
        kubecost.script([hang])
        assert client.allocations(DAY, NAMESPACES).without_idle
        assert not client.allocations(DAY, NAMESPACES).without_idle


def test_who_does_not_want_idle_is_never_asked_twice(clock):
    """There is nothing to leave out."""
    with FakeKubecost(OPENCOST_SHOP, flavour=OPENCOST) as opencost:
        with client_of(opencost, clock, timeout="300ms", include_idle=False) as client:
            client.allocations(DAY, NAMESPACES)
            opencost.script([hang])
            with pytest.raises(ScrapeError, match="no whole answer"):
                client.allocations(DAY, NAMESPACES)
        assert idles(opencost)[-2:] == ["false", "false"]
