"""The receiver scrapes what its jobs name, and says what came of it."""

import threading
import time

import pytest
from scraping import REPORT, Target, job, series, until, values

from otel_kubecost.pdata import count_points, each_metric
from otel_kubecost.receivers.prometheus import PrometheusReceiver
from otel_kubecost.receivers.prometheus.outbox import ROOM
from otel_kubecost.testing import FakeClock, Reply

START = 1_700_000_000.0
GOOD = b"a 1\nb 2\nc 3\ndrop 4\n"
NO_DROP = {"source_labels": ["__name__"], "regex": "drop", "action": "drop"}
COUNTS = (
    "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added",
)  # fmt: skip


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def receiver(clock):
    """Makes receivers of jobs and shuts them down."""
    made = []

    def make(*jobs, **options):
        made.append(PrometheusReceiver(scrape_configs=list(jobs), clock=clock, **options))
        return made[-1]

    yield make
    for one in made:
        one.shutdown()


@pytest.fixture
def scrapes(clock):
    """What comes of the next scrapes of ``receiver``: ``count`` batches of targets."""

    def next_of(receiver, count=1, seconds=60.0):
        clock.wait_for_waiters(2)  # the scheduler, and the look for targets
        clock.advance(seconds)
        found = []

        def come():
            found.extend(receiver.collect(START))
            return sum(len(one.resource_metrics) for one in found) >= count

        until(come)
        return found

    return next_of


def ups(batches):
    """By job the values of ``up``."""
    found = series(batches).items()
    return {
        label.removeprefix("job="): [value for _, value in samples]
        for (name, *labels), samples in found
        for label in labels
        if name == "up" and label.startswith("job=")
    }


# One scrape.


def test_a_page_comes_with_its_report(receiver, scrapes):
    """All samples have the time of the scrape and the labels of the target."""
    with Target(metrics=b'a{x="1"} 7\n') as target:
        one = receiver(job(target.address))
        one.start()
        found = series(scrapes(one))
    assert {name for name, *_ in found} == {"a"} | REPORT
    (time,) = {when for samples in found.values() for when, _ in samples}
    assert START * 1000 < time <= (START + 60) * 1000
    assert found["a", f"instance={target.address}", "job=j", "x=1"] == [(time, 7.0)]


@pytest.mark.parametrize(
    ("page", "options", "counts"),
    [
        (Reply(503), {}, (0, 0, 0)),
        (b"a 1\n" * 300, {"body_size_limit": "1KB"}, (0, 0, 0)),
        (b"a 1\nz 2\ndrop 3\nb 3 x y\nc 3\n", {}, (3, 2, 1)),
        (b'a 1\nz 2\ndrop 3\nb{x="1",x="2"} 3\nc 3\n', {}, (4, 2, 1)),
        (b"a 1\nz 2\ndrop 3\nb 3\nc 3\nd 4\ne 5\n", {"sample_limit": 5}, (7, 6, 2)),
        (b'a 1\nz 2\ndrop 3\nb{x="1",y="2",z="2"} 3\nc 3\n', {"label_limit": 4}, (4, 2, 1)),
    ],
    ids=["status", "body size", "syntax", "repeated label", "samples", "labels"],
)
def test_a_failed_scrape_has_a_report_alone(receiver, scrapes, page, options, counts):
    """It counts what had been read, as Prometheus 2.42 does; the next one is as ever."""
    with Target(metrics=GOOD) as target:
        one = receiver(job(target.address, metric_relabel_configs=[NO_DROP], **options))
        one.start()
        scrapes(one)
        target.pages["/metrics"] = page
        failed = scrapes(one)
        target.pages["/metrics"] = GOOD
        again = scrapes(one)
    assert {name for name, *_ in series(failed)} == REPORT
    assert values(failed, "up", *COUNTS) == {
        "up": [0.0],
        **{name: [float(count)] for name, count in zip(COUNTS, counts, strict=True)},
    }
    assert values(again, "up", *COUNTS) == {
        "up": [1.0], COUNTS[0]: [4.0], COUNTS[1]: [3.0], COUNTS[2]: [0.0],
    }  # fmt: skip


def test_a_target_that_goes_down_is_a_line_and_so_is_its_return(receiver, scrapes, caplog):
    """However long it is down."""
    caplog.set_level("INFO", "otel_kubecost")
    with Target(metrics=Reply(404)) as target:
        one = receiver(job(target.address, name="shop"))
        one.start()
        for _ in range(2):
            scrapes(one)
        assert one.failure.startswith("the target answered 404")
        target.pages["/metrics"] = GOOD
        for _ in range(2):
            scrapes(one)
        assert one.failure is None
    lines = [record.message for record in caplog.records if "A target" in record.message]
    url = f"{target.url}/metrics"
    assert lines == [
        f"A target of shop is down: the target answered 404 ({url})",
        "A target of shop is up again",
    ]
    (down,) = [record for record in caplog.records if "is down" in record.message]
    assert (down.job, down.url, down.hint) == ("shop", url, "check metrics_path")


def test_one_answer_is_no_failure(receiver, scrapes):
    """What fails beside it is in ``up``."""
    with Target(metrics=GOOD) as target:
        one = receiver(job(target.address), job("127.0.0.1:1", name="void"))
        one.start()
        assert one.failure == "No target has been scraped yet"
        found = scrapes(one, 2)
    assert ups(found) == {"j": [1.0], "void": [0.0]}
    assert one.failure is None


def test_targets_beyond_the_limit_are_not_asked(receiver, scrapes):
    """None of them, as in Prometheus."""
    with Target(metrics=GOOD) as target:
        port = target.address.rpartition(":")[2]
        one = receiver(job(target.address, f"localhost:{port}", target_limit=1))
        one.start()
        found = scrapes(one, 2)
        assert target.request_count == 0
    assert values(found, "up") == {"up": [0.0, 0.0]}
    assert "its target_limit is 1" in one.failure


def test_scrapes_are_not_made_before_the_clock_has_gone_on(receiver, scrapes, clock):
    """A time that was there already would be refused by every receiver."""
    with Target(metrics=GOOD) as target:
        one = receiver(job(target.address))
        first = series(one.collect(START))
        assert first
        assert series(one.collect(START)) == {}
        clock.advance(0.001)
        assert series(one.collect(START)).keys() == first.keys()


# Without a start.


def test_without_a_start_all_targets_are_scraped_at_once(receiver):
    """One after the other, those that hang would take four seconds."""
    with Target(metrics=GOOD, hanging=Reply(hang=True)) as target:
        hanging = [
            job(target.address, name=f"h{number}", metrics_path="/hanging", scrape_timeout="1s")
            for number in range(4)
        ]
        began = time.monotonic()
        found = list(receiver(job(target.address), *hanging).collect(START))
        took = time.monotonic() - began
    assert took < 4
    assert ups(found) == {"j": [1.0], **{f"h{number}": [0.0] for number in range(4)}}


def test_who_does_not_wait_gets_what_there_is(receiver, caplog):
    """A target that hangs is left behind."""
    with Target(metrics=GOOD, hanging=Reply(hang=True)) as target:
        one = receiver(job(target.address), job(target.address, name="h", metrics_path="/hanging"))
        found = list(one.collect(START, patience=0.3))
    assert ups(found) == {"j": [1.0]}
    assert "Not all targets have answered in time" in caplog.text


# Several who collect.


def test_what_nobody_collects_ends_the_scrapes(caplog):
    """And what is collected begins them again."""
    with Target(metrics=GOOD) as target:
        one = PrometheusReceiver(scrape_configs=[job(target.address, scrape_interval="100ms")])
        tap = one.tap()
        one.start()
        until(lambda: counted(one, "otel_kubecost_scrapes_left_out_total") > 1)
        assert target.request_count == ROOM
        assert caplog.text.count("Scrapes are left out") == 1
        assert sum(map(count_points, tap.collect(START))) == ROOM * 9
        until(lambda: target.request_count > ROOM)
        one.shutdown()


# Its end.


def test_the_end_waits_for_no_target(receiver, clock):
    """What a scrape under way would give comes to nobody."""
    release = threading.Event()

    def page(request):
        release.wait(5)
        return Reply(200, GOOD)

    with Target() as target:
        target._handler = page
        one = receiver(job(target.address))
        tap = one.tap()
        one.start()
        clock.wait_for_waiters(2)
        clock.advance(60.0)
        until(lambda: [one for one in threading.enumerate() if one.name.endswith(".scrape")])
        assert one.failure == "No target has been scraped yet"
        began = time.monotonic()
        one.shutdown()
        assert time.monotonic() - began < 2
        release.set()
        until(lambda: not [t for t in threading.enumerate() if t.name.endswith(".scrape")])
        assert list(tap.collect(START)) == []


def test_what_came_before_the_end_can_be_collected_after_it(receiver, clock):
    """Nothing that was scraped is lost."""
    with Target(metrics=GOOD) as target:
        one = receiver(job(target.address))
        tap = one.tap()
        one.start()
        clock.wait_for_waiters(2)
        clock.advance(60.0)
        until(lambda: tap.waiting)
        one.shutdown()
        assert values(tap.collect(START), "a") == {"a": [1.0]}


# What it tells of itself.


def counted(receiver, name):
    """The sum of an own metric's values."""
    return sum(
        point.value
        for _, _, metric in each_metric(receiver.own_metrics())
        for point in metric.data.data_points
        if metric.name == name
    )


def test_what_went_wrong_is_counted_under_the_names_of_prometheus(receiver, scrapes):
    """So that alerts on a Prometheus fire for this agent as well."""
    pages = {
        "samples": b"a 1\nb 2\n",
        "size": b"a 1\n" * 999,
        "twice": b"a 1\na 2\na 2\n",
        "late": b"a 1 1699999999000\na 2 1699999998000\n",
        "ahead": b"a 1 1999999999000\n",
    }
    with Target(**pages) as target:
        jobs = [job(target.address, name=name, metrics_path=f"/{name}") for name in pages]
        jobs[0] |= {"sample_limit": 1}
        jobs[1] |= {"body_size_limit": "1KB"}
        one = receiver(*jobs)
        one.start()
        scrapes(one, len(pages))
    prefix = "prometheus_target_scrapes"
    assert counted(one, f"{prefix}_exceeded_sample_limit_total") == 1
    assert counted(one, f"{prefix}_exceeded_body_size_limit_total") == 1
    assert counted(one, f"{prefix}_sample_duplicate_timestamp_total") == 2
    assert counted(one, f"{prefix}_sample_out_of_order_total") == 1
    assert counted(one, f"{prefix}_sample_out_of_bounds_total") == 1
    assert counted(one, "prometheus_target_scrape_pools_total") == len(pages)
    assert counted(one, "prometheus_target_scrape_pool_targets") == len(pages)
    assert counted(one, "prometheus_sd_discovered_targets") == len(pages)
