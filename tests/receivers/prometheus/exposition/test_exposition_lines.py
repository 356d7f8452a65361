"""Lines: cut, and what their parts say."""

from contextlib import suppress

import pytest
from exposition_pages import sample
from hypothesis import example, given
from hypothesis import strategies as st

from otel_kubecost.receivers.prometheus.exposition import (
    OPENMETRICS,
    TEXT,
    Comment,
    ExpositionError,
    PageExemplar,
    Tokens,
    fast_cut,
    fast_cut_timed,
)

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]*", fullmatch=True)
LABEL_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True)
ANY_TEXT = st.text(st.characters(codec="utf-8"))
LABELS = st.lists(st.tuples(LABEL_NAMES, ANY_TEXT), max_size=4)
BLANKS = st.text(" \t", max_size=2)
VALUES = st.floats(allow_nan=False)
FORMATS = (TEXT, OPENMETRICS)


def in_quotes(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def pairs(labels):
    return ",".join(f"{name}={in_quotes(value)}" for name, value in labels)


def key(name, labels):
    return f"{name}{{{pairs(labels)}}}" if labels else name


def read(line, format_):
    return sample(format_.cut(line.encode()), format_)


@given(NAMES, LABELS, VALUES, st.one_of(st.none(), st.integers(0, 2**63 - 1)))
def test_text_is_read_as_it_was_written(name, labels, value, time):
    """Any labels, also repeated ones, in their order; any value; with a time and without."""
    line = f"{key(name, labels)} {value!r}{'' if time is None else f' {time}'}"
    assert read(line, TEXT) == (name, tuple(labels), value, time, None)


@given(NAMES, LABELS, VALUES, st.one_of(st.none(), VALUES), LABELS)
def test_openmetrics_is_read_as_it_was_written(name, labels, value, seconds, about):
    """As text, and with an exemplar."""
    line = f"{key(name, labels)} {value!r} # {{{pairs(about)}}} 0.5"
    if seconds is not None and abs(seconds) < 1e9:
        line += f" {seconds!r}"
        exemplar = PageExemplar(tuple(about), 0.5, int(seconds * 1000))
    else:
        exemplar = PageExemplar(tuple(about), 0.5, None)
    assert read(line, OPENMETRICS) == (name, tuple(labels), value, None, exemplar)


@given(NAMES, LABELS, VALUES, st.data())
def test_blanks_and_commas_are_for_show_in_text(name, labels, value, data):
    """Blanks may stand between any words but not before them all; labels need no comma."""
    words = [name]
    if labels:
        words.append("{")
        for label, text in labels:
            comma = data.draw(st.sampled_from(["", ","]))
            words += [label, "=", in_quotes(text), comma]
        words.append("}")
    spaced = "".join(word + data.draw(BLANKS) for word in words)
    line = f"{spaced} {value!r}{data.draw(BLANKS)}"
    assert read(line, TEXT) == (name, tuple(labels), value, None, None)


@given(ANY_TEXT, st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=3), st.integers(0, 3))
def test_names_may_stand_in_quotes(name, labels, place):
    """As in Prometheus 3, the metric's among the labels, in whichever place."""
    items = [f"{in_quotes(label)}={in_quotes(text)}" for label, text in labels]
    items.insert(place, in_quotes(name))
    for format_ in FORMATS:
        found = read(f"{{{','.join(items)}}} 1", format_)
        assert found == (name, tuple(labels), 1, None, None)


@given(NAMES, LABELS, VALUES, st.integers(0, 2**63 - 1))
def test_ordinary_lines_are_cut_fast(name, labels, value, time):
    """At the last spaces, with the same result as with care."""
    line = f"{key(name, labels)} {value!r}".encode()
    tokens = TEXT.cut(line)
    assert OPENMETRICS.cut(line) == tokens
    keys, texts = fast_cut([line, b"a 1", b"", b"b"])
    assert (keys[0], texts[0]) == tokens[:2]
    assert (keys[1:], texts[1:]) == ((b"a", b"", b""), (b"1", b"", b"b"))

    timed = line + b" %d" % time
    tokens = TEXT.cut(timed)
    for lines in ([timed], [timed, b"a 1", b""]):
        assert tuple(column[0] for column in fast_cut_timed(lines)) == tokens[:3]


def test_nothing_is_cut_fast():
    """Of no lines there are no keys."""
    assert fast_cut([]) == ((), ())
    assert fast_cut_timed([]) == ((), (), ())
    assert fast_cut_timed([b"a 1", b"b"]) == ((b"", b""), (b"a", b""), (b"1", b"b"))


@given(st.one_of(st.binary(), st.text('a{}="\\,# 1\t+').map(str.encode)))
@example(b"a{" + b'b="c",' * 5000 + b"x} 1")
@example(b"a{" + b'"b",' * 5000 + b"} 1")
@example(b"a" * 10_000 + b"!")
@example(b"1" * 10_000 + b"x")
def test_any_line_is_read_or_refused(line):
    """Whatever stands in it; and what is read can be read on."""
    for format_ in FORMATS:
        with suppress(ExpositionError):
            tokens = format_.cut(line)
            assert tokens.key in line
            if tokens.key:
                sample(tokens, format_)
            format_.comment(b"# " + line)


def test_a_line_is_cut():
    """What is there of key, value, time and exemplar, without the spaces around it."""
    assert TEXT.cut(b'a {b="c d"}\t1 5 ') == Tokens(b'a {b="c d"}', b"1", b"5", b"")
    assert OPENMETRICS.cut(b'a{b="c d"} 1 5e3 # {e="f"} 2 7') == (
        b'a{b="c d"}', b"1", b"5e3", b'{e="f"} 2 7',
    )  # fmt: skip


@pytest.mark.parametrize("line", [b"", b" \t", b"  # HELP a b", b"\t#"])
def test_a_line_without_sample_has_no_key(line):
    """Blank lines are nothing in text; a comment behind blanks is one."""
    assert TEXT.cut(line) == Tokens(b"", b"", b"", b"")


@pytest.mark.parametrize(
    ("line", "format_", "expected"),
    [
        (b"# HELP a b c", TEXT, Comment("help", "a", "b c")),
        (b'# HELP a \\\\n \\n \\" \\t', TEXT, Comment("help", "a", '\\n \n \\" \\t')),
        (b'# HELP a \\\\n \\n \\" \\t', OPENMETRICS, Comment("help", "a", '\\n \n " \\t')),
        (b"  #\tTYPE  a untyped", TEXT, Comment("type", "a", "untyped")),
        (b"# TYPE a stateset", OPENMETRICS, Comment("type", "a", "stateset")),
        (b"# UNIT a_seconds seconds", OPENMETRICS, Comment("unit", "a_seconds", "seconds")),
        (b"# UNIT a_seconds seconds", TEXT, None),
        (b"# EOF", OPENMETRICS, Comment("eof", "", "")),
        (b"# EOF", TEXT, None),
        (b"#HELP a b", TEXT, None),
        ('# HELP "a \\"b" ü'.encode(), TEXT, Comment("help", 'a "b', "ü")),
        (b'# TYPE "a b" info', OPENMETRICS, Comment("type", "a b", "info")),
    ],
)
def test_comments_describe(line, format_, expected):
    """What each format says about families, and its escapes; the rest is for people."""
    assert format_.comment(line) == expected


def test_exemplars_are_read():
    """With their time in milliseconds, if they have one; escapes are undone."""
    assert OPENMETRICS.exemplar(b'{a="b\\"\\n",c="d"} 1.5 2.5') == PageExemplar(
        (("a", 'b"\n'), ("c", "d")), 1.5, 2500
    )
    assert OPENMETRICS.exemplar(b"{} +Inf") == PageExemplar((), float("inf"), None)
    with pytest.raises(ExpositionError, match="it is no exemplar"):
        OPENMETRICS.exemplar(b'{a="b"}')
    with pytest.raises(ExpositionError, match="has no exemplars"):
        TEXT.exemplar(b"{} 1")


LONG = b"a" * 150


@pytest.mark.parametrize(
    ("line", "format_", "reason"),
    [
        (b"1", TEXT, "cannot read '1': it does not begin with the name of a metric"),
        (b" a 1", TEXT, "it does not begin with the name"),
        (b"a{b=c} 1", TEXT, 'its labels are not like {name="value"}'),
        (b"a{b='c'} 1", OPENMETRICS, "its labels are not like"),
        (b'a{b="c d} 1', TEXT, "its quotes do not end"),
        (b'a{b="c\\"} 1', OPENMETRICS, "its quotes do not end"),
        (b'a{b="\xff"} 1', TEXT, "are not UTF-8"),
        (b'{a="b"} 1', TEXT, "the metric has no name, or two"),
        (b'a{"b"} 1', OPENMETRICS, "the metric has no name, or two"),
        (b"a b", TEXT, "cannot read 'a b': its value is not a number"),
        (b"a  1", OPENMETRICS, "behind one space is no number"),
        (b"a 1 1.5", TEXT, "behind the value is no time in milliseconds"),
        (b"a 1 x", OPENMETRICS, "behind the value is no time in seconds"),
        (b"a 1 # x", OPENMETRICS, "its exemplar is not like"),
        (b"a 1e400", TEXT, "cannot read '1e400': it is out of the range of floats"),
        (LONG, TEXT, f"cannot read '{'a' * 100}'…: its value"),
        ("a{b='\u20ac'}".encode(), TEXT, "cannot read \"a{b='€'}\": its labels"),
        (b"a \xff", TEXT, r"cannot read 'a \\xff': its value"),
    ],
)
def test_the_error_says_what_is_wrong(line, format_, reason):
    """The line, at most 100 characters of it, and the first thing that no sample has there."""
    with pytest.raises(ExpositionError) as caught:
        sample(format_.cut(line), format_)
    assert reason in str(caught.value)
