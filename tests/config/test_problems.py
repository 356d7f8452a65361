"""Mistakes in options, in the words of whoever wrote them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import AliasChoices, Field, HttpUrl, SecretStr, model_validator

from otel_kubecost.config.options import ByteSize, Duration, Options, Regex
from otel_kubecost.config.problems import dotted, suggestion, validate


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Login(Options):
    username: str = Field(description="User name.", examples=["kubecost"])
    password: SecretStr | None = Field(None, min_length=8)
    pin: int | None = None


class Everything(Options):
    count: int = Field(5, ge=1, le=10)
    share: float = Field(0.5, gt=0, lt=1)
    flag: bool = False
    text: str = Field("abc", min_length=2, max_length=4)
    code: str = Field("USD", pattern="^[A-Z]{3}$", description="Currency (ISO 4217).")
    filled: str = Field("x", min_length=1)
    items: list[str] = Field(["a"], min_length=1)
    couple: tuple[str, ...] = Field(("a", "b"), min_length=2, max_length=3)
    labels: dict[str, str] = Field(default_factory=dict)
    mode: Literal["rate", "total"] = "rate"
    colour: Colour = Colour.RED
    levels: list[Literal["pod", "node"]] | Literal["all"] = "all"
    wait: Duration = Field(60.0, ge=60, le=3600)
    size: ByteSize = 1
    pattern: Regex | None = None
    url: HttpUrl | None = None
    login: Login | None = None
    logins: list[Login] = Field(default_factory=list)
    tls_config: Annotated[
        Login | None, Field(validation_alias=AliasChoices("tls_config", "tls"))
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.count == 7:
            raise ValueError("seven is taken; choose another")
        return self


def said(**keywords: Any) -> list[tuple[str, str, str]]:
    options, findings = validate(Everything, keywords)
    assert options is None
    return [(dotted(found.path), found.message, found.hint) for found in findings]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"count": "many"}, 'must be a whole number, not "many"'),
        ({"count": "2.5"}, 'must be a whole number, not "2.5"'),
        ({"count": 2.5}, 'must be a whole number, not "2.5"'),
        ({"count": "true"}, 'must be a whole number, not "true"'),
        ({"count": []}, "must be a whole number"),
        ({"count": "0"}, 'must be 1 or more, not "0"'),
        ({"count": 11}, 'must be 10 or less, not "11"'),
        ({"share": "half"}, 'must be a number, not "half"'),
        ({"share": "inf"}, 'must be a finite number, not "inf"'),
        ({"share": "0"}, 'must be more than 0, not "0"'),
        ({"share": "1"}, 'must be less than 1, not "1"'),
        ({"flag": "perhaps"}, 'must be true or false, not "perhaps"'),
        ({"flag": []}, "must be true or false"),
        ({"text": "a"}, 'must be text of 2 characters or more, not "a"'),
        ({"text": "abcde"}, 'must be text of 4 characters or fewer, not "abcde"'),
        ({"text": ["abc"]}, "must be text"),
        ({"text": None}, "is empty, must be text"),
        ({"code": "euro"}, "must be text that matches ^[A-Z]{3}$"),
        ({"filled": ""}, 'must be filled in, not ""'),
        ({"items": []}, "must be filled in"),
        ({"items": "a"}, "must be a list, such as [a, b]"),
        ({"couple": ["a"]}, "must be a list of 2 or more"),
        ({"couple": list("abcd")}, "must be a list of 3 or fewer"),
        ({"labels": ["a"]}, "must be a block of `key: value` lines"),
        ({"mode": "rat"}, "must be 'rate' or 'total', not \"rat\""),
        ({"colour": "blue"}, "must be 'red' or 'green', not \"blue\""),
        ({"levels": "some"}, "must be a list, such as [a, b] or 'all'"),
        ({"wait": "30s"}, 'must be 1m or more, not "30s"'),
        ({"wait": "90m"}, 'must be 1h or less, not "90m"'),
        ({"wait": "soon"}, "'soon' is not a duration"),
        ({"size": "big"}, "'big' is not a size"),
        ({"url": "abc"}, 'must be a valid URL, relative URL without a base, not "abc"'),
        ({"login": "kubecost:hunter2"}, "must be a block of `key: value` lines"),
        ({"count": 7}, "seven is taken"),
    ],
)
def test_message_says_what_would_be_right(keywords, message):
    """Each mistake has a sentence of its own, and pydantic's words are in none."""
    [(_, found, _)] = said(**keywords)
    assert found == message


@pytest.mark.parametrize(
    ("keywords", "path", "hint"),
    [
        ({"cuont": 1}, "cuont", "did you mean `count`?"),
        ({"mode": "ratio"}, "mode", "did you mean `rate`?"),
        ({"text": None}, "text", "write a value, or remove the line"),
        ({"code": "euro"}, "code", "Currency (ISO 4217)"),
        ({"wait": "soon"}, "wait", "write it as 30s, 5m, 1h30m or 15d"),
        ({"count": 7}, "", "choose another"),
        ({"login": {}}, "login.username", "add `username: kubecost` (User name)"),
        ({"logins": [{"username": "a", "user": 1}]}, "logins[0].user", "did you mean `username`?"),
        ({"login": {"username": "a", "x": 1}}, "login.x", "known keys: password, pin, username"),
        ({"tls": {"username": "a", "pim": 1}}, "tls.pim", "did you mean `pin`?"),
        ({"tls": None, "tls_config": None}, "tls", "keep one of the two"),
    ],
)
def test_hint_says_what_to_write(keywords, path, hint):
    """The place is the key as it was written, and the remedy is beside it."""
    [(place, _, remedy)] = said(**keywords)
    assert (place, remedy) == (path, hint)


def test_alternative_that_got_furthest_is_heard():
    """A list with one wrong item is not also told that it could have been a word."""
    assert said(levels=["pod", "nodes"]) == [
        ("levels[1]", "must be 'pod' or 'node', not \"nodes\"", "did you mean `node`?")
    ]


def test_all_mistakes_are_found():
    """One does not hide another."""
    found = said(count="x", flag="maybe", login={"pin": "z"}, nope=1)
    assert [path for path, _, _ in found] == [
        "count",
        "flag",
        "login.username",
        "login.pin",
        "nope",
    ]


@pytest.mark.parametrize(
    "keywords",
    [
        {"login": "hunter2"},
        {"login": {"username": "a", "password": "hunter2"}},
        {"login": {"username": "a", "password": ["hunter2"]}},
        {"login": {"username": ["hunter2"]}},
        {"labels": {"api_key": ["hunter2"]}},
        {"labels": "hunter2"},
        {"items": "hunter2"},
    ],
)
def test_secrets_are_not_quoted(keywords):
    """Nor is text that stands where something else belongs."""
    assert "hunter2" not in str(said(**keywords))


def test_suggestion_lists_what_there_is_if_nothing_is_near():
    """In alphabetical order, and none if there is none."""
    assert suggestion("xyz", ["b", "a"]) == "known keys: a, b"
    assert suggestion("xyz", [], "configured exporters") == "configured exporters: none"
