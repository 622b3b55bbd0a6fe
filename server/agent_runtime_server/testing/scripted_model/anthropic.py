"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from agent_runtime_server.testing.scripted_model.scenarios import Usage
from agent_runtime_server.testing.scripted_model.wire import Answer, Json, Message, Request, encoded, pieces, words

SIGNATURE = "c2NyaXB0ZWQ="
"""Of thinking, which clients give back as it is."""

KINDS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class _Block(Struct):
    type: str
    text: str = ""
    content: str | list[_Block] | None = None


class _Message(Struct):
    role: str
    content: str | list[_Block]


class _Tool(Struct):
    name: str


class _Request(Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    tools: list[_Tool] = []
    stream: bool = False


class Anthropic:
    """The format of ``/messages``."""

    def read(self, body: bytes) -> Request:
        """Understand a request."""
        asked = msgspec.json.decode(body, type=_Request)
        tools = [tool.name for tool in asked.tools]
        messages = [_message(message) for message in asked.messages]
        return Request(asked.model, messages, tools, len(body), asked.stream)

    def whole(self, answer: Answer) -> Json:
        """One message."""
        content: list[Json] = []
        if answer.reasoning:
            content.append({"type": "thinking", "thinking": answer.reasoning, "signature": SIGNATURE})
        if answer.text:
            content.append({"type": "text", "text": answer.text})
        for call in answer.calls:
            arguments = msgspec.json.decode(call.arguments)
            content.append({"type": "tool_use", "id": call.id, "name": call.tool, "input": arguments})
        usage = {**_input(answer.usage), "output_tokens": answer.usage.output}
        return {**_head(answer), "content": content, "stop_reason": _reason(answer), "usage": usage}

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The events of a message."""
        opening = {**_head(answer), "usage": {**_input(answer.usage), "output_tokens": 1}}
        yield _event("message_start", message=opening)
        yield _event("ping")
        for index, (block, deltas) in enumerate(_blocks(answer)):
            yield _event("content_block_start", index=index, content_block=block)
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ending = {"stop_reason": _reason(answer), "stop_sequence": None}
        yield _event("message_delta", delta=ending, usage={"output_tokens": answer.usage.output})
        yield _event("message_stop")

    def error(self, status: int, message: str) -> Json:
        """An error object."""
        kind = KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}


def _message(message: _Message) -> Message:
    if isinstance(message.content, str):
        return Message(message.role, message.content)
    results = [_text(block.content or "") for block in message.content if block.type == "tool_result"]
    return Message(message.role, _text(message.content), "\n".join(results))


def _text(content: str | list[_Block]) -> str:
    return content if isinstance(content, str) else "\n".join(block.text for block in content if block.type == "text")


def _blocks(answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    """Content blocks as they begin, with what is then added to each."""
    if answer.reasoning:
        thoughts: list[Json] = [{"type": "thinking_delta", "thinking": word} for word in words(answer.reasoning)]
        thoughts.append({"type": "signature_delta", "signature": SIGNATURE})
        yield {"type": "thinking", "thinking": "", "signature": ""}, thoughts
    if answer.text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in words(answer.text)]
    for call in answer.calls:
        arguments = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(call.arguments)]
        yield {"type": "tool_use", "id": call.id, "name": call.tool, "input": {}}, arguments


def _head(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _reason(answer: Answer) -> str:
    return "tool_use" if answer.calls else "end_turn"


def _input(usage: Usage) -> Json:
    """Here the input does not count cached parts."""
    return {
        "input_tokens": usage.input - usage.cached - usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.cache_write,
    }


def _event(kind: str, **data: object) -> bytes:
    return f"event: {kind}\ndata: {encoded({'type': kind, **data})}\n\n".encode()
