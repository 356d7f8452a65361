"""Logs: silent in a library, one format of four in the command."""

import logging
import subprocess
import sys

from otel_kubecost.telemetry import get_logger

PROGRAM = """
import logging, sys
{setup}
from otel_kubecost.telemetry import get_logger
log = get_logger("otel_kubecost.example").bind(receiver="kubecost")
log.debug("quiet"); log.info("Exported 45 metrics", count=45, name="x"); log.error("broken")
{afterwards}
"""


def output(setup="", afterwards=""):
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(setup=setup, afterwards=afterwards)],
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout, finished.stderr


def test_a_library_user_sees_nothing_unless_they_ask():
    """Not even errors: a program that did not set up logging has chosen silence."""
    assert output() == ("", "")


def test_a_host_that_sets_up_logging_sees_the_lines():
    """At its level, in its format, on its stream."""
    stdout, stderr = output("logging.basicConfig(level=logging.INFO)")
    assert stdout == ""
    assert stderr.splitlines() == [
        "INFO:otel_kubecost.example:Exported 45 metrics",
        "ERROR:otel_kubecost.example:broken",
    ]


def test_a_hosts_own_structlog_is_not_disturbed():
    """Its configuration is not used for our lines, and is after them what it was before."""
    setup = """
import structlog
structlog.configure(processors=[structlog.processors.KeyValueRenderer(sort_keys=True)])
before = {**structlog.get_config(), "processors": structlog.get_config()["processors"][:]}
"""
    afterwards = """
assert structlog.get_config() == before
structlog.get_logger().info("the host's", n=1)
"""
    assert output(setup, afterwards) == ('event="the host\'s" n=1\n', "")


def test_positional_arguments_are_filled_in(caplog):
    """As ``logging`` does, for whoever writes lines that way."""
    get_logger("otel_kubecost.test").error("Port %d on %s", 9103, "localhost")
    assert caplog.records[0].getMessage() == "Port 9103 on localhost"


def test_context_and_keys_arrive_as_fields_of_the_record(caplog):
    """What varies is given as keys too, for hosts that log structured."""
    caplog.set_level(logging.INFO, "otel_kubecost")
    get_logger("otel_kubecost.test").bind(receiver="kubecost/a").info("Exported", count=45)
    (record,) = caplog.records
    assert (record.receiver, record.count) == ("kubecost/a", 45)


def test_keys_that_a_record_has_itself_do_not_break_a_line(caplog):
    """``logging`` refuses an extra key called name or args; ours get an underscore."""
    get_logger("otel_kubecost.test").error("Broken", name="n", args=1, module="m")
    (record,) = caplog.records
    assert (record.name_, record.args_, record.module_) == ("n", 1, "m")
    assert record.name == "otel_kubecost.test"
