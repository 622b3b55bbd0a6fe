import asyncio
import hashlib
import io
import uuid
import zipfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent_runtime.v1 import service_pb2, session_pb2, task_pb2
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import AttemptStatus, Location, TestAttempt, TestCase, TestOutcome, TestSummary
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.orchestrator.support import NOW
from tests.rpc.support import BLOCKING, Line, chunks_of, details, driver_of, invalid, line, refused

SOURCE = "import { test } from '@playwright/test';\ntest('a', async () => {});\n"


def case(path: str, outcome: TestOutcome) -> TestCase:
    status = AttemptStatus.PASSED if outcome is TestOutcome.EXPECTED else AttemptStatus.FAILED
    attempt = TestAttempt(0, status, NOW, NOW - NOW, artifact_ids=("artifacts/run-1/video.webm",))
    return TestCase(path, "chromium", (path, "a"), Location(path, 2), outcome, (attempt,))


async def test_complete_keeps_what_is_steady_and_a_later_task_runs_it_again(tmp_path: Path) -> None:
    steady, shaky = "tests/steady.spec.ts", "tests/shaky.spec.ts"
    driver = ScriptedDriver(
        {
            PhaseKind.PLAN: Script(files={"specs/plan.md": "# Plan"}),
            PhaseKind.GENERATE: Script(files={steady: SOURCE, shaky: SOURCE}),
        },
        {PhaseKind.GENERATE: PhaseReport(test_paths=(steady, shaky))},
        name="explorer",
    )
    good = case(steady, TestOutcome.EXPECTED)
    sifting = TestReport(TestSummary(2, 1, 1), tests=(good, case(shaky, TestOutcome.UNEXPECTED)))
    passed, failed = TestReport(TestSummary(1, 1), tests=(good,)), TestReport(TestSummary(1, 0, 1))
    runner = ScriptedRunner(Script(facts=[good]), [sifting, sifting, passed, failed])
    async with line(tmp_path, driver, runner) as server:
        task = await server.done((await server.create(task_pb2.TASK_TYPE_COMPLETE)).id)
        assert task.status == task_pb2.TASK_STATUS_COMPLETED
        assert task.result.verdict == task_pb2.TEST_VERDICT_PASSED
        assert list(task.result.test_paths) == [steady]
        assert [job.record for job in runner.jobs] == [False, False, True]
        assert (tmp_path / "workspaces" / task.id / "tests/quarantine/shaky.spec.ts").exists()
        results = await server.runtime.ListTestResults(service_pb2.ListTestResultsRequest(task_id=task.id))
        assert results.summary.expected == 1
        assert len(results.tests[0].attempts[0].artifact_ids[0]) == 20, "paths became artifact ids"

        again = await server.done((await server.create(task_pb2.TASK_TYPE_RUN, session_id=task.session_id)).id)
        assert again.status == task_pb2.TASK_STATUS_COMPLETED, "failing tests are a verdict"
        assert again.result.verdict == task_pb2.TEST_VERDICT_FAILED
        assert again.session_id == task.id


async def test_nothing_steady_is_nothing_generated(tmp_path: Path) -> None:
    path = "tests/shaky.spec.ts"
    driver = ScriptedDriver(
        {PhaseKind.PLAN: Script(files={"specs/plan.md": "# Plan"}), PhaseKind.GENERATE: Script(files={path: SOURCE})},
        {PhaseKind.GENERATE: PhaseReport(test_paths=(path,))},
        name="explorer",
    )
    report = TestReport(TestSummary(1, 0, 1), tests=(case(path, TestOutcome.FLAKY),))
    async with line(tmp_path, driver, ScriptedRunner(reports=[report])) as server:
        task = await server.done((await server.create(task_pb2.TASK_TYPE_COMPLETE)).id)
        assert task.error.reason == task_pb2.FAILURE_REASON_NOTHING_GENERATED
        assert "shaky" in task.result.summary_markdown


async def test_files_of_a_session_are_listed_and_read(tmp_path: Path) -> None:
    files = {"specs/plan.md": "# Plan", "tests/a/deep.spec.ts": "x" * 100}
    async with line(tmp_path, driver_of(plan=Script(files=files))) as server:
        task = await server.done((await server.create()).id)
        listed = await server.sessions.ListSessionFiles(
            service_pb2.ListSessionFilesRequest(task_id=task.id, recursive=True)
        )
        assert listed.session_id == task.id
        by_path = {file.path: file for file in listed.files}
        assert by_path["specs/plan.md"].media_type == "text/markdown"
        assert by_path["tests/a"].directory
        assert by_path["tests/a/deep.spec.ts"].size_bytes == 100
        assert [file.path for file in listed.files] == sorted(by_path)
        first = await server.sessions.ListSessionFiles(
            service_pb2.ListSessionFilesRequest(session_id=task.id, recursive=True, page_size=2)
        )
        second = await server.sessions.ListSessionFiles(
            service_pb2.ListSessionFilesRequest(
                session_id=task.id, recursive=True, page_size=2, page_token=first.next_page_token
            )
        )
        assert [file.path for file in (*first.files, *second.files)] == sorted(by_path)[:4]
        request = service_pb2.ReadSessionFileRequest(
            session_id=task.id, path="specs/plan.md", read_offset=2, read_limit=3
        )
        chunks = [response.chunk async for response in server.sessions.ReadSessionFile(request)]
        assert (b"".join(chunk.data for chunk in chunks), chunks[0].size_bytes) == (b"Pla", 6)
        assert chunks[0].sha256 == hashlib.sha256(b"# Plan").hexdigest(), "of the whole file"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "specs/../../x", "link/secret", "node_modules/a"])
async def test_no_path_leads_out_of_a_session(tmp_path: Path, path: str) -> None:
    async with line(tmp_path) as server:
        task = await server.done((await server.create()).id)
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "workspaces" / task.id / "link").symlink_to(tmp_path)
        request = service_pb2.ReadSessionFileRequest(session_id=task.id, path=path)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(server.sessions.ReadSessionFile(request)))
        assert details(caught.value)[0].reason == "PATH_OUTSIDE_SESSION"


async def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        task = await server.done((await server.create()).id)
        for session_id, path, reason in ((task.id, "no.txt", "FILE_NOT_FOUND"), ("none", "a", "SESSION_NOT_FOUND")):
            request = service_pb2.ReadSessionFileRequest(session_id=session_id, path=path)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await anext(aiter(server.sessions.ReadSessionFile(request)))
            assert details(caught.value)[0].reason == reason


async def new_session(server: Line, **fields: Any) -> session_pb2.Session:
    response = await server.sessions.CreateSession(service_pb2.CreateSessionRequest(**fields))
    session: session_pb2.Session = response.session
    return session


async def get_session(server: Line, session_id: str) -> session_pb2.Session:
    response = await server.sessions.GetSession(service_pb2.GetSessionRequest(session_id=session_id))
    session: session_pb2.Session = response.session
    return session


async def delete_session(server: Line, session_id: str, **fields: Any) -> None:
    await server.sessions.DeleteSession(service_pb2.DeleteSessionRequest(session_id=session_id, **fields))


async def deleted_soon(server: Line, session_id: str) -> None:
    """Delete a session as soon as what still holds it has ended."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await delete_session(server, session_id)
            except grpc.aio.AioRpcError as error:
                if details(error)[0].reason != "SESSION_BUSY":
                    raise
            await asyncio.sleep(0.02)


async def paths(server: Line, session_id: str) -> list[str]:
    request = service_pb2.ListSessionFilesRequest(session_id=session_id, recursive=True)
    return [file.path for file in (await server.sessions.ListSessionFiles(request)).files if not file.directory]


async def test_a_session_is_made_listed_and_deleted(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        mine = await new_session(server, session_id="my-suite")
        made = await new_session(server)
        assert (mine.id, len(made.id)) == ("my-suite", 21)
        assert mine.expire_time.ToDatetime() - mine.update_time.ToDatetime() > timedelta(days=1)
        first = await server.sessions.ListSessions(service_pb2.ListSessionsRequest(page_size=1))
        request = service_pb2.ListSessionsRequest(page_size=1, page_token=first.next_page_token)
        second = await server.sessions.ListSessions(request)
        assert [page.sessions[0].id for page in (first, second)] == [made.id, mine.id]
        assert (second.next_page_token, second.total_sessions) == ("", 2)
        again = new_session(server, session_id="my-suite")
        await refused(again, grpc.StatusCode.ALREADY_EXISTS, "SESSION_EXISTS")
        await invalid(new_session(server, session_id="../up"), "session_id")
        await delete_session(server, mine.id)
        gone = (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
        await refused(get_session(server, mine.id), *gone)
        await refused(delete_session(server, mine.id), *gone)
        await refused(paths(server, mine.id), *gone)
        await refused(server.upload(mine.id, "a", b"a"), *gone)
        await delete_session(server, mine.id, allow_missing=True)


async def test_a_request_id_makes_one_session(tmp_path: Path) -> None:
    request_id = str(uuid.uuid4())
    async with line(tmp_path) as server:
        made = await asyncio.gather(*(new_session(server, request_id=request_id) for _ in range(20)))
        assert len({session.id for session in made}) == 1
        named = {"session_id": "mine", "request_id": str(uuid.uuid4())}
        for _ in range(2):
            assert (await new_session(server, **named)).id == "mine"
        other = new_session(server, request_id=request_id, session_id="other")
        await refused(other, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    async with line(tmp_path) as server:
        assert (await new_session(server, request_id=request_id)).id == made[0].id


async def test_a_persons_suite_is_uploaded_and_run(tmp_path: Path) -> None:
    source = SOURCE.encode() * 100
    runner = ScriptedRunner(reports=[TestReport(TestSummary(1, 0, 1))])
    async with line(tmp_path, runner=runner) as server:
        session = await new_session(server)
        digest = hashlib.sha256(source).hexdigest()
        file = await server.upload(session.id, "tests/deep/mine.spec.ts", source, sha256=digest.upper())
        assert (file.path, file.size_bytes, file.sha256) == ("tests/deep/mine.spec.ts", len(source), digest)
        assert await server.download(session.id, file.path) == source
        await server.upload(session.id, "empty.txt", b"")
        got = await get_session(server, session.id)
        assert (got.size_bytes, got.file_count) == (len(source), 2)
        assert got.update_time.ToDatetime() > session.update_time.ToDatetime()
        task = await server.done((await server.create(task_pb2.TASK_TYPE_RUN, session_id=session.id)).id)
        assert (task.status, task.result.verdict) == (
            task_pb2.TASK_STATUS_COMPLETED,
            task_pb2.TEST_VERDICT_FAILED,
        )
        await delete_session(server, session.id)
        assert not (tmp_path / "workspaces" / session.id).exists()
        assert (await server.get(task.id)).session_id == session.id, "tasks stay"


async def test_a_file_is_replaced_on_purpose_only_and_whole_only(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        session = await new_session(server)
        await server.upload(session.id, "a.txt", b"one")
        again = server.upload(session.id, "a.txt", b"two")
        await refused(again, grpc.StatusCode.ALREADY_EXISTS, "FILE_EXISTS")
        wrong = server.upload(session.id, "a.txt", b"two", overwrite=True, sha256="0" * 64)
        await refused(wrong, grpc.StatusCode.INVALID_ARGUMENT, "DIGEST_MISMATCH")
        assert await server.download(session.id, "a.txt") == b"one"
        await server.upload(session.id, "a.txt", b"two", overwrite=True)
        assert await server.download(session.id, "a.txt") == b"two"
        for path in ("../a", "/a", "node_modules/a", ".auth/a", "x/../../a"):
            outside = server.upload(session.id, path, b"")
            await refused(outside, grpc.StatusCode.INVALID_ARGUMENT, "PATH_OUTSIDE_SESSION")
        assert await paths(server, session.id) == ["a.txt"]


async def test_the_messages_of_an_upload_have_an_order(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        session = await new_session(server)

        async def send(*requests: service_pb2.WriteSessionFileRequest) -> None:
            await server.sessions.WriteSessionFile(iter(requests))

        header = service_pb2.WriteSessionFileRequest(
            header=service_pb2.WriteSessionFileHeader(session_id=session.id, path="a.txt")
        )
        first, second = chunks_of(b"x" * 2000)
        await invalid(send(), "header")
        await invalid(send(first), "header")
        await invalid(send(header, header), "header")
        await invalid(send(header, second), "chunk.offset")
        await invalid(send(header, first, first), "chunk.offset")
        await invalid(send(header, first, service_pb2.WriteSessionFileRequest()), "part")
        assert await paths(server, session.id) == []
        await send(header, first, second)
        assert await paths(server, session.id) == ["a.txt"]


async def test_an_upload_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        session = await new_session(server)
        header = service_pb2.WriteSessionFileHeader(session_id=session.id, path="half.txt")

        async def broken_off(number: int) -> None:
            call = server.sessions.WriteSessionFile(timeout=0.05 if number % 2 else None)
            with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):  # over already
                await call.write(service_pb2.WriteSessionFileRequest(header=header))
                await call.write(chunks_of(b"half")[0])
            if number % 2 == 0:
                call.cancel()
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await call

        await asyncio.gather(*(broken_off(number) for number in range(100)))
        assert await paths(server, session.id) == []
        await server.upload(session.id, "half.txt", b"whole")
        # Uploads that held the session for good would keep it from being deleted.
        await deleted_soon(server, session.id)
        assert [path for path in (tmp_path / "workspaces").rglob("*") if path.is_file()] == []


async def test_a_session_that_a_task_works_in_is_left_alone(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        session = await new_session(server)
        await server.upload(session.id, "a.txt", b"a")
        task = await server.create(session_id=session.id)
        await server.until(task.id, lambda task: task.status == task_pb2.TASK_STATUS_RUNNING)
        got = await get_session(server, session.id)
        assert got.active_task_id == task.id
        assert not got.HasField("expire_time")
        busy = (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_BUSY")
        archive = server.sessions.ArchiveSession(service_pb2.ArchiveSessionRequest(session_id=session.id))
        await refused(anext(aiter(archive)), *busy)
        await refused(server.upload(session.id, "b.txt", b"b"), *busy)
        await refused(delete_session(server, session.id), *busy)
        assert await server.download(session.id, "a.txt") == b"a", "reading is free"
        await server.cancel(task.id)
        await server.done(task.id)
        await server.upload(session.id, "b.txt", b"b")
        await delete_session(server, session.id)


async def test_an_upload_is_refused_when_a_task_has_begun_meanwhile(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(plan=BLOCKING)) as server:
        session = await new_session(server)
        header = service_pb2.WriteSessionFileHeader(session_id=session.id, path="a.txt")
        call = server.sessions.WriteSessionFile()
        await call.write(service_pb2.WriteSessionFileRequest(header=header))
        await call.write(chunks_of(b"a")[0])
        async with asyncio.timeout(60):
            while (await get_session(server, session.id)).update_time == session.update_time:
                await asyncio.sleep(0.01)
        deleting = delete_session(server, session.id)
        await refused(deleting, grpc.StatusCode.FAILED_PRECONDITION, "SESSION_BUSY")
        task = await server.create(session_id=session.id)
        await server.until(task.id, lambda task: task.status == task_pb2.TASK_STATUS_RUNNING)
        await call.done_writing()
        await refused(call, grpc.StatusCode.FAILED_PRECONDITION, "SESSION_BUSY")
        assert await paths(server, session.id) == []


@pytest.mark.parametrize(("form", "magic"), [("ZIP", b"PK"), ("TAR_ZSTD", b"\x28\xb5\x2f\xfd")])
async def test_a_session_is_archived(tmp_path: Path, form: str, magic: bytes) -> None:
    async with line(tmp_path) as server:
        session = await new_session(server)
        await server.upload(session.id, "tests/a.spec.ts", SOURCE.encode())
        (tmp_path / "workspaces" / session.id / ".auth").mkdir(parents=True)
        (tmp_path / "workspaces" / session.id / ".auth" / "user.json").write_text("cookies")
        chosen = service_pb2.ArchiveFormat.Value(f"ARCHIVE_FORMAT_{form}")
        request = service_pb2.ArchiveSessionRequest(session_id=session.id, format=chosen)
        chunks = [response.chunk async for response in server.sessions.ArchiveSession(request)]
        data = b"".join(chunk.data for chunk in chunks)
        assert data.startswith(magic)
        assert [chunk.offset for chunk in chunks] == [
            sum(len(earlier.data) for earlier in chunks[:number]) for number in range(len(chunks))
        ]
        assert chunks[0].media_type in ("application/zip", "application/zstd")
        if form == "ZIP":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert [name for name in archive.namelist() if not name.endswith("/")] == ["tests/a.spec.ts"]
        none = server.sessions.ArchiveSession(service_pb2.ArchiveSessionRequest(session_id="none"))
        await refused(anext(aiter(none)), grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")


async def test_a_session_never_sees_what_one_of_its_name_has_left(tmp_path: Path) -> None:
    left = tmp_path / "workspaces" / "mine" / "tests" / "old.spec.ts"
    left.parent.mkdir(parents=True)
    left.write_text("of a server that was killed while it deleted the session")
    async with line(tmp_path) as server:
        taken = new_session(server, session_id="mine")
        await refused(taken, grpc.StatusCode.ALREADY_EXISTS, "SESSION_EXISTS")
    assert left.read_text(), "whoever it belongs to, it is not ours to remove"
