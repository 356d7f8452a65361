"""Pages that a scraper may stumble over, by a name that says why; some of them fail a scrape."""

from __future__ import annotations

DESCRIBED = b"# HELP odd What it is.\n# TYPE odd gauge\nodd 1\n"

TEXT_PAGES = {
    "nothing": b"",
    "one-empty-line": b"\n",
    "blank-lines": b"\n\nodd 1\n\n\nodder 2\n\n",
    "no-last-newline": b"odd 1\nodder 2",
    "no-description": b"odd 1\n",
    "spaces": b'  odd  {  a  =  "b"  ,  c="d"  }   1   \n\todder\t2\n',
    "tabs": b'odd{a="b",\tc="d"}\t1\n',
    "carriage-returns": b"odd 1\r\nodder 2\r\n",
    "trailing-comma": b'odd{a="b",} 1\nodder{,} 2\n',
    "only-a-comma": b"odd{,} 1\n",
    "two-commas": b'odd{a="b",,c="d"} 1\n',
    "no-comma": b'odd{a="b"c="d"} 1\n',
    "empty-braces": b"odd{} 1\n",
    "empty-values": b'odd{a="",b="x"} 1\n',
    "space-before-braces": b'odd {a="b"} 1\n',
    "no-space-after-braces": b'odd{a="b"}1\n',
    "escapes": rb'odd{a="x\"y",b="x\\y",c="x\ny",d="x\ty",e="\\n"} 1' + b"\n",
    "utf-8": 'odd{a="Müller & Søn",b="🙂"} 1\n'.encode(),
    "not-utf-8": b'odd{a="\xff\xfe"} 1\nodder 2\n',
    "newline-in-a-value": b'odd{a="x\ny"} 1\n',
    "no-quotes": b"odd{a=b} 1\n",
    "single-quotes": b"odd{a='b'} 1\n",
    "open-braces": b'odd{a="b" 1\n',
    "open-quotes": b'odd{a="b} 1\n',
    "label-twice": b'odd{a="b",a="c"} 1\nodder 2\n',
    "label-twice-alike": b'odd{a="b",a="b"} 1\n',
    "name-as-a-label": b'odd{__name__="odder"} 1\n',
    "no-name": b'{a="b"} 1\n',
    "name-in-a-label-alone": b'{__name__="odder"} 1\n',
    "label-with-a-colon": b'odd{a:b="c"} 1\n',
    "label-with-a-digit": b'odd{1a="c"} 1\n',
    "name-with-colons": b"odd:rate:5m 1\n:odd 2\n",
    "name-with-a-digit": b"1odd 1\n",
    "name-with-a-dot": b"odd.name 1\n",
    "name-with-a-dash": b"odd-name 1\n",
    "numbers": b"".join(
        b'odd{written="%s"} %s\n' % (text, text)
        for text in (
            b"0 -0 +1 1.5 .5 5. 1e3 1E3 1e+3 1e-3 -1.5e-7 9007199254740993 1e400 -1e400 1e-400"
            b" 0.1 1.7976931348623157e308 4.9e-324 007 NaN nan -NaN +Inf -Inf Inf inf infinity"
        ).split()
        if text not in (b"1e400", b"-1e400")
    ),
    "number-too-large": b"odd 1e400\n",
    "number-in-hexadecimal": b"odd 0x10\n",
    "number-in-hexadecimal-with-power": b"odd 0x1p4\n",
    "number-with-underscores": b"odd 1_000\n",
    "number-in-words": b"odd one\n",
    "number-with-a-comma": b"odd 1,5\n",
    "number-in-other-digits": "odd \N{ARABIC-INDIC DIGIT ONE}\n".encode(),
    "no-number": b"odd\n",
    "no-number-after-braces": b'odd{a="b"}\n',
    "a-third-number": b"odd 1 2 3\n",
    "exemplar": b'odd_total 1 # {trace="x"} 1\n',
    "comment-after": b"odd 1 # of a kind\n",
    "comments": b"# a comment\n#\n#odd\n# HELP\n# TYPE\nodd 1\n# EOF\nodder 2\n",
    "help-without-text": b"# HELP odd\n# TYPE odd gauge\nodd 1\n",
    "help-with-escapes": b'# HELP odd a\\nb\\\\c \\"d\\" \\t\n# TYPE odd gauge\nodd 1\n',
    "help-alone": b"# HELP odd What it would be.\n",
    "help-twice": b"# HELP odd One.\n# HELP odd Two.\nodd 1\n",
    "help-with-spaces": b"#   HELP   odd   What  it  is.  \n# TYPE odd   gauge  \nodd 1\n",
    "type-after": b"odd 1\n# TYPE odd counter\n# HELP odd It came late.\n",
    "type-twice": b"# TYPE odd counter\n# TYPE odd gauge\nodd 1\n",
    "type-untyped": b"# TYPE odd untyped\nodd 1\n",
    "type-unknown": b"# TYPE odd unknown\nodd 1\n",
    "type-of-openmetrics": b"# TYPE odd stateset\nodd 1\n",
    "type-of-nobody": b"# TYPE odd thing\nodd 1\n",
    "type-in-capitals": b"# TYPE odd GAUGE\nodd 1\n",
    "unit": b"# UNIT odd seconds\nodd 1\n",
    "twice-alike": b"odd 1\nodd 1\nodder 2\n",
    "twice-with-other-values": b"odd 1\nodder 2\nodd 3\n",
    "twice-in-other-words": b'odd{a="1",b="2"} 1\nodd{b="2",a="1"} 1\nodd{b="2",a="1",} 3\n',
    "families-in-pieces": b'# TYPE odd gauge\nodd{a="1"} 1\nodder 2\nodd{a="2"} 3\n',
    "bad-line-at-the-end": DESCRIBED + b"odd{\n",
    "null": b"odd\x00 1\n",
    "null-in-a-value": b'odd{a="x\x00y"} 1\n',
    "buckets-without-a-type": b'odd_bucket{le="1"} 1\nodd_bucket{le="+Inf"} 2\n'
    b"odd_sum 3\nodd_count 2\n",
    "buckets-in-disorder": b"# TYPE odd histogram\n"
    b'odd_count 5\nodd_bucket{le="+Inf"} 5\nodd_bucket{le="0.5"} 9\nodd_bucket{le="1e0"} 2\n',
    "buckets-without-bounds": b"# TYPE odd histogram\nodd_bucket 5\nodd 6\nodd_max 7\n",
    "quantiles-without-a-sum": b'# TYPE odd summary\nodd{quantile="0.50"} 1\nodd{quantile="x"} 2\n',
    "quantile-missing": b"# TYPE odd summary\nodd 1\nodd_sum 2\nodd_count 3\nodd_total 4\n",
    "counter-below-zero": b"# TYPE odd_total counter\nodd_total -1\n",
    "long-name": b"o" * 2_000 + b" 1\n",
    "long-value": b'odd{a="' + b"v" * 20_000 + b'"} 1\n',
    "own-job-and-instance": b'odd{job="mine",instance="here",exported_job="theirs"} 1\n',
    "up-of-its-own": b"up 5\nscrape_samples_scraped 7\nodd 1\n",
}

OPENMETRICS_PAGES = {
    "nothing": b"",
    "only-the-end": b"# EOF\n",
    "end-without-newline": b"odd 1\n# EOF",
    "no-end": b"odd 1\n",
    "more-after-the-end": b"odd 1\n# EOF\nodder 2\n",
    "newline-after-the-end": b"odd 1\n# EOF\n\n",
    "blank-line": b"odd 1\n\nodder 2\n# EOF\n",
    "comment": b"# a comment\nodd 1\n# EOF\n",
    "carriage-returns": b"odd 1\r\n# EOF\r\n",
    "spaces": b"odd  1\n# EOF\n",
    "spaces-in-braces": b'odd{a="b", c="d"} 1\n# EOF\n',
    "trailing-comma": b'odd{a="b",} 1\n# EOF\n',
    "empty-braces": b"odd{} 1\n# EOF\n",
    "space-at-the-end": b"odd 1 \n# EOF\n",
    "counter-without-total": b"# TYPE odd counter\nodd 1\n# EOF\n",
    "counter": b"# TYPE odd counter\n# HELP odd How many.\nodd_total 1\nodd_created 1.79e9\n"
    b"# EOF\n",
    "info": b'# TYPE odd info\nodd_info{version="1"} 1\n# EOF\n',
    "state-set": b'# TYPE odd stateset\nodd{odd="on"} 1\nodd{odd="off"} 0\n# EOF\n',
    "gauge-histogram": b"# TYPE odd gaugehistogram\n"
    b'odd_bucket{le="1.0"} 1\nodd_bucket{le="+Inf"} 2\n'
    b"odd_gcount 2\nodd_gsum 3\n# EOF\n",
    "unit": b"# TYPE odd_seconds gauge\n# UNIT odd_seconds seconds\nodd_seconds 1\n# EOF\n",
    "unit-alone": b"# UNIT odd_seconds seconds\nodd_seconds 1\n# EOF\n",
    "unit-that-does-not-fit": b"# TYPE odd gauge\n# UNIT odd seconds\nodd 1\n# EOF\n",
    "unit-that-is-empty": b"# TYPE odd gauge\n# UNIT odd \nodd 1\n# EOF\n",
    "help-with-escapes": b'# HELP odd a\\nb\\\\c \\"d\\"\n# TYPE odd gauge\nodd 1\n# EOF\n',
    "type-untyped": b"# TYPE odd untyped\nodd 1\n# EOF\n",
    "type-unknown": b"# TYPE odd unknown\nodd 1\n# EOF\n",
    "exemplar-without-braces": b"# TYPE odd counter\nodd_total 1 # 1\n# EOF\n",
    "exemplar-with-no-labels": b"# TYPE odd counter\nodd_total 1 # {} 0.5\n# EOF\n",
    "exemplar-on-a-gauge": b'# TYPE odd gauge\nodd 1 # {trace="x"} 1\n# EOF\n',
    "exemplar-with-a-label-twice": b'odd_total 1 # {a="x",a="y"} 1\n# EOF\n',
    "exemplar-that-is-long": b'odd_total 1 # {a="' + b"x" * 200 + b'"} 1\n# EOF\n',
    "number-in-hexadecimal-with-power": b"odd 0x1p4\n# EOF\n",
    "twice-with-other-values": b"odd 1\nodd 2\n# EOF\n",
}


def timed_pages(now):
    """Pages with times of their own, by the name; ``now`` is in milliseconds."""
    texts = {
        "time": f"timed_odd 1 {now}\n",
        "time-with-a-sign": f"timed_odd 1 +{now}\n",
        "time-in-exponent-form": f"timed_odd 1 {now:.12e}\n",
        "time-with-a-fraction": f"timed_odd 1 {now}.5\n",
        "time-negative": "timed_odd 1 -1\nodd 1\n",
        "time-in-words": "timed_odd 1 now\n",
        "time-too-large": "timed_odd 1 99999999999999999999\n",
        "time-far-ahead": f"timed_odd 1 {now + 3_600_000}\nodd 1\n",
        "times-and-none": f'timed_odd{{a="1"}} 1 {now}\nodd{{a="1"}} 2\n',
        "times-of-one-series": f"timed_odd 1 {now - 2}\ntimed_odd 2 {now - 1}\ntimed_odd 3 {now}\n",
        "times-backwards": f"timed_odd 1 {now}\ntimed_odd 2 {now - 1}\nodd 1\n",
        "time-twice": f"timed_odd 1 {now}\ntimed_odd 2 {now}\nodd 1\n",
    }
    return {name: text.encode() for name, text in texts.items()}


def timed_openmetrics_pages(now):
    """The same, in seconds."""
    seconds = f"{now // 1000}.{now % 1000:03d}"
    texts = {
        "time": f"timed_odd 1 {seconds}\n# EOF\n",
        "time-whole": f"timed_odd 1 {now // 1000 + 1}\n# EOF\n",
        "time-in-exponent-form": f"timed_odd 1 {now / 1000:.12e}\n# EOF\n",
        "time-with-microseconds": f"timed_odd 1 {seconds}999\n# EOF\n",
        "time-not-a-number": "timed_odd 1 NaN\n# EOF\n",
        "time-infinite": "timed_odd 1 +Inf\n# EOF\n",
        "exemplar": f'# TYPE odd counter\nodd_total 1 # {{trace="x"}} 0.5 {seconds}\n# EOF\n',
        "exemplars-of-buckets": "# TYPE odd histogram\n"
        f'odd_bucket{{le="1.0"}} 1 # {{trace="a"}} 0.5 {seconds}\n'
        f'odd_bucket{{le="+Inf"}} 2 # {{trace="b",span="ü"}} 5 {seconds}\n'
        "odd_count 2\nodd_sum 5.5\n# EOF\n",
    }
    return {name: text.encode() for name, text in texts.items()}
