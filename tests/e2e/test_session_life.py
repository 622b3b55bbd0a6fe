"""A session's life: a person's suite is uploaded, run and found wanting, its trace read, the session archived and
deleted. By the command line; what that says is looked at through the client, too."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from agent_runtime.errors import FileNotFound, SessionNotFound
from agent_runtime.v1 import artifact_pb2, task_pb2, test_result_pb2
from tests.contract.runner_fixtures import served_page
from tests.e2e.command import command
from tests.e2e.conftest import Tables
from tests.e2e.invariants import read_whole
from tests.line.support import Server

BROKEN = "await expect(page.getByRole('button', { name: 'Basket' })).toBeVisible({ timeout: 500 });"
SUITE = {
    "package.json": '{"name": "my-tests", "private": true}',
    "playwright.config.ts": """
import { defineConfig } from '@playwright/test';
export default defineConfig({ testDir: './e2e', retries: 1, use: { trace: 'off' } });
""",
    "e2e/home.spec.ts": f"""
import {{ test, expect }} from '@playwright/test';
test.describe('home', () => {{
  test('greets', async ({{ page }}) => {{
    await page.goto('/');
    await expect(page.getByRole('heading')).toHaveText('Hello');
  }});
  test('has a basket', async ({{ page }}) => {{
    await page.goto('/');
    {BROKEN}
  }});
}});
""",
    "e2e/data/words.txt": "one\ntwo\n",
    "node_modules/left-out/index.js": "throw new Error('not uploaded');",
}
UPLOADED = {path for path in SUITE if not path.startswith("node_modules")}
MOST_SECONDS = 300

pytestmark = pytest.mark.timeout(MOST_SECONDS)


async def test_from_upload_to_deletion(running: Server, tmp_path: Path, tables: Tables) -> None:
    mine = tmp_path / "mine"
    for path, text in SUITE.items():
        (mine / path).parent.mkdir(parents=True, exist_ok=True)
        (mine / path).write_text(text)
    rows = []

    async def run(*arguments: str, code: int = 0) -> str:
        said = await command(running.address, *arguments, folder=tmp_path)
        named = arguments[:2] if arguments[0] == "sessions" else arguments[:1]
        rows.append((f"`agent-runtime {' '.join(named)}`", said.code))
        assert said.code == code, said.err
        assert "Traceback" not in said.err
        return said.out

    async with running.client() as client:
        session = (await run("sessions", "create")).strip()
        sent = await run("upload", session, "mine/")
        assert set(sent.split()) == UPLOADED
        assert (await run("upload", session, "mine/")).split() == [], "what is there is not sent again"

        with served_page() as url:
            out = await run("submit", "run", "--app-url", url, "--session", session, "--wait", "-o", "json", code=6)
        task_id = json.loads(out)["id"]
        read = await read_whole(running, client, task_id)
        assert read.task.status == task_pb2.TASK_STATUS_COMPLETED
        assert read.task.result.verdict == task_pb2.TEST_VERDICT_FAILED
        cases = {case.title_path[-1]: case for case in read.tests}
        assert set(cases) == {"greets", "has a basket"}
        bad = cases["has a basket"]
        assert cases["greets"].outcome == test_result_pb2.TEST_OUTCOME_EXPECTED
        assert bad.outcome == test_result_pb2.TEST_OUTCOME_UNEXPECTED
        assert [attempt.retry for attempt in bad.attempts] == [0, 1]
        line = 1 + SUITE["e2e/home.spec.ts"].splitlines().index(f"    {BROKEN}")
        for attempt in bad.attempts:
            (error,) = attempt.errors
            assert "toBeVisible" in error.message
            assert "Basket" in error.message
            assert (error.location.path, error.location.line) == ("e2e/home.spec.ts", line)
            assert f"> {line} |" in error.snippet
        told = json.loads(await run("results", task_id, "-o", "json"))
        assert json.dumps(told).count("toBeVisible") >= 2

        traces = [artifact for artifact in read.artifacts if artifact.kind == artifact_pb2.ARTIFACT_KIND_TRACE]
        named = {artifact_id for attempt in bad.attempts for artifact_id in attempt.artifact_ids}
        of_bad = [trace for trace in traces if trace.id in named]
        assert [trace.retry for trace in of_bad] == [0, 1]
        (path,) = (await run("download", task_id, of_bad[1].id, "-o", "out")).splitlines()
        with zipfile.ZipFile(tmp_path / path) as trace:
            assert any(name.endswith(".trace") for name in trace.namelist())

        zipped = (await run("sessions", "archive", session, "-o", "all.zip")).strip()
        packed = (await run("sessions", "archive", session, "-o", "all.tar.zst", "--format", "tar.zst")).strip()
        with zipfile.ZipFile(tmp_path / zipped) as archive:
            names = {name for name in archive.namelist() if not name.endswith("/")}
            for uploaded in UPLOADED:
                assert archive.read(uploaded).decode() == SUITE[uploaded]
        assert {of_bad[1].path} | UPLOADED <= names
        with zstandard.open(tmp_path / packed, "rb") as file, tarfile.open(fileobj=io.BytesIO(file.read())) as tar:
            assert {entry.name for entry in tar if entry.isfile()} == names
        listed = json.loads(await run("files", task_id, "-r", "-o", "json"))["files"]
        assert {file["path"] for file in listed if not file.get("directory")} == names

        await run("sessions", "delete", session)
        await run("sessions", "get", session, code=5)
        await run("sessions", "delete", session, code=5)
        await run("sessions", "delete", session, "--allow-missing")
        with pytest.raises(SessionNotFound):
            await client.get_session(session)
        with pytest.raises((SessionNotFound, FileNotFound)):
            await client.list_session_files(session_id=session)
        assert not (running.workspaces / session).exists()
        kept = json.loads(await run("get", task_id, "-o", "json"))
        assert kept["result"]["verdict"] == "TEST_VERDICT_FAILED", "the task and its artifacts stay"
        await run("download", task_id, of_bad[0].id, "-o", "later")
        await run("delete", task_id)
        await run("get", task_id, code=5)
    assert running.started() == {}
    tables.add("A session's life, by the command line", ["command", "exit code"], rows)
