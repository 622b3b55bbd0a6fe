"""What the gateway reads and writes of the two wire formats: usage in answers, errors of its own.

OpenAI: platform.openai.com/docs/api-reference/chat; Anthropic: docs.anthropic.com/en/api/messages, messages-streaming.
"""

from __future__ import annotations

import json
from typing import Any

from agent_runtime_server.adapters.gateway.providers import Route, Wire
from agent_runtime_server.domain.usage import ModelUsage

_CHARACTERS_A_TOKEN = 4
"""For what no provider has counted."""
_MAX_LINE = 4 * 1024 * 1024
"""Bytes of one event of a stream; a longer one is passed on, but not read for usage."""


def request_body(body: dict[str, Any], route: Route) -> bytes:
    """The body of a call, for the provider: its model is the route's, and streams tell their usage."""
    body = {**body, "model": route.model}
    if route.wire == "openai" and body.get("stream"):
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    if route.provider == "openai" and "max_tokens" in body:
        # Its newer models take the one name only, all of them take it.
        body["max_completion_tokens"] = body.pop("max_tokens")
    return json.dumps(body).encode()


def error_body(wire: Wire, message: str) -> bytes:
    """An error as a provider of this format would tell it."""
    error = {"type": "gateway_error", "message": message}
    whole = {"type": "error", "error": error} if wire == "anthropic" else {"error": {**error, "code": "gateway"}}
    return json.dumps(whole).encode()


def said_wrong(body: bytes) -> str:
    """The message of a provider's error, in one short line; empty if there is none."""
    try:
        error = json.loads(body)["error"]
        message = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        message = body.decode(errors="replace")
    return " ".join(str(message).split())[:300]


class Counter:
    """Counts what one call uses, from the bytes of its answer, whole or streamed."""

    def __init__(self, route: Route, request: bytes, *, streams: bool) -> None:
        self._route = route
        self._request = len(request)
        self._streams = streams
        self._pending = b""
        self._skips = False
        self._answer = 0
        self._told: dict[str, Any] = {}

    def take(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._answer += len(data)
        if self._skips:
            return
        *lines, self._pending = (self._pending + data).split(b"\n") if self._streams else (self._pending + data,)
        for line in lines:
            if line.startswith(b"data:"):
                self._read(line[5:])
        if len(self._pending) > _MAX_LINE:
            self._pending, self._skips = b"", True

    def usage(self) -> ModelUsage:
        """What the call has used. If the provider did not say, a guess from the length of the texts."""
        if not self._streams:
            self._read(self._pending)
        name = f"{self._route.provider}/{self._route.model}"
        if not self._told:
            tokens = self._request // _CHARACTERS_A_TOKEN
            return ModelUsage(name, tokens, self._answer // _CHARACTERS_A_TOKEN if self._answer else 0, requests=1)
        read = _anthropic if self._route.wire == "anthropic" else _openai
        return read(name, self._told)

    def _read(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        try:
            value = json.loads(data)
        except ValueError:
            return
        if not isinstance(value, dict):
            return
        message = value.get("message")
        for usage in (value.get("usage"), message.get("usage") if isinstance(message, dict) else None):
            if isinstance(usage, dict):
                # Anthropic tells the input first and the output last; what is told again replaces what was told.
                self._told.update({name: count for name, count in usage.items() if count is not None})


def _openai(name: str, told: dict[str, Any]) -> ModelUsage:
    return ModelUsage(
        name,
        input_tokens=_count(told, "prompt_tokens"),
        output_tokens=_count(told, "completion_tokens"),
        reasoning_tokens=_count(told.get("completion_tokens_details"), "reasoning_tokens"),
        cache_read_tokens=_count(told.get("prompt_tokens_details"), "cached_tokens"),
        requests=1,
    )


def _anthropic(name: str, told: dict[str, Any]) -> ModelUsage:
    read, written = _count(told, "cache_read_input_tokens"), _count(told, "cache_creation_input_tokens")
    return ModelUsage(
        name,
        # Anthropic's input does not hold the cached parts.
        input_tokens=_count(told, "input_tokens") + read + written,
        output_tokens=_count(told, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        requests=1,
    )


def _count(told: object, name: str) -> int:
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, int) and value > 0 else 0
