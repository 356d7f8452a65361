from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.sending.retry import backoff, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("86400", 600),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Wed, 15 Nov 2023 22:14:20 GMT", 600),
        ("Tue, 14 Nov 2023 22:13:19 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, seconds):
    """Both forms of RFC 9110 are honoured, ten minutes at most; anything else is ignored."""
    assert retry_after(value, NOW) == seconds


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_the_backoff_grows_and_stays_within_bounds(attempt, chance, other):
    """Each wait is 0.8 of the one before at least, never more than the maximum, never nothing."""
    this = backoff(attempt, random=lambda: chance)
    after = backoff(attempt + 1, random=lambda: other)
    assert 0.027 <= this <= 5.0
    assert after >= 0.8 * this


def test_the_backoff_doubles():
    """30 ms, 60 ms, 120 ms and so on, up to five seconds."""
    waits = [backoff(attempt, random=lambda: 0.0) for attempt in range(10)]
    assert waits[:3] == [0.03, 0.06, 0.12]
    assert waits[8:] == [5.0, 5.0]
