from pathlib import Path

import grpc
import pytest

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import AttemptStatus, Location, TestAttempt, TestCase, TestOutcome, TestSummary
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.orchestrator.support import NOW
from tests.rpc.support import driver_of, line
from tests.rpc.test_tasks import details

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
