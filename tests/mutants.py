"""Ways in which the sender may be broken, each of which ``tests/wire_contract`` has to see.

A mutant is the package with one small edit of its source: a text of a file that becomes another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SENDER = "exporters/prometheus_remote_write"
ANSWERS = "exporters/sending/answers.py"
SCRAPER = "receivers/prometheus"
PROTOBUF = "exporters/encoding/protobuf.py"
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
        "no Content-Encoding", "message_1",
        f"{SENDER}/client.py",
        '_HEADERS = {\n    "Content-Encoding": "snappy",\n', "_HEADERS = {\n",
    ),
    mutant(
        "a parameter in the content type of 1.0", "message_1",
        f"{SENDER}/client.py",
        '"Content-Type": "application/x-protobuf",',
        '"Content-Type": "application/x-protobuf;proto=WriteRequest",',
    ),
    mutant(
        "another path than the one configured", "message_1",
        f"{SENDER}/client.py",
        "self._http.post(self._options.endpoint,", 'self._http.post(self._options.endpoint + "/",',
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
        "a User-Agent without a version", "message_1",
        "http/session.py",
        "return f\"otel-kubecost/{importlib.metadata.version('otel-kubecost')}\"",
        'return "otel-kubecost"',
    ),
    mutant(
        "no headers of the user's", "message_1",
        "http/session.py", "            **self._options.headers,\n", "",
    ),
    mutant(
        "users may set Content-Encoding", "message_1",
        "http/config.py", '        "content-encoding",\n', "",
    ),
    mutant(
        "users may set reserved headers in small letters", "message_1",
        "http/config.py",
        "if name.lower() in RESERVED_HEADERS:",
        "if not name.islower() and name.lower() in RESERVED_HEADERS:",
    ),
    mutant(
        "two ways to authenticate", "message_1",
        "http/config.py", "if len(given) > 1:", "if len(given) > 2:",
    ),
    mutant(
        "a password is read once", "message_1",
        "http/credentials.py", "if stamp != self._stamp:", "if self._stamp is None:",
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
        "no labels of the target", "message_1",
        "exporters/series/resource.py",
        "return {label: text for label, text in identity.items() if text}", "return {}",
    ),
    mutant(
        "labels of discovery are sent", "message_1",
        f"{SCRAPER}/discovery/targets.py",
        'own = {name: value for name, value in labels.items() if not name.startswith("__")}',
        "own = dict(labels)",
    ),
    mutant(
        "a page may have a label twice", "message_1",
        f"{SCRAPER}/page/labelling.py",
        "if count > 1 and is_left and", "if count > 2 and is_left and",
    ),
    mutant(
        "a page may have any names", "message_1",
        f"{SCRAPER}/page/labelling.py", "if not _METRIC_NAME.fullmatch(name):", "if False:",
    ),
    mutant(
        "a page may have any bytes", "message_1",
        f"{SCRAPER}/exposition/series.py", "key.decode()", 'key.decode("latin-1")',
    ),
    mutant(
        "rules of an exporter may make any name", "message_1",
        "exporters/series/relabel.py",
        "if part.series and _METRIC_NAME.fullmatch(part.name):", "if part.series:",
    ),
    mutant(
        "rules may make any label", "message_1",
        "relabel/labels.py", "        if is_label_name(mapped):", "        if mapped:",
    ),
    mutant(
        "escapes of a page are sent as they are", "message_1",
        f"{SCRAPER}/exposition/escapes.py",
        r'return _IN_VALUE.sub(_character, text) if "\\" in text else text', "return text",
    ),
    mutant(
        "no text beyond ASCII, in 1.0", "message_1",
        PROTOBUF, 'text.encode("utf-8", "replace")', 'text.encode("ascii", "replace")',
    ),
    mutant(
        "no text beyond ASCII, in 2.0", "message_2",
        PROTOBUF, 'text.encode("utf-8", "replace")', 'text.encode("ascii", "replace")',
    ),
    mutant(
        "the last of several samples of one time", "message_1",
        f"{SCRAPER}/page/progress.py", "    if time > last:\n", "    if time >= last:\n",
    ),
    mutant(
        "samples of a page that are out of order", "message_1",
        f"{SCRAPER}/page/progress.py",
        '    if time < last:\n        return "out_of_order"',
        '    if time < last:\n        return "sent"',
    ),
    mutant(
        "values of 32 bits, in 1.0", "message_1",
        f"{SENDER}/laid_frames.py", "(double_bytes(values))",
        '(double_bytes(array("d", array("f", values))))',
    ),
    mutant(
        "values of 32 bits, in 2.0", "message_2",
        f"{SENDER}/frames_v2.py",
        "pack_double(cell.value),",
        'pack_double(__import__("array").array("f", [cell.value])[0]),',
    ),
    mutant(
        "an ordinary NaN has other bits", "message_1",
        f"{SCRAPER}/exposition/numbers.py", 'b"NaN": NORMAL_NAN,', 'b"NaN": math.nan,',
    ),
    mutant(
        "an ordinary NaN is a stale marker", "order",
        f"{SCRAPER}/exposition/numbers.py", "(0x7FF8000000000001)", "(0x7FF0000000000002)",
    ),
    mutant(
        "no sums of histograms and summaries", "message_1",
        "exporters/series/scraped.py",
        "    for suffix, columns in points.by_suffix.items():\n",
        "    for suffix, columns in points.by_suffix.items():\n"
        '        if suffix == "_sum":\n            continue\n',
    ),
    mutant(
        "no times of creation", "message_1",
        "exporters/series/scraped.py",
        "    for suffix, columns in points.by_suffix.items():\n",
        "    for suffix, columns in points.by_suffix.items():\n"
        '        if suffix == "_created":\n            continue\n',
    ),
    mutant(
        "times that a page says are those of the scrape", "message_1",
        f"{SCRAPER}/page/block.py", "if self._rules.honor_timestamps:", "if False:",
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
        "milliseconds cut off, in 2.0", "message_2",
        f"{SENDER}/frames_v2.py",
        'return b"\\x10" + varint(time) + start',
        'return b"\\x10" + varint(time // 1000 * 1000) + start',
    ),
    mutant(
        "a few series in a request", "message_2",
        f"{SENDER}/exporter.py",
        "limit = self._options.queue_config.max_samples_per_send", "limit = 5",
    ),
    mutant(
        "max_samples_per_send without effect", "message_1",
        f"{SENDER}/exporter.py",
        "limit = self._options.queue_config.max_samples_per_send", "limit = 10_000",
    ),
    mutant(
        "max_batch_size_bytes without effect", "message_1",
        f"{SENDER}/exporter.py",
        "        max_bytes = self._options.max_batch_size_bytes\n        yield from write(",
        "        max_bytes = 1e9\n        yield from write(",
    ),
    mutant(
        "no metadata", "message_1",
        f"{SENDER}/exporter.py", "if config.send and now", "if False and now",
    ),
    mutant(
        "counters are described as gauges", "message_1",
        f"{SENDER}/codec.py", "Type.COUNTER: 1,", "Type.COUNTER: 2,",
    ),
    mutant(
        "a type that nobody said", "message_2",
        f"{SENDER}/codec.py", "Type.UNKNOWN: 0,", "Type.UNKNOWN: 2,",
    ),
    mutant(
        "metadata in the reserved field 2", "message_1",
        f"{SENDER}/codec.py", "return field(0x1A, message)", "return field(0x12, message)",
    ),
    mutant(
        "types are not said with series", "message_2",
        f"{SENDER}/frames_v2.py", "kind = varint(TYPE_NUMBERS[family.type])", "kind = varint(0)",
    ),
    mutant(
        "help is not said with series", "message_2",
        f"{SENDER}/frames_v2.py", "symbols.ref(family.help),", 'symbols.ref(""),',
    ),
    mutant(
        "help in a field that is none", "message_2",
        f"{SENDER}/frames_v2.py", 'b"\\x18" + help_ref', 'b"\\x10" + help_ref',
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
        "exemplars that nobody asked for", "message_1",
        f"{SENDER}/exporter.py", "exemplars=self._options.send_exemplars", "exemplars=True",
    ),
    mutant(
        "exemplars with each scrape", "message_1",
        f"{SCRAPER}/page/exemplars.py",
        "if before.get(hashes[place]) != texts[hashes[place]]", "if place >= 0",
    ),
    mutant(
        "exemplars without a time", "message_2",
        f"{SENDER}/frames_v2.py", '+ b"\\x18" + varint(exemplar.timestamp)', "",
    ),
    mutant(
        "exemplars say traceID", "message_2",
        "exporters/series/exemplars.py", 'trace["trace_id"]', 'trace["traceID"]',
    ),
    mutant(
        "start timestamps lost", "message_2",
        f"{SENDER}/frames_v2.py", "if 0 < since < time else", "if False else",
    ),
    mutant(
        "start timestamps in seconds", "message_2",
        f"{SENDER}/frames_v2.py", "+ varint(since) if", "+ varint(since // 1000) if",
    ),
    mutant(
        "start timestamps that nobody said", "message_2",
        f"{SENDER}/frames_v2.py",
        'if 0 < since < time else b""', 'if 0 < since < time else b"\\x18" + varint(time - 1)',
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
        "references beyond the table", "message_2",
        f"{SENDER}/symbols.py", "varint(len(self._refs))", "varint(len(self._refs) + 1)",
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
        "no stale markers in 2.0", "message_2",
        f"{SENDER}/exporter.py",
        "yield from write(markers, limit, max_bytes)",
        "yield from () if in_v2 else write(markers, limit, max_bytes)",
    ),
    mutant(
        "stale markers are an ordinary NaN", "order",
        f"{SENDER}/remembered.py", "(0x7FF0000000000002)", "(0x7FF8000000000001)",
    ),
    mutant(
        "stale markers just behind the last sample", "order",
        f"{SENDER}/staleness.py",
        "last = max(time, family.newest + 1)", "last = family.newest + 1",
    ),
    mutant(
        "stale markers for series with times of their own", "order",
        f"{SCRAPER}/page/assembling.py",
        "is_tracked=not key.is_timed,", "is_tracked=True,",
    ),
    mutant(
        "stale markers for targets that are scraped seldom", "order",
        f"{SENDER}/staleness.py",
        "batch = [*scopes, *self._not_renewed(scopes)]",
        "came = {scope.origin: scope.time for scope in scopes}\n"
        "        batch = [*scopes, *(ScopeFamilies(origin, [], max(came.values(), default=0))\n"
        "                            for origin in self._present if origin not in came)]",
    ),
    mutant(
        "stale markers for all targets with a new configuration", "order",
        f"{SCRAPER}/jobs.py",
        "                heir.inherited = known\n",
        "                self._ended += known.values()\n",
    ),
    mutant(
        "nothing is said of a scrape that failed", "order",
        f"{SCRAPER}/turn.py",
        "return Scraped(one, found.data, found.points)",
        "return None if found.failure else Scraped(one, found.data, found.points)",
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
        "400 costs the whole request", "answers",
        f"{SENDER}/answers.py", "Meaning({400}, Action.ISOLATE,", "Meaning({400}, Action.DROP,",
    ),
    mutant(
        "401 is tried again", "answers",
        ANSWERS, "Meaning({401}, Action.HOLD,", "Meaning({401}, Action.RETRY,",
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
        "no pauses", "answers",
        "exporters/sending/retry.py", "* (1 - 0.1 * random())", "* 0",
    ),
    mutant(
        "pauses are all chance", "answers",
        "exporters/sending/retry.py", "* (1 - 0.1 * random())", "* random()",
    ),
    mutant(
        "no Retry-After", "answers",
        ANSWERS, 'wait = retry_after(headers.get("Retry-After", ""), now)', "wait = None",
    ),
    mutant(
        "no Retry-After that is a date", "answers",
        "exporters/sending/retry.py",
        "return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None", "return None",
    ),
    mutant(
        "Retry-After that says nothing costs the request", "answers",
        "exporters/sending/retry.py",
        "except (ValueError, OverflowError):", "except OverflowError:",
    ),
    mutant(
        "no end of a request that hangs", "answers",
        "http/session.py",
        "Deadline(self._options.timeout if timeout is None else timeout)", "Deadline(600.0)",
    ),
    mutant(
        "a success whose body breaks off is none", "answers",
        "http/session.py", "with suppress(HTTPFailure):", "with suppress(KeyError):",
    ),
    mutant(
        "bodies of answers are interpreted", "answers",
        f"{SENDER}/client.py",
        "classify(answer.status,", 'classify(503 if b"503" in answer.body else answer.status,',
    ),
    mutant(
        "reasons are not logged", "answers",
        ANSWERS, 'return f"{said!r}" if said else ""', 'return ""',
    ),
    mutant(
        "reasons are logged whatever their length", "answers",
        "http/excerpt.py", "limit: int = 256", "limit: int = 10**9",
    ),
    mutant(
        "redirects are followed", "answers",
        f"{SENDER}/client.py",
        "        self._timing.hear(answer, asked)\n",
        "        if answer.status == 307:\n"
        '            answer = self._http.post(answer.headers["Location"], request.body, headers)\n'
        "        self._timing.hear(answer, asked)\n",
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
        "missing headers ...-Written mean 0 in 1.0, too", "answers",
        f"{SENDER}/client.py",
        "            return self._verdict(self._post(request, attempt))\n"
        "        if not self.speaks_v2:",
        "            answer = self._post(request, attempt)\n"
        '            said = {"X-Prometheus-Remote-Write-Samples-Written": "0", **answer.headers}\n'
        "            answer = answer._replace(headers=said)\n"
        "            return counted(self._verdict(answer), answer, request.samples)\n"
        "        if not self.speaks_v2:",
    ),
    mutant(
        "a version in an answer is believed", "answers",
        f"{SENDER}/negotiation.py",
        "    return answer.status == 415 or (",
        '    version = answer.headers.get("X-Prometheus-Remote-Write-Version")\n'
        '    return version == "0.1.0" or answer.status == 415 or (',
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
    mutant(
        "what was written in part is given up after 5xx", "answers",
        f"{SENDER}/negotiation.py",
        "verdict.action not in {Action.DONE, Action.DROP, Action.ISOLATE}",
        "verdict.action is Action.WAIT",
    ),
    mutant(
        "what was written of a refused request counts for nothing", "answers",
        f"{SENDER}/negotiation.py", "message=message, written=stored)", "message=message)",
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
        "the end takes its time", "lifecycle",
        "service.py",
        '_log.info("Stopping: what is queued is sent first")\n            self.shutdown()',
        '_log.info("Stopping: what is queued is sent first")\n            self.shutdown()\n'
        "            threading.Event().wait(1)",
        "service.py", "import signal\n", "import signal\nimport threading\n",
    ),
    mutant(
        "the end waits for an endpoint that is down", "lifecycle",
        "exporters/sending/bookkeeping.py",
        "(self.closing and (self.held or backlog.is_durable))", "(self.closing and self.held)",
    ),
    mutant(
        "what is on the disk is sent the newest first", "lifecycle",
        "extensions/file_storage/queue.py",
        "ORDER BY newest, batch, rank LIMIT 1 OFFSET ?",
        "ORDER BY newest DESC, batch, rank LIMIT 1 OFFSET ?",
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
