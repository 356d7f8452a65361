"""Limits of a job, and what is counted of a page that is beyond them."""

import pytest
from page_reading import read, reader

from otel_kubecost.receivers.prometheus.exposition import TEXT
from otel_kubecost.receivers.prometheus.page import LimitError, Limits

DROP_C = {"source_labels": ["__name__"], "regex": "c", "action": "drop"}


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (Limits(samples=2), "sample_limit"),
        (Limits(labels=4), "label_limit"),
        (Limits(label_name_length=7), "label_name_length_limit"),
        (Limits(label_value_length=6), "label_value_length_limit"),
    ],
)
def test_a_page_beyond_a_limit_fails(limits, limit):
    """The error says which, to be counted; labels are all in the end, the name among them."""
    with pytest.raises(LimitError, match=limit) as raised:
        read('a{exported="x"} 1\nb 1\nc 1\n', limits=limits)
    assert raised.value.limit == limit


def test_a_page_at_its_limits_passes():
    """Five labels with the name, eight letters in ``instance``, seven bytes in ``shop:80``."""
    limits = Limits(samples=2, labels=5, label_name_length=8, label_value_length=7)
    assert read('a{x="ü"} 1\nb 1\nc 1\n', limits=limits, rules=[DROP_C]).kept == 2


def test_lengths_are_of_bytes():
    """As ``len`` of Go counts."""
    with pytest.raises(LimitError, match="8 bytes"):
        read('a{x="üüüü"} 1\n', limits=Limits(label_value_length=7))


def test_a_page_with_too_many_samples_is_counted_whole():
    """What Prometheus 2.42 reports: all samples, and as new ones those below the limit, once."""
    by = reader(limits=Limits(samples=2))
    found = []
    for body in (b"a 1\nb 1\nc 1\n", b"a 1\nb 1\nc 1\n", b"a 1\nb 1\n", b"a 1\nb 1\nc 1\n"):
        try:
            by.read([body], TEXT, 0)
        except LimitError:
            found.append("fails")
        found.append((by.last.scraped, by.last.kept, by.last.added))
    assert found == ["fails", (3, 3, 2), "fails", (3, 3, 0), (2, 2, 0), "fails", (3, 3, 0)]
