"""A large page, and many targets, from a process that has a container's memory.

As in ``test_memory_gate``: what the process may allocate is limited (``RLIMIT_DATA``), and what was
resident at most (VmHWM) is read at the end.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from peers import COMMAND, wait_until

from otel_kubecost.testing import HttpServer, Reply, decode, is_stale, read_spool

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
MAY_ALLOCATE = 128 * 2**20
MAY_BE_RESIDENT = 112 * 2**20
TEXT = "text/plain; version=0.0.4; charset=utf-8"
SERIES, CHURN = 100_000, 0.01
INTERVAL = 10
GENERATIONS, LOST = 4, (1, 2)
"""Pages; and those after which the endpoint is down, until the next one is asked for."""
REPORTS = 5
"""Series that each scrape has beside those of the page."""
PROGRAMS, OF_PROGRAM, ROUNDS = 300, 100, 3
BODY_SIZE_LIMIT = 2**20
AS_THE_PAGE_SAYS = re.compile(rb"^([^# ][^ ]*(?:\{.*\})?) (\S+)(?: (\S+))?$", re.MULTILINE)


def pages():
    """The module of the benchmarks that makes them."""
    # What is installed comes first: of the checkout it is the benchmarks alone that are wanted.
    sys.path.append(str(ROOT))
    try:
        return import_module("benchmarks.scraping.page")
    finally:
        sys.path.remove(str(ROOT))


def now():
    return time.time_ns() // 1_000_000


class LargePage:
    """Goes on whenever it is asked for, until the last generation."""

    def __init__(self):
        self.asked = 0
        begin = now()
        page = pages().ClusterPage(SERIES, begin, churn=CHURN)
        self.told = [page.text()]
        for generation in range(1, GENERATIONS):
            page.turn(begin + generation * INTERVAL * 1000)
            self.told.append(page.text())

    def __call__(self, request):
        generation, self.asked = self.asked, self.asked + 1
        return Reply(200, self.told[min(generation, GENERATIONS - 1)], TEXT)


class Endpoint(HttpServer):
    """Keeps what arrives while ``is_up()``."""

    def __init__(self, is_up=lambda: True):
        super().__init__(self._take)
        self._is_up = is_up
        self.bodies = []
        self.refused = 0

    def _take(self, request):
        if not self._is_up():
            self.refused += 1
            return Reply(503)
        if request.method == "POST":  # else it asks whether somebody is there
            self.bodies.append(request.body)
        return Reply(204)

    def samples(self):
        """Labels, milliseconds and value, in the order of arrival."""
        for body in self.bodies:
            for series in decode(body).series:
                for at, value in series.points:
                    yield dict(series.labels), at, value


@contextmanager
def running(config):
    """The command as a process that may allocate so much; and what tells its VmHWM, in bytes."""
    limits = [f"--data={MAY_ALLOCATE}", f"--stack={2**20}"]  # a thread's stack counts whole
    with config.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            ["prlimit", *limits, *COMMAND, "run", "--config", config], stderr=log
        )

    def peak():
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line[:6] == "VmHWM:"), 0)

    try:
        yield process, peak
    finally:
        process.kill()
        process.wait()


def ended(process, peak):
    """The highest VmHWM of a process that ends with 0 when it is asked to."""
    highest = peak()
    process.terminate()
    while process.poll() is None:
        highest = max(highest, peak())
    assert process.returncode == 0
    return highest


def configuration(directory, jobs, endpoint):
    pipeline = {"receivers": ["prometheus"], "exporters": ["prometheus_remote_write"]}
    document = {
        "receivers": {"prometheus": {"scrape_configs": jobs}},
        "exporters": {"prometheus_remote_write": {"endpoint": endpoint, "storage": "file_storage"}},
        "extensions": {"file_storage": {"directory": str(directory / "spool")}},
        "service": {"extensions": ["file_storage"], "pipelines": {"metrics": pipeline}},
    }
    path = directory / "pipeline.yaml"
    path.write_text(json.dumps(document))
    return path


def books(directory):
    (queue,) = (directory / "spool").glob("queue-*.db")
    return read_spool(queue)


def job(name, interval, *targets, **options):
    timing = {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}
    return {"job_name": name, **timing, "static_configs": list(targets), **options}


def said(text):
    """How often each name has each value in a page, whatever its labels; as text, for NaN."""
    found = Counter()
    for series, value, _ in AS_THE_PAGE_SAYS.findall(text):
        found[series.partition(b"{")[0].decode(), str(float(value))] += 1
    return found


def test_a_page_of_100_000_series_and_an_outage_fit_into_128_mib(tmp_path, record_property):
    """Each page comes whole, those of an outage later; nothing is dropped or waits in the end."""
    large = LargePage()
    with HttpServer(large) as site, Endpoint(lambda: large.asked - 1 not in LOST) as endpoint:
        host = site.url.removeprefix("http://")
        one = job("cluster", INTERVAL, {"targets": [host]})
        path = configuration(tmp_path, [one], f"{endpoint.url}/api/v1/write")
        with running(path) as (process, peak):
            # When it asks once more, what it had is in the queue at least.
            wait_until(lambda: large.asked > GENERATIONS, timeout=300, process=process)
            wait_until(lambda: not books(tmp_path).pending, timeout=120, process=process)
            highest = ended(process, peak)
    record_property("figure", f"{highest / 2**20:.1f} MiB, {len(endpoint.bodies)} requests")
    assert endpoint.refused
    of_spool, arrived, gone, count = books(tmp_path), Counter(), Counter(), 0
    for labels, _, value in endpoint.samples():
        count += 1
        if labels.get("job") == "cluster" and is_stale(value):
            gone[labels["__name__"]] += 1
        elif labels.get("job") == "cluster":
            arrived[labels["__name__"], str(value)] += 1
    assert (of_spool.faults, dict(of_spool.dropped), of_spool.pending) == ([], {}, 0)
    assert of_spool.accepted == of_spool.delivered == count
    expected = sum((said(text) for text in large.told), Counter())
    assert [each for each in expected if arrived[each] < expected[each]][:5] == []
    replaced = round(CHURN * large.told[0].count(b"\nkube_pod_info{"))
    assert gone["kube_pod_info"] >= replaced * (GENERATIONS - 1) > 0
    assert highest <= MAY_BE_RESIDENT


class Programs:
    """Three hundred healthy targets, and some that are not."""

    def __init__(self):
        module = pages()
        self._pages = [
            Reply(200, module.ProgramPage(number, OF_PROGRAM, now()).text(), TEXT)
            for number in range(PROGRAMS)
        ]
        huge = b"".join(b'huge{number="%d"} 1\n' % number for number in range(2_000_000))
        self._bad = {
            "/hanging": Reply(hang=True),
            "/dripping": Reply(200, b"slow 1\n" * 1000, TEXT, drip=0.05),
            "/huge": Reply(200, huge, TEXT),
            "/broken": Reply(200, b"fine 1\nbroken{\n", TEXT),
            "/cut": Reply(200, b"fine 1\n" * 1000, TEXT, cut_after=100),
            "/failing": Reply(500),
        }
        self.bad = sorted(path[1:] for path in self._bad)
        self.asked = Counter()
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            self.asked[request.path] += 1
        if request.path in self._bad:
            return self._bad[request.path]
        return self._pages[int(request.path.rpartition("/")[2])]

    def rounds(self):
        """How often each healthy one was asked at least."""
        return min(self.asked[f"/program/{number}"] for number in range(PROGRAMS))


def test_300_targets_beside_some_that_hang_or_are_huge_fit_into_128_mib(tmp_path, record_property):
    """The healthy ones are scraped with all their series, whatever the others do meanwhile;
    ``up`` says 0 of those."""
    programs = Programs()
    with HttpServer(programs) as site, Endpoint() as endpoint:
        host = site.url.removeprefix("http://")
        paths = [f"/program/{number}" for number in range(PROGRAMS)]
        healthy, bad = (
            [{"targets": [host], "labels": {"__metrics_path__": path, "instance": path[1:]}}
             for path in each]
            for each in (paths, [f"/{name}" for name in programs.bad])
        )  # fmt: skip
        jobs = [
            job("programs", 5, *healthy),
            job("bad", 5, *bad, body_size_limit=BODY_SIZE_LIMIT),
        ]
        path = configuration(tmp_path, jobs, f"{endpoint.url}/api/v1/write")
        with running(path) as (process, peak):
            wait_until(lambda: programs.rounds() > ROUNDS, timeout=120, process=process)
            wait_until(lambda: not books(tmp_path).pending, timeout=60, process=process)
            highest = ended(process, peak)
    record_property("figure", f"{highest / 2**20:.1f} MiB, {len(endpoint.bodies)} requests")
    ups, sizes = defaultdict(list), Counter()
    for labels, at, value in endpoint.samples():
        instance, name = labels.get("instance"), labels["__name__"]
        if name == "up" and not is_stale(value):
            ups[instance].append((at, value))
        elif labels.get("job") == "programs" and not is_stale(value):
            sizes[instance] += 1
    for instance in (path[1:] for path in paths):
        assert {value for _, value in ups[instance]} == {1.0}, instance
        assert len(ups[instance]) >= ROUNDS
        assert sizes[instance] == len(ups[instance]) * (OF_PROGRAM + REPORTS - 1), instance
    for instance in programs.bad:
        assert {value for _, value in ups[instance]} == {0.0}, instance
        assert len(ups[instance]) >= ROUNDS - 1, instance
    assert highest <= MAY_BE_RESIDENT
