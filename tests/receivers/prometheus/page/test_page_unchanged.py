"""Pages that are as before: the same tables, and values beside them."""

import pytest
from page_reading import NOW, SECOND, columns_of, points, reader

from otel_kubecost.receivers.prometheus.exposition import TEXT

PAGE = """\
# HELP a A.
# TYPE a counter
a{x="1"} 1
a{x="2"} 2
# TYPE h histogram
h_bucket{x="1",le="+Inf"} 1
h_sum{x="1"} 1
h_count{x="1"} 1
h_bucket{x="2",le="+Inf"} 1
h_sum{x="2"} 1
h_count{x="2"} 1
# TYPE t gauge
t{x="1"} 1 TIME
t{x="2"} 2 TIME
"""


def page(number, text=PAGE):
    return text.replace("TIME", str(NOW + number * SECOND)).encode()


def tables(metrics):
    return {name: columns.table for one in metrics for name, columns in columns_of(one).items()}


def test_tables_are_the_same_objects():
    """Exporters keep what they made of them: nothing is looked at twice."""
    by = reader()
    before = tables(by.read([page(0)], TEXT, NOW).metrics)
    for number in range(1, 3):
        after = tables(by.read([page(number)], TEXT, NOW + number * SECOND).metrics)
        assert before.keys() == after.keys() == {"a", "h_bucket", "h_sum", "h_count", "t"}
        assert all(after[name] is table for name, table in before.items())


def test_a_block_that_changes_leaves_the_others_their_tables():
    """Whatever stands before it."""
    by = reader()
    before = tables(by.read([page(0)], TEXT, NOW).metrics)
    text = PAGE.replace('a{x="1"} 1\n', 'a{x="0"} 0\na{x="1"} 1\n')
    after = tables(by.read([page(1, text)], TEXT, NOW + SECOND).metrics)
    assert after["a"] is not before["a"]
    assert after["h_bucket"] is before["h_bucket"]
    assert after["t"] is before["t"]


def test_a_page_that_fails_leaves_the_tables_to_the_next():
    """A fault in one line costs one scrape, not the memory of the page."""
    by = reader()
    before = tables(by.read([page(0)], TEXT, NOW).metrics)
    with pytest.raises(ValueError, match="h sum"):
        by.read([page(1).replace(b"h_sum", b"h sum", 1)], TEXT, NOW + SECOND)
    after = tables(by.read([page(2)], TEXT, NOW + 2 * SECOND).metrics)
    assert all(after[name] is table for name, table in before.items())


@pytest.mark.parametrize("count", [2, 200])
def test_metrics_about_the_same_things_share_their_tables(count):
    """Whichever block they are of; what one of them changes leaves the other."""
    by = reader()
    rows = [f'{{x="{number}"}} 1\n' for number in range(count)]
    text = "".join(f"# HELP {name} .\n" + "".join(name + row for row in rows) for name in "ab")
    found = tables(by.read([text.encode()], TEXT, NOW).metrics)
    assert found["a"] is found["b"]
    found = tables(by.read([(text + 'b{x="new"} 3\n').encode()], TEXT, NOW).metrics)
    assert (len(found["a"]), len(found["b"])) == (count, count + 1)


def test_what_has_gone_is_forgotten():
    """Strings, columns and tables of pods that left: else churn would fill the memory."""
    by = reader()
    for number in range(20):
        lines = "".join(f'a{{pod="{number}-{pod}",x="{pod}"}} 1\n' for pod in range(5))
        by.read([lines.encode()], TEXT, NOW + number)
    known = by._interned
    assert [len(one) for one in (known._strings, known._columns, known._tables)] == [10, 2, 1]


def test_what_a_page_had_that_failed_is_forgotten():
    """A page that is bad for good comes and goes like any other."""
    by = reader()
    by.read([b"# HELP a .\na 1\n"], TEXT, NOW)
    for number in range(20):
        lines = "".join(f'a{{pod="{number}-{pod}"}} 1\n' for pod in range(5))
        with pytest.raises(ValueError, match="bad"):
            by.read([f"# HELP a .\n{lines}bad\n".encode()], TEXT, NOW + number)
    known = by._interned
    assert [len(one) for one in (known._strings, known._columns, known._made)] == [0, 0, 0]


def test_a_series_of_another_name_takes_no_values():
    """A key is trusted by its hash, in its own place."""
    by = reader()
    by.read([b'a{x="1"} 1\na{x="2"} 2\n'], TEXT, NOW)
    found = points(by.read([b'a{x="2"} 3\na{x="1"} 4\n'], TEXT, NOW + 1).metrics)
    assert {dict(labels)["x"]: value for _, labels, value, _ in found} == {"2": 3, "1": 4}
