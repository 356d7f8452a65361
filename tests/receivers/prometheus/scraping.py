"""Targets on the loopback interface, and what a receiver makes of their pages."""

from __future__ import annotations

import time

from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.testing import HttpServer, Reply

TEXT = "text/plain; version=0.0.4"
REPORT = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added",
}  # fmt: skip


class Target(HttpServer):
    """Serves ``pages`` by path; a Reply stands for itself, what is not there is 404."""

    def __init__(self, **pages):
        super().__init__(self._page)
        self.pages = {f"/{name}": page for name, page in pages.items()}

    @property
    def address(self):
        return self.url.removeprefix("http://")

    def _page(self, request):
        page = self.pages.get(request.path, Reply(404, b"there is no such page"))
        return page if isinstance(page, Reply) else Reply(200, page, TEXT)


def job(*addresses, name="j", **options):
    targets = [{"targets": list(addresses)}]
    return {"job_name": name, "scrape_interval": "1m", "static_configs": targets, **options}


def series(batches):
    """``{(name, label=value, ...): [(milliseconds, value), ...]}`` of all ``batches``."""
    found = {}
    for batch in batches:
        for family in Translator().translate(batch):
            for one in family.series:
                labels = dict(one.labels)
                key = (labels.pop("__name__"), *(f"{k}={v}" for k, v in labels.items()))
                found.setdefault(key, []).extend(map(tuple, one.samples))
    return found


def values(batches, *names):
    """By name the values of series with one of these names, in the order of their times."""
    found = {}
    for (name, *_), samples in series(batches).items():
        if name in names:
            found.setdefault(name, []).extend(samples)
    return {name: [value for _, value in sorted(samples)] for name, samples in found.items()}


def until(condition, seconds=5.0):
    """The first true value of ``condition()``."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.005)
    return value
