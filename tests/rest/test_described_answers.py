"""Real answers beside their descriptions: nothing is there that is not described, and nothing is missing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from agent_runtime_server.domain.inputs import InputKind, Question
from agent_runtime_server.rest.openapi import document
from agent_runtime_server.rest.openapi_schemas import reference
from tests.rest.story import Storyteller, Suite
from tests.rest.support import Door, door, events

JSON, LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
WATCH = "/v1/tasks:watch?kinds=log&kinds=status&kinds=test"
COMPONENTS = {
    "message": "TaskEvent",
    "opened": "WatchOpened",
    "gap": "WatchGap",
    "closed": "WatchClosed",
    "task": "Task",
}
"""What the data of a server-sent event is, by the event's name."""


def closed(value: Any) -> Any:
    """A description whose objects have no other keys than the described ones."""
    if isinstance(value, list):
        return [closed(held) for held in value]
    if not isinstance(value, dict):
        return value
    found = {key: closed(held) for key, held in value.items()}
    if value.get("type") == "object" and "properties" in value:
        found.setdefault("additionalProperties", False)
    return found


DOCUMENT = closed(copy.deepcopy(document("1")))
OPERATIONS = {held["operationId"]: held for item in DOCUMENT["paths"].values() for held in item.values()}


def check(schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema of the description."""
    whole = schema | {"components": DOCUMENT["components"]}
    faults = sorted(Draft202012Validator(whole).iter_errors(value), key=str)
    assert not faults, [f"{fault.json_path}: {fault.message[:300]}" for fault in faults]


def schema_of(name: str, status: int = 200, media_type: str = JSON) -> dict[str, Any]:
    """The schema of an answer of an operation."""
    response = OPERATIONS[name]["responses"][str(status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = response["content"][media_type]["schema"]
    return found


async def _finished(at: Door) -> dict[str, Any]:
    configuration = {"app_url": "http://app.test/", "sign_in": {"method": "username_password"}}
    configuration["sign_in"] |= {"username": "me", "password": "hush"}  # type: ignore[operator]
    task = await at.create(
        "complete", labels={"team": "shop"}, configuration=configuration, timeouts={"run_timeout": "90s"}, ttl="3600s"
    )
    return await at.done(task["id"])


async def test_everything_that_a_task_has_is_described(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite()) as at:
        task = await _finished(at)
        one = f"/v1/tasks/{task['id']}"
        session = f"/v1/sessions/{task['session_id']}"
        for name, path in {
            "GetTask": one,
            "ListTasks": "/v1/tasks?view=full",
            "WaitTask": f"{one}:wait",
            "ListTaskEvents": f"{one}/events",
            "ListTaskLogs": f"{one}/logs",
            "ListTestResults": f"{one}/testResults",
            "ListArtifacts": f"{one}/artifacts",
            "ListInputRequests": "/v1/tasks/-/inputs?include_resolved=true",
            "GetServerInfo": "/v1/info",
            "ListSessions": "/v1/sessions",
            "GetSession": session,
            "ListSessionFiles": f"{session}/files?recursive=true",
            "legacyListTasks": "/tasks?page_size=10",
            "legacyGetTask": f"/tasks/{task['id']}",
            "legacyGetLogs": f"/tasks/{task['id']}/logs",
            "legacyListFiles": f"/tasks/{task['id']}/session/files",
            "legacyHealth": "/health",
            "legacyConfig": "/config",
            "legacyRoot": "/",
        }.items():
            response = await at.http.get(path)
            assert (response.status_code, response.headers["content-type"]) == (200, JSON), name
            check(schema_of(name), response.json())
            assert "hush" not in response.text


async def test_a_question_and_its_answer_are_described(tmp_path: Path) -> None:
    teller = Storyteller(Question(InputKind.QUESTION, "Which of them?"))
    async with door(tmp_path, teller, Suite()) as at:
        task = await at.create()
        one = f"/v1/tasks/{task['id']}"
        waited = await at.http.get(f"{one}:wait", params={"until": "done_or_input"})
        check(schema_of("WaitTask"), waited.json())
        inputs = (await at.http.get(f"{one}/inputs")).json()
        check(schema_of("ListInputRequests"), inputs)
        answered = await at.http.post(
            f"{one}/inputs/{inputs['inputs'][0]['id']}:respond", json={"decision": "answer", "text": "the second"}
        )
        check(schema_of("RespondToInput"), answered.json())
        await at.done(task["id"])
        told = (await at.http.get(f"{one}/events")).json()
        check(schema_of("ListTaskEvents"), told)
        assert any("input_resolved" in event for event in told["events"])


async def test_streams_are_described(tmp_path: Path) -> None:
    async with door(tmp_path, Storyteller(), Suite(), max_watch_age_seconds=1.0) as at:
        task = await _finished(at)
        for name, path in {"WatchTask": f"/v1/tasks/{task['id']}:watch?after_sequence=0", "WatchTasks": WATCH}.items():
            lines = await at.http.get(path, headers={"accept": LINES})
            assert lines.headers["content-type"] == LINES
            messages = [json.loads(line) for line in lines.text.splitlines()]
            assert "closed" in messages[-1]
            for message in messages:
                check(schema_of(name, media_type=LINES), message)
            assert EVENTS in OPERATIONS[name]["responses"]["200"]["content"]
            seen = set()
            async with at.http.stream("GET", path, headers={"accept": EVENTS}) as stream:
                assert stream.headers["content-type"].partition(";")[0] == EVENTS
                async for event in events(stream):
                    seen.add(event.event)
                    check(reference(COMPONENTS[event.event]), event.data)
            assert seen == {"closed", *({"opened", "message"} if name == "WatchTask" else {"task"})}


async def test_problems_are_described(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for status, verb, path, headers in (
            (400, "GET", "/v1/tasks?page_size=-1", {}),
            (400, "GET", "/v1/tasks?filter=what", {}),
            (404, "GET", "/v1/tasks/x", {}),
            (404, "GET", "/v1/nothing", {}),
            (405, "DELETE", "/v1/tasks", {}),
            (406, "GET", "/v1/tasks:watch", {"accept": "image/png"}),
            (409, "POST", "/v1/sessions", {}),
            (415, "POST", "/v1/tasks", {"content-type": "text/plain"}),
            (416, "GET", "/v1/sessions/here/files/a.txt", {"range": "bytes=100-"}),
        ):
            await at.http.post("/v1/sessions", json={"session_id": "here"})
            await at.http.put("/v1/sessions/here/files/a.txt", content=b"abc")
            body = {"json": {"session_id": "here"}} if status == 409 else {}
            response = await at.http.request(verb, path, headers=headers, **body)  # type: ignore[arg-type]
            assert response.status_code == response.json()["status"] == status, response.text
            check(reference("Problem"), response.json())


async def test_problems_of_the_old_routes_are_described(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        missing = await at.http.get("/tasks/x")
        assert missing.status_code == 404
        check(schema_of("legacyGetTask", 404), missing.json())
        bad = await at.http.post("/tasks", json={"task_type": "dance", "configuration": {"max_retries": "many"}})
        assert bad.status_code == 422
        check(schema_of("legacyCreateTask", 422), bad.json())
        made = await at.http.post("/tasks", json={"task_type": "plan", "configuration": {"app_url": "http://app.test"}})
        assert made.status_code == 201
        check(schema_of("legacyCreateTask", 201), made.json())
        cancelled = await at.http.post(f"/tasks/{made.json()['id']}/cancel")
        check(schema_of("legacyCancelTask"), cancelled.json())
