"""Ways in which the sender may be broken, each of which ``tests/wire_contract`` has to see.

A mutant is the package with one small edit of its source: a text of a file that becomes another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SENDER = "exporters/prometheus_remote_write"
ANSWERS = "exporters/sending/answers.py"
SCRAPER = "receivers/prometheus"
END = "self._outbox.end(one, one.origin.ended(max(self._now(), one.last + 1)))"


class Edit(NamedTuple):
    """In a file of the package ``old``, which is there once, becomes ``new``."""

    file: str
    old: str
    new: str


class Mutant(NamedTuple):
    """What is broken, how, and which part of the tests is to notice."""

    what: str
    part: str
    edits: tuple[Edit, ...]


def mutant(what: str, part: str, *texts: str) -> Mutant:
    """``texts`` are of its edits, three each."""
    edits = zip(*(iter(texts),) * 3, strict=True)
    return Mutant(what, f"test_wire_{part}.py", tuple(Edit(*edit) for edit in edits))


MUTANTS = (
    # Around the message.
    mutant(
        "snappy's framed format", "message_1",
        f"{SENDER}/codec.py",
        'return varint(self._size) + b"".join(self._elements)',
        'return bytes(cramjam.snappy.compress('
        'decompressed(varint(self._size) + b"".join(self._elements))))',
    ),
    mutant(
        "no header for the version", "message_1",
        f"{SENDER}/client.py", '    "X-Prometheus-Remote-Write-Version": "0.1.0",\n', "",
    ),
    mutant(
        "the version of 1.0 with 2.0", "message_2",
        f"{SENDER}/client.py",
        '"X-Prometheus-Remote-Write-Version": "2.0.0"',
        '"X-Prometheus-Remote-Write-Version": "0.1.0"',
    ),
    mutant(
        "the content type of 1.0 with 2.0", "message_2",
        f"{SENDER}/client.py",
        'f"application/x-protobuf;proto={V2}"', '"application/x-protobuf"',
    ),
    mutant(
        "no User-Agent of its own", "message_1",
        "http/session.py", '"User-Agent": user_agent(),', "",
    ),
    mutant(
        "users may set Content-Encoding", "message_1",
        "http/config.py", '        "content-encoding",\n', "",
    ),
    mutant(
        "no Retry-Attempt", "answers",
        f"{SENDER}/client.py",
        '{"Retry-Attempt": str(attempt)} if attempt else {}', "{}",
    ),
    # Messages.
    mutant(
        "labels without order", "message_1",
        "exporters/series/columns.py",
        "sorted({**dict.fromkeys(self._inherited, -1), **places}.items())",
        "list({**dict.fromkeys(self._inherited, -1), **places}.items())",
    ),
    mutant(
        "labels sorted without regard to case", "message_2",
        "exporters/series/columns.py",
        "**places}.items())", "**places}.items(), key=lambda pair: pair[0].lower())",
    ),
    mutant(
        "labels with empty values, of few series", "message_1",
        "exporters/series/model.py", "tuple(pair for pair in pairs if pair[1])", "tuple(pairs)",
    ),
    mutant(
        "labels with empty values, of many series", "message_1",
        f"{SENDER}/frames.py", '    if length == 0:\n        return b""\n', "",
    ),
    mutant(
        "seconds instead of milliseconds", "message_1",
        f"{SENDER}/frames.py",
        'return b"\\x10" + varint(milliseconds)', 'return b"\\x10" + varint(milliseconds // 1000)',
    ),
    mutant(
        "milliseconds cut off", "message_1",
        f"{SENDER}/frames.py",
        'return b"\\x10" + varint(milliseconds)',
        'return b"\\x10" + varint(milliseconds // 1000 * 1000)',
    ),
    mutant(
        "max_samples_per_send without effect", "message_1",
        f"{SENDER}/exporter.py",
        "limit = self._options.queue_config.max_samples_per_send", "limit = 10_000",
    ),
    mutant(
        "no metadata", "message_1",
        f"{SENDER}/exporter.py", "if config.send and now", "if False and now",
    ),
    mutant(
        "metadata with every batch", "message_1",
        f"{SENDER}/exporter.py", "now >= self._metadata_due and ", "",
    ),
    mutant(
        "exemplars lost", "message_2",
        f"{SENDER}/exporter.py", "exemplars=self._options.send_exemplars", "exemplars=False",
    ),
    mutant(
        "start timestamps lost", "message_2",
        f"{SENDER}/frames_v2.py", "if 0 < since < time else", "if False else",
    ),
    mutant(
        "the first symbol is not empty", "message_2",
        f"{SENDER}/symbols.py",
        'self._fields = [string(0x22, "")]', 'self._fields = [string(0x22, "none")]',
    ),
    mutant(
        "a symbol twice", "message_2",
        f"{SENDER}/symbols.py",
        "known = self._refs.get(text)",
        'known = None if text == "job" else self._refs.get(text)',
        f"{SENDER}/symbols.py",
        "varint(len(self._refs))", "varint(len(self._fields))",
    ),
    mutant(
        "symbols that nothing refers to", "message_2",
        f"{SENDER}/codec_v2.py", "self._symbols.shrink(symbols_before)", "pass",
    ),
    # Order and staleness.
    mutant(
        "what is newer overtakes what is tried again", "order",
        "exporters/sending/backlog.py",
        "if (one := self._store.first(self._in_flight)) is None:",
        "tried = {*self._in_flight, *self._known}\n"
        "        one = self._store.first(tried) or self._store.first(self._in_flight)\n"
        "        if one is None:",
    ),
    mutant(
        "two requests of a series at the same time", "order",
        "exporters/sending/backlog.py",
        "        if self._ends_batch:\n            return None\n",
        "        self._ends_batch = False\n",
    ),
    mutant(
        "no stale markers", "order",
        f"{SENDER}/exporter.py", "if self._options.stale_markers and stream", "if False and stream",
    ),
    mutant(
        "stale markers are an ordinary NaN", "order",
        f"{SENDER}/remembered.py", "(0x7FF0000000000002)", "(0x7FF8000000000001)",
    ),
    mutant(
        "no stale markers for jobs that are gone", "order",
        f"{SENDER}/exporter.py", "        self._markers.outlive()\n", "",
        f"{SCRAPER}/receiver.py", END, "pass",
    ),
    mutant(
        "no stale markers for targets that are gone", "order",
        f"{SCRAPER}/receiver.py", END, "pass",
    ),
    # Answers.
    mutant(
        "400 is tried again", "answers",
        f"{SENDER}/answers.py", "Meaning({400}, Action.ISOLATE,", "Meaning({400}, Action.RETRY,",
    ),
    mutant(
        "other refusals are tried again", "answers",
        ANSWERS, "Meaning(range(1000), Action.ISOLATE,", "Meaning(range(1000), Action.RETRY,",
    ),
    mutant(
        "500 is not tried again", "answers",
        ANSWERS,
        "Meaning({408, 425, *range(500, 1000)}, Action.RETRY,",
        "Meaning({408, 425, *range(500, 1000)}, Action.DROP,",
    ),
    mutant(
        "no answer is not tried again", "answers",
        ANSWERS, "return Verdict(Action.RETRY, reason, str(failure)",
        "return Verdict(Action.DROP, reason, str(failure)",
    ),
    mutant(
        "no growing pauses", "answers",
        "exporters/sending/retry.py", "minimum * 2.0 ** min(attempt, 64)", "minimum",
    ),
    mutant(
        "no Retry-After", "answers",
        ANSWERS, 'wait = retry_after(headers.get("Retry-After", ""), now)', "wait = None",
    ),
    mutant(
        "only 204 is a success", "answers",
        ANSWERS, "Meaning(range(200, 300), Action.DONE,", "Meaning({204}, Action.DONE,",
    ),
    mutant(
        "what is too large is dropped", "answers",
        ANSWERS, "Meaning({413}, Action.SPLIT,", "Meaning({413}, Action.DROP,",
    ),
    mutant(
        "429 is tried again whatever is configured", "answers",
        f"{SENDER}/client.py", "if answer.status == 429 and not", "if False and not",
    ),
    mutant(
        "sample_age_limit without effect", "answers",
        "exporters/sending/expiry.py", "return bool(self._max_age and newest)", "return False",
    ),
    mutant(
        "no 1.0 after 415", "answers",
        f"{SENDER}/negotiation.py", "answer.status == 415 or (success", "(success",
    ),
    mutant(
        "missing headers ...-Written mean nothing", "answers",
        f"{SENDER}/negotiation.py",
        "(success and written(answer.headers) is None)", "False",
    ),
    mutant(
        "no 1.0 after 400", "answers",
        f"{SENDER}/negotiation.py", "return answer.status == 400 and not self._proven",
        "return False",
    ),
    mutant(
        "1.0 after any 400", "answers",
        f"{SENDER}/negotiation.py", "return answer.status == 400 and not self._proven",
        "return answer.status == 400",
    ),
    mutant(
        "what was written in part comes again", "answers",
        f"{SENDER}/client.py",
        "return counted(self._verdict(answer), answer, request.samples)",
        "return self._verdict(answer)",
    ),
    # The process.
    mutant(
        "exit code 1 after a signal", "lifecycle",
        "service.py",
        '_log.info("Stopping: what is queued is sent first")\n            self.shutdown()',
        '_log.info("Stopping: what is queued is sent first")\n            self.shutdown()\n'
        "            raise SystemExit(1)",
    ),
    mutant(
        "nothing is sent after a signal", "lifecycle",
        "service.py",
        '_log.info("Stopping: what is queued is sent first")\n            self.shutdown()',
        "raise SystemExit(0)",
    ),
    mutant(
        "SIGINT is nobody's", "lifecycle",
        "signals.py", "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):",
        "for number in (signal.SIGTERM, signal.SIGHUP):",
    ),
)  # fmt: skip


def broken(one: Mutant, whole: Mapping[str, str]) -> dict[str, str]:
    """The files of ``one`` by name; ``whole`` are those of the package. Raises LookupError."""
    texts = dict(whole)
    for file, old, new in one.edits:
        if texts[file].count(old) != 1:
            raise LookupError(f"{one.what}: {file} has {texts[file].count(old)} times {old!r}")
        texts[file] = texts[file].replace(old, new)
    return texts
