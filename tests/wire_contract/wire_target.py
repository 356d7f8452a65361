"""A target to scrape, whose pages change from scrape to scrape, and what is on them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from otel_kubecost.testing import HttpServer, Reply, Request

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Target(HttpServer):
    """Shows the page of a path; ``scrapes`` counts how often each was asked for.

    A page is a function of that number, 0 for the first scrape; None is an answer of 500.
    """

    def __init__(self, **pages: Callable[[int], str]) -> None:
        super().__init__(self._show)
        self.pages: dict[str, Callable[[int], str] | None] = {**pages}
        self.scrapes: Counter[str] = Counter()

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def _show(self, request: Request) -> Reply:
        name = request.path.strip("/")
        page = self.pages[name]
        self.scrapes[name] += 1
        if page is None:
            return Reply(500, b"out of order")
        text = page(self.scrapes[name] - 1)
        body = text.encode(errors="surrogateescape")
        return Reply(200, body, OPENMETRICS if text.endswith("# EOF\n") else TEXT)


STAMP = round(time.time() - 60) * 1000 + 123
"""The time that ``stamped`` has on the page, in milliseconds."""

ODD_TEXT = 'line\nbreak "quoted" back\\slash 日本 💶 \x7f'
"""Of a label's value: anything that UTF-8 carries."""

VALUES = {
    "smallest": 5e-324,
    "largest": 1.7976931348623157e308,
    "tenth": 0.1,
    "odd": 9007199254740993.0,
    "zero": 0.0,
    "infinite": float("inf"),
    "below": float("-inf"),
}
"""Of the series ``exact`` by its label."""


def everything(number: int) -> str:
    """In the text format: each type, each odd thing that a page may have."""
    ragged = "".join(f'ragged{{{label}="1"}} 1\n' for label in (*"abcdef", "x9"))
    exact = "".join(f'exact{{of="{name}"}} {value!r}\n' for name, value in VALUES.items())
    return (
        f"""# HELP jobs_total Jobs that were done.
# TYPE jobs_total counter
jobs_total{{zone="z",Area="A",area="a",_place="1",empty=""}} {number}
jobs_total{{queue="{_escaped(ODD_TEXT)}"}} {2 * number}
# HELP room_celsius How warm it is.
# TYPE room_celsius gauge
room_celsius{{city="Zürich"}} -1.5
# TYPE waiting_seconds histogram
waiting_seconds_bucket{{le="0.1"}} {number}
waiting_seconds_bucket{{le="+Inf"}} {3 * number}
waiting_seconds_sum {number / 2}
waiting_seconds_count {3 * number}
# TYPE answer_seconds summary
answer_seconds{{quantile="0.5"}} NaN
answer_seconds_sum {number}
answer_seconds_count {number}
# TYPE unknown_number gauge
unknown_number NaN
stamped 7 {STAMP}
beginning 0 0
late 1 {STAMP}
late 2 {STAMP - 5}
late 3 {STAMP + 5}
repeated {number}
repeated {number + 1000}
without_a_type 1
"""
        + ragged
        + exact
    )


UNTOLD = ("stamped", "beginning", "late")
"""Series of ``everything`` whose times are the page's own."""

REFUSED = {
    "a label twice": 'fine 1\nbad{a="1",a="2"} 1\n',
    "a series without a name": 'fine 1\n{a="1"} 1\n',
    "a name that begins with a digit": "fine 1\n9bad 1\n",
    "a name with a dot": 'fine 1\n{"bad.name"} 1\n',
    "a label with a hyphen": 'fine 1\nbad{a-b="1"} 1\n',
    "a label without a name": 'fine 1\nbad{="1"} 1\n',
    "text that is not UTF-8": 'fine 1\nbad{a="\udcff"} 1\n',
}
"""Pages with a series that nobody may send: Prometheus fails the whole scrape."""


def without(page: Callable[[int], str], *names: str) -> Callable[[int], str]:
    """``page`` as it would be without the samples of these names."""

    def less(number: int) -> str:
        lines = page(number).splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(names))

    return less


CREATED = 1_790_000_000_500
"""Since when ``orders_total`` and ``wait_seconds`` count, in milliseconds."""

TRACE = "0af7651916cd43dd8448eb211c80319c"


def openmetrics(number: int) -> str:
    """With exemplars, units, times of creation, and the types that the text format lacks."""
    now = time.time()
    others = "".join(
        f'orders_total{{shop="{shop}"}} {number}\n'
        f'orders_created{{shop="{shop}"}} {CREATED / 1000}\n'
        for shop in range(2, 8)
    )
    return f"""# HELP orders Orders that came.
# TYPE orders counter
orders_total{{shop="one"}} {number + 1} # {{trace_id="{TRACE}"}} {number + 0.5} {now:.3f}
orders_created{{shop="one"}} {CREATED / 1000}
{others}# HELP wait_seconds How long they waited.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{{le="1.0"}} {number + 1} # {{trace_id="{TRACE}",span="b"}} 0.25
wait_seconds_bucket{{le="+Inf"}} {number + 2}
wait_seconds_sum {number}
wait_seconds_count {number + 2}
wait_seconds_created {CREATED / 1000}
# HELP build What runs.
# TYPE build info
build_info{{version="1.2"}} 1
# TYPE mode stateset
mode{{mode="on"}} 1
mode{{mode="off"}} 0
# TYPE depth gaugehistogram
depth_bucket{{le="+Inf"}} 2
depth_gsum 3
depth_gcount 2
# TYPE size_bytes summary
# UNIT size_bytes bytes
size_bytes{{quantile="0.9"}} 12
size_bytes_sum {number}
size_bytes_count {number}
# HELP load_ratio How busy.
# TYPE load_ratio gauge
# UNIT load_ratio ratio
load_ratio 0.5
# EOF
"""


def few(number: int) -> str:
    return "".join(f'ticks_total{{each="{each}"}} {number}\n' for each in range(4))


def many(number: int) -> str:
    return "".join(f'ticks_total{{each="{each}"}} {number}\n' for each in range(200))


def broken(number: int) -> str:
    """One line that is none: the whole page counts for nothing."""
    return few(number) + "this is no sample\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
