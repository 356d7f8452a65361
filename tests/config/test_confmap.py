"""Files and the environment, read into data that remembers where it was written."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from otel_kubecost.config.environment import environment
from otel_kubecost.config.files import MAX_BYTES, load_files
from otel_kubecost.config.options import Options, Text
from otel_kubecost.config.problems import build_options
from otel_kubecost.config.substitution import UnresolvedError, substitute
from otel_kubecost.errors import ConfigError


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that writes texts to files and loads them, in their order."""
    monkeypatch.chdir(tmp_path)

    def load_texts(*texts, sets=(), environ=None):
        paths = [f"{index}.yaml" for index in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            (tmp_path / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_files(paths, sets, environ or {})

    return load_texts


def refused(load, *texts, **keywords) -> str:
    with pytest.raises(ConfigError) as raised:
        load(*texts, **keywords)
    return str(raised.value)


SPELLINGS = [
    "12345678", "0123", "1e5", "1_000", "0x1f", "0o17", "1.50", ".5", "+1", "12:30:45", "0",
    "no", "yes", "on", "off", "true", "True", "FALSE", ".inf", ".nan", "1e400", "6e5a1b2c",
    "aaaaaaaa-1111-1111-1111-aaaaaaaaaaaa", "http://kubecost:9090/", "2024-01-15",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_scalars_keep_their_spelling(load, spelling):
    """No account id, name or price turns into a number, a date or a boolean on the way."""
    assert load(f"id: {spelling}\n").data == {"id": spelling}


@pytest.mark.parametrize("spelling", ["12345678", "0123", "1e5", "no", "12:30:45", "1.50"])
def test_text_option_gets_the_spelling_from_everywhere(load, spelling):
    """Plain, quoted, from a variable, by --set: an option of text is what was written."""

    class Account(Options):
        id: Text

    texts = (f"id: {spelling}", f"id: '{spelling}'", "id: ${env:ID}", "id: ${ID}")
    maps = [load(text, environ={"ID": spelling}) for text in texts]
    maps.append(load("id: x", sets=[f"id={spelling}"]))
    assert [build_options(Account, confmap.data).id for confmap in maps] == [spelling] * 5


@pytest.mark.parametrize("nothing", ["", "~", "null", "NULL", "# a remark"])
def test_value_that_is_not_there_is_none(load, nothing):
    """Only nothing, ``~`` and ``null`` are None; in quotes they are text."""
    assert load(f"key: {nothing}\n").data == {"key": None}
    assert load(f"key: '{nothing}'\n").data == {"key": nothing}


def test_tagged_text_is_text(load):
    """``!!str`` is redundant here, and allowed."""
    assert load("a: !!str 5\nb: ! 6\nc: !!int '7'\n").data == {"a": "5", "b": "6", "c": "7"}


def test_places_are_file_line_and_column_of_keys_and_items(load):
    """Every path knows where it is written; one that is not is where its block is."""
    confmap = load("a:\n  b: 1\n  c:\n  - x\n  - {d: 2}\n")
    places = {
        ("a",): "0.yaml:1:1",
        ("a", "b"): "0.yaml:2:3",
        ("a", "c", 0): "0.yaml:4:5",
        ("a", "c", 1, "d"): "0.yaml:5:6",
        ("a", "missing", "deeper"): "0.yaml:1:1",
    }
    assert {path: str(confmap.locate(path)) for path in places} == places


def test_later_files_win(load):
    """Blocks merge key by key; lists and texts are replaced; places are those of the winner."""
    confmap = load("a: {x: 1, y: [1, 2]}\nb: old\n", "a: {y: [3], z: 4}\nb: {new: 5}\n")
    assert confmap.data == {"a": {"x": "1", "y": ["3"], "z": "4"}, "b": {"new": "5"}}
    assert str(confmap.locate(("a", "x"))) == "0.yaml:1:5"
    assert str(confmap.locate(("a", "y"))) == "1.yaml:1:5"


def test_value_that_is_replaced_is_not_resolved(load):
    """A missing variable matters only where its value is used."""
    confmap = load("a: ${env:MISSING}", "a: here")
    assert confmap.data == {"a": "here"}
    assert confmap.problems == ()


def test_set_comes_last(load):
    """``--set`` takes YAML values, makes blocks as needed and names itself as the place."""
    confmap = load(
        "a: {b: 1}\n",
        sets=["a.b=2", "a.c.d=[x, 'y: z']", "e={f: '${env:G}'}", "h=", "i=a=b"],
        environ={"G": "7"},
    )
    assert confmap.data == {
        "a": {"b": "2", "c": {"d": ["x", "y: z"]}},
        "e": {"f": "7"},
        "h": None,
        "i": "a=b",
    }
    assert str(confmap.locate(("a", "b"))) == "--set a.b"


@pytest.mark.parametrize("assignment", ["a.b", "=1", "a..b=1", ".a=1", "a.=1", ""])
def test_set_without_key_or_value_is_refused(load, assignment):
    """What is not KEY=VALUE is named with the way to write it."""
    assert "is not KEY=VALUE; write --set receivers." in refused(load, "a: 1", sets=[assignment])


def test_set_that_is_not_yaml_is_refused(load):
    """A broken value is reported like a broken file."""
    assert refused(load, "a: 1", sets=["b=[1"]).startswith("--set b: is not valid YAML: a bracket")


def test_merge_keys_bring_defaults(load):
    """``<<`` adds what is not there; own keys win, then the first of several."""
    confmap = load("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n")
    assert confmap.data["z"] == {"a": "0", "b": "1", "c": "2"}


def test_aliases_are_the_values_they_stand_for(load):
    """An anchor may be used again, and set again."""
    assert load("a: &n 1\nb: &n [2]\nc: *n\n").data == {"a": "1", "b": ["2"], "c": ["2"]}


def test_references_are_filled_in(load, tmp_path):
    """Variables, defaults, files and dollars, alone and within text; keys stay as they are."""
    (tmp_path / "secret").write_text("s3cret$$ ${env:NOT}\r\n\n")
    confmap = load(
        "a: ${env:A}-${A}\nb: ${env:B:-x:-y}\nc: '${env:EMPTY:-x}'\nd: ${file:secret}\n"
        "e: $$ $${env:A} $1 ${1} $\n${env:A}: f\ng: [{h: '${env:A:-}'}]\ni: ${env:B:-}\n",
        environ={"A": "1e5", "EMPTY": ""},
    )
    assert confmap.problems == ()
    assert confmap.data == {
        "a": "1e5-1e5",
        "b": "x:-y",
        "c": "",
        "d": "s3cret$$ ${env:NOT}",
        "e": "$ ${env:A} $1 ${1} $",
        "${env:A}": "f",
        "g": [{"h": "1e5"}],
        "i": "",
    }


def test_every_reference_that_stands_for_nothing_is_a_problem(load, tmp_path):
    """All of them are found, each with its place and its remedy; the text stays."""
    (tmp_path / "latin").write_bytes(b"\xe9")
    confmap = load(
        "a: ${env:A} ${B}\nb: [x, '${file:nope}']\nc: ${file:.}\nd: '${env:A'\ne: ${env:9}\n"
        "f: ${env:A:-${env:B}}\ng: ${}\nh: ${file:latin}\n"
    )
    assert confmap.data["a"] == "${env:A} ${B}"
    odd = (
        "what stands in `${...}` is neither a variable nor a file; write ${env:NAME}, "
        "${env:NAME:-default} or ${file:PATH}, and `$$` for a plain `$`"
    )
    nested = "a reference stands inside another one; give the inner one a variable of its own"
    assert [str(problem) for problem in confmap.problems] == [
        "a: environment variable A is not set; set it, or write ${env:A:-default} (0.yaml:1:1)",
        "a: environment variable B is not set; set it, or write ${env:B:-default} (0.yaml:1:1)",
        "b[1]: file nope does not exist; check the path (0.yaml:2:8)",
        "c: file . cannot be read (Is a directory); check path and permissions (0.yaml:3:1)",
        "d: `${` without its `}`; close it, or write `$${` for a plain `${` (0.yaml:4:1)",
        f"e: {odd} (0.yaml:5:1)",
        f"f: {nested} (0.yaml:6:1)",
        f"g: {odd} (0.yaml:7:1)",
        "h: file latin is not UTF-8 text in line 1; save it as UTF-8 (0.yaml:8:1)",
    ]


def no_files(path: str) -> str:
    raise UnresolvedError("does not exist", path)


@given(st.text())
def test_any_text_survives_once_its_dollars_are_doubled(text):
    """Doubling every dollar sign is all that it takes to write any text."""
    assert substitute(text.replace("$", "$$"), {}, no_files) == (text, [])


@given(st.text(), st.text())
def test_what_is_put_in_is_not_looked_through_again(value, other):
    """The value of a variable arrives as it is, whatever it looks like."""
    environ = {"A": value, "B": other}
    assert substitute("${env:A}${B}", environ, no_files) == (value + other, [])


@given(st.text("${}:-envfileAB1"))
def test_references_never_break(text):
    """Any mixture of the signs of references is filled in or reported, never an exception."""
    filled, unresolved = substitute(text, {"A": "x"}, no_files)
    assert unresolved or filled.count("$") <= text.count("$")


TREES = st.recursive(
    st.none() | st.text(st.characters(exclude_characters="$", codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1), TREES, min_size=1))
def test_json_is_read_as_it_is(tmp_path_factory, tree):
    """JSON of blocks, lists, text and null gives the same data, every part with its place."""
    path = tmp_path_factory.mktemp("json") / "config.json"
    path.write_text(json.dumps(tree))
    confmap = load_files([path], environ={})
    assert confmap.data == tree
    assert confmap.problems == ()
    assert all(place[:2] == (str(path), 1) for place in confmap.locations.values())


SIGNS = st.sampled_from(
    [*"ab{}[],'\"\\|>+-%#~!?:=@`$&*<0 \n\t\ufeff\x85", "- ", ": ", "\n  ", "---\n", "%YAML 1.1\n",
     "&a ", "*a", "!!str ", "<<: ", "? ", "\\ud83d", "\\U0011FFFF", "\\UFFFFFFFF", "${env:A}"]
)  # fmt: skip


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.lists(SIGNS).map("".join))
def test_any_file_is_read_or_refused(tmp_path_factory, text):
    """Whatever a file holds, there is data or a ConfigError, and nothing else."""
    path = tmp_path_factory.mktemp("any") / "config.yaml"
    path.write_text(text)
    problems = ""
    try:
        load_files([path], environ={})
    except ConfigError as error:
        problems = str(error)
    assert not problems or str(path) in problems


def test_every_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    """One mistake does not hide those in other files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.yaml").write_text("a: [")
    with pytest.raises(ConfigError) as raised:
        load_files(["missing.yaml", "1.yaml", "."], ["a"], {})
    paths = [problem.path for problem in raised.value.problems]
    assert paths == ["missing.yaml", "1.yaml", ".", "--set a"]


@pytest.mark.parametrize(
    ("path", "reason"), [("x" * 5000, "File name too long"), ("a\0b", "not a path")]
)
def test_file_that_cannot_be_opened_is_named(path, reason):
    """The operating system's reason is passed on."""
    with pytest.raises(ConfigError) as raised:
        load_files([path], (), {})
    assert f"cannot be read ({reason}); check path and permissions" in str(raised.value)


def test_half_a_character_is_refused(load):
    """A pair of surrogate escapes, as JSON has them, is one character; one alone is none."""
    assert load(r'a: "\ud83d\ude00"').data == {"a": "\N{GRINNING FACE}"}
    [problem] = load(r'a: {b: "\ud83d"}').problems
    assert str(problem).startswith("a.b: holds half a character")


def test_file_beyond_the_limit_is_refused(load):
    """A file is read up to 1 MiB, byte by byte the same."""
    head = b"a: 1\n"
    fits = head + b"#" * (MAX_BYTES - len(head))
    assert load(fits).data == {"a": "1"}
    assert "is larger than 1 MiB" in refused(load, fits + b"#")


def test_byte_order_mark_is_no_text(load):
    """Files of Windows editors are read."""
    assert load(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").data == {"a": "1", "b": "2"}


def test_long_chains_of_aliases_are_read_or_refused(load):
    """Neither recursion nor memory can be exhausted by aliases of aliases."""
    links = [f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 2000)]
    assert load("a0: &a0 [x]\n" + "".join(links[:150])).data["a150"]
    assert "or use fewer aliases" in refused(load, "a0: &a0 [x]\n" + "".join(links))


def test_words_of_the_parser_are_not_passed_on(load):
    """It quotes the document, where a password may be what it stumbled over."""
    for line in ("*hunter2", "!hunter2 x", "!h!hunter2 x", "@hunter2", "%hunter2", "'hunter2"):
        try:
            said = "".join(map(str, load(f"password: {line}\n").problems))
        except ConfigError as error:
            said = str(error)
        assert said
        assert "hunter2" not in said


def test_environment_is_a_copy(monkeypatch):
    """What is done with it does not reach the process."""
    monkeypatch.setenv("TENANT_ID", "a")
    variables = dict(environment())
    assert variables["TENANT_ID"] == "a"
    variables["TENANT_ID"] = "b"
    assert os.environ["TENANT_ID"] == "a"


def test_files_take_the_environment_of_the_process(tmp_path, monkeypatch):
    """Without an environment handed in, ``${env:...}`` is the process' own."""
    monkeypatch.setenv("TENANT_ID", "a")
    (tmp_path / "a.yaml").write_text("id: ${env:TENANT_ID}")
    assert load_files([tmp_path / "a.yaml"]).data == {"id": "a"}


class Inner(Options):
    size: int = 1


class Outer(Options):
    name: Text
    inner: list[Inner] = Field(default_factory=list)


def test_build_options_gives_an_instance():
    """Keywords of a library call are checked like those of a file."""
    assert build_options(Outer, {"name": 5, "inner": [{"size": "2"}]}).inner == [Inner(size=2)]


def test_build_options_names_every_mistake_with_its_path():
    """The path begins with the block's own."""
    with pytest.raises(ConfigError) as raised:
        build_options(Outer, {"inner": [{"size": "x", "sise": 1}]}, "receivers", "toy")
    assert [str(problem) for problem in raised.value.problems] == [
        "receivers.toy.name: is required; add `name: ...`",
        'receivers.toy.inner[0].size: must be a whole number, not "x"',
        "receivers.toy.inner[0].sise: unknown key; did you mean `size`?",
    ]


def test_build_options_without_a_path_names_the_option_alone():
    """For keyword arguments the name of the argument is the path."""
    with pytest.raises(ConfigError, match=r"^name: must be text$"):
        build_options(Outer, {"name": ["x"]})
