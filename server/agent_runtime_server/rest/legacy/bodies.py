"""The body of ``POST /tasks``: checked as FastAPI did, all faults at once, and made the contract's request."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.rest.legacy.faults import Faults, Loc, Unprocessable
from agent_runtime_server.rest.legacy.words import SIGN_IN_METHODS, TASK_TYPES, number_of

DEFAULT_RETRIES = 3
_MOST_RETRIES = 9
_MOST_INSTRUCTIONS = 20_000
_MOST_URL = 2048
_MOST_NAME = 1000
_PATH_TEXT = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
_WEB_ADDRESS = re.compile(
    r"https?://(?=[^/?#])(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
    rf"(?:/{_PATH_TEXT}|/)*)?(?:\?{_PATH_TEXT}|[/?])*)?(?:#{_PATH_TEXT}|[/?])*)?"
)
"""What the contract takes as the address of an app, but for what is within an address of IPv6."""
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WHERE = re.compile(r"\(byte (\d+)\)")
_BODY: Loc = ("body",)
_CONFIGURATION: Loc = (*_BODY, "configuration")
_SIGN_IN: Loc = (*_CONFIGURATION, "sign_in")
_NO_TYPE = "Input should be 'complete', 'plan', 'generate', 'run', 'fix' or 'custom'"
_NO_METHOD = "Input should be 'none' or 'username-password'"
_NO_OBJECT = "Input should be a valid dictionary or object to extract fields from"
_decode = msgspec.json.Decoder().decode


def create_request(data: bytes) -> service_pb2.CreateTaskRequest:
    """The request in a body. Raises Unprocessable."""
    faults = Faults()
    body = _object(_parsed(data), _BODY, faults)
    task = task_pb2.Task()
    if body is not None:
        _fill(task, body, faults)
    faults.raise_if_any()
    return service_pb2.CreateTaskRequest(task=task)


def _parsed(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        found = _WHERE.search(str(bad))
        loc = ["body", int(found[1]) if found else 0]
        raise Unprocessable(
            [{"type": "json_invalid", "loc": loc, "msg": f"JSON decode error: {bad}", "input": {}}]
        ) from bad


def _object(value: Any, loc: Loc, faults: Faults) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    if value is None and loc == _BODY:
        faults.missing(loc, None)
    else:
        faults.add(loc, "model_attributes_type", _NO_OBJECT, value)
    return None


def _fill(task: task_pb2.Task, body: dict[str, Any], faults: Faults) -> None:
    loc = (*_BODY, "task_type")
    if "task_type" not in body:
        faults.missing(loc, body)
    elif number := number_of(TASK_TYPES, "TASK_TYPE_", body["task_type"]):
        task.task_type = number  # type: ignore[assignment]
    else:
        faults.add(loc, "enum", _NO_TYPE, body["task_type"])
    if "configuration" not in body:
        faults.missing(_CONFIGURATION, body)
    elif (configuration := _object(body["configuration"], _CONFIGURATION, faults)) is not None:
        _configure(task, configuration, faults)
    session = _text(body, "session_id", _BODY, 0, faults)
    if session and not _SESSION.fullmatch(session):
        message = (
            "String should be a name for a file: up to 64 letters, digits, '.', '_' and '-', the first none of these"
        )
        faults.add((*_BODY, "session_id"), "string_pattern_mismatch", message, session)
    task.session_id = session


def _configure(task: task_pb2.Task, given: dict[str, Any], faults: Faults) -> None:
    loc = (*_CONFIGURATION, "app_url")
    configuration = task.configuration
    if "app_url" not in given:
        faults.missing(loc, given)
    elif not isinstance(url := given["app_url"], str):
        faults.add(loc, "string_type", "Input should be a valid string", url)
    elif len(url) > _MOST_URL:
        faults.add(loc, "url_too_long", f"URL should have at most {_MOST_URL} characters", url)
    elif not _WEB_ADDRESS.fullmatch(url):
        faults.add(loc, "url_parsing", "Input should be an absolute http or https URL without user info", url)
    else:
        configuration.app_url = url
    configuration.instructions = _text(given, "instructions", _CONFIGURATION, _MOST_INSTRUCTIONS, faults)
    if given.get("sign_in") is not None:
        sign_in = _object(given["sign_in"], _SIGN_IN, faults)
        if sign_in is not None:
            _sign_in(configuration.sign_in, sign_in, faults)
    task.retry_policy.max_attempts = 1 + _retries(given, faults)


def _sign_in(sign_in: task_pb2.SignIn, given: dict[str, Any], faults: Faults) -> None:
    loc = (*_SIGN_IN, "method")
    number = number_of(SIGN_IN_METHODS, "SIGN_IN_METHOD_", given.get("method"))
    if "method" not in given:
        faults.missing(loc, given)
    elif not number:
        faults.add(loc, "enum", _NO_METHOD, given["method"])
    username = _text(given, "username", _SIGN_IN, _MOST_NAME, faults)
    password = _text(given, "password", _SIGN_IN, _MOST_NAME, faults)
    if number == task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD:
        for name in ("username", "password"):
            if given.get(name) is None:
                faults.missing((*_SIGN_IN, name), given)
            elif given[name] == "":
                faults.add((*_SIGN_IN, name), "string_too_short", "String should have at least 1 character", "")
        sign_in.password = password
    sign_in.method = number  # type: ignore[assignment]
    sign_in.username = username


def _text(given: dict[str, Any], name: str, parent: Loc, most: int, faults: Faults) -> str:
    """A text that may be left out, or null; empty if it cannot be used. ``most`` 0 is for no limit."""
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults.add((*parent, name), "string_type", "Input should be a valid string", value)
        return ""
    if most and len(value) > most:
        faults.add((*parent, name), "string_too_long", f"String should have at most {most} characters", value)
        return ""
    return value


def _retries(given: dict[str, Any], faults: Faults) -> int:
    if (value := given.get("max_retries")) is None:
        return DEFAULT_RETRIES
    return whole_number(value, (*_CONFIGURATION, "max_retries"), 0, _MOST_RETRIES, faults)


def whole_number(value: object, loc: Loc, least: int, most: int, faults: Faults) -> int:
    """A number between bounds, also one in text; ``least`` if it cannot be used."""
    number = least
    match value:
        case int():
            number = int(value)
        case float() if value.is_integer():
            number = int(value)
        case float():
            faults.add(
                loc, "int_from_float", "Input should be a valid integer, got a number with a fractional part", value
            )
        case str() if re.fullmatch(r"\s*[+-]?[0-9]{1,18}(\.0+)?\s*", value, re.ASCII):
            number = int(value.split(".")[0])
        case str():
            message = "Input should be a valid integer, unable to parse string as an integer"
            faults.add(loc, "int_parsing", message, value)
        case _:
            faults.add(loc, "int_type", "Input should be a valid integer", value)
    if number < least:
        faults.add(loc, "greater_than_equal", f"Input should be greater than or equal to {least}", value)
    elif number > most:
        faults.add(loc, "less_than_equal", f"Input should be less than or equal to {most}", value)
    return number if least <= number <= most else least
