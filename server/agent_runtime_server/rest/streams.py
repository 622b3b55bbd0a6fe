"""Watches on one URL each: server-sent events, JSON lines, or a WebSocket, as the caller asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from functools import partial

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest import sse
from agent_runtime_server.rest.bindings import BINDINGS, Binding
from agent_runtime_server.rest.calls import fill_from_address
from agent_runtime_server.rest.frames import Frames, Make
from agent_runtime_server.rest.json_in import set_text
from agent_runtime_server.rest.json_out import encode, to_json
from agent_runtime_server.rest.problems import BadRequest, Refused, Violation, problem, problem_value, refusal
from agent_runtime_server.rest.routing import Operation
from agent_runtime_server.rest.sending import Streamed, only_headers, unless_left
from agent_runtime_server.rest.upstream import Upstream

LINES = "application/x-ndjson"
LAST_EVENT_ID = "last-event-id"
_CURSORS = {"WatchTask": "after_sequence", "WatchTasks": "resume_token"}
"""Fields that a Last-Event-ID goes into."""
_SSE: dict[str, Make] = {"WatchTask": sse.of_task, "WatchTasks": sse.of_tasks}
_HEADERS = {"cache-control": "no-store", "vary": "accept", "x-accel-buffering": "no"}
_WATCHES = tuple(binding for binding in BINDINGS if binding.method.server_streaming and not binding.chunked)
_FAULT_CODE = 1011
_LINE_MARKS = ("\u0085", "\u2028", "\u2029")
"""They end no line of JSON, but many a reader takes them for an end."""


def operations(upstream: Upstream, frames: Frames) -> list[Operation]:
    """Every stream of messages, over HTTP."""
    return [Operation(binding.verb, binding.route, partial(_answer, binding, upstream, frames)) for binding in _WATCHES]


def sockets(upstream: Upstream, frames: Frames) -> list[BaseRoute]:
    """Every stream of messages, as a WebSocket."""
    return [WebSocketRoute(binding.route, partial(_socket, binding, upstream, frames)) for binding in _WATCHES]


async def _answer(binding: Binding, upstream: Upstream, frames: Frames, request: Request) -> Response:
    media_type = negotiated(request.headers.get("accept", "*/*"))
    message = binding.request_type()
    fill_from_address(binding, message, request)
    if media_type == sse.MEDIA_TYPE:
        make, fault = _SSE[binding.method.name], sse.fault
        _go_on(binding, message, request.headers.get(LAST_EVENT_ID, ""))
        _keep_talking(message)
    else:
        make, fault = _line_of(binding), _fault_line
    updates = upstream.stream_raw(binding.method.name, message)
    first = await anext(updates, b"")  # what is refused is refused before it
    headers = {"content-type": media_type, **_HEADERS}
    if request.method == "HEAD":
        await updates.aclose()
        return only_headers(headers)
    return Streamed(_pieces(first, updates, partial(frames.of, make), fault), 200, headers)


async def _pieces(
    first: bytes, updates: AsyncGenerator[bytes, None], frame: Make, fault: Callable[[Refused], bytes]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(updates):
        yield frame(first)
        try:
            async for update in updates:
                yield frame(update)
        except Refused as refused:
            yield fault(refused)


async def _socket(binding: Binding, upstream: Upstream, frames: Frames, socket: WebSocket) -> None:
    message = binding.request_type()
    try:
        fill_from_address(binding, message, socket)
        updates = upstream.stream_raw(binding.method.name, message)
        first = await anext(updates, b"")
    except Refused as refused:
        await socket.send_denial_response(problem(refused))
        return
    async with aclosing(updates):
        await socket.accept()
        with suppress(WebSocketDisconnect):
            await unless_left(_write(socket, first, updates, partial(frames.of, _line_of(binding))), _left(socket))


async def _write(socket: WebSocket, first: bytes, updates: AsyncGenerator[bytes, None], frame: Make) -> None:
    await socket.send_text(_text(frame(first)))
    try:
        async for update in updates:
            await socket.send_text(_text(frame(update)))
    except Refused as refused:
        await socket.send_text(_text(_fault_line(refused)))
        await socket.close(_FAULT_CODE)
    else:
        await socket.close()


async def _left(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _text(line: bytes) -> str:
    return line[:-1].decode()


def _line_of(binding: Binding) -> Make:
    return _LINES[binding.method.name]


def _line(response_type: type[Message], raw: bytes) -> bytes:
    line = to_json(response_type.FromString(raw))
    for mark in _LINE_MARKS:
        line = line.replace(mark.encode(), b"\\u%04x" % ord(mark))
    return line + b"\n"


_LINES: dict[str, Make] = {
    binding.method.name: partial(_line, GetMessageClass(binding.method.output_type)) for binding in _WATCHES
}


def _fault_line(refused: Refused) -> bytes:
    return encode({"error": problem_value(refused)}) + b"\n"


def negotiated(accept: str) -> str:
    """The media type for an Accept header: what it likes most of the two; lines if it takes anything."""
    choices = []
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.lower().split(";"))
        liking = next((_quality(parameter) for parameter in parameters if parameter.startswith("q=")), 1.0)
        media_type = {"text/event-stream": sse.MEDIA_TYPE, "text/*": sse.MEDIA_TYPE, LINES: LINES}.get(name)
        if media_type is None and name in {"*/*", "application/*"}:
            media_type = LINES
        if media_type is not None and liking > 0:
            choices.append((liking, media_type))
    if not choices:
        raise refusal(406, f"there is {sse.MEDIA_TYPE} and {LINES} here")
    return max(choices, key=lambda choice: choice[0])[1]


def _quality(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0


def _go_on(binding: Binding, message: Message, last_event_id: str) -> None:
    """Start after the last event that the caller has."""
    if last_event_id:
        try:
            set_text(message, _CURSORS[binding.method.name], last_event_id)
        except BadRequest as bad:
            raise BadRequest([Violation("Last-Event-ID", bad.violations[0].description)]) from bad


def _keep_talking(message: Message) -> None:
    """See to it that a silence is never so long that somebody between takes the stream for dead."""
    assert isinstance(message, service_pb2.WatchTaskRequest | service_pb2.WatchTasksRequest)
    asked = message.heartbeat_interval.ToNanoseconds()
    if asked == 0 or asked > sse.LONGEST_SILENCE.ToNanoseconds():
        message.heartbeat_interval.CopyFrom(sse.LONGEST_SILENCE)
