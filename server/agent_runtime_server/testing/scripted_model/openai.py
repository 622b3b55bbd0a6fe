"""OpenAI's chat completions."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from agent_runtime_server.testing.scripted_model.scenarios import Usage
from agent_runtime_server.testing.scripted_model.wire import Answer, Json, Message, Request, encoded, pieces, words


class _Part(Struct):
    type: str
    text: str = ""


class _Message(Struct):
    role: str
    content: str | list[_Part] | None = None


class _Function(Struct):
    name: str


class _Tool(Struct):
    function: _Function


class _StreamOptions(Struct):
    include_usage: bool = False


class _Request(Struct):
    model: str
    messages: list[_Message]
    tools: list[_Tool] = []
    stream: bool = False
    stream_options: _StreamOptions | None = None


class OpenAI:
    """The format of ``/chat/completions``; reasoning is ``reasoning_content``, as compatible servers have it."""

    def read(self, body: bytes) -> Request:
        """Understand a request."""
        asked = msgspec.json.decode(body, type=_Request)
        return Request(
            asked.model,
            [_message(message) for message in asked.messages],
            [tool.function.name for tool in asked.tools],
            len(body),
            asked.stream,
            bool(asked.stream_options and asked.stream_options.include_usage),
        )

    def whole(self, answer: Answer) -> Json:
        """One completion."""
        message: Json = {"role": "assistant", "content": answer.text or None}
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.tool, "arguments": call.arguments}}
                for call in answer.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": _reason(answer)}
        return {**_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer.usage)}

    def events(self, answer: Answer) -> Iterator[bytes]:
        """Chunks of a completion."""
        head = _head(answer, "chat.completion.chunk")

        def chunk(delta: Json, reason: str | None = None) -> bytes:
            return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

        yield chunk({"role": "assistant", "content": ""})
        yield from (chunk({"reasoning_content": word}) for word in words(answer.reasoning))
        yield from (chunk({"content": word}) for word in words(answer.text))
        for index, call in enumerate(answer.calls):
            opening = {"name": call.tool, "arguments": ""}
            yield chunk({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": opening}]})
            for piece in pieces(call.arguments):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, _reason(answer))
        if answer.request.stream_usage:
            yield _event({**head, "choices": [], "usage": _usage(answer.usage)})
        yield b"data: [DONE]\n\n"

    def error(self, status: int, message: str) -> Json:
        """An error object."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _message(message: _Message) -> Message:
    content = message.content or ""
    text = content if isinstance(content, str) else "\n".join(part.text for part in content if part.type == "text")
    return Message(message.role, results=text) if message.role == "tool" else Message(message.role, text)


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": int(time.time()),
        "model": answer.request.model,
    }


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "stop"


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _event(data: Json) -> bytes:
    return f"data: {encoded(data)}\n\n".encode()
