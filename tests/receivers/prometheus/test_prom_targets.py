"""Targets come and go while the receiver runs, and from one configuration to the next."""

import json
import threading

import pytest
from scraping import Target, job, series, until, values

from otel_kubecost.exporters.prometheus_remote_write.staleness import StaleMarkers
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.receivers.prometheus import PrometheusReceiver
from otel_kubecost.testing import FakeClock, Reply

START = 1_700_000_000.0
PAGE = b"a 1\n"
LOOK = 5.0


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def receiver(clock):
    """Makes receivers of jobs, with a tap, and shuts them down."""
    made = []

    def make(*jobs, predecessor=None, **options):
        one = PrometheusReceiver(scrape_configs=list(jobs), clock=clock, **options)
        made.append(one)
        one.pipe = one.tap()
        if predecessor:
            one.adopt(predecessor)
        one.start()
        return one

    yield make
    for one in made:
        one.shutdown()


def gathered(receiver, clock, done, seconds=60.0):
    """Advance once, and collect until ``done(batches)``."""
    found = []
    clock.wait_for_waiters(2)
    clock.advance(seconds)

    def come():
        found.extend(receiver.pipe.collect(START))
        return done(found)

    until(come)
    return found


def scraped(*names):
    return lambda batches: set(names) <= {name for name, *_ in series(batches)}


def ended(batches):
    """The scopes that came without a single point."""
    return [
        of_resource.resource.attributes["service.instance.id"]
        for batch in batches
        for of_resource in batch.resource_metrics
        for of_scope in of_resource.scope_metrics
        if not any(len(metric.data.data_points) for metric in of_scope.metrics)
    ]


def from_file(tmp_path, *addresses):
    """A job whose targets are in a file, and what writes that."""
    file = tmp_path / "targets.json"

    def write(*addresses):
        file.write_text(json.dumps([{"targets": list(addresses)}]))

    write(*addresses)
    entry = {"files": [str(file)], "refresh_interval": "20ms"}
    return {"job_name": "j", "file_sd_configs": [entry]}, write


def test_targets_that_discovery_finds_are_scraped_and_those_that_it_loses_end(
    receiver, clock, tmp_path
):
    """Within the five seconds of a look."""
    with Target(metrics=PAGE) as first, Target(metrics=PAGE) as second:
        of_file, write = from_file(tmp_path, first.address)
        one = receiver(of_file)
        gathered(one, clock, scraped("a"))
        write(second.address)

        def has_moved(batches):
            clock.advance(LOOK)
            return ended(batches) and second.request_count

        found = gathered(one, clock, has_moved, LOOK)
    assert ended(found) == [first.address]
    before = first.request_count
    with first:
        gathered(one, clock, lambda _: True)
        assert first.request_count == before


def test_the_series_of_a_target_that_is_lost_get_stale_markers(receiver, clock, tmp_path):
    """All of them, the report's as well, at the time of the look."""
    markers, translator = StaleMarkers(), Translator()

    def departed(batches):
        for batch in batches:
            yield from markers.departed(translator.by_scope(batch))

    with Target(metrics=PAGE) as target:
        of_file, write = from_file(tmp_path, target.address)
        one = receiver(of_file)
        assert list(departed(gathered(one, clock, scraped("a")))) == []
        write()

        def is_over(batches):
            clock.advance(LOOK)
            return ended(batches)

        gone = list(departed(gathered(one, clock, is_over, LOOK)))
    assert {family.name for family in gone if family.series} == {
        "a", "up", "scrape_duration_seconds", "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling", "scrape_series_added",
    }  # fmt: skip


def test_a_job_without_targets_is_a_line_in_the_log(receiver, clock, caplog, tmp_path):
    """After half a minute of looking; it is no failure."""
    of_file, _ = from_file(tmp_path)
    one = receiver(of_file)

    def has_said(_):
        clock.advance(10.0)
        return "Job j has no targets" in caplog.text

    gathered(one, clock, has_said)
    assert one.failure is None


def test_a_file_that_cannot_be_read_is_the_failure(receiver, tmp_path):
    """Where it is why there are no targets."""
    file = tmp_path / "targets.json"
    file.write_text("[")
    entry = {"files": [str(file)]}
    one = receiver({"job_name": "j", "file_sd_configs": [entry]})
    assert str(file) in one.failure


def test_a_successor_goes_on_with_the_same_targets(receiver, clock):
    """It knows their series, and scrapes them at the times that come next."""
    with Target(metrics=PAGE) as target:
        first = receiver(job(target.address))
        before = gathered(first, clock, scraped("a"))
        first.shutdown()
        second = receiver(job(target.address), predecessor=first, emit_interval="2s")
        after = gathered(second, clock, scraped("a"))
    assert ended(after) == []
    assert values(before, "scrape_series_added") == {"scrape_series_added": [1.0]}
    assert values(after, "scrape_series_added") == {"scrape_series_added": [0.0]}
    (time,) = {when for samples in series(before).values() for when, _ in samples}
    assert {when for samples in series(after).values() for when, _ in samples} == {time + 60_000}


def test_targets_and_jobs_that_a_successor_has_not_end(receiver, clock):
    """At its start, each with the time of that."""
    with Target(metrics=PAGE) as kept, Target(metrics=PAGE) as gone:
        jobs = job(kept.address, gone.address), job(gone.address, name="other")
        first = receiver(*jobs)
        gathered(first, clock, lambda batches: sum(map(len, map(list, series(batches)))) >= 3)
        first.shutdown()
        second = receiver(job(kept.address), predecessor=first)
        found = gathered(second, clock, scraped("a"))
    assert ended(found) == [gone.address, gone.address]


def test_a_successor_with_other_options_reads_anew(receiver, clock):
    """What rules leave of a page is another matter then."""
    with Target(metrics=PAGE + b"b 2\n") as target:
        first = receiver(job(target.address))
        gathered(first, clock, scraped("a"))
        first.shutdown()
        rule = {"source_labels": ["__name__"], "regex": "b", "action": "drop"}
        second = receiver(job(target.address, metric_relabel_configs=[rule]), predecessor=first)
        found = gathered(second, clock, scraped("a"))
    assert values(found, "a", "b", "scrape_series_added") == {
        "a": [1.0],
        "scrape_series_added": [1.0],
    }
    assert ended(found) == []


def test_a_successor_does_not_wait_for_a_scrape_that_is_left_behind(receiver, clock):
    """It reads anew then: two at a time would not know what the other has read."""
    release = threading.Event()

    def page(request):
        if target.request_count == 1:
            release.wait(5)
        return Reply(200, PAGE)

    with Target(metrics=PAGE) as target:
        first = receiver(job(target.address))
        gathered(first, clock, scraped("a"))
        target._handler = page
        clock.wait_for_waiters(2)
        clock.advance(60.0)
        until(first._jobs.running[0].being_scraped.locked)
        first.shutdown()
        target._handler = target._page
        second = receiver(job(target.address), predecessor=first)
        found = gathered(second, clock, scraped("a"))
        release.set()
    assert values(found, "a", "scrape_series_added") == {"a": [1.0], "scrape_series_added": [1.0]}
    assert list(first.pipe.collect(START)) == []


def test_who_leaves_ends_all_its_targets(receiver, clock):
    """Nobody else would say so."""
    with Target(metrics=PAGE) as target:
        one = receiver(job(target.address))
        gathered(one, clock, scraped("a"))
        one.leave()
        one.shutdown()
        assert ended(one.pipe.collect(START)) == [target.address]
