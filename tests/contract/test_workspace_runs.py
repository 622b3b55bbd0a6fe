"""The folders of runs: numbered, hidden while they may hold secrets, and gone when nobody wants them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_runtime_server.domain.faults import FileNotFound
from agent_runtime_server.ports import ArchiveFormat, Workspaces
from tests.contract.workspace_fixtures import (
    KINDS,
    gather,
    lay_traps,
    listed,
    names,
    put,
    stream,
    untouched,
    workspaces_of,
)


@pytest.fixture(params=KINDS)
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    return workspaces_of(request.param, tmp_path)


async def test_runs_count_on_from_the_highest(workspaces: Workspaces) -> None:
    assert await workspaces.begin_run("s1") == 1
    workspace = await workspaces.prepare("s1")
    assert (workspace / "artifacts" / "run-1").is_dir()
    for name in ("run-2", "run-10", "run-x", "run-", "other-99"):
        (workspace / "artifacts" / name).mkdir()
    assert await workspaces.begin_run("s1") == 11
    assert await workspaces.begin_run("s1") == 12


async def test_a_run_is_hidden_until_it_is_ended(workspaces: Workspaces, tmp_path: Path) -> None:
    number = await workspaces.begin_run("s1")
    workspace = await workspaces.prepare("s1")
    put(workspace, "artifacts/run-1/trace.zip", "password")
    put(workspace, "artifacts/run-0/trace.zip", "password")
    (workspace / "latest.zip").symlink_to("artifacts/run-1/trace.zip")
    for each in (workspaces, workspaces_of("plain", tmp_path)):
        assert await listed(each) == ["artifacts", "specs", "tests"]
        assert await listed(each, "artifacts") == []
        assert await each.size("s1") == (0, 0)
        assert b"password" not in await gather(await each.archive("s1", ArchiveFormat.ZIP))
        for path in ("artifacts/run-1", "artifacts/run-0"):
            with pytest.raises(FileNotFound):
                await each.files("s1", path, recursive=True)
        for path in (
            "artifacts/run-1/trace.zip",
            "artifacts/run-0/trace.zip",
            "latest.zip",
            "artifacts//run-1/trace.zip",
        ):
            with pytest.raises(FileNotFound):
                await each.read("s1", path, 0, 0)
    await workspaces.end_run("s1", number)
    await workspaces.end_run("s1", number)
    assert await listed(workspaces, "artifacts") == ["artifacts/run-1", "artifacts/run-1/trace.zip"]
    _, pieces = await workspaces.read("s1", "latest.zip", 0, 0)
    assert await gather(pieces) == b"password"
    assert await workspaces.begin_run("s1") == 2


async def test_runs_that_nobody_ends_are_abandoned(workspaces: Workspaces, tmp_path: Path) -> None:
    """Also by another server than the one that began them."""
    await workspaces.abandon_runs("s1")
    await workspaces.end_run("s1", await workspaces.begin_run("s1"))
    await workspaces.begin_run("s1")
    workspace = await workspaces.prepare("s1")
    put(workspace, "artifacts/run-1/junit.xml")
    put(workspace, "artifacts/run-2/deep/trace.zip")
    put(workspace, "artifacts/run-0/deep/trace.zip")
    put(workspace, "artifacts/notes.txt")
    (workspace / "artifacts" / "run-2" / "out").symlink_to(tmp_path / "outside")
    await workspaces_of("plain", tmp_path).abandon_runs("s1")
    assert names(workspace / "artifacts") == ["notes.txt", "run-1"]
    assert untouched(tmp_path)
    assert await workspaces.begin_run("s1") == 3, "a number is never given again"
    await workspaces.end_run("s1", 3)
    assert "artifacts/run-3" in await listed(workspaces)


async def test_a_link_in_the_place_of_runs_leads_nobody_out(workspaces: Workspaces, tmp_path: Path) -> None:
    await workspaces.begin_run("s1")
    workspace = await workspaces.prepare("s1")
    (workspace / "artifacts").rename(tmp_path / "old")
    (workspace / "artifacts").symlink_to(tmp_path / "outside")
    for call in (workspaces.abandon_runs, workspaces.begin_run, workspaces.tidy):
        with pytest.raises(OSError, match="Not a directory"):
            await call("s1")
    assert untouched(tmp_path)


async def test_old_runs_are_forgotten(workspaces: Workspaces) -> None:
    now = datetime.now(UTC)
    await workspaces.forget_runs("s1", now)
    workspace = await workspaces.prepare("s1")
    for number in (1, 2, 3):
        assert await workspaces.begin_run("s1") == number
        put(workspace, f"artifacts/run-{number}/report/index.html")
    for number in (1, 2):
        await workspaces.end_run("s1", number)
    other = put(workspace, "artifacts/notes.txt")
    for path in (other, *(workspace / "artifacts").rglob("*")):
        os.utime(path, (0, 0))
    os.utime(workspace / "artifacts/run-2/report/index.html")
    await workspaces.forget_runs("s1", now - timedelta(hours=1))
    assert names(workspace / "artifacts") == ["notes.txt", "run-2", "run-3"], "2 was changed, 3 runs on"
    await workspaces.forget_runs("s1", now + timedelta(hours=1))
    assert names(workspace / "artifacts") == ["notes.txt", "run-3"]


async def test_tidying_removes_cookies_and_what_the_filter_has_written(workspaces: Workspaces, tmp_path: Path) -> None:
    await workspaces.tidy("s1")
    workspace = await workspaces.prepare("s1")
    deep = ("tests/d/e/.auth/user.json", "tests/.agent-runtime/.auth/user.json")
    ours = (
        ".auth/user.json",
        "playwright/.auth/user.json",
        *deep,
        ".agent-runtime.config.ts",
        "tests/d/.agent-runtime.mutant-1.a.spec.ts",
    )
    dependency = put(workspace, "tests/node_modules/package/.auth/user.json")
    elsewhere = put(tmp_path, "elsewhere/.auth/user.json")
    (workspace / "tests" / "out").symlink_to(tmp_path / "elsewhere")
    (workspace / "specs" / ".auth").symlink_to(tmp_path / "elsewhere")
    for path in (*ours, "artifacts/run-0/test-results/error-context.md", "artifacts/run-1/junit.xml"):
        put(workspace, path)
    await workspaces.tidy("s1")
    await workspaces.tidy("s1")
    assert not [path for path in ours if (workspace / path).exists()]
    assert (workspace / "playwright").is_dir()
    assert names(workspace / "specs") == []
    assert dependency.exists()
    assert elsewhere.exists(), "no link is followed"
    assert not (workspace / "artifacts" / "run-0").exists()
    assert await listed(workspaces, "artifacts") == ["artifacts/run-1", "artifacts/run-1/junit.xml"]


async def test_what_changed_since_is_found_beside_runs(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    paths = ("state.json", "specs/plan.md", "artifacts/run-1/junit.xml", ".auth/user.json", "node_modules/x.js")
    for path in paths[:4]:
        put(workspace, path)
    (workspace / "link").symlink_to("state.json")
    found = await workspaces.changed("s1", datetime.fromtimestamp(2, UTC))
    assert sorted(path.relative_to(workspace).as_posix() for path in found) == ["specs/plan.md", "state.json"]
    assert await workspaces.changed("s1", datetime.fromtimestamp(2**33, UTC)) == []


async def test_nothing_that_changed_is_overlooked(workspaces: Workspaces, tmp_path: Path) -> None:
    """Not what a suite has set the times of, nor what is never shown for its name."""
    start = datetime.now(UTC) - timedelta(hours=1)
    assert await workspaces.changed("s1", start) == []
    workspace = await workspaces.prepare("s1")
    lay_traps(workspace)
    paths = ["artifacts/notes.txt", "artifacts/run-x/a", "tests/artifacts/run-1/a", "tests/d/a", os.fsdecode(b"x\xff")]
    others = (".agent-runtime/a", "artifacts/run-0/a", "artifacts/run-12/d/a", "tests/.auth/a", "tests/node_modules/a")
    for path in (*paths, *others):
        os.utime(put(workspace, path), (0, 0))
    os.mkfifo(workspace / "pipe")
    assert await workspaces.changed("s1", start) == [workspace / path for path in paths]
    assert untouched(tmp_path)


async def test_numbers_of_runs_are_kept_where_no_link_leads_out(workspaces: Workspaces, tmp_path: Path) -> None:
    assert await workspaces.begin_run("s1") == 1
    ours = await workspaces.prepare("s1") / ".agent-runtime"
    for file in [path for path in ours.rglob("*") if path.is_file()]:
        file.unlink()
        file.symlink_to(tmp_path / "outside" / "secret.txt")
    (ours / "runs" / "last").symlink_to(tmp_path / "outside" / "secret.txt")
    assert await workspaces.begin_run("s1") == 2
    assert untouched(tmp_path)


async def test_no_number_is_given_twice(workspaces: Workspaces, tmp_path: Path) -> None:
    """Whatever has become of the run, and by whatever server."""
    await workspaces.prepare("s1")
    async with workspaces.snapshot("s1") as file:
        snapshot = file.read_bytes()
    assert [await workspaces.begin_run("s1") for _ in range(2)] == [1, 2]
    await workspaces.restore("s1", stream(snapshot))
    assert await workspaces.begin_run("s1") == 3
    await workspaces.abandon_runs("s1")
    assert await workspaces_of("plain", tmp_path).begin_run("s1") == 4
    await workspaces.delete("s1")
    assert await workspaces.begin_run("s1") == 1, "another session of that name"


async def test_sessions_are_told_from_other_folders(workspaces: Workspaces) -> None:
    assert await workspaces.sessions() == []
    workspace = await workspaces.prepare("s1")
    (workspace.parent / "other").mkdir()
    (workspace.parent / "link").symlink_to("s1")
    assert await workspaces.sessions() == ["s1"]
    assert [await workspaces.has_folder(name) for name in ("s1", "other", "none")] == [True, True, False]
