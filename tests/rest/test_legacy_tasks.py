"""The old service's routes for tasks: make, list, read, cancel, files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.duration_pb2 import Duration

from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import AttemptStatus, Location, TestAttempt, TestCase, TestOutcome
from agent_runtime_server.domain.results import TestSummary as Summary
from agent_runtime_server.ports import PhaseReport, TestReport
from agent_runtime_server.rest.legacy import tasks as routes
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.runner import ScriptedRunner
from agent_runtime_server.testing.script import Script
from tests.orchestrator.support import NOW
from tests.rest.legacy_shapes import FILE, LIST, TASK, check
from tests.rest.support import PATIENCE, Door, answer, door
from tests.rpc.support import APP, BLOCKING, driver_of

PASSWORD = "s3cret-word"
TEST = "tests/a.spec.ts"
_PASSED = TestAttempt(0, AttemptStatus.PASSED, NOW, NOW - NOW)
STEADY = TestReport(
    Summary(1, 1), tests=(TestCase(TEST, "chromium", (TEST, "a"), Location(TEST, 1), TestOutcome.EXPECTED, (_PASSED,)),)
)
"""A run in which the test that ``writer`` writes passes."""


async def make(at: Door, task_type: str = "plan", status: int = 201, **fields: Any) -> Any:
    """Create a task over the old route; the configuration's fields are those that it has."""
    own = {name: fields.pop(name) for name in ("instructions", "sign_in", "max_retries") if name in fields}
    body = {"task_type": task_type, "configuration": {"app_url": APP} | own} | fields
    return answer(await at.http.post("/tasks", json=body), status)


async def read(at: Door, task_id: str) -> dict[str, Any]:
    """A task over the old route, as it should look."""
    task: dict[str, Any] = answer(await at.http.get(f"/tasks/{task_id}"))
    check(task, TASK)
    return task


async def ended(at: Door, task_id: str) -> dict[str, Any]:
    """A task at its end, over the old route."""
    await at.done(task_id)
    return await read(at, task_id)


async def working(at: Door) -> None:
    """Wait until the driver has told all that it tells before it blocks."""
    async with asyncio.timeout(PATIENCE):
        await at.line.driver.player.told.wait()


def writer(summary: str = "") -> ScriptedDriver:
    """A driver that plans and writes one test."""
    return ScriptedDriver(
        {
            PhaseKind.PLAN: Script(files={"specs/plan.md": "# Plan\n"}),
            PhaseKind.GENERATE: Script(files={TEST: "test('a', async () => {});\n"}),
        },
        {PhaseKind.PLAN: PhaseReport(summary_markdown=summary), PhaseKind.GENERATE: PhaseReport(test_paths=(TEST,))},
        name="explorer",
    )


async def test_a_new_task(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        task = await make(at, "complete", instructions="Only login", max_retries=1)
        check(task, TASK)
        assert task["id"] == task["task_id"]
        assert (task["task_type"], task["status"], task["done"]) == ("complete", "pending", False)
        assert task["configuration"] == {
            "app_url": APP,
            "sign_in": {"method": "none", "username": None},
            "instructions": "Only login",
            "max_retries": 1,
        }
        assert (task["session_id"], task["session_path"]) == (task["id"], f"workspaces/{task['id']}")
        for name in ("current_phase", "current_activity", "completed_at", "error", "result", "verdict", "summary"):
            assert task[name] is None
        assert (task["logs"], task["debug_logs"], task["usage"]) == ([], [], None)


async def test_a_task_at_its_end(tmp_path: Path) -> None:
    failed = TestReport(Summary(total=2, expected=1, unexpected=1))
    async with door(tmp_path, writer("Planned."), ScriptedRunner(reports=[STEADY, STEADY, failed])) as at:
        task = await ended(at, (await make(at, "complete"))["id"])
        assert (task["status"], task["done"], task["verdict"], task["error"]) == ("completed", True, "failed", None)
        assert task["completed_at"] == task["updated_at"] > task["created_at"]
        assert task["result"].startswith("Planned.")
        assert (task["summary"]["total"], task["summary"]["unexpected"]) == (2, 1)
        assert [(entry["agent"], entry["exit_code"]) for entry in task["logs"]] == [("planner", 0), ("generator", 0)]
        assert task["configuration"]["max_retries"] == 3


async def test_a_task_that_fails(tmp_path: Path) -> None:
    async def nowhere(_url: str) -> str:
        return "nobody is there"

    async with door(tmp_path, probe=nowhere) as at:
        task = await ended(at, (await make(at))["id"])
        assert (task["status"], task["done"]) == ("failed", True)
        assert "nobody is there" in task["error"]
        assert task["completed_at"] is not None


async def test_preparing_is_initializing_and_then_it_runs(tmp_path: Path) -> None:
    looking, look = asyncio.Event(), asyncio.Event()

    async def slow(_url: str) -> str:
        looking.set()
        await look.wait()
        return ""

    async with door(tmp_path, driver_of(plan=BLOCKING), probe=slow) as at:
        made = await make(at)
        async with asyncio.timeout(PATIENCE):
            await looking.wait()
        async with asyncio.timeout(PATIENCE):
            while (task := await read(at, made["id"]))["current_phase"] is None:
                assert task["status"] == "initializing"
            assert (task["status"], task["current_phase"]) == ("initializing", "preparing")
            look.set()
            while (task := await read(at, made["id"]))["current_phase"] == "preparing":
                assert task["status"] == "initializing"
            assert (task["status"], task["current_phase"]) == ("running", "planning")


async def test_an_unknown_session_is_made_and_a_known_one_is_used(tmp_path: Path) -> None:
    async with door(tmp_path, writer(), ScriptedRunner(reports=[STEADY])) as at:
        first = await ended(at, (await make(at, session_id="session_1"))["id"])
        assert (first["session_id"], first["session_path"]) == ("session_1", "workspaces/session_1")
        second = await make(at, "generate", session_id="session_1")
        assert second["session_id"] == "session_1"
        assert (await ended(at, second["id"]))["status"] == "completed"


async def test_callers_may_make_one_session_at_once(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        made = await asyncio.gather(*(make(at, session_id="shared") for _ in range(20)))
        assert len({task["id"] for task in made}) == 20
        assert {task["session_id"] for task in made} == {"shared"}
        assert [session["id"] for session in answer(await at.http.get("/v1/sessions"))["sessions"]] == ["shared"]


async def test_a_new_session_has_nothing_to_run(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        assert await make(at, "run", 400, session_id="new") == {"detail": "session new has no tests"}
        assert answer(await at.http.get("/tasks"))["tasks"] == []
        assert answer(await at.http.get("/v1/sessions"))["sessions"] == []


async def test_faults_of_the_contract_are_told_like_all_others(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        (fault,) = (await make(at, "custom", 422))["detail"]
        assert fault["loc"] == ["body", "configuration", "instructions"]
        assert fault["msg"].startswith("Value error, is required")
        (fault,) = (await make(at, "custom", 422, session_id="new", instructions=" "))["detail"]
        assert fault["loc"] == ["body", "configuration", "instructions"]
        faults = answer(await at.http.post("/tasks", json={"configuration": {}}), 422)["detail"]
        assert [fault["loc"] for fault in faults] == [["body", "task_type"], ["body", "configuration", "app_url"]]


async def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), slots=1, max_queue=1) as at:
        await make(at)
        await working(at)
        await make(at)
        response = await at.http.post("/tasks", json={"task_type": "plan", "configuration": {"app_url": APP}})
        assert answer(response, 429) == {"detail": "the queue holds 1 tasks already"}
        assert response.headers["retry-after"] == "10"


async def test_a_server_that_goes_away_takes_nothing_new(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        at.line.app.tasks.draining = True
        assert set(await make(at, status=503)) == {"detail"}
        assert answer(await at.http.get("/health"))["status"] == "draining"


async def test_lists_are_oldest_first_and_without_logs(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        made = [(await make(at))["id"] for _ in range(5)]
        for task_id in made:
            await at.done(task_id)
        listed = answer(await at.http.get("/tasks"))
        check(listed, LIST)
        assert [task["id"] for task in listed["tasks"]] == made
        assert listed["total_tasks"] == 5


async def test_without_a_size_the_newest_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "NEWEST", 3)
    async with door(tmp_path) as at:
        made = [(await make(at))["id"] for _ in range(5)]
        listed = answer(await at.http.get("/tasks"))
        assert [task["id"] for task in listed["tasks"]] == made[-3:]
        assert listed["total_tasks"] == 5
        assert set(listed) == {"tasks", "total_tasks"}


async def test_a_list_may_be_larger_than_a_message(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), slots=1) as at:
        made = await asyncio.gather(*(make(at, instructions="é" * 12_000) for _ in range(110)))
        listed = answer(await at.http.get("/tasks"))
        assert {task["id"] for task in listed["tasks"]} == {task["id"] for task in made}
        times = [task["created_at"] for task in listed["tasks"]]
        assert (len(times), times, listed["total_tasks"]) == (110, sorted(times), 110)


async def test_pages_go_back_in_time(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        made = [(await make(at))["id"] for _ in range(5)]
        pages: list[list[str]] = []
        token = ""
        while True:
            page = answer(await at.http.get("/tasks", params={"page_size": "2", "page_token": token}))
            pages.append([task["id"] for task in page["tasks"]])
            token = page["next_page_token"]
            if not token:
                break
        assert pages == [made[3:], made[1:3], made[:1]]


async def test_a_list_may_be_filtered(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(files={"specs/plan.md": "# Plan\n"}))) as at:
        await at.done((await make(at, session_id="one"))["id"])
        wanted = (await make(at, "generate", session_id="one"))["id"]
        listed = answer(await at.http.get("/tasks", params={"filter": "task_type = generate"}))
        assert [task["id"] for task in listed["tasks"]] == [wanted]
        assert listed["total_tasks"] == 1


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("page_size=x", "int_parsing"),
        ("page_size=-1", "greater_than_equal"),
        ("page_size=", "int_parsing"),
        ("page_token=x", "value_error"),
        ("filter=x", "value_error"),
        ("filter=" + "x" * 5000, "value_error"),
    ],
)
async def test_a_bad_query_is_told(tmp_path: Path, query: str, kind: str) -> None:
    async with door(tmp_path) as at:
        (fault,) = answer(await at.http.get(f"/tasks?{query}"), 422)["detail"]
        assert (fault["loc"], fault["type"]) == (["query", query.partition("=")[0]], kind)


async def test_a_slash_too_many_is_redirected(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        body = {"task_type": "plan", "configuration": {"app_url": APP}}
        response = await at.http.post("/tasks/", json=body)
        assert (response.status_code, response.headers["location"]) == (307, "/tasks")
        made = answer(await at.http.post("/tasks/", json=body, follow_redirects=True), 201)
        response = await at.http.get("/tasks/?page_size=7&page_token=")
        assert (response.status_code, response.headers["location"]) == (307, "/tasks?page_size=7&page_token=")
        listed = answer(await at.http.get("/tasks/", follow_redirects=True))
        assert [task["id"] for task in listed["tasks"]] == [made["id"]]


@pytest.mark.parametrize("task_id", ["nobody", "x" * 300, "%F0%9F%8D%8B", "a%20b"])
async def test_a_task_that_is_not_there(tmp_path: Path, task_id: str) -> None:
    async with door(tmp_path) as at:
        responses: list[httpx.Response] = [
            await at.http.get(f"/tasks/{task_id}"),
            await at.http.get(f"/tasks/{task_id}/logs"),
            await at.http.post(f"/tasks/{task_id}/cancel"),
            await at.http.get(f"/tasks/{task_id}/session/files"),
        ]
        for response in responses:
            assert answer(response, 404) == {"detail": "Task not found"}


async def test_a_cancelled_task_is_answered_at_its_end(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(blocks=True, stray=True)), slots=1) as at:
        running, waiting = await make(at), await make(at)
        await working(at)
        for made in (waiting, running):
            task = answer(await at.http.post(f"/tasks/{made['id']}/cancel"))
            check(task, TASK)
            assert (task["id"], task["status"], task["done"]) == (made["id"], "cancelled", True)
            assert task["completed_at"] is not None
        assert not Path(f"/proc/{at.line.driver.player.stray_pid}").exists()


async def test_a_cancelled_task_that_takes_long_is_answered_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_CANCEL_WAIT", Duration(nanos=1))
    monkeypatch.setattr(routes, "_CANCEL_GRACE", Duration(seconds=1))
    runner = ScriptedRunner(Script(blocks=True, lingers=True))
    async with door(tmp_path, runner=runner) as at:
        answer(await at.http.post("/v1/sessions", json={"session_id": "mine"}))
        await at.line.upload("mine", "tests/a.spec.ts", b"")
        made = await make(at, "run", session_id="mine")
        async with asyncio.timeout(PATIENCE):
            await runner.player.told.wait()
        task = answer(await at.http.post(f"/tasks/{made['id']}/cancel"))
        check(task, TASK)
        assert (task["status"], task["current_phase"], task["completed_at"]) == ("running", "running_tests", None)
        assert (await ended(at, made["id"]))["status"] == "cancelled"


async def test_a_finished_task_keeps_its_status(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        done = await ended(at, (await make(at))["id"])
        assert answer(await at.http.post(f"/tasks/{done['id']}/cancel")) == done


async def test_files_are_listed_with_all_that_is_below(tmp_path: Path) -> None:
    files = {"specs/plan.md": "# Plan\n", ".hidden": "x", "a/b/.c/d.txt": "four"}
    async with door(tmp_path, driver_of(plan=Script(files=files))) as at:
        done = await ended(at, (await make(at))["id"])
        listed = answer(await at.http.get(f"/tasks/{done['id']}/session/files"))
        check(listed, [FILE])
        assert {file["path"]: file["size"] for file in listed} == {"specs/plan.md": 7, ".hidden": 1, "a/b/.c/d.txt": 4}
        assert {file["name"] for file in listed} == {"plan.md", ".hidden", "d.txt"}


async def test_many_files_are_listed(tmp_path: Path) -> None:
    files = {f"many/{number:04}.txt": "" for number in range(1500)}
    async with door(tmp_path, driver_of(plan=Script(files=files))) as at:
        done = await ended(at, (await make(at))["id"])
        listed = answer(await at.http.get(f"/tasks/{done['id']}/session/files"))
        assert [file["path"] for file in listed] == sorted(files)


async def test_files_of_a_session_that_is_gone(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        done = await ended(at, (await make(at, session_id="gone"))["id"])
        answer(await at.http.delete("/v1/sessions/gone"))
        assert set(answer(await at.http.get(f"/tasks/{done['id']}/session/files"), 404)) == {"detail"}


async def test_a_password_never_comes_back(tmp_path: Path) -> None:
    sign_in = {"method": "username-password", "username": "ann", "password": PASSWORD}
    async with door(tmp_path) as at:
        made = await make(at, sign_in=sign_in)
        done = await ended(at, made["id"])
        assert done["configuration"]["sign_in"] == {"method": "username-password", "username": "ann"}
        told: list[Any] = [made, done, answer(await at.http.get("/tasks"))]
        told += [await make(at, sign_in=sign_in | {"username": None}, status=422)]
        told += [answer(await at.http.post(f"/tasks/{made['id']}/cancel"))]
        told += [answer(await at.http.get(f"/tasks/{made['id']}/logs"))]
        assert PASSWORD not in json.dumps(told)
