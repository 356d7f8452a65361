"""A clock that is set: what lasts counts, what passes does not."""

import pytest

from otel_kubecost.testing import FakeClock
from otel_kubecost.watch import LASTING, Watch


class Settable(FakeClock):
    wrong = 0.0

    def time(self):
        return super().time() + self.wrong


@pytest.mark.parametrize("wrong", [-3600.0, 3600.0])
def test_a_step_that_passes_was_none(wrong, caplog):
    """Case 70: time goes on as before, and nothing is said."""
    clock = Settable(1000.0)
    watch = Watch(clock, 60.0)
    clock.wrong = wrong
    clock.advance(5)
    assert watch.time() == 1005.0
    clock.advance(LASTING - 10)
    assert watch.time() == 1000.0 + LASTING - 5
    clock.wrong = 0.0
    assert watch.time() == clock.time()
    clock.wrong = wrong
    assert watch.time() == 1000.0 + LASTING - 5
    assert caplog.text == ""


@pytest.mark.parametrize(("wrong", "way"), [(-3600.0, "back"), (3600.0, "forward")])
def test_a_step_that_lasts_is_believed_and_said_once(wrong, way, caplog):
    """Case 70: from then on time is what the clock says."""
    clock = Settable(1000.0)
    watch = Watch(clock, 60.0)
    clock.wrong = wrong
    watch.time()
    clock.advance(LASTING)
    assert watch.time() == clock.time()
    assert watch.time() == clock.time()
    assert caplog.text.count(f"The clock was set {way} by 3600 s") == 1


def test_what_is_smaller_than_the_tolerance_is_the_clocks_affair():
    """A correction of seconds moves no mark by more than that."""
    clock = Settable(1000.0)
    watch = Watch(clock, 60.0)
    clock.wrong = -7.0
    assert watch.time() == clock.time() == 993.0
