"""Pages with the verdicts of Prometheus 2.42, and of ours where that is another one.

``@ms`` and ``@s`` stand for a time just before now. Pages of OpenMetrics are ended by ``ended``
where their end is not what they are about.
"""

from otel_kubecost.receivers.prometheus.exposition import (
    OPENMETRICS,
    TEXT,
    ExpositionError,
    blocks,
    values,
)

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def ended(pages):
    return [page + b"\n# EOF\n" for page in pages]


NUMBERS = [
    "1", "+1", "-1", "-0", "01", "1.", ".5", "+.5", "1e5", "1E5", "1e+05", "1e-5", "1e-400",
    "0e999999999", "1e308", "1.7976931348623157e308", "4.9e-324", "1e-9999999999999",
    "123456789012345678901234567890", "inf", "Inf", "+Inf", "-Inf", "INF", "infinity", "+Infinity",
    "-iNFINITY", "nan", "NaN", "NAN",
]  # fmt: skip
NO_NUMBERS = [
    ".", "1e", "1e400", "-1e400", "1_000", "0x10", "0x1p3", "0x_1p0", "0b1", "1d5", "infi",
    "infinityy", "+NaN", "-NaN", "nan(1)", "1.7976931348623159e308", "1,5", "1f", "1e5.0", "--1",
    "+-1", "NULL", "true", "1e99999999999999999999", "=1", '"1"', "\u0661",
]  # fmt: skip

GOOD_TEXT = [
    b"", b"\n", b" \t\n", b"foo 1", b"foo 1\n", b"foo 1\n\n \nbar 2\n", b"a:b 1", b":a 1",
    b"foo\t1\t@ms\t", b"foo 1 @ms", b"foo 1 0@ms", b"foo+1", b"foo.5", b"foo1.5", b'foo{a="b"}1',
    b'foo {a="b"} 1', b'foo{a="b" c="d"} 1', b'foo{a="b"c="d"} 1', b'foo{a="b",} 1', b"foo{} 1",
    b"foo{ } 1", b'foo\t{ a\t= "b" ,\tc ="d" , }\t+1', b'foo{a=""} 1', b'foo{a="x\0y"} 1',
    b'foo{a="}"} 1', b'foo{a="{b=\\"c\\"} 5",c="#"} 1', b'foo{a="b c"} 1',
    'foo{a="ü€😀"} 1'.encode(), b'foo{a="a\\\\b\\nc\\"d\\x"} 1', b'foo{a="\r"} 1',
    b'foo 0 @ms\nfoo_bucket{le="+Inf"} 5 @ms', b"#", b"# ", b"#\tx", b"#TYPE foo bla\nfoo 1",
    b"# EOF\nfoo 1", b"foo 1\n# \xff", b"  # x\nfoo 1", b"# x\0y\nfoo 1", b"# HELP\nfoo 1",
    b"# HELPER foo\nfoo 1", b"#HELP\nfoo 1", b"# UNIT foo x\nfoo 1", b"# HELP foo x\0y\nfoo 1",
    b"# HELP foo x\r\nfoo 1", b"# HELP foo\nfoo 1", b"# HELP foo  \nfoo 1",
    b"# HELP foo  bar \nfoo 1", b"# HELP foo\tbar\nfoo 1", b"# HELP foo{bar\nfoo 1",
    b'# HELP foo a\\\\b\\nc\\"d\\x\nfoo 1', b"# HELP foo a\n# HELP foo b\nfoo 1",
    b'# HELP foo "x"\nfoo 1', b"# TYPE foo gauge\nfoo 1", b"#  TYPE\t foo counter\nfoo 1",
    b"  # TYPE foo gauge\nfoo 1", b"# TYPE foo-gauge\nfoo 1", b"# TYPE foo untyped\nfoo 1",
    b"# TYPE foo summary\nfoo 1", b"# TYPE foo histogram\nfoo_count 1",
    b"# TYPE foo gauge\n# TYPE foo counter\nfoo 1",
    *(f"foo {number}".encode() for number in NUMBERS),
]  # fmt: skip

BAD_TEXT = [
    b"  foo 1", b"foo", b"foo ", b'foo{a="b"}', b'foo{a="b"', b"1a 1", b"1", b"f\xc3\xb6 1",
    b"-foo 1", b"foo\n1", b"foo\x0b1", b"foo 1\x0b", b"foo 1\r\n", b"foo 1\xc2\xa0",
    b"\xef\xbb\xbffoo 1", b"foo 1 \0", b"foo\0 1", b"foo 1\0", b"foo 1 -5", b"foo 1 +5",
    b"foo 1 1e12", b"foo 1 1.5", b"foo 1 99999999999999999999", b"foo 1 9223372036854775808",
    b"foo 1 @ms 5", b"foo 1 @ms # x", b"foo 1 # x", b"foo 1# x", b"foo 1 2015-01-01",
    b"foo 1;bar 2", b"foo 1{", b'foo{a="b"}{c="d"} 1', b"foo bar 1", b"foo{,} 1", b'foo{a="b",,} 1',
    b'foo{,a="b"} 1', b"foo{a=b} 1", b"foo{a='b'} 1", b'foo{a:b="c"} 1', b'foo{1a="b"} 1',
    'foo{ä="x"} 1'.encode(), b'foo{a"b"} 1', b'foo{a="\\"} 1', b'foo{a="x\\\ny"} 1',
    b'foo{a="b",\nc="d"} 1', b'foo{a="\xff"} 1', b'foo{a="\xed\xa0\x80"} 1',
    b'foo{a="\xf4\x90\x80\x80"} 1', b'{a="b"} 1', b'{__name__="foo"} 1', b"{} 1", b"# HELP \nfoo 1",
    b"# HELP 5 x\nfoo 1", b"# HELP foo \xff\nfoo 1", b"# TYPE foo\nfoo 1",
    b"# TYPE foo  gauge\nfoo 1", b"# TYPE foo gauge \nfoo 1", b"# TYPE foo gauge\r\nfoo 1",
    b"# TYPE foo unknown\nfoo 1", b"# TYPE foo info\nfoo 1", b"# TYPE foo Gauge\nfoo 1",
    b"# TYPE 5 gauge\nfoo 1", b"foo 1\n# TYPE bar x",
    *(f"foo {number}".encode() for number in NO_NUMBERS),
]  # fmt: skip

GOOD_BEFORE_THE_END = [
    b"foo 1", b"foo{} 1", b'foo{a="b",c="d"} 1', b'foo{a=""} 1', b'foo{a="x\0y"} 1',
    b'foo{a="a\\\\b\\nc\\"d\\x"} 1', b'foo{a="# {b=\\"c\\"} 5"} 1', b"foo 1 @s", b"foo 1 @s.789",
    b"foo 1 @s.9999", b"foo 1 -5", b"foo 1 1.7e9", b"foo 1 .5", b"foo 1 1e300",
    b'foo_total 1 # {a="b"} 1', b'foo_bucket{le="1"} 1 # {a="b"} 1 @s.25', b"foo_total 1 # {} 1",
    b'foo_total 1 @s # {a="b",c="d"} 0.5', b'foo_total 1 # {a="ab#}"} 1',
    b'foo_total 1 # {a="b"} 1 1e300', b"# HELP foo \nfoo 1", b"# HELP foo  bar \nfoo 1",
    b'# HELP foo a\\\\b\\nc\\"d\\x\nfoo 1', b"# HELP foo x\0y\nfoo 1",
    b"# HELP foo x\n# HELP foo y\nfoo 1", b"# TYPE foo unknown\nfoo 1",
    b"# TYPE foo stateset\nfoo 1", b"# TYPE foo info\nfoo_info 1",
    b"# TYPE foo gaugehistogram\nfoo_gcount 1", b"# TYPE foo counter\nfoo 1",
    b"# TYPE foo counter\nfoo_total 1\nfoo_created 1.5",
    b"# TYPE foo_seconds gauge\n# UNIT foo_seconds seconds\n# HELP foo_seconds x\nfoo_seconds 1",
    b"# UNIT foo \nfoo 1", *(f"foo {number}".encode() for number in NUMBERS),
]  # fmt: skip

BAD_ENDS = [
    b"", b"foo 1", b"foo 1\n", b"foo 1\n# EOF\n\n", b"# EOF\nfoo 1\n", b"# EOF \n", b"# EOFx",
    b"#EOF\n", b"foo 1\n# EOF\r\n", b"\n# EOF\n", b"# EOF\n# EOF\n",
    b"# EOF\n# HELP foo x\n# EOF\n",
]  # fmt: skip
BAD_BEFORE_THE_END = [
    b"foo 1\n", b" foo 1", b"foo  1", b"foo\t1", b"foo 1 ", b"foo+1", b"foo", b"foo ",
    b'foo{a="b"} ', b'foo{a="b"}', b"1 1", b"foo 1\0", b"\0foo 1", b"foo 1\r", b"foo 1{",
    b"foo 1 1{", b"foo{ } 1", b'foo{a="b", c="d"} 1', b'foo{a="b" c="d"} 1', b'foo{a="b"c="d"} 1',
    b"foo{,} 1", b'foo {a="b"} 1', b'foo{a="b"}1', b'foo{a ="b"} 1', b'foo{a="x\ny"} 1',
    b'foo{a="\xff"} 1', b'foo{a:b="c"} 1', b'{a="b"} 1', b"foo 1 NaN", b"foo 1 +Inf", b"foo 1 abc",
    b"foo 1 1 2", b"foo 1 @s ", b"foo 1 0x10", b"foo 1 1e1000", b"foo 1 # x", b"foo 1 #",
    b'foo_total 1 # {a="b"}', b'foo_total 1 # {a="b"} x', b'foo_total 1 # {a="b"} 1 NaN',
    b'foo_total 1 # {a="\xff"} 1', b'foo_total 1  # {a="b"} 1', b'foo_total 1 # {a="b"} 1 1 1',
    b'foo_total 1 # {a="b"} 1 ', b'foo_total 1 #{a="b"} 1', b'foo_total 1 # { a="b"} 1',
    b'foo_total 1 # foo{a="b"} 1', b'foo_total 1 # {a:b="b"} 1', b'foo_total 1 # {a="b"} 1 1e400',
    b'foo_total 1 # {a="b"} 1e400', b"# comment", b"#", b"# HELP foo", b"# HELP  foo bar",
    b"# HELP foo\tbar", b"# HELP", b"# HELP foo \xff", b"# FOO x y", b" # HELP foo x",
    b"# TYPE foo untyped", b"# TYPE foo gauge ", b"# TYPE foo ", b"# UNIT foo seconds",
    b"# UNIT seconds seconds", b"# UNIT fooseconds seconds", b"# UNIT foo", b"# UNIT foo \xff",
    *(f"foo {number}".encode() for number in NO_NUMBERS),
]  # fmt: skip

NEW_TEXT = [
    b'{"foo"} 1', b'{ "foo bar" , a="b" } 1', b'{a="b","foo.bar",} 1', b'foo{"a.b"="c"} 1',
    b'foo{"a\\"b"="c" , "d"="e"} 1', b'# HELP "foo bar" x',
    b'# TYPE "foo bar" gauge\n{"foo bar"} 1',
]  # fmt: skip
"""Prometheus 3 takes these, Prometheus 2.42 does not."""

NEW_BEFORE_THE_END = [
    b'{"foo"} 1', b'{"foo bar",a="b"} 1', b'{a="b","foo.bar",} 1', b'foo{"a.b"="c"} 1',
    b'foo{a="b",} 1', b'foo 1 # {a="b"} 1', b'foo_total 1 # {a="b",} 1',
    b'# TYPE "foo bar" gauge\n{"foo bar"} 1',
]  # fmt: skip

GOOD_OPENMETRICS = [b"foo 1\n# EOF", b"foo 1\n# EOF\n", b"# EOF", *ended(GOOD_BEFORE_THE_END)]
BAD_OPENMETRICS = [*BAD_ENDS, *ended(BAD_BEFORE_THE_END)]
NEW_OPENMETRICS = ended(NEW_BEFORE_THE_END)

REFUSED_TEXT = [b'foo{a="x\ny"} 1', b"\0", b"foo 1\n\0garbage"]
"""Prometheus takes these, we do not."""

NO_PAGE_OF_ANY = [b'foo{"a"} 1', b'{"a","b"} 1', b'{"a" b="c"} 1', b'{"\xff"} 1', b'{"a"}']
"""No Prometheus takes these."""

CONTENT_TYPES = {
    "application/openmetrics-text": OPENMETRICS,
    OPENMETRICS_TYPE: OPENMETRICS,
    'APPLICATION/OpenMetrics-Text;version="1.0.0"': OPENMETRICS,
    "application/openmetrics-text;": OPENMETRICS,
    "application/openmetrics-text; a=b; ": OPENMETRICS,
    " application/openmetrics-text ; a = 1 ": OPENMETRICS,
    "application/openmetrics-text\t;\ta=b": OPENMETRICS,
    'application/openmetrics-text; a="x\\"y"': OPENMETRICS,
    "application/openmetrics-text; charset": TEXT,
    "application/openmetrics-text; a=1; A=1": TEXT,
    "application/openmetrics-text version=1": TEXT,
    "application/openmetrics-text, text/plain": TEXT,
    "application/openmetrics-text;;": TEXT,
    "application/openmetrics-text; =1": TEXT,
    'application/openmetrics-text; a="b': TEXT,
    "application/openmetrics-text; a=b c": TEXT,
    "application/openmetrics-text;a=": TEXT,
    TEXT_TYPE: TEXT,
    "text/plain": TEXT,
    "text/html": TEXT,
    "application/json": TEXT,
    "bogus": TEXT,
    "": TEXT,
}


class PlainPage:
    """A page, read line by line."""

    def __init__(self, page, format_):
        self.samples, self.comments = [], []
        for block in format_.check_end(blocks([page])):
            self.comments += map(format_.comment, block.comments)
            for line in block.lines:
                tokens = format_.cut(line)
                if tokens.key:
                    self.samples.append(sample(tokens, format_))
                elif line.strip():
                    self.comments.append(format_.comment(line))


def sample(tokens, format_):
    """(name, labels, value, time or None, exemplar or None) of a line that was cut."""
    return (
        *format_.series(tokens.key),
        values([tokens.value])[0],
        format_.time(tokens.time) if tokens.time else None,
        format_.exemplar(tokens.exemplar) if tokens.exemplar else None,
    )


def is_readable(page, format_):
    try:
        PlainPage(page, format_)
    except ExpositionError:
        return False
    return True
