"""Each pipeline gets every scrape once, and none is kept for whoever does not come."""

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.pdata import MOST, metrics_of
from otel_kubecost.receivers.prometheus.outbox import ROOM, Outbox, Scraped, joined


class Target:
    """As much of one as an outbox looks at."""

    is_gone = False


def scraped(of, number=0, points=1):
    return Scraped(of, MetricsData([metrics_of({"number": str(number)}, [])]), points)


def numbers(batches):
    return [
        [one.resource.attributes["number"] for one in batch.resource_metrics] for batch in batches
    ]


def test_every_tap_gives_all_once():
    """Each in its own time."""
    outbox, one, other = Outbox(), Target(), Target()
    first, second = outbox.tap(), outbox.tap()
    outbox.put(scraped(one, 1))
    assert numbers(first.collect(0.0)) == [["1"]]
    outbox.put(scraped(other, 2))
    assert numbers(first.collect(0.0)) == [["2"]]
    assert numbers(first.collect(0.0)) == []
    assert numbers(second.collect(0.0)) == [["1", "2"]]


def test_a_target_waits_for_the_slowest_tap():
    """And not for one that was closed."""
    outbox, one, other = Outbox(), Target(), Target()
    quick, slow = outbox.tap(), outbox.tap()
    for number in range(ROOM):
        assert outbox.has_room(one)
        outbox.put(scraped(one, number))
        list(quick.collect(0.0))
    assert not outbox.has_room(one)
    assert outbox.has_room(other)
    slow.close()
    slow.close()
    assert outbox.has_room(one)


def test_a_tap_that_collects_makes_room():
    """Scrapes go on then."""
    outbox, one = Outbox(), Target()
    tap = outbox.tap()
    for number in range(ROOM):
        outbox.put(scraped(one, number))
    list(tap.collect(0.0))
    assert outbox.has_room(one)


def test_nothing_comes_after_an_end():
    """Of a target that is gone, or of all: a scrape may have been under way."""
    outbox, one, other = Outbox(), Target(), Target()
    tap = outbox.tap()
    outbox.end(one, scraped(one, 1).data)
    outbox.end(one, scraped(one, 2).data)
    outbox.put(scraped(one, 3))
    outbox.put(scraped(other, 4))
    outbox.close()
    outbox.put(scraped(other, 5))
    assert numbers(tap.collect(0.0)) == [["1", "4"]]


def test_a_target_is_once_in_a_batch():
    """One batch has one time for a target, and some ten thousand points."""
    one, other = Target(), Target()
    each = [scraped(one, 1), scraped(other, 2), scraped(one, 3), scraped(other, 4, MOST)]
    assert numbers(joined(each)) == [["1", "2"], ["3"], ["4"]]
