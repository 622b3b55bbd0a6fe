"""Whatever bytes a caller sends, the answer is an answer or a fault with a reason: never UNKNOWN, never INTERNAL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.v1 import service_pb2
from agent_runtime_server.testing.script import Script
from tests.rpc.support import Line, details, driver_of, line

METHODS = [method for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods]
FAULTS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.ABORTED,
}
WORDS = ["", "t", "a/b", "..", "x" * 200, "ü\0", "AAAA", "Mg", "MTox", "*"]
SENSIBLE = {
    "app_url": ["http://app.test/"],
    "session_id": ["mine", ""],
    "from_task_id": [""],
    "request_id": ["", "7d8f4b1e-6f3a-4c55-9a51-0a2f4a1c9a01"],
    "path": ["specs/plan.md", "specs", "a/b.txt", ""],
    "paths": ["labels", "priority", "timeouts", "timeouts.run_timeout", "retry_policy", "ttl", "expire_time"],
    "filter": ["", "done = true", "round > 1", "kind = PLAN", 'labels.a = "b" OR NOT status = FAILED'],
    "order_by": ["", "create_time", "end_time desc"],
    "page_token": ["", "Mg", "MTow"],
    "driver": ["", "explorer"],
    "sha256": ["", "0" * 64],
    "etag": [""],
}
LABELS = ["a", "team", "n"]


def numbers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([0, 1, 2, 5, high, low]) | st.integers(low, high)


VALUES: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: numbers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: numbers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: numbers(-1, 40),
}


class Drawing:
    """Draws messages, wild ones or those that pass the first checks."""

    def __init__(self, draw: st.DrawFn, ids: list[str], *, sensible: bool) -> None:
        self._draw = draw
        self._ids = ids
        self._sensible = sensible

    def message(self, kind: type[Message], depth: int = 0) -> Message:
        """A message with some of its fields set."""
        message = kind()
        for field in kind.DESCRIPTOR.fields:
            likely = field.name.endswith("_id") or field.name in (
                "id",
                *SENSIBLE,
                "task",
                "configuration",
                "update_mask",
            )
            if depth > 4 or not (self._draw(st.integers(0, 3)) or (likely and self._sensible)):
                continue
            target = getattr(message, field.name)
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                target[self._text(LABELS)] = self._text(LABELS)
            elif field.message_type is not None and field.is_repeated:
                target.add().CopyFrom(self.message(_class_of(field.message_type), depth + 1))
            elif field.message_type is not None:
                target.CopyFrom(self.message(_class_of(field.message_type), depth + 1))
            elif field.is_repeated:
                target.append(self._value(field))
            else:
                setattr(message, field.name, self._value(field))
        return message

    def _value(self, field: Any) -> Any:
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            own = SENSIBLE.get(field.name, []) + (self._ids if field.name in ("id", "task_id", "session_id") else [])
            text = self._text(own or WORDS)
            return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
        if self._sensible and field.cpp_type not in (FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_DOUBLE):
            return self._draw(st.integers(0, 2))
        return self._draw(VALUES[field.cpp_type])

    def _text(self, sensible: list[str]) -> str:
        if self._sensible:
            return self._draw(st.sampled_from(sensible))
        return self._draw(st.sampled_from([*WORDS, *sensible]) | st.text(max_size=20))


@st.composite
def requests(draw: st.DrawFn, method: MethodDescriptor, ids: list[str]) -> bytes:
    """The bytes of a request, or any bytes."""
    how = draw(st.sampled_from(["any", "wild", "sensible", "sensible"]))
    if how == "any":
        return draw(st.binary(max_size=40))
    message = Drawing(draw, ids, sensible=how == "sensible").message(_class_of(method.input_type))
    return message.SerializeToString()


def _class_of(descriptor: Any) -> type[Message]:
    return GetMessageClass(descriptor)


async def send(server: Line, method: MethodDescriptor, raws: list[bytes]) -> grpc.aio.AioRpcError | None:
    """Call a method with raw bytes; the error that it answers with, if it does."""
    assert method.containing_service is not None
    name = f"/{method.containing_service.full_name}/{method.name}"
    channel: Any = server.channel
    try:
        if method.client_streaming:
            await channel.stream_unary(name)(iter(raws))
        elif method.server_streaming:
            call = channel.unary_stream(name)(raws[0])
            await anext(aiter(call), None)
            call.cancel()
        else:
            await channel.unary_unary(name)(raws[0], timeout=60)
    except grpc.aio.AioRpcError as error:
        return error
    return None


def assert_told(error: grpc.aio.AioRpcError) -> None:
    """The error is one that callers may get, with its reason."""
    text = error.details() or ""
    assert error.code() in FAULTS, f"{error.code()}: {text}"
    info, bad, _ = details(error)
    assert info.reason
    assert info.reason != "INVALID_FIELD" or bad.field_violations or "the bytes are no" in text


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Line, list[str]]]:
    """A server with a task, and the ids that it knows."""
    script = Script(files={"specs/plan.md": "# Plan"})
    async with line(folder, driver_of(plan=script), max_wait_seconds=1.0) as server:
        task = await server.done((await server.create()).id)
        yield server, [task.id]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_any_bytes(method: MethodDescriptor, tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, ids):
        found: list[list[bytes]] = []

        @settings(max_examples=80, database=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(requests(method, ids), min_size=1, max_size=3))
        def collect(raws: list[bytes]) -> None:
            found.append(raws)

        collect()
        for raws in found:
            if error := await send(server, method, raws):
                assert_told(error)
