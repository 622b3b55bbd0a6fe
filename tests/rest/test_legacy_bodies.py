"""Bodies of ``POST /tasks``: what is understood, and every fault that is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runtime.v1 import task_pb2
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.rest.json_out import encode
from agent_runtime_server.rest.legacy.bodies import create_request
from agent_runtime_server.rest.legacy.faults import Unprocessable
from agent_runtime_server.rpc.validation import Requests

URL = "https://example.com"
CREDENTIALS = {"method": "username-password", "username": "ann", "password": "s3cret-word"}


def body(configuration: Any = None, **fields: Any) -> bytes:
    """A body that is right, but for what is given."""
    return json.dumps(
        {"task_type": "plan", "configuration": {"app_url": URL} | (configuration or {})} | fields
    ).encode()


def faults(data: bytes) -> list[dict[str, Any]]:
    with pytest.raises(Unprocessable) as caught:
        create_request(data)
    for fault in caught.value.faults:
        assert set(fault) == {"type", "loc", "msg", "input"}
        assert fault["msg"]
        assert encode(fault)
    return caught.value.faults


def places(data: bytes) -> list[tuple[str, str]]:
    return [(".".join(map(str, fault["loc"])), fault["type"]) for fault in faults(data)]


def test_the_whole_body() -> None:
    data = body({"instructions": "Only login", "sign_in": CREDENTIALS, "max_retries": 1}, session_id="a_b.c-1")
    task = create_request(data).task
    assert task.task_type == task_pb2.TASK_TYPE_PLAN
    assert (task.configuration.app_url, task.configuration.instructions) == (URL, "Only login")
    sign_in = task.configuration.sign_in
    assert sign_in.method == task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD
    assert (sign_in.username, sign_in.password) == ("ann", "s3cret-word")
    assert (task.session_id, task.retry_policy.max_attempts) == ("a_b.c-1", 2)


def test_what_may_be_left_out_may_be_null() -> None:
    given = {"instructions": None, "sign_in": None, "max_retries": None}
    request = create_request(body(given, session_id=None, somebody_else="x"))
    assert request == create_request(body())
    assert request.task.retry_policy.max_attempts == 4
    assert not request.task.configuration.HasField("sign_in")


@pytest.mark.parametrize("word", ["complete", "COMPLETE", "task_type_complete", "TASK_TYPE_COMPLETE", 1, "1"], ids=repr)
def test_forms_of_a_task_type(word: object) -> None:
    assert create_request(body(task_type=word)).task.task_type == task_pb2.TASK_TYPE_COMPLETE


@pytest.mark.parametrize(
    "word", ["username-password", "username_password", "SIGN_IN_METHOD_USERNAME_PASSWORD", 2, "2"], ids=repr
)
def test_forms_of_a_way_to_sign_in(word: object) -> None:
    sign_in = create_request(body({"sign_in": CREDENTIALS | {"method": word}})).task.configuration.sign_in
    assert sign_in.method == task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD


def test_nobody_to_sign_in_needs_no_password() -> None:
    sign_in = create_request(body({"sign_in": CREDENTIALS | {"method": "none"}})).task.configuration.sign_in
    assert (sign_in.method, sign_in.password) == (task_pb2.SIGN_IN_METHOD_NONE, "")


@pytest.mark.parametrize(("given", "attempts"), [(0, 1), (9, 10), ("2", 3), (" 2 ", 3), (2.0, 3), ("2.0", 3)])
def test_retries_are_attempts_but_the_first(given: object, attempts: int) -> None:
    assert create_request(body({"max_retries": given})).task.retry_policy.max_attempts == attempts


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", [("body", "missing")]),
        (b"null", [("body", "missing")]),
        (b"[]", [("body", "model_attributes_type")]),
        (b'"x"', [("body", "model_attributes_type")]),
        (b"{}", [("body.task_type", "missing"), ("body.configuration", "missing")]),
        (b'{"task_type": "plan", "configuration": []}', [("body.configuration", "model_attributes_type")]),
        (b'{"task_type": "plan", "configuration": null}', [("body.configuration", "model_attributes_type")]),
        (b'{"task_type": "plan", "configuration": {}}', [("body.configuration.app_url", "missing")]),
        (b'{"a": ', [("body.0", "json_invalid")]),
        (b'{"a": NaN}', [("body.6", "json_invalid")]),
        (b'{"a": "\xff"}', [("body.0", "json_invalid")]),
        (b"[" * 100_000, [("body.0", "json_invalid")]),
        (b'{"a": 1e999}', [("body.0", "json_invalid")]),
        (b'{"a": "\\udc00"}', [("body.13", "json_invalid")]),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_what_is_no_body(data: bytes, found: list[tuple[str, str]]) -> None:
    assert places(data) == found


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("task_type", "delete", "enum"),
        ("task_type", 0, "enum"),
        ("task_type", 7, "enum"),
        ("task_type", True, "enum"),
        ("task_type", None, "enum"),
        ("task_type", {}, "enum"),
        ("task_type", "", "enum"),
        ("session_id", "../x", "string_pattern_mismatch"),
        ("session_id", "x" * 65, "string_pattern_mismatch"),
        ("session_id", "x\n", "string_pattern_mismatch"),
        ("session_id", 5, "string_type"),
        ("configuration.app_url", None, "string_type"),
        ("configuration.app_url", 5, "string_type"),
        ("configuration.app_url", "", "url_parsing"),
        ("configuration.app_url", "example.com", "url_parsing"),
        ("configuration.app_url", "ftp://example.com", "url_parsing"),
        ("configuration.app_url", "https://ann:pw@example.com", "url_parsing"),
        ("configuration.app_url", "https://exa mple.com", "url_parsing"),
        ("configuration.app_url", "https://x/" + "y" * 2048, "url_too_long"),
        ("configuration.instructions", ["x"], "string_type"),
        ("configuration.instructions", "x" * 20_001, "string_too_long"),
        ("configuration.sign_in", "x", "model_attributes_type"),
        ("configuration.sign_in.method", "cookie", "enum"),
        ("configuration.sign_in.method", None, "enum"),
        ("configuration.sign_in.username", 5, "string_type"),
        ("configuration.sign_in.username", "", "string_too_short"),
        ("configuration.sign_in.username", None, "missing"),
        ("configuration.sign_in.password", None, "missing"),
        ("configuration.sign_in.password", "x" * 1001, "string_too_long"),
        ("configuration.max_retries", -1, "greater_than_equal"),
        ("configuration.max_retries", 10, "less_than_equal"),
        ("configuration.max_retries", 10**400, "less_than_equal"),
        ("configuration.max_retries", "many", "int_parsing"),
        ("configuration.max_retries", "", "int_parsing"),
        ("configuration.max_retries", 1.5, "int_from_float"),
        ("configuration.max_retries", [], "int_type"),
    ],
)
def test_each_bad_value_is_told_where_it_is(name: str, value: object, kind: str) -> None:
    given: dict[str, Any] = json.loads(body({"sign_in": CREDENTIALS}))
    *parents, last = name.split(".")
    holder = given
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    assert places(json.dumps(given).encode()) == [(f"body.{name}", kind)]


def test_all_faults_are_told_at_once() -> None:
    data = json.dumps(
        {
            "task_type": "nothing",
            "configuration": {"app_url": "x", "max_retries": "y", "sign_in": {"username": 1}},
            "session_id": "/",
        }
    ).encode()
    assert [place for place, _ in places(data)] == [
        "body.task_type",
        "body.configuration.app_url",
        "body.configuration.sign_in.method",
        "body.configuration.sign_in.username",
        "body.configuration.max_retries",
        "body.session_id",
    ]


def test_what_was_given_comes_back_short_and_without_passwords() -> None:
    unnamed = {"method": "username-password", "password": "s3cret-word"}
    (missing,) = faults(body({"sign_in": unnamed}))
    assert missing["input"] == unnamed | {"password": "**********"}
    (long,) = faults(body({"sign_in": CREDENTIALS | {"password": "s3cret-word" * 100}}))
    assert long["input"] == "**********"
    (nested,) = faults(b'{"task_type": "plan", "configuration": ' + b"[" * 300 + b"]" * 300 + b"}")
    assert len(json.dumps(nested)) < 300
    assert "s3cret" not in json.dumps([missing, long])
    (huge,) = faults(body(task_type=["x" * 10_000] * 10_000))
    assert len(json.dumps(huge)) < 20_000


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "http://a:80/x?y=1#z",
        "https://[::1]:5/",
        "http://h/@x",
        "http://a/?x=http://b:8/#/q?r",
        "http://",
        "http:///x",
        "http://a/[x]",
        "http://a?q#f#g",
        "http://a:b/",
        "http://a%2",
        "HTTP://a",
        "http://a/é",
        "http://a\n",
        "http://a/x^y",
        "http://a:80:90/",
    ],
)
def test_addresses_are_judged_as_the_contract_judges_them(url: str) -> None:
    request = create_request(body())
    request.task.configuration.app_url = url
    try:
        Requests().check(request)
    except InvalidField:
        assert places(body({"app_url": url})) == [("body.configuration.app_url", "url_parsing")]
    else:
        assert create_request(body({"app_url": url})).task.configuration.app_url == url
