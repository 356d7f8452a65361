"""The command line without a process of its own."""

import logging
import sys
from typing import NamedTuple

import pytest

from otel_kubecost.cli import main


class Finished(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def typed(capsys, monkeypatch):
    """Runs the command with arguments as if they had been typed, for those that start nothing."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["otel-kubecost", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Finished(ended.value.code, *capsys.readouterr())

    loggers = [logging.getLogger(name) for name in ("otel_kubecost", "opentelemetry")]
    before = [(one.handlers, one.level, one.propagate) for one in loggers]
    yield run
    # A command sets up the logs of its process, which is that of all tests here.
    for logger, state in zip(loggers, before, strict=True):
        logger.handlers, logger.level, logger.propagate = state
