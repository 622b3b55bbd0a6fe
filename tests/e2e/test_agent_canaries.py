"""Keys and passwords stay with the runtime: an LLM agent that wants to tell them, and tests that do, tell nobody.

One agent prints its whole environment, keeps it in files and repeats it; a test quotes the app's password in its error,
and the lines around it, and the next agent is told to repair that.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_runtime.v1 import task_pb2
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import IMPORT
from tests.e2e.agents import ALLOWED, CUSTOM, END_SECONDS, OTHER, bash, call, knocked, parts, with_model
from tests.e2e.canaries import Story, forms, read_everything, register
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import GatedPage, upload
from tests.line.secrets import places_of
from tests.line.support import Followed, Server, follow, server

pytestmark = pytest.mark.timeout(900)

FIX = task_pb2.TASK_TYPE_FIX
PASSWORD, KEY, TOKEN, SERVER = "app password", "provider key", "gateway token", "server password"
VARIABLES = {TOKEN: "AGENT_RUNTIME_MODEL_TOKEN", SERVER: "OPENCODE_SERVER_PASSWORD"}
EMAIL = "canary@example.com"
QUOTES = {
    "tests/quotes.spec.ts": IMPORT
    + """
import fs from 'node:fs';
import path from 'node:path';
test('quotes', async () => {
  const secret = process.env.TEST_PASSWORD ?? '';
  const helper = path.join(__dirname, 'made-by-the-test.js');
  fs.writeFileSync(helper, `module.exports = () => { throw new Error(${JSON.stringify('refused: ' + secret)}); };`);
  console.log(`the password is ${secret}`);
  require(helper)();
});
""",
}
SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "tells": [
        bash("env > notes.txt; env; env | base64 -w0 > encoded.txt; cat /proc/$PPID/environ > parent.txt"),
        call("read", filePath="notes.txt"),
        bash(f"node -e \"fetch('{OTHER}')\""),
        {"text": "My environment: ${re:(AGENT_RUNTIME_MODEL_TOKEN=.+)} ${re:(OPENCODE_SERVER_PASSWORD=.+)}"},
    ],
    "repairs": [
        call("read", filePath="tests/quotes.spec.ts"),
        call("read", filePath="tests/made-by-the-test.js"),
        call("playwright-test_test_run", locations=["tests/quotes.spec.ts"]),
        {"text": 'I saw it all.\n\n```json\n[{"test": 1, "cause": "app_defect", "explanation": "refused"}]\n```'},
    ],
}


class Watching:
    """Looks at the processes of agents again and again: the sandbox, and whatever runs in it."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._over = threading.Event()
        self.found: set[tuple[str, str]] = set()
        """Canaries that a process had, and what process that was."""
        self.seen: set[str] = set()
        """Programs that were looked at."""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Inside the block."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for outer in psutil.process_iter():
                with suppress(psutil.Error):
                    if outer.name() == "bwrap":
                        for process in (outer, *outer.children(recursive=True)):
                            self._look_at(process)

    def _look_at(self, process: psutil.Process) -> None:
        with suppress(psutil.Error):
            told = "\n".join((*process.cmdline(), *map("=".join, process.environ().items())))
            self.seen.add(process.name())
            for name in (KEY, PASSWORD):
                if any(form in told for form in forms(self._story.canaries[name])):
                    self.found.add((name, process.name()))


async def test_an_agent_has_nothing_to_tell(tmp_path: Path, tables: Tables) -> None:
    story = Story(tmp_path / "server")
    password = story.password(PASSWORD)
    key = story.canaries[KEY] = secrets.token_hex(24)
    watching = Watching(story)
    async with ScriptedModel(SCENARIOS) as model:
        with server(story.folder, **with_model(model, key)) as running, Shop() as shop, watching.going_on():
            url = shop.start()
            customer = {"name": "Canary", "email": EMAIL, "password": password, "repeat": password}
            await asyncio.to_thread(register, url, customer)
            while_it_lives = await tell_all(running, story, url, password)
            await repair(running, story, url, password, tmp_path / "suite")
            async with running.client() as client:
                for task_id in story.tasks.values():
                    await read_whole(running, client, task_id)
                await read_everything(client, story, running.address, tmp_path / "read")
            assert_settled(running)
            on_disk = story.found(story.folder)
        asked = list(model.requests)
    assert while_it_lives == []
    assert watching.found == set()
    assert {"opencode", "node"} <= watching.seen
    assert on_disk == {}
    assert story.found(tmp_path / "read") == {}
    assert story.found(story.folder) == {}
    to_model = story.in_texts([str(one.body) for one in asked])
    assert not {KEY, PASSWORD} & set(to_model)
    headers = [f"{name}: {value}" for one in asked for name, value in one.headers.items() if name != "authorization"]
    assert story.in_texts(headers) == []
    assert {one.headers["authorization"] for one in asked} == {f"Bearer {key}"}
    rows = [
        ("in the agents' processes, sampled", len(watching.found)),
        ("in the agent's home and workspace while it works: key and password", len(while_it_lives)),
        ("on the server's disk, in its log, and in all that callers can read", len(on_disk)),
        ("in what the model was told: key and password", 0),
    ]
    tables.add("Keys and passwords of agents that tell what they can", ["where", "places"], rows)


async def tell_all(running: Server, story: Story, url: str, password: str) -> list[str]:
    """A custom task that tells what it knows; where key and password are while it works."""
    page = GatedPage()
    page.shut()
    fields: dict[str, Any] = {"input_policy": ALLOWED, "username": EMAIL, "password": password}
    async with running.client() as client:
        with page.served() as other:
            session = await client.create_session()
            text = f"[[tells]] Other page: {other}"
            task = await client.create_task(CUSTOM, url, session_id=session.id, instructions=text, **fields)
            story.tasks["tells"] = task.id
            await knocked(page)
            [opencode, *_] = parts(running, "serve")
            for name, variable in VARIABLES.items():
                story.canaries[name] = opencode.environ()[variable]
            notes = (running.workspaces / session.id / "notes.txt").read_text()
            assert all(story.canaries[name] in notes for name in VARIABLES), "it knows them"
            homes = running.state / "agents"
            assert list(homes.iterdir()), "it has a home"
            folders = (homes, running.workspaces / session.id)
            here = [
                place
                for name in (KEY, PASSWORD)
                for folder in folders
                for form in forms(story.canaries[name])
                for place in places_of(form, folder)
            ]
        check(await asyncio.wait_for(follow(client, task.id), END_SECONDS), "COMPLETED NO_TESTS")
    return here


async def repair(running: Server, story: Story, url: str, password: str, files: Path) -> None:
    """A task that is to repair a test which quotes the password."""
    async with running.client() as client:
        session = await upload(client, QUOTES, files)
        fields: dict[str, Any] = {"session_id": session, "username": EMAIL, "password": password}
        task = await client.create_task(FIX, url, instructions="[[repairs]]", **fields)
        story.tasks["repairs"] = task.id
        check(await asyncio.wait_for(follow(client, task.id), END_SECONDS), "COMPLETED FAILED")


def check(followed: Followed, verdict: str) -> None:
    assert followed.verdict == verdict, followed.trouble()
