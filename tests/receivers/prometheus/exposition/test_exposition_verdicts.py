"""Which pages are taken: as Prometheus takes them, and where not, on purpose."""

import json
import math
import subprocess
import time
import urllib.parse
import urllib.request
from collections import defaultdict

import pytest
from exposition_pages import (
    BAD_OPENMETRICS,
    BAD_TEXT,
    CONTENT_TYPES,
    GOOD_OPENMETRICS,
    GOOD_TEXT,
    NEW_OPENMETRICS,
    NEW_TEXT,
    NO_PAGE_OF_ANY,
    OPENMETRICS_TYPE,
    REFUSED_TEXT,
    TEXT_TYPE,
    PlainPage,
    ended,
    is_readable,
)
from peers import free_port, wait_until

from otel_kubecost.receivers.prometheus.exposition import (
    ACCEPT,
    OPENMETRICS,
    TEXT,
    ExpositionError,
    format_of,
)
from otel_kubecost.testing.exchange import Reply
from otel_kubecost.testing.server import HttpServer

NOW = int(time.time()) - 10
ONE_SAMPLE = b"foo 1\n"
"""A page of 0.0.4, and not one of OpenMetrics, for it has no end."""


def timed(page):
    return page.replace(b"@ms", b"%d000" % NOW).replace(b"@s", b"%d" % NOW)


@pytest.mark.parametrize("page", GOOD_TEXT + NEW_TEXT)
def test_good_pages_of_text_are_read(page):
    """What a Prometheus takes as the format 0.0.4 is a page."""
    PlainPage(timed(page), TEXT)


@pytest.mark.parametrize("page", GOOD_OPENMETRICS + NEW_OPENMETRICS)
def test_good_pages_of_openmetrics_are_read(page):
    """What a Prometheus takes as OpenMetrics is a page."""
    PlainPage(timed(page), OPENMETRICS)


@pytest.mark.parametrize("page", BAD_TEXT + REFUSED_TEXT + NO_PAGE_OF_ANY)
def test_bad_pages_of_text_are_refused(page):
    """One bad line fails the page, and the error quotes some of it, but not much."""
    with pytest.raises(ExpositionError, match=r"cannot read .*: \w") as caught:
        PlainPage(timed(page), TEXT)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("page", BAD_OPENMETRICS + ended(NO_PAGE_OF_ANY))
def test_bad_pages_of_openmetrics_are_refused(page):
    """As those of 0.0.4; and a page without its end is none."""
    with pytest.raises(ExpositionError, match=r"cannot read .*: \w|# EOF"):
        PlainPage(timed(page), OPENMETRICS)


@pytest.mark.parametrize(("content_type", "expected"), CONTENT_TYPES.items())
def test_the_content_type_says_which_format(content_type, expected):
    """OpenMetrics is named and well-formed; everything else is 0.0.4."""
    assert format_of(content_type) is expected


class Scraper:
    """A Prometheus that scrapes each of ``pages`` from a target of its own, labelled ``case``."""

    def __init__(self, directory, pages):
        self._pages = pages
        self._directory = directory
        self._server = HttpServer(self._page)
        self._url = f"http://127.0.0.1:{free_port()}"

    def _page(self, request):
        content_type, page = self._pages[int(request.path.strip("/"))]
        return Reply(200, page, content_type)

    def __enter__(self):
        self._server.__enter__()
        config = self._directory / "prometheus.yml"
        config.write_text(json.dumps({"scrape_configs": [self._job()]}))
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address={self._url.removeprefix('http://')}",
                "--enable-feature=exemplar-storage",
            ],
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)
        self._server.__exit__(None, None, None)

    def _job(self):
        address = self._server.url.removeprefix("http://")
        labels = [{"__metrics_path__": f"/{at}", "case": str(at)} for at in range(len(self._pages))]
        return {
            "job_name": "j",
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "static_configs": [{"targets": [address], "labels": one} for one in labels],
        }

    @property
    def accepted(self):
        """What the scrapes said they accept."""
        return {request.headers["Accept"] for request in self._server.requests}

    def errors(self):
        """The error of each page, or ``""``, as soon as all are known."""
        targets = wait_until(self._scraped, process=self._process)
        return [error for _, error in sorted(targets.items())]

    def _scraped(self):
        try:  # first what is stored: a target that was not asked yet has no error either
            stored = self._ask("query", query="up")["result"]
            targets = self._ask("targets", state="active")["activeTargets"]
        except OSError:
            return None
        errors = {int(one["labels"]["case"]): one["lastError"] for one in targets}
        are_late = any("deadline" in error for error in errors.values())
        return errors if len(stored) == len(self._pages) and not are_late else None

    def samples(self):
        """Of each page: {(name, labels): (value, time)}."""
        found = defaultdict(dict)
        for series in self._ask("query", query='{case!="",job!=""}[2h]')["result"]:
            labels = own(series["metric"])
            name = labels.pop("__name__")
            if not name.startswith(("up", "scrape_")):
                moment, value = series["values"][0]
                key = name, tuple(sorted(labels.items()))
                found[int(series["metric"]["case"])][key] = (float(value), round(moment * 1000))
        return found

    def metadata(self):
        """Of each page: {(family, kind): text}."""
        found = defaultdict(dict)
        for one in self._ask("targets/metadata"):
            of_page = found[int(one["target"]["case"])]
            of_page |= {(one["metric"], kind): one[kind] for kind in ("help", "type", "unit")}
        return found

    def exemplars(self):
        """Of each page: [(labels, value, time)]."""
        span = {"start": NOW - 1000, "end": NOW + 1000}
        found = defaultdict(list)
        for one in self._ask("query_exemplars", query='{case!=""}', **span):
            newest = one["exemplars"][-1]
            labels = tuple(newest["labels"].items())
            moment = round(newest["timestamp"] * 1000)
            of_page = found[int(one["seriesLabels"]["case"])]
            of_page.append((labels, float(newest["value"]), moment))
        return found

    def _ask(self, path, **parameters):
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


def own(labels):
    return {name: text for name, text in labels.items() if name not in ("case", "job", "instance")}


def is_stored(moment):
    """Prometheus drops what is far from now."""
    return moment is None or abs(moment - NOW * 1000) < 3_600_000


def our_samples(page):
    return {
        (name, tuple(sorted((key, text) for key, text in labels if text))): (value, moment)
        for name, labels, value, moment, _ in page.samples
        if is_stored(moment)
    }


def our_metadata(page):
    kept = {}
    for comment in filter(None, page.comments):
        about = {(comment.family, "help"): "", (comment.family, "unit"): ""}
        kept = about | {(comment.family, "type"): "unknown"} | kept
        text = "unknown" if comment.text == "untyped" else comment.text
        kept[comment.family, comment.kind] = text
    return kept


def our_exemplars(page):
    exemplars = [one for *_, one in page.samples if one and is_stored(one.time)]
    return [(tuple(sorted(labels)), value, moment) for labels, value, moment in exemplars]


def are_same(ours, theirs):
    """Of the values with what belongs to them: NaN is itself, a time that no page says is any."""
    return len(ours) == len(theirs) and all(
        expected in (None, found)
        or (isinstance(expected, float) and math.isnan(expected) and math.isnan(found))
        for expected, found in zip(ours, theirs, strict=True)
    )


@pytest.mark.peers
def test_prometheus_reads_the_same(tmp_path):
    """Debian's Prometheus takes and refuses the same pages but for those that are listed as ours,
    and finds in them the same samples, times, metadata and exemplars."""
    pages = [(TEXT_TYPE, timed(page)) for page in GOOD_TEXT + BAD_TEXT + NEW_TEXT + REFUSED_TEXT]
    pages += [
        (OPENMETRICS_TYPE, timed(page))
        for page in GOOD_OPENMETRICS + BAD_OPENMETRICS + NEW_OPENMETRICS
    ]
    read = len(pages)
    pages += [(content_type, ONE_SAMPLE) for content_type in CONTENT_TYPES]
    with Scraper(tmp_path, pages) as prometheus:
        errors = prometheus.errors()
        samples, metadata = prometheus.samples(), prometheus.metadata()
        exemplars = prometheus.exemplars()
        assert prometheus.accepted == {ACCEPT}

    ours_alone = set(map(timed, NEW_TEXT + NEW_OPENMETRICS))
    theirs_alone = set(map(timed, REFUSED_TEXT))
    for at, (content_type, page) in enumerate(pages):
        format_ = format_of(content_type)
        is_taken = is_readable(page, format_)
        assert (page in ours_alone, page in theirs_alone) == (
            is_taken and errors[at] != "",
            not is_taken and errors[at] == "",
        ), (content_type, page, errors[at])
        if not is_taken or errors[at] or at >= read:
            continue
        plain = PlainPage(page, format_)
        ours = our_samples(plain)
        assert ours.keys() == samples[at].keys(), page
        assert all(are_same(ours[key], samples[at][key]) for key in ours), page
        assert our_metadata(plain) == metadata[at], page
        found = zip(our_exemplars(plain), exemplars[at], strict=True)
        assert all(are_same(one, other) for one, other in found), page
