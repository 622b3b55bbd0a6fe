"""Apps that cannot be tested, a wrong password, no browser: each is told for what it is, and is not tried again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from agent_runtime.errors import DriverUnavailable
from agent_runtime.v1 import task_pb2
from tests.apps.shop import CUSTOMER_EMAIL
from tests.apps.shop.launch import Shop
from tests.e2e.conftest import Tables
from tests.e2e.invariants import Read, assert_settled, read_whole
from tests.e2e.lives import SUITE, GatedPage, upload
from tests.line.support import COMPLETE, RUN, Server, carry_out, dead_app, server

END_SECONDS = 300.0

pytestmark = pytest.mark.timeout(600)


async def test_an_app_that_is_not_there(running: Server, tables: Tables) -> None:
    read = await _fails(running, dead_app())
    assert read.failures == ["APP_UNREACHABLE"], "another attempt would not help by itself"
    assert "ConnectionRefusedError" in read.task.error.status.message
    _tell(tables, "An app that is not there", read)


@pytest.mark.parametrize("status", [500, 503])
async def test_an_app_that_answers_with_an_error(status: int, running: Server, tables: Tables) -> None:
    with GatedPage(status=status).served() as url:
        read = await _fails(running, url)
    assert read.failures == ["APP_UNREACHABLE"]
    assert str(status) in read.task.error.status.message
    _tell(tables, f"An app that answers with status {status}", read)


async def test_wrong_credentials(running: Server, tables: Tables) -> None:
    with Shop() as shop:
        read = await _fails(
            running, shop.start(), instructions="Only sign in", username=CUSTOMER_EMAIL, password="not-the-password"
        )
    assert read.failures == ["SIGN_IN_FAILED"]
    assert "not-the-password" not in str(read)
    _tell(tables, "Wrong credentials", read)


async def test_no_browser(tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes away while the server runs."""
    found = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    browsers = tmp_path / "browsers"
    browsers.symlink_to(found)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(browsers))
    with server(tmp_path, slots=1) as running, GatedPage().served() as url:
        async with running.client() as client:
            session = await upload(client, SUITE, tmp_path / "suite")
            good = await carry_out(client, RUN, url, END_SECONDS, session_id=session)
            assert good.verdict == "COMPLETED PASSED", good.trouble()
            assert (await client.create_task(COMPLETE, url, validate_only=True)).HasField("configuration")
            browsers.unlink()
            for kind, fields in ((RUN, {"session_id": session}), (COMPLETE, {})):
                read = await _fails(running, url, kind, **fields)
                assert read.failures == ["BROWSER_MISSING"]
                assert "bin/bootstrap" in read.task.error.status.message, "it says what to do"
                _tell(tables, f"No browser, {task_pb2.TaskType.Name(kind).removeprefix('TASK_TYPE_').lower()}", read)
            assert (await client.get_server_info()).status == "degraded"


async def test_no_browser_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what needs one to explore with is not even taken."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", _path_without_browsers(tmp_path / "bin"))
    with server(tmp_path, slots=1) as running:
        async with running.client() as client:
            with pytest.raises(DriverUnavailable, match="bin/bootstrap"):
                await client.create_task(COMPLETE, "http://app.test/")
            assert (await client.get_server_info()).status == "degraded"


def _path_without_browsers(folder: Path) -> str:
    """A PATH with Node.js alone."""
    folder.mkdir()
    node = shutil.which("node")
    assert node is not None
    (folder / "node").symlink_to(node)
    return str(folder)


async def _fails(running: Server, url: str, kind: task_pb2.TaskType.ValueType = COMPLETE, **fields: str) -> Read:
    """A task that has failed, as everything that can be read of it."""
    async with running.client() as client:
        followed = await carry_out(client, kind, url, END_SECONDS, **fields)
        assert followed.task.status == task_pb2.TASK_STATUS_FAILED, followed.trouble()
        read = await read_whole(running, client, followed.id)
    assert_settled(running)
    return read


def _tell(tables: Tables, title: str, read: Read) -> None:
    seconds = (read.task.end_time.ToNanoseconds() - read.task.create_time.ToNanoseconds()) / 1e9
    message = re.sub(r"http://\S+|/\S*/browsers", "…", read.task.error.status.message.splitlines()[0])
    tables.add(title, ["reason", "told as", "seconds"], [(*read.failures, message, f"{seconds:.1f}")])
