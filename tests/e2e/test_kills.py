"""What was accepted outlives the process, however that ends (more often: ``scripts/kill-test``)."""

import threading
from random import Random

import pytest
from kills import ANSWER, Running, feed_and_kill, run_and_kill
from moody import hanging, moody_receiver, well
from peers import wait_until

from otel_kubecost.testing import FakeKubecost

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("seed", "protobuf_message"),
    [(1, "prometheus.WriteRequest"), (2, "io.prometheus.write.v2.Request")],
)
def test_a_kill_loses_nothing(tmp_path, record_property, seed, protobuf_message):
    """Case 56: SIGKILL at random instants, some in a commit or a POST, whatever the receiver does
    then; each time the file balances, and in the end each sample has arrived once and in order."""
    tally = feed_and_kill(tmp_path, Random(seed), 6, 0.12, protobuf_message=protobuf_message)
    assert tally["kills"] == 6
    record_property("figure", f"{tally['commit']} in a commit, {tally['POST']} in a POST, of 6")


def test_a_kill_of_the_agent_loses_nothing(tmp_path):
    """Case 56: the same of the command itself, which knows after the last kill what it missed."""
    assert run_and_kill(tmp_path, Random(3), 2, 2.5)["kills"] == 2


def test_what_is_being_sent_at_the_end_stays_in_the_spool(tmp_path):
    """Case 57: SIGTERM while a POST hangs ends the process with 0. What it could not deliver is in
    the file, whose ledger balances, and the next process sends it."""
    with moody_receiver() as receiver, FakeKubecost(ANSWER) as kubecost:
        agents = Running(tmp_path, receiver, kubecost)
        with agents.process() as process:
            wait_until(lambda: len(agents.marks()) >= 2, process=process)
            hangs = threading.Event()

            def hang(request, work):
                hangs.set()
                return hanging(request, work)

            receiver.mood = hang
            wait_until(hangs.is_set, process=process)
            process.terminate()
            assert process.wait(60) == 0
        agents.check()
        # Costs or the agent's own metrics: whichever was under way.
        assert agents.audit.books().waiting
        receiver.mood = well
        agents.end()
