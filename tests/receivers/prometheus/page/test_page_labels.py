"""The labels of a series: the page's and the target's, as Prometheus 2.42 was seen to join them."""

import pytest
from page_reading import TARGET, points, read, reader, series

from otel_kubecost.receivers.prometheus.exposition import TEXT, ExpositionError
from otel_kubecost.receivers.prometheus.page import Labelling

DROP_X = {"regex": "x", "action": "labeldrop"}
WRITE_Y = {"target_label": "y", "replacement": "z"}


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ('a{site="s"}', {"exported_site": "s"}),
        ('a{site="s",exported_site="e"}', {"exported_site": "e", "exported_exported_site": "s"}),
        ('a{site="s",exported_site=""}', {"exported_site": "s"}),
        ('a{site="",x=""}', {}),
        ('a{site="1",site="2"}', {"exported_site": "1"}),
        ('a{x="",x="2"}', {}),
        ('a{job="j",instance="i"}', {"exported_job": "j", "exported_instance": "i"}),
    ],
)
def test_the_target_s_labels_win(written, own):
    """Those of the page become ``exported_``, as often as it takes; empty ones are none."""
    assert series(f"{written} 1\n") == [("a", own)]


def test_the_shorter_of_two_conflicting_names_is_exported_first():
    """The target has both ``x`` and ``exported_x``, and so has the page."""
    labelling = Labelling({"exported_x": "t2", "x": "t1"}, honor_labels=False, rules=())
    assert labelling.of("a", (("exported_x", "p2"), ("x", "p1"))) == {
        "__name__": "a",
        "x": "t1",
        "exported_x": "t2",
        "exported_exported_x": "p1",
        "exported_exported_exported_x": "p2",
    }


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("a", {"job": "shop", "instance": "shop:80", "site": "berlin"}),
        ('a{site="",x=""}', {"job": "shop", "instance": "shop:80"}),
        ('a{site="s",job="q",instance=""}', {"job": "q", "site": "s"}),
    ],
)
def test_the_page_s_labels_win_if_they_are_honored(written, labels):
    """An empty one too: the series then goes without the target's."""
    assert series(f"{written} 1\n", honor_labels=True) == [("a", labels)]


def test_series_with_another_job_or_instance_stand_apart():
    """They say both themselves, and the rest leaves them to the resource."""
    page = read('a{job="q",instance=""} 1\na 2\n', honor_labels=True)
    apart, rest = page.metrics
    assert apart.without == {"job", "instance"}
    assert dict(apart.data.data_points[0].attributes) == {"job": "q", "site": "berlin"}
    assert rest.without == frozenset()
    assert dict(rest.data.data_points[0].attributes) == {"site": "berlin"}


def test_a_target_without_an_instance_has_all_series_apart():
    """Its resource cannot say what the series have not."""
    (metric,) = read("a 1\n", target={"job": "j"}).metrics
    assert metric.without == {"job", "instance"}
    assert dict(metric.data.data_points[0].attributes) == {"job": "j"}


@pytest.mark.parametrize("written", ['a{x="1",x="2"}', 'a{x="1",x="1"}', 'a{__name__="b"}'])
def test_a_repeated_label_fails_the_scrape(written):
    """As in Prometheus, whose storage refuses such a series."""
    with pytest.raises(ExpositionError, match="twice"):
        read(f"{written} 1\n")


@pytest.mark.parametrize(
    ("written", "rules"),
    [
        ('a{x="1",x="2"}', [DROP_X]),
        ('a{y="1",y="2"}', [WRITE_Y]),
        ('a{x="1",x="2"}', [{"source_labels": ["__name__"], "regex": "a", "action": "drop"}]),
    ],
)
def test_a_repeated_label_that_a_rule_replaces_does_not(written, rules):
    """Nor one of a series that is dropped."""
    read(f"{written} 1\n", rules=rules)


def test_a_series_whose_name_a_rule_takes_away_fails_the_scrape():
    """A series needs a name."""
    with pytest.raises(ExpositionError, match="no name"):
        read("a 1\n", rules=[{"regex": "__name__", "action": "labeldrop"}])


@pytest.mark.parametrize("written", ["a 1", '{"b.c"} 1', '{"b","c.d"="1"} 1'])
def test_a_name_that_remote_write_does_not_allow_fails_the_scrape(written):
    """Written by a rule, or in quotes as Prometheus 3 has them."""
    rule = {"source_labels": ["__name__"], "regex": "a", "target_label": "__name__"}
    with pytest.raises(ExpositionError, match="allows letters"):
        read(f"{written}\n", rules=[{**rule, "replacement": "x-y"}])


def test_a_rule_may_write_over_what_the_resource_says():
    """The series then says its job itself."""
    (metric,) = read("a 1\n", rules=[{"target_label": "job", "replacement": "other"}]).metrics
    ((_, labels, _, _),) = points([metric])
    assert dict(labels) == {**TARGET, "job": "other"}


def test_rules_rename_and_drop_from_scrape_to_scrape():
    """What they decided is remembered with the layout."""
    rules = [
        {"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"},
        {"source_labels": ["__name__"], "regex": "old_(.*)", "target_label": "__name__",
         "replacement": "new_$1"},
    ]  # fmt: skip
    by = reader(rules=rules)
    for now in range(3):
        page = by.read([b"go_a 1\nold_b 2\nc 3\n"], TEXT, now)
        assert [(name, value) for name, _, value, _ in points(page.metrics)] == [
            ("new_b", 2),
            ("c", 3),
        ]
        assert (page.scraped, page.kept) == (3, 2)
