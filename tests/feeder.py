"""Processes to be killed: each gives an exporter with a spool batches as fast as it takes them.

Each line of standard input, in JSON the arguments of ``feed`` or of ``drain``, becomes a process of
its own, forked from this one: that saves the time that imports take. Its id is written to standard
output, and when it has ended its status.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from functools import cache
from hashlib import shake_128

from opentelemetry.sdk.metrics.export import MetricsData, NumberDataPoint
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import gauge, metrics_of

SERIES = 12
"""Of each batch."""
BEGINNING = 1_704_067_200_000
"""Milliseconds since the epoch: the time of batch 0. The next one is a millisecond later."""
LIFETIME = 60.0
"""Seconds after which a process ends that nobody has killed."""
LENGTH = 1000
"""Of a label that cannot be compressed: the write-ahead log has to be emptied from time to time."""
OWNER = "fed"
"""Of the queue."""


def samples(number):
    """What a receiver gets of a batch: series with their only point."""
    return {
        labels: (BEGINNING + number, float(number * SERIES + n))
        for n, labels in enumerate(all_labels())
    }


@cache
def all_labels():
    texts = [shake_128(bytes([n])).hexdigest(LENGTH // 2) for n in range(SERIES)]
    return [(("__name__", "fed"), ("n", str(n)), ("text", text)) for n, text in enumerate(texts)]


def batch(number):
    points = [
        NumberDataPoint(dict(labels[1:]), 0, at * 1_000_000, value)
        for labels, (at, value) in samples(number).items()
    ]
    scope = InstrumentationScope("feeder")
    return MetricsData([metrics_of({}, [(scope, [gauge("fed", "", "", points)])])])


@contextmanager
def exporter(directory, options):
    storage = FileStorage(directory=directory)
    storage.start()
    one = PrometheusRemoteWriteExporter(**options, spool=storage.queue(OWNER))
    one.start()
    yield one
    one.shutdown()
    storage.shutdown()


def feed(directory, options, said, first, room):
    """Batches from ``first`` on, until ``room`` samples more wait than in the beginning.

    A line in the file ``said`` comes when the spool is open, and before and after ``enqueue``.
    """
    report = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    end = time.monotonic() + LIFETIME
    number = first
    with exporter(directory, options) as one:
        os.write(report, b"opened %d\n" % number)
        enough = one.stats().pending + room
        while time.monotonic() < end:
            if one.stats().pending >= enough:
                time.sleep(0.002)
                continue
            os.write(report, b"offered %d\n" % number)
            one.enqueue(batch(number))
            os.write(report, b"accepted %d\n" % number)
            number += 1


def drain(directory, options):
    """What is there is sent."""
    with exporter(directory, options) as one:
        if not one.force_flush(LIFETIME * 1000):
            raise TimeoutError(one.stats())


def main():
    for line in sys.stdin:
        child = os.fork()
        if not child:
            arguments = json.loads(line)
            drain(**arguments) if len(arguments) == 2 else feed(**arguments)
            os._exit(0)
        say(child)
        say(os.waitpid(child, 0)[1])


def say(number):
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
