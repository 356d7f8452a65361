"""What a sender wrote, read with the protocol's own classes, apart from what the receiver makes of
it."""

from __future__ import annotations

import struct
from collections import defaultdict
from itertools import pairwise

from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest

from otel_kubecost.testing import RemoteWriteReceiver, Reply
from otel_kubecost.testing.wire import STALE_BITS, decompressed

ENDED = "ended"
"""In a course, the stale marker."""
TIMED = ("container_", "timed_")
"""Names of series that have times of their own begin like that, here and in what is scraped."""
UNTIMED = "times_of_ours"
"""The job that does not honour them."""


class Store(RemoteWriteReceiver):
    """Keeps all bodies that it has taken. One that ``forgives`` looks at none of them."""

    def __init__(self, *, forgives=False):
        super().__init__()
        self._forgives = forgives
        self._bodies = []
        self._written = Written()

    def _handle(self, request):
        is_write = request.method == "POST"
        reply = Reply(204) if is_write and self._forgives else super()._handle(request)
        if is_write and reply.status < 300:
            self._bodies.append(request.body)
        return reply

    @property
    def written(self):
        """Everything until now."""
        while self._bodies:
            self._written.read(self._bodies.pop(0))
        return self._written


class Written:
    """Samples, metadata and exemplars of many requests.

    ``series`` are times (milliseconds) and bits of values, by labels as they were sent. A sample
    that is the one before it once more counts in ``repeated`` alone.
    """

    def __init__(self):
        self.series = defaultdict(list)
        self.described = set()
        """Name, type, help and unit."""
        self.exemplars = defaultdict(set)
        self.repeated = 0

    def read(self, body):
        request = WriteRequest.FromString(decompressed(body))
        for sent in request.timeseries:
            labels = _labels(sent.labels)
            samples = [(sample.timestamp, _bits(sample.value)) for sample in sent.samples]
            self._append(self.series[labels], samples)
            for one in sent.exemplars:
                exemplar = (_labels(one.labels), one.timestamp, _bits(one.value))
                self.exemplars[labels].add(exemplar)
        for one in request.metadata:
            self.described.add((one.metric_family_name, one.type, one.help, one.unit))

    def _append(self, known, samples):
        for sample in samples:
            if known and known[-1] == sample:
                self.repeated += 1
            else:
                known.append(sample)

    def alive(self, job):
        """The series of a job that have not ended."""
        of_job = ("job", job)
        return {labels for labels in self.series if of_job in labels and self.is_alive(labels)}

    def course(self, labels):
        """Values in their order, without those that repeat the one before, and where it ended."""
        values = [ENDED if bits == STALE_BITS else bits for _, bits in self.series[labels]]
        return [*values[:1], *(after for before, after in pairwise(values) if after != before)]

    @property
    def samples(self):
        """How many, each once."""
        return sum(map(len, self.series.values()))

    @property
    def ends(self):
        """How many series have ended, each as often as it did."""
        return sum(bits == STALE_BITS for known in self.series.values() for _, bits in known)

    def is_alive(self, labels):
        return self.series[labels][-1][1] != STALE_BITS

    def newest(self, **labels):
        """Of a series that has these labels the last value; None before there is one."""
        wanted = set(labels.items())
        found = (known for all_of_it, known in self.series.items() if wanted <= set(all_of_it))
        newest = next(found, None)
        return _value(newest[-1][1]) if newest else None


def is_timed(labels):
    named = dict(labels)
    return named["__name__"].startswith(TIMED) and named.get("job") != UNTIMED


def _labels(pairs):
    return tuple((pair.name, pair.value) for pair in pairs)


def _bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def _value(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]
