"""Clients of the old service during real work: every old route with requests, the WebSocket with websockets.

The story is played once, on a server of its own and a shop with a real browser; each test looks at one side of it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.line.support import server
from tests.rest.legacy_shapes import CONFIG, FILE, FRAMES, HEALTH, LIST, LOGS, ROOT, TASK, Shape, check

pytestmark = pytest.mark.timeout(1800)

SECONDS = 900
FINAL = ("completed", "failed", "cancelled")
SIGN_IN = {"method": "username-password", "username": CUSTOMER_EMAIL, "password": CUSTOMER_PASSWORD}


class Listener(threading.Thread):
    """A client of a task's stream, until the server closes it."""

    def __init__(self, base: str, task_id: str, *says: str) -> None:
        """Connected on return; ``says`` is what it says first."""
        super().__init__(daemon=True)
        self._url = f"{base.replace('http://', 'ws://')}/tasks/{task_id}/stream"
        self._says = says
        self._connected = threading.Event()
        self.texts: list[str] = []
        self.code = 0
        self.start()
        assert self._connected.wait(60)

    def run(self) -> None:
        with connect(self._url, max_size=None, open_timeout=60, ping_timeout=None) as client:
            self._connected.set()
            for text in self._says:
                client.send(text)
            with suppress(ConnectionClosed):
                while True:
                    self.texts.append(str(client.recv(timeout=SECONDS)))
            self.code = client.close_code or 0

    @property
    def frames(self) -> list[dict[str, Any]]:
        """What was told, without answers to pings."""
        return [json.loads(text) for text in self.texts if text != "pong"]

    def data(self, kind: str) -> list[dict[str, Any]]:
        """The data of the frames of a kind."""
        return [frame["data"] for frame in self.frames if frame["event_type"] == kind]


class Api:
    """Calls the routes, and keeps what they answered."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.answers: list[tuple[str, int, Any]] = []

    def get(self, path: str, **options: Any) -> Any:
        return self._kept(path, self.session.get(self.base + path, timeout=60, **options))

    def post(self, path: str, body: Any = None) -> Any:
        return self._kept(path, self.session.post(self.base + path, json=body, timeout=60))

    def _kept(self, path: str, response: requests.Response) -> Any:
        value = response.json()
        self.answers.append((path, response.status_code, value))
        return value

    def until(self, task_id: str, seen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The task, once it is as wanted."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            task: dict[str, Any] = self.get(f"/tasks/{task_id}")
            if seen(task):
                return task
            time.sleep(0.5)
        raise AssertionError(f"task {task_id} is not as wanted: {task}")


@dataclass
class Story:
    """What happened."""

    api: Api
    folder: Path
    shop: str
    made: dict[str, Any]
    done: dict[str, Any]
    logs: dict[str, Any]
    files: list[dict[str, Any]]
    listed: dict[str, Any]
    cancelled: dict[str, Any]
    listeners: list[Listener]
    """From the task's beginning; from its middle; of the task that was cancelled."""
    others: dict[str, requests.Response] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("legacy")
    with server(folder, http_address="127.0.0.1:0") as running, Shop() as shop:
        api, url = Api(running.http_address), shop.start()
        others = {
            path: requests.get(api.base + path, timeout=60)
            for path in ("/docs", "/redoc", "/openapi.json", "/metrics", "/tasks/nobody")
        }
        others["page"] = requests.get(api.base, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
        others["slash"] = requests.get(f"{api.base}/tasks/", allow_redirects=False, timeout=60)
        for path in ("/", "/health", "/config"):
            api.get(path)
        configuration = {"app_url": url, "instructions": "Only sign in and search", "sign_in": SIGN_IN}
        made = api.post("/tasks", {"task_type": "complete", "configuration": configuration, "session_id": "old-1"})
        first = Listener(api.base, made["id"])
        api.until(made["id"], lambda task: bool(task["debug_logs"]))
        middle = Listener(api.base, made["id"], "ping", "status")
        done = api.until(made["id"], lambda task: task["status"] in FINAL)
        logs, files = api.get(f"/tasks/{made['id']}/logs"), api.get(f"/tasks/{made['id']}/session/files")
        again = api.post("/tasks", {"task_type": "plan", "configuration": configuration, "session_id": "old-1"})
        stopped = Listener(api.base, again["id"])
        api.until(again["id"], lambda task: task["status"] == "running")
        cancelled = api.post(f"/tasks/{again['id']}/cancel")
        listed = api.get("/tasks")
        listeners = [first, middle, stopped]
        for listener in listeners:
            listener.join(60)
        return Story(api, folder, url, made, done, logs, files, listed, cancelled, listeners, others)


def test_the_task_was_carried_out(story: Story) -> None:
    assert (story.done["status"], story.done["verdict"]) == ("completed", "passed"), story.done
    assert story.done["summary"]["total"] == story.done["summary"]["expected"] >= 2
    assert story.done["completed_at"] >= story.done["created_at"]
    assert story.done["result"]
    assert [entry["agent"] for entry in story.done["logs"]] == ["planner", "generator"]
    assert [entry["exit_code"] for entry in story.done["logs"]] == [0, 0]
    assert story.done["logs"][0]["stdout"]


def test_every_answer_has_its_shape(story: Story) -> None:
    shapes: dict[str, Shape] = {"/": ROOT, "/health": HEALTH, "/config": CONFIG}
    seen = set()
    for path, status, value in story.api.answers:
        part = path.rpartition("/")[2]
        shape = shapes.get(path) or {"logs": LOGS, "files": [FILE]}.get(part, TASK)
        if path == "/tasks" and "tasks" in value:
            shape = LIST
        check(value, shape, path)
        assert status == (201 if path == "/tasks" and shape is TASK else 200), path
        seen.add(part)
    assert {"", "health", "config", "tasks", "logs", "files", "cancel", story.made["id"]} <= seen


def test_it_was_seen_to_go_through_its_phases(story: Story) -> None:
    told = [value for path, _, value in story.api.answers if path == f"/tasks/{story.made['id']}"]
    phases = [task["current_phase"] for task in told]
    assert {"planning", "running_tests"} <= set(phases)
    assert all(task["status"] == "running" for task in told if task["current_phase"] == "planning")
    sizes = [len(task["debug_logs"]) for task in told]
    assert sizes == sorted(sizes), "lines are only ever added"


def test_the_log_is_whole(story: Story) -> None:
    assert story.logs["total_debug_entries"] == len(story.logs["debug_logs"]) > 20
    assert story.done["debug_logs"] == story.logs["debug_logs"][-1000:]
    assert story.done["logs"] == story.logs["logs"]


def test_files_are_those_of_the_workspace(story: Story) -> None:
    workspace = story.folder / "workspaces/old-1"
    assert story.done["session_path"] == "workspaces/old-1"
    paths = {file["path"] for file in story.files}
    assert {"specs/plan.md", ".gitignore"} <= paths
    assert any(path.startswith("tests/") and path.endswith(".spec.ts") for path in paths)
    for file in story.files:
        if file["path"].startswith(("tests/", "specs/")):
            assert (workspace / file["path"]).is_file()


def test_lists_are_oldest_first(story: Story) -> None:
    assert [task["id"] for task in story.listed["tasks"]] == [story.made["id"], story.cancelled["id"]]
    assert story.listed["total_tasks"] == 2


def test_every_frame_has_its_shape(story: Story) -> None:
    kinds = set()
    for listener in story.listeners:
        for frame in listener.frames:
            check(frame, FRAMES[frame["event_type"]])
            kinds.add(frame["event_type"])
    assert kinds == set(FRAMES)


def test_a_stream_begins_with_the_status_and_ends_with_completion(story: Story) -> None:
    for listener in story.listeners:
        kinds = [frame["event_type"] for frame in listener.frames]
        assert kinds[0] == "status"
        assert kinds.count("complete") == 1
        assert kinds[-2:] == ["status", "complete"]
        assert listener.code == 1000
    first, middle, stopped = story.listeners
    for listener in (first, middle):
        assert listener.data("complete")[0]["success"] is True
        assert listener.data("status")[-1]["status"] == "completed"
    assert stopped.data("complete")[0]["success"] is False
    assert stopped.data("status")[-1]["status"] == "cancelled"


def test_every_line_is_told_once_to_each(story: Story) -> None:
    texts = [line.partition("] ")[2] for line in story.logs["debug_logs"]]
    for listener in story.listeners[:2]:
        told = []
        for number, line in enumerate(listener.data("debug")):
            past = line["message"] == story.logs["debug_logs"][number]
            assert not past or (line["level"], line["agent"]) == ("DEBUG", None)
            told.append(texts[number] if past else line["message"])
        assert told == texts
    middle = story.listeners[1].data("debug")
    assert middle[0]["message"] == story.logs["debug_logs"][0], "what was before"
    assert middle[-1]["message"] == texts[-1], "what came live"
    assert {"planner", None} <= {line["agent"] for line in story.listeners[0].data("debug")}


def test_statuses_follow_the_task(story: Story) -> None:
    words = [(data["status"], data["phase"]) for data in story.listeners[0].data("status")]
    order = ["preparing", "planning", "generating_tests", "running_tests", "collecting"]
    phases = [phase for _, phase in words if phase in order]
    passed = [phase for number, phase in enumerate(phases) if phase != phases[number - 1] or not number]
    came_in = order.index(passed[0])
    assert came_in <= order.index("planning"), "a listener may come in when all is prepared, not later"
    assert passed == order[came_in:]
    assert words[-1] == ("completed", "collecting")


def test_questions_were_answered(story: Story) -> None:
    middle = story.listeners[1]
    assert middle.texts.count("pong") == 1
    assert "pong" not in story.listeners[0].texts
    assert ("running", "planning") in [(data["status"], data["phase"]) for data in middle.data("status")][1:]


def test_cancel_answered_at_the_end(story: Story) -> None:
    assert (story.cancelled["status"], story.cancelled["done"]) == ("cancelled", True)
    assert story.cancelled["session_id"] == "old-1"


def test_nothing_tells_the_password_or_where_the_server_is(story: Story) -> None:
    told = json.dumps([value for _, _, value in story.api.answers])
    told += "".join(text for listener in story.listeners for text in listener.texts)
    assert CUSTOMER_EMAIL in told
    assert CUSTOMER_PASSWORD not in told
    assert str(story.folder) not in told


def test_documents_figures_and_the_page_are_there(story: Story) -> None:
    for path in ("/docs", "/redoc", "page"):
        assert story.others[path].status_code == 200, path
        assert story.others[path].headers["content-type"].startswith("text/html")
    assert story.others["/openapi.json"].json()["openapi"].startswith("3.1")
    assert "# TYPE" in story.others["/metrics"].text
    assert (story.others["slash"].status_code, story.others["slash"].headers["location"]) == (307, "/tasks")
    missing = story.others["/tasks/nobody"]
    assert (missing.status_code, missing.json()) == (404, {"detail": "Task not found"})
