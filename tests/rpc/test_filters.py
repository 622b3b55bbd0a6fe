"""Lists by filter and order."""

from pathlib import Path

import grpc
import pytest

from agent_runtime.v1 import service_pb2, task_pb2
from agent_runtime_server.adapters.sqlite.reader import Reader
from agent_runtime_server.domain.results import ArtifactKind, Produced, TestOutcome, TestSummary
from agent_runtime_server.orchestrator import filtered_watch
from agent_runtime_server.ports import TestReport
from agent_runtime_server.rpc import runtime
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.rpc.support import BLOCKING, Line, driver_of, invalid, line, refused
from tests.rpc.test_sessions import SOURCE, case


async def listed(server: Line, condition: str, order_by: str = "") -> list[str]:
    """The ids of the tasks, read in pages of two."""
    found: list[str] = []
    token = ""
    while True:
        request = service_pb2.ListTasksRequest(filter=condition, order_by=order_by, page_size=2, page_token=token)
        page = await server.runtime.ListTasks(request)
        found += [task.id for task in page.tasks]
        token = page.next_page_token
        if not token:
            assert page.total_tasks == len(found)
            return found


async def test_tasks_are_found_by_what_they_are(tmp_path: Path) -> None:
    async with line(tmp_path, driver_of(generate=BLOCKING, plan=Script(files={"specs/a.md": "# Plan"}))) as server:
        ids = []
        for number in range(3):
            team = "shop" if number else "bank"
            ids.append((await server.done((await server.create(labels={"team": team, "n": str(number)})).id)).id)
        working = await server.create(task_pb2.TASK_TYPE_GENERATE, from_task_id=ids[0])
        await server.until(working.id, lambda task: task.status == task_pb2.TASK_STATUS_RUNNING)
        newest_first = [working.id, *ids[::-1]]
        assert await listed(server, "") == newest_first
        assert await listed(server, "", "create_time") == newest_first[::-1]
        assert await listed(server, 'labels.team = "shop"') == [ids[2], ids[1]]
        assert await listed(server, "status = RUNNING") == [working.id]
        assert await listed(server, f'session_id = "{ids[0]}" AND NOT done = true') == [working.id]
        assert await listed(server, '(labels.n = "0" OR labels.n = "2") AND task_type = PLAN') == [ids[2], ids[0]]
        assert await listed(server, "done = true", " end_time  desc ") == ids[::-1]
        assert await listed(server, "labels:team AND done = true AND result.verdict = NO_TESTS", "end_time") == ids


async def test_matches_are_counted_once_for_a_page_and_never_for_a_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((runtime, "_TASKS_AT_ONCE"), (filtered_watch, "_AT_ONCE")):
        monkeypatch.setattr(module, name, 1)
    counted: list[str] = []
    count = Reader._count

    def counting(reader: Reader, sql: str, *values: object) -> int:
        counted.append(sql)
        return count(reader, sql, *values)

    monkeypatch.setattr(Reader, "_count", counting)
    async with line(tmp_path) as server:
        made = [(await server.done((await server.create(labels={"team": "shop"})).id)).id for _ in range(3)]
        assert await listed(server, "labels:team") == made[::-1]
        assert len(counted) == 2, "one for each of the pages"
        counted.clear()
        call = server.runtime.WatchTasks(service_pb2.WatchTasksRequest(filter="labels:team"))
        assert [(await call.read()).task.id for _ in made] == made
        assert not counted
        call.cancel()


@pytest.mark.parametrize("condition", ["", "done = false", "status = COMPLETED", 'done = true OR labels.a = "b"'])
async def test_only_what_is_done_is_ordered_by_its_end(tmp_path: Path, condition: str) -> None:
    async with line(tmp_path) as server:
        await invalid(listed(server, condition, "end_time"), "order_by")
        await invalid(listed(server, condition, "priority"), "order_by")


async def test_bad_filters_and_foreign_tokens_are_refused(tmp_path: Path) -> None:
    async with line(tmp_path) as server:
        task = await server.done((await server.create()).id)
        await server.create()
        for condition in ("colour = RED", "status =", "((((", "status = RUNNING AND", "create_time > 5", "\0"):
            bad = (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FILTER", "filter")
            await refused(listed(server, condition), *bad)
            tests = service_pb2.ListTestResultsRequest(task_id=task.id, filter=condition)
            await refused(server.runtime.ListTestResults(tests), *bad)
            artifacts = service_pb2.ListArtifactsRequest(task_id=task.id, filter=condition)
            await refused(server.runtime.ListArtifacts(artifacts), *bad)
            watch = service_pb2.WatchTasksRequest(filter=condition)
            await refused(anext(aiter(server.runtime.WatchTasks(watch))), *bad)
        page = await server.runtime.ListTasks(service_pb2.ListTasksRequest(page_size=1))
        token = page.next_page_token
        for request in (
            service_pb2.ListTasksRequest(page_token=token, filter="done = true"),
            service_pb2.ListTasksRequest(page_token=token, order_by="create_time"),
        ):
            await refused(server.runtime.ListTasks(request), grpc.StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN")


async def test_tests_and_artifacts_are_found_by_what_they_are(tmp_path: Path) -> None:
    good, bad = "tests/good.spec.ts", "tests/bad.spec.ts"
    produced = [
        Produced(ArtifactKind.LOG, "a.txt", "text/plain"),
        Produced(ArtifactKind.TRACE, "b.zip", "application/zip"),
    ]
    results = [case(good, TestOutcome.EXPECTED), case(bad, TestOutcome.UNEXPECTED)]
    script = Script([*produced, *results], {"a.txt": "a", "b.zip": "b"})
    runner = ScriptedRunner(script, [TestReport(TestSummary(2, 1, 1))])
    async with line(tmp_path, driver_of(plan=Script(files={good: SOURCE})), runner) as server:
        plan = await server.done((await server.create()).id)
        task = await server.done((await server.create(task_pb2.TASK_TYPE_RUN, from_task_id=plan.id)).id)

        async def tests(condition: str) -> list[str]:
            request = service_pb2.ListTestResultsRequest(task_id=task.id, filter=condition)
            return [test.location.path for test in (await server.runtime.ListTestResults(request)).tests]

        async def artifacts(condition: str) -> list[str]:
            request = service_pb2.ListArtifactsRequest(task_id=task.id, filter=condition)
            return [artifact.path for artifact in (await server.runtime.ListArtifacts(request)).artifacts]

        assert await tests("") == [good, bad]
        assert await tests("outcome = UNEXPECTED") == [bad]
        assert await tests(f'path = "{good}" AND round = 1') == [good]
        assert set(await artifacts("")) >= {"a.txt", "b.zip"}
        assert await artifacts("kind = TRACE") == ["b.zip"]
        assert await artifacts('media_type = "text/plain"') == ["a.txt"]
