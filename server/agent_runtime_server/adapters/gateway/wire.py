"""What the gateway reads and writes of the two wire formats: usage in answers, errors of its own.

OpenAI: platform.openai.com/docs/api-reference/chat; Anthropic: docs.anthropic.com/en/api/messages, messages-streaming.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec

from agent_runtime_server.adapters.gateway.providers import Route, Wire
from agent_runtime_server.domain.usage import ModelUsage

_CHARACTERS_A_TOKEN = 4
"""For what no provider has counted."""
_MAX_LINE = 4 * 1024 * 1024
"""Bytes of one event of a stream, or of a whole answer; a longer one is passed on, but not read for usage."""


def request_body(content: bytes, route: Route) -> bytes:
    """The body of a call as the provider gets it: its model is the route's, and streams tell their usage.

    What is not changed stays as it is, to the byte. Raises ValueError for what is not an object of JSON.
    """
    try:
        body = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        streams = msgspec.json.decode(body.get("stream", b"null"))
        options = msgspec.json.decode(body.get("stream_options", b"null"))
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise ValueError(str(bad)) from None
    changed: dict[str, object] = {**body, "model": route.model}
    if route.wire == "openai" and streams:
        kept = options if isinstance(options, dict) else {}
        changed["stream_options"] = {**kept, "include_usage": True}
        if route.tells_usage_unasked:
            del changed["stream_options"]
    if route.provider == "openai" and "max_tokens" in changed:
        # Its newer models take the one name only, all of them take it.
        changed["max_completion_tokens"] = changed.pop("max_tokens")
    return msgspec.json.encode(changed)


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
    except (ValueError, KeyError, TypeError, RecursionError):
        message = body.decode(errors="replace")
    return " ".join(str(message).split())[:300]


class Counter:
    """Counts what one call uses, from the bytes of its answer, whole or streamed."""

    def __init__(self, route: Route, request: bytes) -> None:
        self._route = route
        self._input_guess = len(request) // _CHARACTERS_A_TOKEN
        self._output_guess = 0
        self._streams = False
        self._pending = bytearray()
        self._skips = False
        self._told: dict[str, Any] = {}
        self._complete = False
        """Whether the output has been told, too."""

    def begin(self, content_type: str) -> None:
        """The answer has begun."""
        self._streams = content_type.startswith("text/event-stream")

    def unanswered(self) -> None:
        """There will be no answer, and so nothing to pay."""
        self._input_guess = 0

    def take(self, data: bytes) -> None:
        """Take in the next bytes."""
        if not self._streams:
            self._output_guess += len(data) // _CHARACTERS_A_TOKEN
        if self._skips:
            return
        self._pending += data
        if self._streams and b"\n" in data:
            *lines, rest = bytes(self._pending).split(b"\n")
            self._pending = bytearray(rest)
            for line in lines:
                if line.startswith(b"data:"):
                    # Providers send about one token an event.
                    self._output_guess += 1
                    self._read(line[5:])
        if len(self._pending) > _MAX_LINE:
            self._pending, self._skips = bytearray(), True

    def usage(self) -> ModelUsage:
        """What the call has used. What the provider has not said is guessed from the length of the texts."""
        if not self._streams:
            self._read(bytes(self._pending))
        name = f"{self._route.provider}/{self._route.model}"
        if not self._told:
            return ModelUsage(name, self._input_guess, self._output_guess, requests=1)
        read = _anthropic if self._route.wire == "anthropic" else _openai
        used = read(name, self._told)
        return used if self._complete else replace(used, output_tokens=max(used.output_tokens, self._output_guess))

    def _read(self, data: bytes) -> None:
        if b'"usage"' not in data:
            return
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        message = value.get("message")
        begun, ended = message.get("usage") if isinstance(message, dict) else None, value.get("usage")
        for usage in (begun, ended):
            if isinstance(usage, dict):
                # Anthropic tells the input first and the output last; what is told again replaces what was told.
                self._told.update({name: count for name, count in usage.items() if count is not None})
        self._complete = self._complete or isinstance(ended, dict)


def _openai(name: str, told: dict[str, Any]) -> ModelUsage:
    input_tokens, details = _count(told, "prompt_tokens"), told.get("prompt_tokens_details")
    return ModelUsage(
        name,
        input_tokens=input_tokens,
        # Some providers count reasoning in the total only.
        output_tokens=max(_count(told, "completion_tokens"), _count(told, "total_tokens") - input_tokens),
        reasoning_tokens=_count(told.get("completion_tokens_details"), "reasoning_tokens"),
        cache_read_tokens=_count(details, "cached_tokens"),
        cache_write_tokens=_count(details, "cache_write_tokens"),
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
