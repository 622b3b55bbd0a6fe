"""Watches over HTTP: server-sent events and JSON lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource
from agent_runtime_server.rest.streams import negotiated
from agent_runtime_server.testing.script import Script
from tests.rest.support import PATIENCE, Door, Message, answer, door, events
from tests.rpc.support import BLOCKING, driver_of

SSE, LINES = {"accept": "text/event-stream"}, {"accept": "application/x-ndjson"}
TALK = [
    LogEntry(datetime(2030, 1, 31, tzinfo=UTC), LogLevel.INFO, LogSource.AGENT, f"line {number} \n\u2028 ü")
    for number in range(30)
]


@asynccontextmanager
async def watch(at: Door, task_id: str, headers: dict[str, str], **query: Any) -> AsyncIterator[httpx.Response]:
    """An open watch."""
    async with at.http.stream("GET", f"/v1/tasks/{task_id}:watch", headers=headers, params=query) as response:
        assert response.status_code == 200, await response.aread()
        yield response


async def read(at: Door, task_id: str, headers: dict[str, str] | None = None, **query: Any) -> list[Message]:
    """All server-sent events of a watch that ends."""
    async with asyncio.timeout(PATIENCE), watch(at, task_id, SSE | (headers or {}), **query) as response:
        return [message async for message in events(response)]


async def lines(at: Door, task_id: str, **query: Any) -> list[dict[str, Any]]:
    """All lines of a watch that ends."""
    async with asyncio.timeout(PATIENCE), watch(at, task_id, LINES, **query) as response:
        return [json.loads(line) async for line in response.aiter_lines()]


async def test_a_finished_task_is_replayed_as_server_sent_events(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        task = await at.done((await at.create())["id"])
        head = task["sequence"]
        async with watch(at, task["id"], SSE, after_sequence=0) as response:
            assert response.headers["content-type"] == "text/event-stream"
            assert response.headers["cache-control"] == "no-store"
            messages = [message async for message in events(response)]
        opened, *middle, closed = messages
        assert (opened.event, opened.id, opened.data["head_sequence"]) == ("opened", "0", head)
        assert [(message.event, message.id) for message in middle] == [
            ("message", str(number)) for number in range(1, head + 1)
        ]
        assert [message.data["sequence"] for message in middle] == list(range(1, head + 1))
        told = [entry["message"] for message in middle for entry in message.data.get("log", {}).get("entries", [])]
        assert [line for line in told if line.startswith("line ")] == [entry.message for entry in TALK]
        assert (closed.event, closed.id, closed.data["reason"]) == ("closed", str(head), "task_done")
        assert closed.data["task"]["status"] == "completed"


async def test_both_forms_and_grpc_say_the_same(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        task = await at.done((await at.create())["id"])
        sent = [message.data for message in (await read(at, task["id"], after_sequence=0))[1:-1]]
        first, *middle, last = await lines(at, task["id"], after_sequence=0)
        assert (list(first), list(last)) == (["opened"], ["closed"])
        assert [event for update in middle for event in update["events"]["events"]] == sent
        assert len(sent) == len(await at.line.events(task["id"]))
        listed = answer(await at.http.get(f"/v1/tasks/{task['id']}/events", params={"page_size": 1000}))
        assert listed["events"] == sent


async def test_last_event_id_goes_on_where_a_reader_stopped(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        task = await at.done((await at.create())["id"])
        whole = await read(at, task["id"], after_sequence=0)
        for seen in range(len(whole)):
            rest = await read(at, task["id"], {"last-event-id": whole[seen].id}, after_sequence=0)
            assert rest[1:] == [message for message in whole[seen + 1 : -1] if message.event == "message"] + whole[-1:]


@pytest.mark.parametrize("stored", ["soon", "-1", "9" * 30])
async def test_a_last_event_id_that_is_none_is_refused(tmp_path: Path, stored: str) -> None:
    async with door(tmp_path) as at:
        task = await at.create()
        response = await at.http.get(f"/v1/tasks/{task['id']}:watch", headers=SSE | {"last-event-id": stored})
        assert answer(response, 400)["code"] == "INVALID_ARGUMENT"


async def test_what_is_refused_is_refused_before_the_stream(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        unknown = answer(await at.http.get("/v1/tasks/none:watch", headers=SSE), 404)
        assert unknown["details"][0]["reason"] == "TASK_NOT_FOUND"
        task = await at.create()
        address = f"/v1/tasks/{task['id']}:watch"
        ahead = answer(await at.http.get(address, headers=LINES, params={"after_sequence": 10**6}), 400)
        assert ahead["code"] == "OUT_OF_RANGE"
        refused = answer(await at.http.get(address, headers={"accept": "application/xml"}), 406)
        assert refused["status"] == 406
        wrong = answer(await at.http.get(address, headers=SSE, params={"kinds": "jump", "x": "1"}), 400)
        assert [violation["field"] for violation in wrong["details"][1]["field_violations"]] == ["kinds", "x"]


async def test_a_live_watch_gets_events_as_they_come_and_beats_in_silence(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK[:1], blocks=True))) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), watch(at, task["id"], SSE, heartbeat_interval="1s") as response:
            seen = ""
            async for text in response.aiter_text():
                if ": heartbeat\nid: " in text:
                    await at.line.driver.player.told.wait()
                    await at.line.cancel(task["id"])
                seen += text
            assert ": heartbeat\nid: " in seen
            assert seen.index("event: opened") == 0
            assert '"new_status":"cancelled"' in seen


async def test_kinds_are_chosen_in_the_query(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        task = await at.done((await at.create())["id"])
        chosen = await read(at, task["id"], after_sequence=0, kinds=["status", "TASK_EVENT_KIND_PHASE"])
        kinds = {key for message in chosen[1:-1] for key in message.data} & {"status", "phase_change", "log"}
        assert kinds == {"status", "phase_change"}


async def test_a_reader_of_a_server_that_goes_away_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), watch(at, task["id"], SSE, after_sequence=0) as response:
            text = ""
            async for piece in response.aiter_text():
                if not text:
                    at.line.app.signals.drain()
                text += piece
        assert "\nretry: 1000\nevent: closed\nid: " in text
        assert '"reason":"draining"' in text


async def test_a_reader_goes_on_after_a_restart_with_every_event_once(tmp_path: Path) -> None:
    seen: list[Message] = []
    async with door(tmp_path, driver_of(plan=Script(TALK, blocks=True))) as at:
        task = await at.create()
        async with asyncio.timeout(PATIENCE), watch(at, task["id"], SSE, after_sequence=0) as response:
            async for message in events(response):
                seen.append(message)
                if "line 29" in json.dumps(message.data):
                    at.line.app.signals.drain()
        assert (seen[-1].event, seen[-1].data["reason"]) == ("closed", "draining")
    async with door(tmp_path, driver_of(plan=Script(TALK))) as at:
        seen += await read(at, task["id"], {"last-event-id": seen[-1].id})
        assert (seen[-1].event, seen[-1].data["reason"]) == ("closed", "task_done")
        told = [message for message in seen if message.event == "message"]
        assert [message.data["sequence"] for message in told] == list(range(1, seen[-1].data["task"]["sequence"] + 1))
        assert [message.data for message in told] == [
            message.data for message in await read(at, task["id"], after_sequence=0) if message.event == "message"
        ]


async def test_many_tasks_are_watched_and_a_token_goes_on(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        first = await at.done((await at.create())["id"])
        async with asyncio.timeout(PATIENCE):
            async with at.http.stream("GET", "/v1/tasks:watch", headers=SSE) as response:
                stream = events(response)
                message = await anext(stream)
                assert (message.event, message.data["id"]) == ("task", first["id"])
                second = await at.create()
                seen = await _until_completed(stream, second["id"])
                token = seen[-1].id
            third = await at.done((await at.create())["id"])
            resumed = SSE | {"last-event-id": token}
            async with at.http.stream("GET", "/v1/tasks:watch", headers=resumed) as response:
                seen = await _until_completed(events(response), third["id"])
                told = {message.data.get("task_id", message.data.get("id")) for message in seen}
                assert told == {third["id"]}


async def _until_completed(stream: AsyncIterator[Message], task_id: str) -> list[Message]:
    seen: list[Message] = []
    async for message in stream:
        seen.append(message)
        status = message.data.get("status", {}) if message.event == "message" else {}
        if message.data.get("task_id") == task_id and status.get("new_status") == "completed":
            break
    return seen


async def test_a_token_of_another_life_is_out_of_range(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        response = await at.http.get("/v1/tasks:watch", headers=SSE | {"last-event-id": "bm9uZQ"})
        assert answer(response, 400)["status"] == 400


async def test_head_tells_the_type_and_ends(tmp_path: Path) -> None:
    async with door(tmp_path, driver_of(plan=BLOCKING)) as at:
        task = await at.create()
        response = await at.http.head(f"/v1/tasks/{task['id']}:watch", headers=SSE)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        assert "content-length" not in response.headers
        assert (await at.http.head("/v1/tasks/none:watch", headers=SSE)).status_code == 404


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "application/x-ndjson"),
        ("text/event-stream", "text/event-stream"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/x-ndjson"),
        ("application/x-ndjson;q=0.5, Text/Event-Stream;q=0.9", "text/event-stream"),
        ("text/event-stream;q=0, application/x-ndjson;q=0.1", "application/x-ndjson"),
        ("text/event-stream;q=much, */*", "application/x-ndjson"),
    ],
)
def test_the_form_is_what_the_reader_likes_most(accept: str, chosen: str) -> None:
    assert negotiated(accept) == chosen
