"""Our process and Debian's Prometheus scrape the same targets, and write the same."""

import pytest
from beside import beside
from beside_agents import LIVE
from beside_differences import KNOWN, explained
from beside_report import PAGE

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

SIZE = 3_000
"""Series of the cluster's page; ``scripts/beside-prometheus`` has 100,000."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    with beside(tmp_path_factory.mktemp("beside"), size=SIZE, interval=1, timeout=90) as both:
        both.play()
        yield both, both.compare()


def test_there_is_no_difference_but_those_that_are_meant(played):
    """Series, courses of values, values at equal times, ends, descriptions, exemplars."""
    _, comparison = played
    _, others = explained(comparison.differences)
    assert [difference.text for difference in others] == []


def test_each_difference_that_is_meant_is_there(played):
    """One that is no more is not to be told any more."""
    _, comparison = played
    found, _ = explained(comparison.differences)
    assert [name for name, differences in found.items() if not differences] == []


def test_everything_was_compared(played):
    """On both sides are the pages in their full size, the node exporter, and Prometheus itself."""
    both, _ = played
    for written in (both.ours.written, both.theirs.written):
        jobs = [dict(labels).get("job") for labels in written.series]
        assert jobs.count("cluster") >= SIZE * 0.8  # some are dropped by relabelling
        assert all(jobs.count(job) > 300 for job in LIVE)
        assert len(written.described) > 300
        assert sum(map(len, written.exemplars.values())) > 5


def test_nothing_is_out_of_order_and_no_rule_is_broken(played):
    """Of what we write, at a receiver that takes it as strictly as the protocol allows."""
    both, _ = played
    assert both.ours.violations == []


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_each_difference_is_told(known):
    """With its reason, on the page about scraping."""
    page = PAGE.read_text()
    assert known.name in page
    assert known.reason in page
