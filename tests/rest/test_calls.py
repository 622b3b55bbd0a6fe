"""Unary calls over HTTP: addresses, bodies, queries, keys and problems."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.v1 import service_pb2
from agent_runtime_server.rest import limits
from agent_runtime_server.rest.bindings import BINDINGS
from agent_runtime_server.rest.upstream import METHODS
from tests.rest.support import PATIENCE, answer, door
from tests.rpc.support import APP, BLOCKING, driver_of

BODY = {"task_type": "plan", "configuration": {"app_url": APP}}


def fields_of(problem: dict[str, Any]) -> list[str]:
    """The bad fields that a problem names."""
    return [violation["field"] for detail in problem["details"] for violation in detail.get("field_violations", [])]


async def test_a_task_is_made_read_listed_changed_and_deleted(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        made = await at.create(labels={"team": "shop"})
        assert made["task_type"] == "plan"
        assert made["configuration"]["app_url"] == APP
        done = await at.done(made["id"])
        assert (done["status"], done["done"]) == ("completed", True)
        assert isinstance(done["sequence"], int)
        listed = answer(await at.http.get("/v1/tasks", params={"filter": 'labels.team = "shop"', "page_size": 5}))
        assert [task["id"] for task in listed["tasks"]] == [made["id"]]
        assert listed["total_tasks"] == 1
        changed = await at.http.patch(
            f"/v1/tasks/{made['id']}", params={"update_mask": "labels"}, json={"labels": {"team": "site"}}
        )
        assert answer(changed)["labels"] == {"team": "site"}
        assert answer(await at.http.delete(f"/v1/tasks/{made['id']}")) == {}
        gone = answer(await at.http.get(f"/v1/tasks/{made['id']}"), 404)
        assert (gone["code"], gone["status"]) == ("NOT_FOUND", 404)
        assert gone["details"][0]["reason"] == "TASK_NOT_FOUND"


async def test_every_unary_method_answers_at_its_address(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        task = await at.done((await at.create())["id"])
        ids = {"task_id": task["id"], "task.id": task["id"], "session_id": task["session_id"], "input_id": "none"}
        unary = [binding for binding in BINDINGS if not binding.method.server_streaming]
        without = {"WriteSessionFile"}
        assert {binding.method.name for binding in unary} == {
            name for name, method in METHODS.items() if not method.server_streaming
        } - without
        for binding in unary:
            path = binding.template
            for variable in binding.variables:
                path = path.replace("{" + variable + "}", ids[variable])
            response = await at.http.request(binding.verb, path, json={} if binding.body else None)
            assert response.status_code in (200, 400, 404), f"{binding.verb} {path}: {response.text}"
            assert response.json().get("message", "") != f"there is nothing at {path}"


async def test_a_body_is_the_field_that_the_contract_says(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        checked = answer(await at.http.post("/v1/tasks", params={"validate_only": "true"}, json=BODY))
        assert (checked["id"], checked["configuration"]["app_url"]) == ("", APP)
        task = await at.create()
        cancelled = answer(
            await at.http.post(f"/v1/tasks/{task['id']}:cancel", json={"reason": "enough", "mode": "force"})
        )
        assert cancelled["initiated"] is True
        again = answer(await at.http.post(f"/v1/tasks/{task['id']}:cancel"))
        assert (again["initiated"], again["task"]["cancellation"]["reason"]) == (False, "enough")


@pytest.mark.parametrize(
    ("query", "body", "fields"),
    [
        ({}, {}, ["task.task_type", "task.configuration"]),
        ({}, {"task_type": "plan", "configuration": {"app_url": "ftp://x", "agent": {"max_turns": -1}}},
         ["task.configuration.app_url", "task.configuration.agent.max_turns"]),
        ({}, {**BODY, "app_url": APP}, ["task.app_url"]),
        ({"validate_only": "perhaps", "nope": "1"}, BODY, ["validate_only", "nope"]),
        ({"task.priority": "1"}, BODY, ["task.priority"]),
        ({"request_id": "mine"}, BODY, ["request_id"]),
    ],
)  # fmt: skip
async def test_bad_fields_are_named_wherever_they_are_found(
    tmp_path: Path, query: dict[str, str], body: dict[str, Any], fields: list[str]
) -> None:
    async with door(tmp_path) as at:
        problem = answer(await at.http.post("/v1/tasks", params=query, json=body), 400)
        assert (problem["code"], problem["status"]) == ("INVALID_ARGUMENT", 400)
        assert problem["details"][0]["reason"] == "INVALID_FIELD"
        assert fields_of(problem) == fields


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b'"x"', b"[" * 200_000, b'{"task_type":NaN}', b'{"a":1,"a":1}'])
async def test_a_body_that_is_no_task_is_a_clear_refusal(tmp_path: Path, body: bytes) -> None:
    async with door(tmp_path) as at:
        problem = answer(await at.http.post("/v1/tasks", content=body), 400)
        assert fields_of(problem)


async def test_a_key_makes_a_call_safe_to_repeat(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for key in ("order 1 of today", str(uuid.uuid4())):
            first = await at.http.post("/v1/tasks", json=BODY, headers={"idempotency-key": key})
            again = await at.http.post("/v1/tasks", json=BODY, headers={"idempotency-key": key})
            assert answer(first)["id"] == answer(again)["id"]
            assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
            other = {**BODY, "priority": 1}
            refused = await at.http.post("/v1/tasks", json=other, headers={"idempotency-key": key})
            assert answer(refused, 409)["details"][0]["reason"] == "REQUEST_ID_REUSED"
        # The last key was a UUID: it is the request id that gRPC knows, and wins nothing over one that is said.
        by_id = await at.http.post("/v1/tasks", params={"request_id": key}, json=BODY, headers={"idempotency-key": "x"})
        assert answer(by_id)["id"] == answer(again)["id"]
        listed = answer(await at.http.get("/v1/tasks"))
        assert listed["total_tasks"] == 2
        for key in ("", "k" * 256):
            refused = await at.http.post("/v1/tasks", json=BODY, headers={"idempotency-key": key})
            assert fields_of(answer(refused, 400)) == ["Idempotency-Key"]
        assert (await at.http.get("/v1/tasks", headers={"idempotency-key": ""})).status_code == 200


async def test_what_only_http_knows_is_a_problem_too(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        assert answer(await at.http.get("/v1/nothing"), 404)["message"] == "there is nothing at /v1/nothing"
        wrong = await at.http.put("/v1/tasks")
        assert answer(wrong, 405)["status"] == 405
        assert {verb.strip() for verb in wrong.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
        form = await at.http.post("/v1/tasks", data={"task_type": "plan"})
        assert answer(form, 415)["code"] == "INVALID_ARGUMENT"
        plain = await at.http.post("/v1/tasks", json=BODY, headers={"content-type": "Application/JSON; charset=utf-8"})
        assert plain.status_code == 200
        assert "there is nothing at" in answer(await at.http.get("/v1/tasks/a:jump"), 404)["message"]
        head = await at.http.head("/v1/tasks")
        assert (head.status_code, head.content) == (200, b"")


async def test_a_body_has_a_bound_in_length_and_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with door(tmp_path) as at:
        long = b" " * (limits.MAX_BODY_BYTES + 1)
        assert answer(await at.http.post("/v1/tasks", content=long), 413)["status"] == 413

        async def pieces() -> Any:
            for _ in range(6):
                yield long[: len(long) // 5]

        assert answer(await at.http.post("/v1/tasks", content=pieces()), 413)["status"] == 413
        monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
        host = at.base_url.removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"POST /v1/tasks HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{".encode())
        async with asyncio.timeout(PATIENCE):
            slow = await reader.read()
        head, _, body = slow.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["code"] == "DEADLINE_EXCEEDED"
        writer.close()


async def test_nobody_is_waited_for_who_has_left(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        before = len(asyncio.all_tasks())
        waiting = [asyncio.create_task(at.http.get(f"/v1/tasks/{task['id']}:wait?timeout=60s")) for _ in range(20)]
        await until(lambda: at.line.app.signals.statistics() == len(waiting))
        for call in waiting:
            call.cancel()
        await asyncio.wait(waiting)
        # The app has short tasks of its own, a few at a time.
        await until(lambda: at.line.app.signals.statistics() == 0 and len(asyncio.all_tasks()) <= before + 5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


async def test_whoever_should_wait_is_told_how_long(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING), slots=1, max_queue=1) as at:
        running = await at.create()
        await at.line.until(running["id"], lambda task: bool(task.current_phase))
        await at.create()
        refused = await at.http.post("/v1/tasks", json=BODY)
        assert answer(refused, 429)["code"] == "RESOURCE_EXHAUSTED"
        assert int(refused.headers["retry-after"]) >= 1


async def test_pages_of_others_may_read_but_not_with_credentials(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        asked = {"origin": "http://page.test", "access-control-request-method": "PATCH"}
        allowed = await at.http.options("/v1/tasks/x", headers=asked | {"access-control-request-headers": "x-own"})
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        response = await at.http.get("/v1/tasks", headers={"origin": "http://page.test"})
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert "etag" in response.headers["access-control-expose-headers"]


async def test_listed_pages_may_send_credentials_and_others_may_do_nothing(tmp_path: Path) -> None:
    async with door(tmp_path, cors_origins="http://good.test, http://fine.test:3000") as at:
        for origin in ("http://good.test", "http://fine.test:3000"):
            made = await at.http.post("/v1/tasks", json=BODY, headers={"origin": origin})
            assert answer(made)["id"]
            assert made.headers["access-control-allow-origin"] == origin
            assert made.headers["access-control-allow-credentials"] == "true"
        refused = await at.http.post("/v1/tasks", json=BODY, headers={"origin": "http://bad.test"})
        assert answer(refused, 403)["code"] == "PERMISSION_DENIED"
        own = await at.http.post("/v1/tasks", json=BODY, headers={"origin": at.base_url})
        assert own.status_code == 200
        read = await at.http.get("/v1/tasks", headers={"origin": "http://bad.test"})
        assert (read.status_code, "access-control-allow-origin" in read.headers) == (200, False)
        assert answer(read)["total_tasks"] == 3


async def test_both_doors_tell_the_same(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        info = answer(await at.http.get("/v1/info"))
        told = await at.line.runtime.GetServerInfo(service_pb2.GetServerInfoRequest())
        assert (info["version"], info["status"]) == (told.version, "healthy")
        assert info["task_types"][:2] == ["complete", "plan"]
        assert info["limits"]["max_message_bytes"] == told.limits.max_message_bytes
