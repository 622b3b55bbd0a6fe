"""What every set of workspaces does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.adapters.workspaces import FolderWorkspaces
from agent_runtime_server.domain.faults import FileNotFound, InvalidField, PathOutsideSession
from agent_runtime_server.ports import Workspaces
from tests.contract.workspace_fixtures import (
    KINDS,
    LEADING_OUT,
    MIB,
    gather,
    lay_traps,
    left_half_done,
    listed,
    put,
    untouched,
    workspaces_of,
)


@pytest.fixture(params=KINDS)
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    return workspaces_of(request.param, tmp_path)


async def test_a_session_has_its_folders_and_keeps_them(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    assert workspace.is_absolute()
    assert sorted(path.name for path in workspace.iterdir()) == [
        ".agent-runtime",
        "artifacts",
        "node_modules",
        "specs",
        "tests",
    ]
    put(workspace, "tests/a.spec.ts")
    assert await workspaces.prepare("s1") == workspace
    assert (workspace / "tests/a.spec.ts").exists()
    assert await workspaces.prepare("s2") != workspace


async def test_a_toolchain_is_linked(tmp_path: Path) -> None:
    modules = tmp_path / "toolchain" / "node_modules"
    modules.mkdir(parents=True)
    workspaces = FolderWorkspaces(tmp_path / "root", Toolchain(tmp_path / "toolchain"))
    assert (await workspaces.prepare("s1") / "node_modules").resolve() == modules


@pytest.mark.parametrize("session_id", ["", ".", "..", "../s1", "a/b", "/tmp", "a\0b"])
async def test_an_id_that_is_no_folder_name(workspaces: Workspaces, session_id: str) -> None:
    with pytest.raises(PathOutsideSession):
        await workspaces.prepare(session_id)
    with pytest.raises(PathOutsideSession):
        await workspaces.delete(session_id)
    with pytest.raises(PathOutsideSession):
        await workspaces.files(session_id, "", recursive=True)


async def test_a_plan_is_a_markdown_file_in_specs(workspaces: Workspaces, tmp_path: Path) -> None:
    assert not await workspaces.has_plan("s1")
    workspace = await workspaces.prepare("s1")
    put(workspace, "specs/model.json")
    put(workspace, "notes.md")
    (workspace / "specs" / "folder.md").mkdir()
    assert not await workspaces.has_plan("s1")
    (workspace / "specs" / "out.md").symlink_to(tmp_path / "outside" / "secret.txt")
    assert not await workspaces.has_plan("s1")
    put(workspace, "specs/plan.md")
    assert await workspaces.has_plan("s1")


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("tests/a.spec.ts", True),
        ("tests/deep/er/a.test.js", True),
        ("e2e/a.spec.tsx", True),
        ("tests/a.spec.mts", True),
        ("tests/a.test.cjs", True),
        ("tests/quarantine/a.spec.ts", False),
        ("tests/quarantine/cart/a.spec.ts", False),
        ("tests/seed.spec.ts", False),
        ("tests/auth.setup.ts", False),
        ("tests/fixtures.ts", False),
        ("tests/a.spec.ts.bak", False),
        ("tests/a.spec.ts/readme.txt", False),
        ("artifacts/run-1/a.spec.ts", False),
    ],
)
async def test_what_counts_as_a_test(workspaces: Workspaces, path: str, counts: bool) -> None:
    assert not await workspaces.has_tests("s1")
    put(await workspaces.prepare("s1"), path)
    assert await workspaces.has_tests("s1") is counts


async def test_files_are_sorted_and_complete(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    for path in ("tests/b.spec.ts", "tests/a/c.spec.ts", ".env", "playwright.config.ts"):
        put(workspace, path, "four")
    everything = [".env", "artifacts", "playwright.config.ts", "specs", "tests", "tests/a", "tests/a/c.spec.ts"]
    assert await listed(workspaces) == [*everything, "tests/b.spec.ts"]
    assert await listed(workspaces, recursive=False) == everything[:5]
    assert await listed(workspaces, "tests", recursive=False) == ["tests/a", "tests/b.spec.ts"]
    assert await listed(workspaces, "tests/a/") == ["tests/a/c.spec.ts"]
    file, folder = [
        each for each in await workspaces.files("s1", "", recursive=False) if each.path in (".env", "tests")
    ]
    assert (file.size_bytes, file.directory) == (4, False)
    assert (folder.size_bytes, folder.directory) == (0, True)
    assert file.update_time.timestamp() == pytest.approx((workspace / ".env").stat().st_mtime)


async def test_a_session_without_a_folder_has_no_files(workspaces: Workspaces) -> None:
    assert await workspaces.files("s1", "", recursive=True) == []
    with pytest.raises(FileNotFound):
        await workspaces.files("s1", "tests", recursive=True)


async def test_a_file_is_no_folder_and_a_folder_no_file(workspaces: Workspaces) -> None:
    put(await workspaces.prepare("s1"), "tests/a.spec.ts")
    with pytest.raises(FileNotFound):
        await workspaces.files("s1", "tests/a.spec.ts", recursive=False)
    for path in ("tests", "", "tests/missing", "tests/a.spec.ts/below"):
        with pytest.raises(FileNotFound):
            await workspaces.read("s1", path, 0, 0)


@pytest.mark.parametrize("path", LEADING_OUT)
async def test_no_path_leads_out(workspaces: Workspaces, tmp_path: Path, path: str) -> None:
    await workspaces.prepare("s2")
    lay_traps(await workspaces.prepare("s1"))
    with pytest.raises(PathOutsideSession):
        await workspaces.read("s1", path, 0, 0)
    with pytest.raises(PathOutsideSession):
        await workspaces.files("s1", path, recursive=True)
    with pytest.raises(PathOutsideSession):
        await workspaces.quarantine("s1", path, "unsteady")
    assert untouched(tmp_path)


async def test_what_is_not_of_the_session_is_not_listed(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    lay_traps(workspace)
    put(workspace, "tests/node_modules/x.spec.ts")
    (workspace / os.fsdecode(b"no-text-\xff")).touch()
    os.mkfifo(workspace / "pipe")
    assert await listed(workspaces) == ["artifacts", "specs", "tests"]
    assert await workspaces.size("s1") == (0, 0)
    assert not await workspaces.has_tests("s1")


async def test_the_size_of_a_session_is_that_of_its_files(workspaces: Workspaces) -> None:
    assert await workspaces.size("s1") == (0, 0)
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts", "four")
    put(workspace, "specs/deep/er/plan.md", "sixsix")
    put(workspace, "artifacts/run-0/hidden.txt", "hidden")
    assert await workspaces.size("s1") == (10, 2)


async def test_a_deleted_session_is_gone_and_nothing_else(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = await workspaces.prepare("s1")
    other = put(await workspaces.prepare("s2"), "tests/a.spec.ts")
    lay_traps(workspace)
    await workspaces.delete("s1")
    await workspaces.delete("s1")
    assert not workspace.exists()
    assert other.exists()
    assert untouched(tmp_path)
    assert await workspaces.files("s1", "", recursive=True) == []
    await workspaces.prepare("s1")
    assert await listed(workspaces) == ["artifacts", "specs", "tests"]


async def test_what_a_dead_server_left_half_done_goes_and_nothing_else(tmp_path: Path) -> None:
    workspace = await workspaces_of("plain", tmp_path).prepare("s1")
    put(workspace, ".agent-runtime/scratch/left/file")
    alive = workspaces_of("plain", tmp_path)
    await alive.prepare("s1")
    async with alive.snapshot("s1") as snapshot:
        assert left_half_done(workspace) == [snapshot.parent.name]
        await alive.prepare("s1")
        assert snapshot.exists()
    assert left_half_done(workspace) == []


async def test_links_inside_are_files_like_others(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts", "content")
    (workspace / "latest.ts").symlink_to("tests/a.spec.ts")
    (workspace / "again").symlink_to("tests")
    (workspace / "gone").symlink_to("nowhere")
    (workspace / "circle").symlink_to("circle")
    _, pieces = await workspaces.read("s1", "latest.ts", 0, 0)
    assert await gather(pieces) == b"content"
    assert await listed(workspaces) == ["again", "artifacts", "latest.ts", "specs", "tests", "tests/a.spec.ts"]
    for broken in ("gone", "circle"):
        with pytest.raises(FileNotFound):
            await workspaces.read("s1", broken, 0, 0)


@pytest.mark.parametrize("path", ["x" * 256, "tests/" + "ü" * 128 + "/deep", "x/" * 3000])
async def test_a_name_too_long_for_the_system_is_not_there(workspaces: Workspaces, path: str) -> None:
    await workspaces.prepare("s1")
    with pytest.raises(FileNotFound):
        await workspaces.read("s1", path, 0, 0)
    with pytest.raises(FileNotFound):
        await workspaces.files("s1", path, recursive=True)


async def test_a_pipe_is_no_file(workspaces: Workspaces) -> None:
    os.mkfifo(await workspaces.prepare("s1") / "pipe")
    with pytest.raises(FileNotFound):
        await workspaces.read("s1", "pipe", 0, 0)


@pytest.mark.parametrize(("offset", "limit"), [(0, 0), (0, 1), (MIB - 1, 2), (7, 0), (MIB + 9, 0), (5, 9 * MIB)])
async def test_parts_of_a_file(workspaces: Workspaces, offset: int, limit: int) -> None:
    content = os.urandom(MIB + 9)
    (await workspaces.prepare("s1") / "big").write_bytes(content)
    file, pieces = await workspaces.read("s1", "big", offset, limit)
    assert (file.path, file.size_bytes) == ("big", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    got = [piece async for piece in pieces]
    assert b"".join(got) == content[offset : offset + limit if limit else None]
    assert all(0 < len(piece) <= MIB for piece in got)


async def test_a_file_that_grows_is_read_to_its_size_as_told(workspaces: Workspaces) -> None:
    path = put(await workspaces.prepare("s1"), "log", "before")
    _, pieces = await workspaces.read("s1", "log", 0, 0)
    path.write_text("before and after")
    assert await gather(pieces) == b"before"


async def test_an_offset_behind_the_end(workspaces: Workspaces) -> None:
    put(await workspaces.prepare("s1"), "log", "four")
    with pytest.raises(InvalidField) as caught:
        await workspaces.read("s1", "log", 5, 0)
    assert [violation.field for violation in caught.value.violations] == ["read_offset"]


async def test_quarantine_moves_and_marks_a_test(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    text = (
        "import { test } from '../fixtures';\n\ntest.describe('Cart', () => {\n  test('adds', async () => {});\n});\n"
    )
    put(workspace, "tests/cart/add.spec.ts", text)
    put(workspace, "tests/order/add.spec.ts", text)
    first = await workspaces.quarantine("s1", "tests/cart/add.spec.ts", "failed\nonce")
    second = await workspaces.quarantine("s1", "tests/order/add.spec.ts", "failed twice")
    assert first.startswith("tests/quarantine/")
    assert first != second
    assert (workspace / first).read_text() == (
        "// quarantined: failed once\n"
        "import { test } from '../../fixtures';\n\n"
        "test.describe('Cart', () => {\n  test.fixme('adds', async () => {});\n});\n"
    )
    assert not (workspace / "tests/cart/add.spec.ts").exists()
    assert not await workspaces.has_tests("s1")
    with pytest.raises(FileNotFound):
        await workspaces.quarantine("s1", "tests/cart/add.spec.ts", "gone")
    assert await workspaces.quarantine("s1", first, "still unsteady") == first
    assert (workspace / first).exists()


async def test_nothing_is_set_aside_out_of_the_session(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts")
    (workspace / "tests" / "quarantine").symlink_to(tmp_path / "outside")
    with pytest.raises(PathOutsideSession):
        await workspaces.quarantine("s1", "tests/a.spec.ts", "unsteady")
    assert untouched(tmp_path)
    assert (workspace / "tests/a.spec.ts").exists()
