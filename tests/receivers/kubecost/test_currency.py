"""The currency that Kubecost's prices are in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubecost_asking import DAY, NAMESPACES, SHOP, T0, client_of

from otel_kubecost.errors import ScrapeError
from otel_kubecost.receivers.kubecost.currency import currency_code
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Flavour,
    Reply,
    hang,
    login_redirect,
    spa_page,
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"currencyCode": "EUR"}, "EUR"),
        ({"currencyCode": " eur "}, "EUR"),
        ({"currencyCode": "EURO"}, None),
        ({"currencyCode": ""}, None),
        ({"currencyCode": 978}, None),
        ({"currencyCode": "ÄÖÜ"}, None),
        ({}, None),
        (None, None),
        (["EUR"], None),
    ],
)
def test_a_code_has_three_letters(data, code):
    """Whatever else is in its place says nothing."""
    assert currency_code(json.dumps({"code": 200, "data": data}).encode()) == code


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda it: json.dumps(it)
       .encode()))  # fmt: skip
def test_whatever_is_answered_is_no_error(body):
    """The costs are good without it."""
    assert currency_code(body) is None


def asked(kubecost):
    return sum("getConfigs" in request.path for request in kubecost.requests)


@pytest.fixture
def clock():
    return FakeClock(T0)


@pytest.mark.parametrize("flavour", Flavour)
def test_who_says_it_is_believed(clock, flavour):
    """Kubecost's frontend does; its aggregator and Kubecost 3 do not, and OpenCost is not asked."""
    fake = FakeKubecost(SHOP, flavour=flavour, currency="EUR")
    with fake as kubecost, client_of(kubecost, clock) as client:
        client.allocations(DAY, NAMESPACES)
        said = flavour in {Flavour.KUBECOST_1, Flavour.KUBECOST_2}
        assert client.currency() == ("EUR" if said else None)


def test_opencost_is_asked_once_an_hour(clock):
    """It has no such path; who does is a Kubecost that only looked like it."""
    answer = {"data": [{"one/shop": {"totalCost": 1}}]}
    with FakeKubecost(answer, flavour=Flavour.OPENCOST) as opencost:
        with client_of(opencost, clock) as client:
            client.allocations(DAY, NAMESPACES)
            assert [client.currency(), client.currency()] == [None, None]
            assert client.product.name == "opencost"
        assert asked(opencost) == 1


def test_it_is_not_asked_before_there_is_an_answer(clock):
    """Where it is, is known only then."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, clock) as client:
        assert client.currency() is None
        assert kubecost.requests == []
        client.allocations(DAY, NAMESPACES)
        assert client.currency() == "USD"


def test_it_is_asked_once_an_hour_and_a_change_is_seen(clock):
    """Somebody may set it later."""
    with FakeKubecost(SHOP, currency="USD") as kubecost, client_of(kubecost, clock) as client:
        client.allocations(DAY, NAMESPACES)
        assert [client.currency() for _ in range(3)] == ["USD"] * 3
        kubecost.currency = "EUR"
        clock.advance(3599)
        assert (client.currency(), asked(kubecost)) == ("USD", 1)
        clock.advance(1)
        assert (client.currency(), asked(kubecost)) == ("EUR", 2)


NO_ANSWER = [500, 503, hang, login_redirect]
"""After these it is asked again at once: they say nothing of whether there is a currency."""
FAULTS = [*NO_ANSWER, 404, spa_page, Reply(200, b"{}"), Reply(200, b"")]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_leaves_what_was_known(clock, fault):
    """Series of another currency must not begin because a settings page was away."""
    with FakeKubecost(SHOP, currency="EUR") as kubecost:
        with client_of(kubecost, clock, timeout="300ms") as client:
            client.allocations(DAY, NAMESPACES)
            assert client.currency() == "EUR"
            clock.advance(3600)
            kubecost.script([fault])
            assert [client.currency(), client.currency()] == ["EUR", "EUR"]
        assert asked(kubecost) == (3 if fault in NO_ANSWER else 2)


@pytest.mark.parametrize("fault", [503, 429, hang])
def test_costs_wait_for_the_currency_of_a_kubecost_in_trouble(clock, fault):
    """A wrong name on them would stay for ever; it is asked again at the next mark."""
    fake = FakeKubecost(SHOP, currency="EUR")
    with fake as kubecost, client_of(kubecost, clock, timeout="300ms") as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.script([fault])
        with pytest.raises(ScrapeError, match="set currency"):
            client.currency()
        assert client.currency() == "EUR"


def test_a_currency_that_is_taken_out_of_the_settings_is_gone(clock):
    """An agent that began later does not know what it was."""
    with FakeKubecost(SHOP, currency="EUR") as kubecost, client_of(kubecost, clock) as client:
        client.allocations(DAY, NAMESPACES)
        assert client.currency() == "EUR"
        clock.advance(3600)
        kubecost.script([Reply(200, b'{"code":200,"data":{"CPU":"28"}}', "application/json")])
        assert client.currency() is None


@pytest.mark.parametrize("fault", [500, 404, spa_page, login_redirect, Reply(200, b"{}")])
def test_an_answer_that_names_none_is_no_currency(clock, fault):
    """And no error: many products have none."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, clock, timeout="300ms") as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.script([fault])
        assert client.currency() is None


def test_a_product_at_another_path_has_a_currency_of_its_own(clock):
    """What the one before it said is not said of its prices; who takes its place is asked at
    once, not when an hour is over."""
    with FakeKubecost(SHOP, currency="EUR") as kubecost, client_of(kubecost, clock) as client:
        client.allocations(DAY, NAMESPACES)
        assert client.currency() == "EUR"
        kubecost.flavour = Flavour.KUBECOST_2_AGGREGATOR
        client.allocations(DAY, NAMESPACES)
        assert client.currency() is None
        kubecost.flavour = Flavour.KUBECOST_2
        client.allocations(DAY, NAMESPACES)
        assert client.currency() == "EUR"


def without_etag(_):
    return Reply(200, b'{"data":[{"one/shop":{"totalCost":1}}]}', "application/json")


def test_who_says_a_currency_is_kubecost(clock):
    """OpenCost has no such path: a proxy that strips headers does not hide the product."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, clock) as client:
        kubecost.script([without_etag])
        client.allocations(DAY, NAMESPACES)
        assert client.product.name == "unknown"
        assert client.currency() == "USD"
        assert client.product.name == "kubecost"
