"""Frames of the demo, and how they reach a screen."""

import io
import struct

import pytest

from otel_kubecost.cli.demo import _conclude
from otel_kubecost.cli.demo_view import Line, Snapshot, frame
from otel_kubecost.cli.screen import Screen
from otel_kubecost.testing import RemoteWriteReceiver

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
NOW = 1_767_225_600


def labels(name, **others):
    return tuple(
        sorted({"__name__": f"cloudtuner_kubecost_{name}", "cluster": "c", **others}.items())
    )


VALUES = {
    labels("cluster_total_cost"): 3.0,
    labels("cluster_idle_cost"): 0.9,
    labels("cluster_unmounted_cost"): 0.1,
    labels("namespace_total_cost", namespace="dev"): 0.5,
    labels("namespace_total_cost", namespace="shop"): 1.5,
    labels("namespace_cpu_efficiency", namespace="shop"): 0.42,
    labels("pod_total_cost", namespace="shop", pod="web-1"): 1.0,
    labels("pod_total_cost", namespace="shop", pod="__other__"): 0.5,
    labels("exporter_data_through_timestamp_seconds"): NOW - 3600.0,
}


def snapshot(values=VALUES, series=(), violations=0):
    return Snapshot(NOW, 600, 1234, 2, 3, violations, values, dict(series))


def text(*arguments, width=100, height=100, **keywords):
    return "\n".join(line.text for line in frame(snapshot(*arguments, **keywords), width, height))


def test_costs_are_sorted_and_reconciled():
    """Namespaces stand dearest first, then what belongs to none, and they make up the total."""
    shown = text()
    assert "2026-01-01 00:00 UTC simulated, 1 second is 10 minutes" in shown
    assert "costs of the hour until 23:00" in shown
    assert shown.index("  shop   ") < shown.index("  dev   ") < shown.index("  (idle)")
    assert "  shop                     1.5000     1,095      42%  ######" in shown
    assert "namespaces 2.0000 + idle 0.9000 + unmounted 0.1000 = the total, to the cent" in shown
    assert "1,234 queries" in shown


def test_a_total_that_its_rows_do_not_make_up_is_said():
    """A difference beyond rounding stands in the frame as one, in the colour of failures."""
    lines = frame(snapshot({**VALUES, labels("cluster_total_cost"): 3.5}), 100, 100)
    (line,) = [line for line in lines if "= the total less 0.5000" in line.text]
    assert line.style == "bad"


def test_violations_are_shown_only_when_there_are_any():
    """Refusals of the receiver are in the frame, and nothing where there is none."""
    assert "refused" not in text()
    assert "the receiver refused 3 things" in text(violations=3)


def test_before_the_first_samples_the_frame_says_so():
    """An empty receiver is waited for."""
    assert "waiting for the first samples" in text({})


def test_pods_that_were_folded_are_one_line():
    """The pod __other__ is explained in words."""
    assert "shop/ (all other pods)" in text()


def test_events_are_pods_that_came_and_left():
    """A series that begins later is new, one that ends in a stale marker left; newest first."""

    def pod(name, *points):
        key = labels("pod_total_cost", namespace="shop", pod=name)
        return key, [((NOW + 60 * minute) * 1000, value) for minute, value in points]

    shown = text(
        series=[
            pod("always", (0, 1.0), (10, 1.0)),
            pod("gone", (0, 1.0), (5, STALE)),
            pod("fresh", (10, 1.0)),
        ]
    )
    assert "  00:10  new   shop/fresh\n  00:05  left  shop/gone -> stale marker" in shown
    assert "shop/always" not in shown
    assert "none yet" in text()


@pytest.mark.parametrize("width", [10, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """Frames are cut to the width, and have bars where there is room for them."""
    shown = text(width=width)
    assert max(map(len, shown.split("\n"))) <= width
    assert ("##########" in shown) is (width >= 80)


@pytest.mark.parametrize(("height", "pods"), [(10, 1), (23, 1), (24, 2), (100, 6)])
def test_lists_are_as_long_as_the_terminal_allows(height, pods):
    """A low terminal shows fewer pods and not a frame that is cut off."""
    values = {
        labels("pod_total_cost", namespace="n", pod=f"p{number}"): 1.0 for number in range(20)
    }
    assert text({**VALUES, **values}, height=height).count("  n/p") == pods


def test_a_plain_screen_gets_frames_one_after_another():
    """Without a live terminal a frame is text with an empty line after it."""
    out = io.StringIO()
    screen = Screen(out, live=False, colour=True)
    screen.draw([Line("one", "bold"), Line("two")])
    screen.draw([Line("three")])
    assert out.getvalue() == "one\ntwo\n\nthree\n\n"


def test_a_live_screen_goes_back_over_the_last_frame(monkeypatch):
    """A shorter frame replaces a longer one, and the rest is wiped."""
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    screen = Screen(out, live=True, colour=False)
    screen.draw([Line("one", "bold"), Line("two")])
    screen.draw([Line("three")])
    assert out.getvalue() == "one\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[2Fthree\x1b[K\n\x1b[J"


def test_a_live_screen_leaves_out_what_does_not_fit(monkeypatch):
    """More lines than the terminal has would scroll, and are not drawn."""
    monkeypatch.setenv("LINES", "3")
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    Screen(out, live=True, colour=False).draw([Line(str(number)) for number in range(9)])
    assert out.getvalue() == "0\x1b[K\n1\x1b[K\n\x1b[J"


def test_a_demo_in_which_nothing_arrived_failed(capsys):
    """No samples is exit code 1 with a hint."""
    assert _conclude(RemoteWriteReceiver()) == 1
    assert "nothing arrived" in capsys.readouterr().err


def test_a_demo_with_violations_failed(capsys):
    """A violation is exit code 1, and is shown."""
    receiver = RemoteWriteReceiver()
    receiver.violations.append("labels are not sorted")
    assert _conclude(receiver) == 1
    shown = capsys.readouterr()
    assert "1 violations" in shown.out
    assert "violation: labels are not sorted" in shown.err
