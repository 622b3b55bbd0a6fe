from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime_server.adapters.explorer.text import (
    Reference,
    UnknownReferenceError,
    escape,
    new_uid,
    parse,
    references,
    substitute,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("${uid}", (Reference("uid"),)),
        ("user-${uid}@x", ("user-", Reference("uid"), "@x")),
        ("${a}${b}", (Reference("a"), Reference("b"))),
        ("$${uid}", ("${uid}",)),
        ("$5 and ${", ("$5 and ${",)),
        ("a $${ b ${c}", ("a ${ b ", Reference("c"))),
    ],
)
def test_parse(text: str, parts: tuple[str | Reference, ...]) -> None:
    assert parse(text) == parts


def test_substitute_puts_the_values_in() -> None:
    assert substitute("tg+${uid}@example.com", {"uid": "ab12"}) == "tg+ab12@example.com"


def test_a_value_is_not_read_again() -> None:
    assert substitute("${a}", {"a": "${b}", "b": "no"}) == "${b}"


def test_an_unknown_reference_is_named() -> None:
    with pytest.raises(UnknownReferenceError, match=r"\$\{price\}"):
        substitute("${price}", {"uid": "x"})


def test_references() -> None:
    assert references("${a} $${b} ${c} ${a}") == {"a", "c"}


@given(st.text(alphabet="$${}ab", max_size=12))
def test_escape_is_undone_by_substitute(literal: str) -> None:
    assert substitute(escape(literal), {}) == literal


def test_no_two_runs_have_the_same_uid() -> None:
    found = [new_uid() for _ in range(30)]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch("[a-z][a-z0-9]{8}", each) for each in found)
