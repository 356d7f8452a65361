"""What time it is at the receiver, and what is not sent because of it."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.sending.receiver_time import ReceiverTime
from otel_kubecost.exporters.sending.retry import Action
from otel_kubecost.testing import FakeClock

NOW = 1_767_225_600.0


class JumpyClock(FakeClock):
    """Its time of day can be changed; its monotonic time cannot."""

    wrong = 0.0

    def time(self) -> float:
        return super().time() + self.wrong


@pytest.fixture
def clock():
    return JumpyClock(NOW)


@pytest.fixture
def there(clock):
    return ReceiverTime(clock)


def hear(there: ReceiverTime, clock: FakeClock, ahead: float, times: int = 1) -> None:
    """Answers of a receiver whose clock is so far ahead of the right time."""
    for _ in range(times):
        there.hear(formatdate(NOW + clock.monotonic() + ahead, usegmt=True), clock.monotonic())


def ms(seconds: float) -> int:
    return round((NOW + seconds) * 1000)


def test_nothing_is_known_before_the_first_answer(there):
    """Until then our own clock is believed, and nothing is stamped later than that."""
    assert (there.is_known, there.skew) == (False, None)
    assert there.objection(ms(0)) is None
    assert there.objection(ms(5)).action is Action.WAIT


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_an_answer_without_a_date_says_nothing(there, date):
    """It is not asked for again, and stops nothing."""
    there.hear(date, 0.0)
    assert (there.is_known, there.skew) == (True, None)
    assert there.objection(ms(0)) is None


@pytest.mark.parametrize(
    ("age", "skew"),
    [("300", 0), ("", -300), ("0", -300), ("-5", -300), ("old", -300), ("²", -300)]
    + [(endless, 86_400 - 300) for endless in ("86400", "9" * 5000)],
)
def test_an_answer_out_of_a_cache_is_of_its_age(there, clock, age, skew):
    """Its seconds come on top of the date, a day at most; what is no number counts for nothing."""
    there.hear(formatdate(NOW - 300, usegmt=True), clock.monotonic(), age)
    assert there.skew == skew


@pytest.mark.parametrize("ahead", [-0.9, -0.4, 0.0, 0.4, 0.9])
def test_our_clock_is_believed_as_far_as_the_date_allows(there, clock, ahead):
    """The header has whole seconds: a difference below one is none."""
    hear(there, clock, ahead)
    assert abs(there.skew) <= 1
    if ahead >= 0 and ahead < 0.9:
        assert there.objection(ms(0)) is None


@given(
    offset=st.floats(-1e6, 1e6),
    fraction=st.floats(0, 0.999),
    took=st.floats(0, 30),
    at=st.floats(0, 1),
)
def test_the_receivers_clock_is_never_overestimated(offset, fraction, took, at):
    """Whenever within an exchange the answer was dated: the time there is known to the second and
    the length of the exchange, and where ours is impossible it is not believed to be later."""
    clock = FakeClock(NOW + fraction)
    there = ReceiverTime(clock)
    asked = clock.monotonic()
    clock.advance(took * at)
    date = formatdate(clock.time() + offset, usegmt=True)
    clock.advance(took * (1 - at))
    there.hear(date, asked)
    truth = clock.time() + offset
    assert truth - 1.01 - took <= there.time()
    if abs(offset) > took + 1:
        assert there.time() <= truth + 0.01
    else:
        assert there.time() <= truth + 1.01 + took


@pytest.mark.parametrize(("ahead", "paused"), [(-59, False), (-62, True), (-7200, True)])
def test_a_clock_that_is_ahead_pauses_the_sending(there, clock, ahead, paused):
    """Case 53: beyond a minute all is held; the line says which clock and what to do."""
    hear(there, clock, ahead)
    found = there.objection(ms(-9000))
    assert (found is not None) is paused
    if found:
        assert (found.action, found.reason, found.retry_after) == (Action.HOLD, "clock_skew", 60)
        assert f"{-ahead} s ahead of the receiver's" in found.message
        assert "chrony" in found.hint


def test_a_clock_that_is_behind_does_not(there, clock):
    """Its samples are of a time that is over, and do no harm."""
    hear(there, clock, 7200)
    assert there.skew == 7200
    assert there.is_far_ahead
    assert there.objection(ms(0)) is None


def test_a_sample_waits_for_its_time(there, clock):
    """A clock that is some seconds ahead sends as much later."""
    hear(there, clock, -30)
    found = there.objection(ms(0))
    assert (found.action, found.reason) == (Action.WAIT, "")
    assert found.retry_after == pytest.approx(30)
    clock.advance(30)
    assert there.objection(ms(0)) is None


def test_a_sample_from_the_future_is_never_sent(there, clock):
    """Where the clocks agree its time is a mistake."""
    hear(there, clock, 0)
    found = there.objection(ms(61))
    assert (found.action, found.reason) == (Action.SPLIT, "future")
    assert "61 s ahead" in found.alone
    assert there.objection(ms(60)).action is Action.WAIT


def test_one_node_with_another_time_does_not_matter(there, clock):
    """The median of five answers counts."""
    hear(there, clock, 0, times=3)
    hear(there, clock, -7200, times=2)
    assert there.skew == 0
    hear(there, clock, -7200)
    assert there.skew == -7200


def test_a_fresh_look_counts_alone(there, clock):
    """What was heard before is of no use when something is wrong."""
    hear(there, clock, -7200, times=5)
    there.forget()
    assert there.skew == -7200
    hear(there, clock, 0)
    assert there.skew == 0


@pytest.mark.parametrize(("jump", "skew"), [(3600, -3600), (-3600, 3600)])
def test_a_step_of_our_clock_is_noticed_at_once(there, clock, jump, skew):
    """Case 70: before anything with the wrong time is sent, not by the answer to it."""
    hear(there, clock, 0)
    clock.advance(5)
    clock.wrong = jump
    assert there.skew == skew
    assert (there.objection(ms(5 + jump)) is not None) is (jump > 0)
