"""Snapshots: a workspace becomes again what it was, and nothing outside it is touched."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_server.ports import Workspaces
from tests.contract.workspace_fixtures import KINDS, MIB, left_half_done, names, put, stream, untouched, workspaces_of

Tree = dict[str, tuple[str, object]]


@pytest.fixture(params=KINDS)
def workspaces(request: pytest.FixtureRequest, tmp_path: Path) -> Workspaces:
    return workspaces_of(request.param, tmp_path)


async def taken(workspaces: Workspaces) -> bytes:
    async with workspaces.snapshot("s1") as file:
        data = file.read_bytes()
    assert not file.exists()
    return data


async def restore(workspaces: Workspaces, snapshot: bytes) -> None:
    await workspaces.restore("s1", stream(*(snapshot[at : at + 1000] for at in range(0, len(snapshot), 1000))))


def tree_of(workspace: Path) -> Tree:
    """Everything in a workspace but what is ours: kind and content of each path."""
    found: Tree = {}
    for path in sorted(workspace.rglob("*")):
        name = path.relative_to(workspace).as_posix()
        if name.startswith((".agent-runtime", "node_modules")):
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", None)
        else:
            found[name] = ("program" if os.access(path, os.X_OK) else "file", path.read_bytes())
    return found


async def test_a_workspace_becomes_what_it_was(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts", "old")
    put(workspace, "tests/deep/er/b.spec.ts", "old")
    put(workspace, "specs/ü " + "x" * 200, "old")
    put(workspace, "start.sh").chmod(0o755)
    (workspace / "specs" / "big").write_bytes(os.urandom(2 * MIB + 3))
    (workspace / "empty").mkdir()
    (workspace / os.fsdecode(b"no-text-\xff")).write_bytes(b"old")
    (workspace / "latest").symlink_to("tests/a.spec.ts")
    before = tree_of(workspace)
    snapshot = await taken(workspaces)

    put(workspace, "tests/a.spec.ts", "new")
    shutil.rmtree(workspace / "tests/deep")
    (workspace / "empty").rmdir()
    put(workspace, "empty", "now a file")
    (workspace / "start.sh").unlink()
    put(workspace, "start.sh/now/a/folder")
    (workspace / "latest").unlink()
    (workspace / "latest").symlink_to("elsewhere")
    put(workspace, "came/later")
    await restore(workspaces, snapshot)
    assert tree_of(workspace) == before
    assert await taken(workspaces) == snapshot
    assert left_half_done(workspace) == []


async def test_folders_that_became_something_else_are_folders_again(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = await workspaces.prepare("s1")
    snapshot, before = await taken(workspaces), tree_of(workspace)
    (workspace / "tests").rmdir()
    (workspace / "specs").rmdir()
    put(workspace, "tests", "now a file")
    (workspace / "specs").symlink_to(tmp_path / "outside")
    assert await workspaces.prepare("s1") == workspace
    await restore(workspaces, snapshot)
    assert tree_of(workspace) == before
    assert untouched(tmp_path)


async def test_a_workspace_that_is_gone_comes_back(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "tests/a.spec.ts")
    snapshot, before = await taken(workspaces), tree_of(workspace)
    await workspaces.delete("s1")
    await restore(workspaces, snapshot)
    await workspaces.prepare("s1")
    assert tree_of(workspace) == before


async def test_the_same_content_gives_the_same_bytes(workspaces: Workspaces) -> None:
    for session_id, order in (("s1", ("b", "a", "c/d")), ("s2", ("c/d", "a", "b"))):
        workspace = await workspaces.prepare(session_id)
        for at, path in enumerate(order):
            os.utime(put(workspace, path, path), (at, at))
    async with workspaces.snapshot("s1") as first, workspaces.snapshot("s2") as second:
        assert first.read_bytes() == second.read_bytes()
        with tarfile.open(first) as opened:
            assert opened.getnames() == ["a", "b", "c", "c/d", "specs", "tests"], "whatever order the disk has"
        put(workspace, "a", "other")
        async with workspaces.snapshot("s2") as third:
            assert first.read_bytes() != third.read_bytes()


async def test_dependencies_stay_and_cookies_go(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    modules = (workspace / "node_modules").stat()
    put(workspace, "app/index.ts")
    put(workspace, "app/node_modules/package/index.js", "package")
    put(workspace, ".auth/user.json", "cookies")
    put(workspace, "app/.auth/user.json", "cookies")
    snapshot = await taken(workspaces)
    assert b"cookies" not in snapshot
    assert b"node_modules" not in snapshot
    put(workspace, "app/index.ts", "new")
    put(workspace, "later/node_modules/package/index.js", "package")
    await restore(workspaces, snapshot)
    assert (workspace / "app/index.ts").read_text() == "x"
    assert (workspace / "app/node_modules/package/index.js").read_text() == "package"
    assert (workspace / "node_modules").stat() == modules
    assert not (workspace / ".auth").exists()
    assert not (workspace / "app/.auth").exists()
    assert not (workspace / "later").exists()


async def test_runs_that_came_later_go_and_nothing_else_of_artifacts(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    await workspaces.end_run("s1", await workspaces.begin_run("s1"))
    video = put(workspace, "artifacts/run-1/video.webm", "pictures" * 1000)
    put(workspace, "artifacts/run-0/trace.zip")
    snapshot = await taken(workspaces)
    assert b"pictures" not in snapshot
    await workspaces.begin_run("s1")
    put(workspace, "artifacts/run-3/video.webm")
    put(workspace, "artifacts/notes.txt")
    await restore(workspaces, snapshot)
    assert names(workspace / "artifacts") == ["notes.txt", "run-1"]
    assert video.exists()
    assert await workspaces.begin_run("s1") == 3, "a number is never given again"

    await workspaces.abandon_runs("s1")
    shutil.rmtree(workspace / "artifacts" / "run-1")
    await restore(workspaces, snapshot)
    assert names(workspace / "artifacts") == ["notes.txt"], "what was forgotten does not come back"


async def test_links_are_kept_and_not_followed(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = await workspaces.prepare("s1")
    (workspace / "out").symlink_to(tmp_path / "outside")
    (workspace / "up").symlink_to("../..")
    (workspace / "gone").symlink_to("nowhere")
    (workspace / "circle").symlink_to("circle")
    os.mkfifo(workspace / "pipe")
    snapshot = await taken(workspaces)
    assert b"secret" not in snapshot.replace(b"secret.txt", b"")
    (workspace / "pipe").unlink()
    before = tree_of(workspace)
    await restore(workspaces, snapshot)
    assert tree_of(workspace) == before
    (workspace / "out").unlink()
    put(workspace, "out/secret.txt", "mine")
    later = await taken(workspaces)
    await restore(workspaces, snapshot)
    await restore(workspaces, later)
    assert (workspace / "out/secret.txt").read_text() == "mine"
    assert untouched(tmp_path)


def tar(*members: tuple[str, bytes, str], count: int | None = None) -> bytes:
    """A tar of (name, type, content or target) with as many entries as it says."""
    target = io.BytesIO()
    told = {"AGENT_RUNTIME.entries": str(len(members) if count is None else count)}
    with tarfile.open(fileobj=target, mode="w", pax_headers=told) as archive:
        for name, kind, text in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, text
            entry.size = len(text) if kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(text.encode()))
    return target.getvalue()


FILE, FOLDER, LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
SOUND = tar(("a", FILE, "new"), ("b", FILE, "new" * 1000))


@pytest.mark.parametrize(
    "snapshot",
    [
        b"",
        b"no snapshot",
        os.urandom(20_000),
        SOUND[:512],
        SOUND[:2600],
        SOUND[: 512 * 5],
        SOUND[:1024] + b"\xff" * 512 + SOUND[1536:],
        tar(("a", FILE, "new"), count=2),
        tar(("/tmp/x", FILE, "new")),
        tar(("../outside/x", FILE, "new")),
        tar(("a/../../../outside/x", FILE, "new")),
        tar(("out", LINK, "../../outside"), ("out/x", FILE, "new")),
        tar(("out", LINK, "../../outside"), ("out", FILE, "new")),
        tar(("out", FOLDER, ""), ("out", LINK, "../../outside"), ("out/x", FILE, "new")),
        tar(("a", tarfile.LNKTYPE, "/etc/passwd")),
        tar(("a", tarfile.FIFOTYPE, "")),
        tar(("a", tarfile.CHRTYPE, "")),
        tar(("node_modules", FOLDER, "")),
        tar(("tests", FOLDER, ""), ("tests/.auth", FOLDER, "")),
        tar((".agent-runtime", FOLDER, "")),
        tar(("artifacts", LINK, "../../outside")),
        tar(("artifacts/run-1", LINK, "../../../outside")),
        tar(("artifacts/run-1", FOLDER, ""), ("artifacts/run-1/x", FILE, "new")),
        tar(("x" * 300, FILE, "new")),
        tar((".", FOLDER, "")),
    ],
)
async def test_what_is_no_snapshot_changes_nothing(workspaces: Workspaces, tmp_path: Path, snapshot: bytes) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "a", "old")
    put(workspace, "artifacts/run-9/video.webm")
    before = tree_of(workspace)
    with pytest.raises((ValueError, OSError)):
        await restore(workspaces, snapshot)
    assert tree_of(workspace) == before
    assert untouched(tmp_path)
    assert left_half_done(workspace) == []


async def test_a_sound_one_would_do(workspaces: Workspaces) -> None:
    """So that the ones above are refused for what is wrong with them."""
    workspace = await workspaces.prepare("s1")
    await restore(
        workspaces, tar(("a", FILE, "new"), ("artifacts/run-1", FOLDER, ""), ("t", FOLDER, ""), ("t/x", LINK, "a"))
    )
    assert names(workspace) == [".agent-runtime", "a", "artifacts", "node_modules", "t"]


async def test_bytes_that_break_off_change_nothing(workspaces: Workspaces) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield SOUND[:1000]
        raise ConnectionError

    workspace = await workspaces.prepare("s1")
    put(workspace, "a", "old")
    before = tree_of(workspace)
    with pytest.raises(ConnectionError):
        await workspaces.restore("s1", broken())
    assert tree_of(workspace) == before
    assert left_half_done(workspace) == []


async def test_what_cannot_be_put_into_its_place_is_put_back(
    workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await workspaces.prepare("s1")
    for name in "abc":
        put(workspace, name, "new")
    snapshot = await taken(workspaces)
    for name in "abc":
        put(workspace, name, "newer")
    before = tree_of(workspace)
    rename = Path.rename

    def failing(source: Path, target: Path) -> Path:
        if source.parent.name == "fresh" and source.name == "b":
            raise OSError("no luck")
        return rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="no luck"):
            await restore(workspaces, snapshot)
    assert tree_of(workspace) == before


async def test_a_cancelled_restore_is_done_or_not_begun(workspaces: Workspaces) -> None:
    workspace = await workspaces.prepare("s1")
    put(workspace, "a", "old")
    snapshot, old = await taken(workspaces), tree_of(workspace)
    put(workspace, "a", "new")
    new = tree_of(workspace)
    cut_off = 0
    for turns in range(12):
        put(workspace, "a", "new")
        work = asyncio.create_task(workspaces.restore("s1", stream(snapshot)))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        work.cancel()
        await asyncio.wait({work})
        assert tree_of(workspace) in (old, new)
        cut_off += work.cancelled()
        assert left_half_done(workspace) == []
    assert cut_off > 0


NAMES = st.sampled_from(["a", "b", "tests", "specs", "c d", "ü", "x" * 120])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
MAKE = st.one_of(
    st.tuples(st.just("file"), PATHS, st.binary(max_size=600)),
    st.tuples(st.just("program"), PATHS, st.binary(max_size=10)),
    st.tuples(st.just("folder"), PATHS, st.just(b"")),
    st.tuples(st.just("link"), PATHS, PATHS.map(str.encode)),
    st.tuples(st.just("remove"), PATHS, st.just(b"")),
)


def change(workspace: Path, steps: list[tuple[str, str, bytes]]) -> None:
    """Carry out the steps; a step that cannot be done is left out."""
    for what, path, content in steps:
        target = workspace / path
        try:
            if target.is_symlink() or what == "remove":
                target.unlink() if target.is_symlink() or target.is_file() else shutil.rmtree(target)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if what == "folder":
                target.mkdir()
            elif what == "link":
                target.symlink_to(content.decode())
            else:
                target.write_bytes(content)
                target.chmod(0o755 if what == "program" else 0o644)
        except OSError:
            continue


@settings(max_examples=60)
@given(st.lists(MAKE, max_size=12), st.lists(MAKE, max_size=12))
def test_whatever_comes_later_a_snapshot_brings_back_what_was(
    first: list[tuple[str, str, bytes]], later: list[tuple[str, str, bytes]]
) -> None:
    async def check(folder: Path) -> None:
        workspaces = workspaces_of("plain", folder)
        workspace = await workspaces.prepare("s1")
        change(workspace, first)
        before = tree_of(workspace)
        snapshot = await taken(workspaces)
        change(workspace, later)
        await restore(workspaces, snapshot)
        assert tree_of(workspace) == before
        assert await taken(workspaces) == snapshot
        assert untouched(folder)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder)))
