from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.exporters.series.relabel import RelabelRule, relabel, relabel_scopes
from otel_kubecost.pdata import AttributeTable, PointColumns

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


def rule(**block) -> RelabelRule:
    return build_options(RelabelRule, block)


def columns(values=(1.0, 2.0, None, 4.0), name="cost") -> Family:
    points = PointColumns.of(TABLE, values, time_unix_nano=5_000_000)
    labels = [
        ("__name__", name),
        ("cluster", "prod"),
        ("namespace", TABLE.columns[0]),
        ("pod", TABLE.columns[1]),
    ]
    return Family(name, Type.GAUGE, ColumnSeries(labels, points), "help", "unit")


def as_list(family: Family) -> Family:
    return Family(family.name, family.type, list(family.series))


def rows(families) -> list[tuple[str, ...]]:
    return [tuple(v for _, v in one.labels) for family in families for one in family.series]


def test_the_rule_of_the_deployment_guide_works_verbatim():
    """Metrics of the guide's list stay, whole, and everything else goes."""
    names = ["cloudtuner_kubecost_pod_total_cost", "up", "upper", "target_info", "my_kube_x"]
    families = [columns(name=name) for name in names]
    kept = relabel(families, [rule(**GUIDE_RULE)])
    assert [family.name for family in kept] == names[:2]
    assert kept[0] is families[0]


def test_a_rule_about_labels_keeps_rows():
    """Columns stay columns: only the rows that the rule keeps are left, with their values."""
    (kept,) = relabel([columns()], [rule(action="keep", source_labels=["namespace"], regex="shop")])
    assert isinstance(kept.series, ColumnSeries)
    assert rows([kept]) == [("cost", "prod", "shop", "a"), ("cost", "prod", "shop", "b")]
    assert (kept.help, kept.unit) == ("help", "unit")
    assert list(kept.series.points.values) == [1.0, 2.0]
    assert kept.series.points.table is TABLE
    assert kept.newest == 5


def test_a_label_that_is_missing_is_the_empty_string():
    """As in Prometheus, also where a column has no value for a row."""
    (kept,) = relabel([columns()], [rule(action="drop", source_labels=["namespace"], regex="")])
    assert len(kept.series) == 2
    assert relabel([columns()], [rule(action="keep", source_labels=["node"], regex=".+")]) == []


def test_a_label_that_is_the_same_for_all_decides_for_all():
    """A family whose rows do not differ in the label is kept as it is, or gone."""
    family = columns()
    assert relabel([family], [rule(action="keep", source_labels=["cluster"], regex="prod")]) == [
        family
    ]
    assert relabel([family], [rule(action="drop", source_labels=["cluster"], regex="prod")]) == []


def test_rules_run_in_order():
    """What one rule has dropped, none brings back."""
    rules = [
        rule(action="keep", source_labels=["namespace", "pod"], separator="/", regex="shop/.*"),
        rule(action="DROP", source_labels=["pod"], regex="a"),
    ]
    assert rows(relabel([columns()], rules)) == [("cost", "prod", "shop", "b")]


def test_the_series_of_a_histogram_are_matched_by_their_own_names():
    """A histogram has several names; a rule may keep the sum alone."""
    samples = (Sample(1, 1.0),)
    names = ["lat_bucket", "lat_sum", "lat_count"]
    series = [Series((("__name__", name),), samples) for name in names]
    keep = rule(action="keep", source_labels=["__name__"], regex=".*_sum")
    (kept,) = relabel([Family("lat", Type.HISTOGRAM, series)], [keep])
    assert rows([kept]) == [("lat_sum",)]


def test_a_scope_stays_when_all_of_it_is_dropped():
    """An empty scope says that its series are gone, and so they get their stale markers."""
    scopes = [ScopeFamilies(("origin",), [columns()], time=5)]
    drop = rule(action="drop", source_labels=["__name__"], regex="cost")
    assert relabel_scopes(scopes, [drop]) == [ScopeFamilies(("origin",), [], time=5)]


@pytest.mark.parametrize(
    "action", ["replace", "labelmap", "labeldrop", "labelkeep", "hashmod", "keepequal", "Lowercase"]
)
def test_other_actions_are_refused(action):
    """What cannot be done is a mistake of the configuration, not a rule without effect."""
    with pytest.raises(ConfigError, match=f"action {action.lower()} is not available"):
        rule(action=action, target_label="x")


def test_no_action_is_replace_as_in_prometheus():
    """The default of Prometheus is an action that is not available either."""
    with pytest.raises(ConfigError, match="action replace is not available in this version"):
        rule(source_labels=["a"], target_label="b")


@given(
    action=st.sampled_from(["keep", "drop"]),
    source=st.lists(st.sampled_from(["__name__", "namespace", "pod", "cluster", "node"])),
    regex=st.sampled_from(["", "shop.*", "cost", ".*;a", "(.*)", "prod", "shop", "[^;]*"]),
    values=st.lists(st.none() | st.floats(0, 1), min_size=4, max_size=4),
)
def test_columns_and_lists_are_relabelled_alike(action, source, regex, values):
    """Whichever way a family is stored, the same series stay."""
    one = rule(action=action, source_labels=source, regex=regex)
    family = columns(values)
    assert rows(relabel([family], [one])) == rows(relabel([as_list(family)], [one]))
