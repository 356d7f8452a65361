"""Relabelling of families and scopes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from series_data import samples

from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.series.model import (
    ColumnChunks,
    ColumnSeries,
    Family,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.exporters.series.relabel import relabel_scopes
from otel_kubecost.pdata import AttributeTable, PointColumns
from otel_kubecost.relabel.rule import RelabelRule

TABLE = AttributeTable.of(
    ["namespace", "pod"],
    [["shop", "a"], ["shop", "b"], ["kube-system", "a"], ["", "c"]],
)
GUIDE_RULE = {
    "source_labels": ["__name__"],
    "regex": (
        "(kubecost_.*|cloudtuner_kubecost_.*|container_.*|kube_.*|node_.*|pod_pvc_.*|pv_.*|up)"
    ),
    "action": "keep",
}


def rules(*blocks) -> list[RelabelRule]:
    return [build_options(RelabelRule, block) for block in blocks]


def relabel(families, *blocks) -> list[Family]:
    """The families of one scope after the rules."""
    [scope] = relabel_scopes([ScopeFamilies(("origin",), list(families))], rules(*blocks))
    return scope.families


def columns(values=(1.0, 2.0, None, 4.0), name="cost", cluster="prod") -> Family:
    points = PointColumns.of(TABLE, values, time_unix_nano=5_000_000)
    labels = [
        ("__name__", name),
        ("cluster", cluster),
        ("namespace", TABLE.columns[0]),
        ("pod", TABLE.columns[1]),
    ]
    return Family(name, Type.GAUGE, ColumnSeries(labels, points), "help", "unit")


def as_it_is(family: Family) -> Family:
    return family


def in_pieces(family: Family) -> Family:
    places = range(len(family.series))
    pieces = [family.series.select(places[at::2]) for at in range(min(2, len(places)))]
    return replace(family, series=ColumnChunks(pieces))


def as_list(family: Family) -> Family:
    return Family(family.name, family.type, list(family.series), family.help, family.unit)


def family(name, *labels, kind=Type.GAUGE, at=5) -> Family:
    """Series of one family, with values 1, 2 and so on."""
    series = [
        Series(tuple(sorted({"__name__": name, **one}.items())), (Sample(at, float(value)),))
        for value, one in enumerate(labels, 1)
    ]
    return Family(name, kind, series)


def histogram(name) -> Family:
    found = [
        Series((("__name__", f"{name}_{end}"),), (Sample(1, 1.0),)) for end in ("sum", "count")
    ]
    bucket = Series((("__name__", f"{name}_bucket"), ("le", "+Inf")), (Sample(1, 1.0),))
    return Family(name, Type.HISTOGRAM, [bucket, *found])


def rows(families) -> list[tuple[str, ...]]:
    return [tuple(v for _, v in one.labels) for family in families for one in family.series]


def is_columns(family: Family) -> bool:
    return isinstance(family.series, ColumnSeries)


# Choosing series.


def test_the_rule_of_the_deployment_guide_works_verbatim():
    """Metrics of the guide's list stay, whole, and everything else goes."""
    names = ["cloudtuner_kubecost_pod_total_cost", "up", "upper", "target_info", "my_kube_x"]
    families = [columns(name=name) for name in names]
    kept = relabel(families, GUIDE_RULE)
    assert [family.name for family in kept] == names[:2]
    assert kept[0] is families[0]


def test_a_rule_about_labels_keeps_rows():
    """Columns stay columns: only the rows that the rule keeps are left, with their values."""
    keep = {"action": "keep", "source_labels": ["namespace"], "regex": "shop"}
    (kept,) = relabel([columns()], keep)
    assert isinstance(kept.series, ColumnSeries)
    assert rows([kept]) == [("cost", "prod", "shop", "a"), ("cost", "prod", "shop", "b")]
    assert (kept.help, kept.unit) == ("help", "unit")
    assert list(kept.series.points.values) == [1.0, 2.0]
    assert kept.series.points.table is TABLE
    assert kept.newest == 5


def test_a_rule_may_look_at_a_label_with_any_number_of_values():
    """More than it remembers what became of: the rows are the same."""
    pods = [f"p{at}" for at in range(9000)]
    table = AttributeTable.of(["pod"], [(pod,) for pod in pods])
    labels = [("__name__", "cost"), ("pod", table.columns[0])]
    series = ColumnSeries(labels, PointColumns.of(table, map(float, range(9000))))
    keep = {"action": "keep", "source_labels": ["__name__", "pod"], "regex": "cost;p.*[37]"}
    (kept,) = relabel([Family("cost", Type.GAUGE, series)], keep)
    assert rows([kept]) == [("cost", pod) for pod in pods if pod[-1] in "37"]
    assert list(kept.series.points.values) == [at for at in range(9000) if at % 10 in {3, 7}]


def test_a_label_that_is_missing_is_the_empty_string():
    """As in Prometheus, also where a column has no value for a row."""
    drop = {"action": "drop", "source_labels": ["namespace"], "regex": ""}
    (kept,) = relabel([columns()], drop)
    assert len(kept.series) == 2
    keep = {"action": "keep", "source_labels": ["node"], "regex": ".+"}
    assert relabel([columns()], keep) == []


def test_a_label_that_is_the_same_for_all_decides_for_all():
    """A family whose rows do not differ in the label is kept as it is, or gone."""
    about = {"source_labels": ["cluster"], "regex": "prod"}
    one = columns()
    assert relabel([one], {"action": "keep", **about}) == [one]
    assert relabel([one], {"action": "drop", **about}) == []


def test_rows_are_chosen_by_two_labels_that_agree():
    """``keepequal`` and ``dropequal`` leave columns what they are, too."""
    equal = {"source_labels": ["namespace"], "target_label": "pod"}
    table = AttributeTable.of(["namespace", "pod"], [["a", "a"], ["a", "b"]])
    points = PointColumns.of(table, [1.0, 2.0], time_unix_nano=5_000_000)
    labels = [("__name__", "cost"), ("namespace", table.columns[0]), ("pod", table.columns[1])]
    both = Family("cost", Type.GAUGE, ColumnSeries(labels, points))
    (kept,) = relabel([both], {"action": "keepequal", **equal})
    assert (rows([kept]), is_columns(kept)) == ([("cost", "a", "a")], True)
    (kept,) = relabel([both], {"action": "dropequal", **equal})
    assert (rows([kept]), is_columns(kept)) == ([("cost", "a", "b")], True)


def test_rules_run_in_order():
    """What one rule has dropped, none brings back."""
    sources = {"source_labels": ["namespace", "pod"], "separator": "/"}
    kept = relabel(
        [columns()],
        {"action": "keep", **sources, "regex": "shop/.*"},
        {"action": "DROP", "source_labels": ["pod"], "regex": "a"},
    )
    assert rows(kept) == [("cost", "prod", "shop", "b")]


def test_the_series_of_a_histogram_are_matched_by_their_own_names():
    """A histogram has several names; a rule may keep the sum alone."""
    keep = {"action": "keep", "source_labels": ["__name__"], "regex": ".*_sum"}
    (kept,) = relabel([histogram("lat")], keep)
    assert rows([kept]) == [("lat_sum",)]
    assert (kept.name, kept.type) == ("lat", Type.HISTOGRAM)


def test_a_scope_stays_when_all_of_it_is_dropped():
    """An empty scope says that its series are gone, and so they get their stale markers."""
    scopes = [ScopeFamilies(("origin",), [columns()], time=5)]
    for drop in (
        {"action": "drop", "source_labels": ["__name__"], "regex": "cost"},
        {"target_label": "__name__", "replacement": "", "regex": "|scope"},
    ):
        assert relabel_scopes(scopes, rules(drop)) == [ScopeFamilies(("origin",), [], time=5)]


# Changing labels.


def test_labels_that_are_the_same_in_every_row_change_in_columns():
    """A constant label is written, renamed and dropped without a row being built."""
    (changed,) = relabel(
        [columns()],
        {"target_label": "region", "replacement": "eu"},
        {"source_labels": ["cluster"], "target_label": "a_cluster"},
        {"action": "labeldrop", "regex": "cluster"},
    )
    assert is_columns(changed)
    assert [name for name, _ in changed.series.labels] == [
        "__name__", "a_cluster", "namespace", "pod", "region",
    ]  # fmt: skip
    assert rows([changed])[0] == ("cost", "prod", "shop", "a", "eu")


def test_a_family_in_columns_can_be_renamed():
    """The name is a label that is the same in every row."""
    rename = {"source_labels": ["__name__"], "regex": "(.*)", "target_label": "__name__",
              "replacement": "my_$1"}  # fmt: skip
    (changed,) = relabel([columns()], rename)
    assert (changed.name, is_columns(changed)) == ("my_cost", True)
    assert rows([changed])[0] == ("my_cost", "prod", "shop", "a")


def test_labels_that_differ_from_row_to_row_change_row_by_row():
    """A rule that rewrites them builds the rows; those after it go on from there."""
    (changed,) = relabel(
        [columns()],
        {"target_label": "region", "replacement": "eu"},
        {"source_labels": ["pod"], "target_label": "instance", "replacement": "p-$1"},
        {"action": "labeldrop", "regex": "pod|region"},
    )
    assert rows([changed]) == [
        ("cost", "prod", "p-a", "shop"),
        ("cost", "prod", "p-b", "shop"),
        ("cost", "prod", "p-c"),
    ]
    assert (changed.help, changed.unit) == ("help", "unit")


def test_series_move_to_the_family_of_their_new_name():
    """One family may become several, each under its name, and several one."""
    by_pod = {"source_labels": ["pod"], "regex": "(.+)", "target_label": "__name__",
              "replacement": "cost_$1"}  # fmt: skip
    changed = relabel([columns()], by_pod)
    assert {family.name: len(family.series) for family in changed} == {
        "cost_a": 1, "cost_b": 1, "cost_c": 1,
    }  # fmt: skip
    same = {"target_label": "__name__", "replacement": "all"}
    (joined,) = relabel([family("m", {"x": "1"}), family("n", {"x": "2"})], same)
    assert (joined.name, rows([joined])) == ("all", [("all", "1"), ("all", "2")])


def test_families_of_one_name_have_one_type():
    """A gauge and a counter that get one name are both sent; the type is the first one's."""
    same = {"target_label": "__name__", "replacement": "all"}
    families = [family("m", {"x": "1"}), family("n", {"x": "2"}, kind=Type.COUNTER)]
    (joined,) = relabel(families, same)
    assert (joined.type, len(joined.series)) == (Type.GAUGE, 2)


def test_a_histogram_is_renamed_as_a_whole():
    """Its series keep their suffixes, and so it stays a histogram; one renamed alone leaves it."""
    prefix = {"source_labels": ["__name__"], "regex": "(.*)", "target_label": "__name__",
              "replacement": "my_$1"}  # fmt: skip
    (changed,) = relabel([histogram("lat")], prefix)
    assert (changed.name, changed.type, len(changed.series)) == ("my_lat", Type.HISTOGRAM, 3)
    alone = {"source_labels": ["__name__"], "regex": "lat_sum", "target_label": "__name__",
             "replacement": "seconds"}  # fmt: skip
    first, second = relabel([histogram("lat")], alone)
    assert (first.name, first.type, len(first.series)) == ("lat", Type.HISTOGRAM, 2)
    assert (second.name, second.type, rows([second])) == ("seconds", Type.UNKNOWN, [("seconds",)])


@pytest.mark.parametrize("name", ["", "with space", "9lives", "ü"])
@pytest.mark.parametrize("form", [as_it_is, as_list])
def test_a_series_without_a_valid_name_is_left_out(name, form, caplog):
    """Receivers refuse it with everything that it came with; it is said once."""
    rename = {
        "source_labels": ["__name__"],
        "regex": f"cost|{form.__name__}",  # what other rules said does not count
        "target_label": "__name__",
        "replacement": name,
    }
    for _ in range(2):
        kept = relabel([form(columns()), columns(name="fine")], rename)
        assert [family.name for family in kept] == ["fine"]
    assert len([text for text in caplog.messages if "without a valid __name__" in text]) == 1


# Series that become one.


def test_series_that_become_one_are_sent_once(caplog):
    """Of each time the first sample is kept, and the loss is said once."""
    forget = {"action": "labeldrop", "regex": "pod|first_of_each"}
    for _ in range(2):
        (kept,) = relabel([family("m", {"pod": "a"}, {"pod": "b"}, {"node": "n"})], forget)
        assert samples([kept]) == [("m", {}, 5, 1.0), ("m", {"node": "n"}, 5, 3.0)]
    said = [text for text in caplog.messages if "make several series one" in text]
    assert len(said) == 1


def test_times_that_differ_are_all_sent(caplog):
    """Two series that become one and never meet lose nothing, and nothing is said."""
    forget = {"action": "labeldrop", "regex": "pod|times_that_differ"}
    families = [family("m", {"pod": "a"}, at=7), family("m", {"pod": "b"}, at=6)]
    (kept,) = relabel(families, forget)
    assert [(time, value) for _, _, time, value in samples([kept])] == [(6, 1.0), (7, 1.0)]
    assert caplog.messages == []


@pytest.mark.parametrize("form", [as_it_is, as_list])
def test_two_scopes_whose_series_become_one_send_them_once(form):
    """The first scope has the series, whichever way its families are stored."""
    scopes = [
        ScopeFamilies((cluster,), [form(columns(cluster=cluster))], time=5)
        for cluster in ("east", "west")
    ]
    first, second = relabel_scopes(scopes, rules({"action": "labeldrop", "regex": "cluster"}))
    assert [len(one.series) for one in first.families] == [3]
    assert second == ScopeFamilies(("west",), [], time=5)


def test_what_came_first_is_sent_whether_it_is_tracked_or_not():
    """A sample that has a time of its own goes before a later one without, under the same name."""
    untracked = replace(family("m", {"pod": "b"}), is_tracked=False)
    renamed = family("n", {}, {"pod": "b"})
    rename = {"source_labels": ["__name__"], "regex": "n", "target_label": "__name__"}
    kept = relabel([family("m", {"pod": "a"}), untracked, renamed], rename | {"replacement": "m"})
    assert samples(kept) == [
        ("m", {"pod": "a"}, 5, 1.0),
        ("m", {}, 5, 1.0),
        ("m", {"pod": "b"}, 5, 1.0),
    ]
    assert [one.is_tracked for one in kept] == [True, False]


def test_columns_of_two_clusters_stay_columns():
    """What tells them apart is still there after a rule about another label."""
    scopes = [ScopeFamilies((name,), [columns(cluster=name)], time=5) for name in ("east", "west")]
    write = {"target_label": "region", "replacement": "eu"}
    changed = relabel_scopes(scopes, rules(write))
    assert all(is_columns(scope.families[0]) for scope in changed)


NAMES = st.sampled_from(["__name__", "namespace", "pod", "cluster", "node"])
RULES = st.one_of(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["keep", "drop"]),
            "source_labels": st.lists(NAMES, max_size=3),
            "regex": st.sampled_from(["", "shop.*", "cost", ".*;a", "(.*)", "prod", "[^;]*"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["keepequal", "dropequal", "lowercase", "uppercase"]),
            "source_labels": st.lists(NAMES, max_size=2),
            "target_label": NAMES,
        }
    ),
    st.fixed_dictionaries(
        {
            "source_labels": st.lists(NAMES, max_size=2),
            "regex": st.sampled_from(["(.*)", "(s.*)p", "prod", "(co)(st)", ""]),
            "target_label": NAMES | st.sampled_from(["x_$1", "${2}"]),
            "replacement": st.sampled_from(["$1", "$2", "", "n", "${1}_x"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.just("hashmod"),
            "source_labels": st.lists(NAMES, max_size=2),
            "target_label": NAMES,
            "modulus": st.integers(1, 3),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["labeldrop", "labelkeep"]),
            "regex": st.sampled_from(["pod", "cluster", "__name__|pod", "(node)?", ".*e.*"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.just("labelmap"),
            "regex": st.sampled_from(["(pod)", "c(.*)", "(.*)e", "x"]),
            "replacement": st.sampled_from(["$1", "node", "a_${1}", "pod"]),
        }
    ),
)


@given(
    blocks=st.lists(RULES, max_size=4),
    values=st.lists(st.none() | st.floats(0, 1), min_size=4, max_size=4),
)
def test_columns_and_lists_are_relabelled_alike(blocks, values):
    """Whichever way a family is stored, the same series come out, each once and in order."""
    families = [columns(values), columns(values, name="usage", cluster="test")]
    given_rules = rules(*blocks)

    def relabelled(form):
        scopes = [ScopeFamilies((one.name,), [form(one)]) for one in families if one.series]
        done = relabel_scopes(scopes, given_rules)
        return [(scope.origin, sorted(samples(scope.families), key=str)) for scope in done]

    found = relabelled(as_it_is)
    assert found == relabelled(as_list) == relabelled(in_pieces)
    assert [(origin, len(rows)) for origin, rows in found] == [
        (origin, len({str(row[:3]) for row in rows})) for origin, rows in found
    ]


@example([{"target_label": "__name__", "replacement": ""}, {"target_label": "pod"}])
@given(st.lists(RULES, max_size=4))
def test_what_comes_out_can_be_sent(blocks):
    """Labels are sorted, valid, not empty, with a name among them; families have what they say."""
    for one in relabel([columns(), histogram("lat")], *blocks):
        for series in one.series:
            names = [name for name, _ in series.labels]
            assert names == sorted(set(names))
            assert all(value for _, value in series.labels)
            assert dict(series.labels)["__name__"].startswith(one.name)
