"""Garbage in ids, tokens, filters, paths and bytes: an exact reason, by raw gRPC, the client and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.v1 import service_pb2, task_pb2
from tests.e2e.command import command
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled
from tests.e2e.lives import SUITE, upload
from tests.line.support import RUN, Server, carry_out, dead_app

PLAN, URL = task_pb2.TASK_TYPE_PLAN, "http://app.test/"
IDS = ("nope", "x" * 128, "a/b", "..", "\0", "\N{SNOWMAN}", "'; DROP TABLE task; --", "%", "*")
FILTERS = (
    "(((",
    "status =",
    "colour = RED",
    "status = RUNNING AND",
    "\0",
    'labels."',
    "a" * 4000,
    "NOT NOT",
    "1 = 1 --",
)
TOKENS = ("garbage", "%%%", "AAAA", "MTo6", "\N{SNOWMAN}", "9" * 1000)
PATHS = ("../secrets", "/etc/passwd", "tests/../../x", ".agent-runtime/runs", "node_modules/a", "a\0b")
Ask = Callable[[AgentRuntimeClient, str], Awaitable[object]]
"""Asks for something with a piece of garbage in it."""


@dataclass(frozen=True)
class Case:
    """What is asked, with what in it, and the reason that is told."""

    name: str
    ask: Ask
    garbage: str
    reason: str


async def _first(stream: Any) -> object:
    """The first piece of a stream."""
    try:
        return await anext(stream, None)
    finally:
        await stream.aclose()


BY_TASK: dict[str, Ask] = {
    "GetTask": lambda client, id_: client.get_task(id_),
    "WaitTask": lambda client, id_: client.wait_task(id_, timeout=1),
    "WatchTask": lambda client, id_: _first(client.watch(id_)),
    "CancelTask": lambda client, id_: client.cancel_task(id_),
    "DeleteTask": lambda client, id_: client.delete_task(id_),
    "RetryTask": lambda client, id_: client.retry_task(id_),
    "UpdateTask": lambda client, id_: client.update_task(id_, priority=1),
    "ListTaskEvents": lambda client, id_: client.list_task_events(id_),
    "ListTaskLogs": lambda client, id_: client.list_task_logs(id_),
    "ListTestResults": lambda client, id_: client.list_test_results(id_),
    "ListArtifacts": lambda client, id_: client.list_artifacts(id_),
    "ReadArtifact": lambda client, id_: _first(client.read_artifact(id_, "a")),
    "ListSessionFiles of a task": lambda client, id_: client.list_session_files(task_id=id_),
}
BY_SESSION: dict[str, Ask] = {
    "GetSession": lambda client, id_: client.get_session(id_),
    "DeleteSession": lambda client, id_: client.delete_session(id_),
    "ListSessionFiles": lambda client, id_: client.list_session_files(session_id=id_),
    "ReadSessionFile": lambda client, id_: _first(client.read_session_file(id_, "a")),
}
FIELDS: dict[str, tuple[Ask, str]] = {
    "GetTask, a long id": (lambda client, _: client.get_task("x" * 129), "INVALID_FIELD"),
    "GetTask, no id": (lambda client, _: client.get_task(""), "INVALID_FIELD"),
    "ListTasks, order": (lambda client, _: client.list_tasks(order_by="colour"), "INVALID_FIELD"),
    "ListTasks, page size": (lambda client, _: client.list_tasks(page_size=-1), "INVALID_FIELD"),
    "ListTasks, a long filter": (lambda client, _: client.list_tasks(filter="a" * 5000), "INVALID_FIELD"),
    "ListTasks, a long token": (lambda client, _: client.list_tasks(page_token="a" * 2000), "INVALID_FIELD"),
    "CreateSession, id": (lambda client, _: client.create_session("../x"), "INVALID_FIELD"),
    "CreateTask, URL": (lambda client, _: client.create_task(RUN, "ftp://a/"), "INVALID_FIELD"),
    "CreateTask, type": (lambda client, _: client.create_task(99, URL), "INVALID_FIELD"),  # type: ignore[arg-type]
    "CreateTask, request": (lambda client, _: client.create_task(RUN, URL, request_id="no"), "INVALID_FIELD"),
    "CreateTask, priority": (lambda client, _: client.create_task(RUN, URL, priority=9), "INVALID_FIELD"),
    "CreateTask, label": (lambda client, _: client.create_task(RUN, URL, labels={"ä": ""}), "INVALID_FIELD"),
    "CreateTask, session": (lambda client, _: client.create_task(RUN, URL, session_id="no"), "SESSION_NOT_FOUND"),
    "CreateTask, task": (lambda client, _: client.create_task(RUN, URL, from_task_id="no"), "TASK_NOT_FOUND"),
    "CreateTask, nothing": (lambda client, _: client.create_task(RUN, URL), "NOTHING_TO_WORK_ON"),
    "CreateTask, driver": (lambda client, _: client.create_task(PLAN, URL, driver="psychic"), "INVALID_FIELD"),
}


def _cases(task: str, session: str) -> list[Case]:
    filtered: dict[str, Ask] = {
        "ListTasks": lambda client, text: client.list_tasks(filter=text),
        "ListTestResults": lambda client, text: client.list_test_results(task, filter=text),
        "ListArtifacts": lambda client, text: client.list_artifacts(task, filter=text),
        "WatchTasks": lambda client, text: _first(client.watch_tasks(filter=text)),
    }
    paged: dict[str, Ask] = {
        "ListTasks": lambda client, token: client.list_tasks(page_token=token),
        "ListTaskEvents": lambda client, token: client.list_task_events(task, page_token=token),
        "ListTaskLogs": lambda client, token: client.list_task_logs(task, page_token=token),
        "ListTestResults": lambda client, token: client.list_test_results(task, page_token=token),
        "ListArtifacts": lambda client, token: client.list_artifacts(task, page_token=token),
        "ListSessions": lambda client, token: client.list_sessions(page_token=token),
        "ListSessionFiles": lambda client, token: client.list_session_files(task_id=task, page_token=token),
    }
    by_path: dict[str, Ask] = {
        "ListSessionFiles": lambda client, path: client.list_session_files(session_id=session, path=path),
        "ReadSessionFile": lambda client, path: _first(client.read_session_file(session, path)),
        "WriteSessionFile": lambda client, path: client.upload_session_file(session, Path(__file__), path),
    }
    artifact: dict[str, Ask] = {"ReadArtifact": lambda client, id_: _first(client.read_artifact(task, id_))}
    ahead: dict[str, Ask] = {"WatchTask": lambda client, number: _first(client.watch(task, after_sequence=int(number)))}
    again: dict[str, Ask] = {"CreateSession": lambda client, id_: client.create_session(id_)}
    kinds: tuple[tuple[Mapping[str, Ask], Sequence[str], str], ...] = (
        (BY_TASK, IDS, "TASK_NOT_FOUND"),
        (BY_SESSION, IDS, "SESSION_NOT_FOUND"),
        (artifact, IDS, "ARTIFACT_NOT_FOUND"),
        (filtered, FILTERS, "BAD_FILTER"),
        (paged, TOKENS, "BAD_PAGE_TOKEN"),
        (by_path, PATHS, "PATH_OUTSIDE_SESSION"),
        (ahead, ["1000000000"], "SEQUENCE_AHEAD"),
        (ahead, ["-1"], "INVALID_FIELD"),
        (again, [session], "SESSION_EXISTS"),
    )
    return [
        *(Case(name, ask, each, reason) for asks, all_, reason in kinds for each in all_ for name, ask in asks.items()),
        *(Case(name, ask, "", reason) for name, (ask, reason) in FIELDS.items()),
    ]


async def test_garbage_gets_its_reason(running: Server, tables: Tables, tmp_path: Path) -> None:
    async with running.client() as client:
        session = await upload(client, SUITE, tmp_path / "suite")
        task = (await carry_out(client, RUN, dead_app(), 60, session_id=session)).id
        cases = _cases(task, session)
        wrong = []
        for case in cases:
            told = await _told(case, client)
            if told != case.reason:
                wrong.append((case.name, case.garbage[:20], told, case.reason))
        assert wrong == []
        assert (await client.list_tasks(page_size=1)).tasks[0].id == task, "nothing was made of it"
    assert_settled(running)
    counts = Counter(case.reason for case in cases)
    tables.add("Garbage", ["told as", "cases"], sorted(counts.items()))


async def _told(case: Case, client: AgentRuntimeClient) -> str:
    try:
        await case.ask(client, case.garbage)
    except AgentRuntimeError as error:
        return error.reason or f"{type(error).__name__}: {error}"
    return "no error"


async def test_bytes_that_are_no_request(running: Server) -> None:
    """By raw gRPC, to every method: the reason is one of ours, and the code says whose fault it is."""
    async with grpc.aio.insecure_channel(running.address) as channel:
        for service in service_pb2.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                name = f"/{service.full_name}/{method.name}"
                for raw in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0f\x0f"):
                    error = await _refusal(channel, name, method.client_streaming, method.server_streaming, raw)
                    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, f"{name}: {error}"
                    assert _reason(error) == "INVALID_FIELD", name
        error = await _refusal(channel, "/agent_runtime.v1.AgentRuntime/Nothing", False, False, b"")
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED
        token = service_pb2.WatchTasksRequest(resume_token="garbage").SerializeToString()
        error = await _refusal(channel, "/agent_runtime.v1.AgentRuntime/WatchTasks", False, True, token)
        assert (error.code(), _reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def _refusal(
    channel: grpc.aio.Channel, name: str, sends_many: bool, gets_many: bool, raw: bytes
) -> grpc.aio.AioRpcError:
    calls: Any = channel
    if sends_many:
        answer = calls.stream_unary(name)(iter([raw]))
    elif gets_many:
        answer = calls.unary_stream(name)(raw).read()
    else:
        answer = calls.unary_unary(name)(raw, timeout=60)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answer
    return refused.value


def _reason(error: grpc.aio.AioRpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    packed = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
    return str(info.reason)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("get", "nope"), 5),
        (("watch", "nope"), 5),
        (("wait", "nope"), 5),
        (("cancel", "nope"), 5),
        (("delete", "nope"), 5),
        (("retry", "nope"), 5),
        (("update", "nope", "--priority", "1"), 5),
        (("logs", "nope"), 5),
        (("results", "nope"), 5),
        (("files", "nope"), 5),
        (("download", "nope"), 5),
        (("get", "\x1b[31mred"), 5),
        (("get", "x" * 500), 2),
        (("list", "--filter", "((("), 2),
        (("list", "--order", "colour"), 2),
        (("watch", "--all", "--filter", "((("), 2),
        (("sessions", "get", "../x"), 5),
        (("sessions", "create", "../x"), 2),
        (("submit", "run", "--app-url", "nonsense"), 2),
        (("submit", "run", "--app-url", "http://a/", "--session", "nope"), 5),
        (("submit", "run", "--app-url", "http://a/", "--from-task", "nope"), 5),
        (("submit", "dance", "--app-url", "http://a/"), 2),
        (("--server", "nowhere", "list"), 2),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
async def test_garbage_on_the_command_line(arguments: tuple[str, ...], code: int, running: Server) -> None:
    said = await command(running.address, *arguments)
    assert said.code == code, said.err
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert "\x1b[31m" not in said.err + said.out
