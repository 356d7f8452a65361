"""The demo as a user meets it: a process, on a terminal and without one."""

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.peers

# A shell starts what it puts in the background with SIGINT ignored, and children inherit that.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from otel_kubecost.cli import main
main()
"""
COMMAND = [sys.executable, "-c", PROGRAM, "demo"]
NAMESPACES = ["shop", "payments", "ml-training", "kube-system", "monitoring", "dev"]
ESCAPE = "\x1b"


def run(*arguments):
    return subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=90
    )


@pytest.fixture(scope="module")
def plain():
    return run("--duration", "4", "--speed", "3000")


def test_it_ends_well_and_says_what_was_received(plain):
    """Without a terminal the demo ends by itself with exit code 0 and one line of summary."""
    assert (plain.returncode, plain.stderr) == (0, "")
    summary = plain.stdout.splitlines()[-1]
    assert re.fullmatch(
        r"received [1-9]\d+ samples in [1-9]\d* requests, 0 violations of the protocol", summary
    ), summary


def test_it_shows_the_chain_and_the_costs(plain):
    """A frame has the three parts, each namespace, idle, unmounted, the total and its proof."""
    frames = plain.stdout.split("otel-kubecost demo")
    assert len(frames) >= 3
    assert "simulated Kubecost --> otel-kubecost" in frames[-1]
    assert "receiver (stand-in for CloudTuner)" in frames[-1]
    for name in [*NAMESPACES, "(idle)", "(unmounted)", "cluster total"]:
        assert re.search(
            rf"^  {re.escape(name)} +\d+\.\d{{4}} +[\d,]+", frames[-1], re.MULTILINE
        ), name
    assert "= the total, to the cent" in frames[-1]
    assert re.search(r"^  payments/postgres-0 +\d\.\d{4}$", frames[-1], re.MULTILINE)


def test_it_shows_pods_that_come_and_go(plain):
    """Within the run an hour ends, and pods leave with a stale marker while others begin."""
    assert re.search(r"^  \d\d:\d\d  left  \S+/\S+ -> stale marker$", plain.stdout, re.MULTILINE)
    assert re.search(r"^  \d\d:\d\d  new   \S+/\S+$", plain.stdout, re.MULTILINE)


def test_without_a_terminal_there_is_no_escape_sequence(plain):
    """What is written to a file or a pipe is plain text."""
    assert ESCAPE not in plain.stdout


def on_terminal(until, *arguments, environment):
    """The output on a pseudo-terminal of 80 x 24 with a Ctrl-C at the end, and the exit code."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--speed", "1200", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "80", "LINES": "24", **environment},
    ) as process:
        os.close(slave)
        try:
            shown = read(master, until)
            process.send_signal(signal.SIGINT)
            shown += read(master, lambda _: False)
            return shown, process.wait(30)
        finally:
            process.kill()
            os.close(master)


def read(master, until):
    """What is written, until a condition holds or the other side has closed."""
    shown = ""
    while not until(shown) and select.select([master], [], [], 30)[0]:
        try:
            shown += os.read(master, 65536).decode()
        except OSError:
            break
    return shown


def has_drawn(shown):
    return "cluster total" in shown


def has_redrawn(shown):
    return shown.count("cluster total") >= 3


def test_a_terminal_is_redrawn_in_place_until_interrupted():
    """On a terminal frames overwrite each other in colour, and Ctrl-C ends well."""
    shown, code = on_terminal(has_redrawn, environment={"TERM": "xterm", "NO_COLOR": ""})
    assert code == 0
    assert f"{ESCAPE}[1m" in shown
    assert re.search(rf"{ESCAPE}\[2\dF", shown)
    assert re.search(
        r"received \d+ samples in \d+ requests, 0 violations of the protocol\r\n$", shown
    )
    lines = re.sub(rf"{ESCAPE}\[\d*[A-Za-z]", "", shown).split("\r\n")
    assert max(map(len, lines)) <= 80


def test_no_color_is_honoured():
    """With NO_COLOR set a terminal gets cursor movements and no colours."""
    shown, code = on_terminal(has_redrawn, environment={"TERM": "xterm", "NO_COLOR": "1"})
    assert code == 0
    assert not re.search(rf"{ESCAPE}\[\d*m", shown)
    assert f"{ESCAPE}[K" in shown


def test_a_dumb_terminal_gets_plain_text():
    """A terminal that understands no sequences gets none."""
    shown, code = on_terminal(has_drawn, "--duration", "60", environment={"TERM": "dumb"})
    assert code == 0
    assert ESCAPE not in shown
