"""Texts and arguments of any size become short ones."""

from __future__ import annotations

import json

from agent_runtime_server.adapters.opencode.bounded import MAX_TEXT, bounded_arguments, shortened


def test_a_long_text_keeps_both_ends() -> None:
    text = shortened("a" * 5000 + "b" * 5000, 100)
    assert text == f"{'a' * 50}\n… 9900 characters left out …\n{'b' * 50}"
    assert shortened("short", 100) == "short"


def test_arguments_that_are_short_stay_as_they_are() -> None:
    arguments = {"path": "a.ts", "lines": [1, 2.5, None, True], "inner": {"deep": {"er": "x"}}}
    assert bounded_arguments(arguments) == arguments


def test_arguments_are_bounded_however_large_they_are() -> None:
    deep: object = "bottom"
    for _ in range(1000):
        deep = {"down": deep}
    many = {f"name-{number}": "x" * 10_000 for number in range(1000)}
    for arguments in ({"content": "x" * 10**6}, {"list": list(range(10**5))}, {"deep": deep}, many, {"k" * 10**6: 1}):
        assert len(json.dumps(bounded_arguments(arguments))) < 20_000
    assert len(str(bounded_arguments({"content": "x" * 10**6})["content"])) < MAX_TEXT + 100


def test_what_are_no_arguments_is_nothing() -> None:
    assert bounded_arguments(["a"]) == {}
    assert bounded_arguments(None) == {}
