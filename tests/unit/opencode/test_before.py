"""A workspace before an agent worked in it, and files that are reached without following links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.before import MAX_KEPT_BYTES, Before


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    for path in ("tests/a.spec.ts", "tests/deep/b.spec.ts", "playwright.config.ts", "specs/plan.md"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def test_what_was_added_altered_and_removed_is_seen(workspace: Path) -> None:
    before = Before.look(workspace)
    (workspace / "tests/new.spec.ts").write_text("new")
    (workspace / "tests/a.spec.ts").write_text("other")
    (workspace / "playwright.config.ts").write_text("other")
    (workspace / "tests/deep/b.spec.ts").unlink()
    changes = before.changes()
    assert changes.added == ("tests/new.spec.ts",)
    assert changes.altered == ("playwright.config.ts", "tests/a.spec.ts")
    assert changes.removed == ("tests/deep/b.spec.ts",)
    assert changes.written == ("playwright.config.ts", "tests/a.spec.ts", "tests/new.spec.ts")


def test_a_test_that_was_written_as_it_was_has_not_changed(workspace: Path) -> None:
    before = Before.look(workspace)
    beneath.write(workspace, "tests/a.spec.ts", b"tests/a.spec.ts")
    assert before.changes().all == ()


def test_changes_are_put_back(workspace: Path) -> None:
    before = Before.look(workspace)
    (workspace / "tests/new.spec.ts").write_text("new")
    (workspace / "tests/a.spec.ts").write_text("other")
    (workspace / "tests/deep/b.spec.ts").unlink()
    (workspace / "tests/deep").rmdir()
    before.put_back(before.changes().all)
    assert before.changes().all == ()
    assert (workspace / "tests/deep/b.spec.ts").read_text() == "tests/deep/b.spec.ts"


def test_what_was_too_large_to_be_kept_is_left_as_it_is(workspace: Path) -> None:
    (workspace / "tests/large.ts").write_bytes(b"x" * (MAX_KEPT_BYTES + 1))
    before = Before.look(workspace)
    (workspace / "tests/large.ts").write_bytes(b"y")
    before.put_back(before.changes().all)
    assert (workspace / "tests/large.ts").read_bytes() == b"y"


def test_dependencies_artifacts_and_our_own_files_are_not_looked_at(workspace: Path) -> None:
    before = Before.look(workspace)
    for folder in ("node_modules/x", "artifacts/run-1", ".auth", "tests/.agent-runtime", ".git"):
        (workspace / folder).mkdir(parents=True)
        (workspace / folder / "file").write_text("new")
    assert before.changes().all == ()


def test_links_are_not_followed(workspace: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.ts").write_text("key")
    before = Before.look(workspace)
    (workspace / "tests/link.ts").symlink_to(secret / "key.ts")
    (workspace / "tests/folder").symlink_to(secret)
    assert before.changes().all == ()
    for path in ("tests/link.ts", "tests/folder/key.ts"):
        with pytest.raises(OSError):  # noqa: PT011 - whichever
            beneath.read(workspace, path, 100)
    with pytest.raises(OSError):  # noqa: PT011
        beneath.write(workspace, "tests/folder/key.ts", b"mine")
    beneath.write(workspace, "tests/link.ts", b"mine")
    assert (secret / "key.ts").read_text() == "key"
    assert (workspace / "tests/link.ts").read_text() == "mine"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "tests/../../x", ".."])
def test_paths_stay_in_the_workspace(workspace: Path, path: str) -> None:
    with pytest.raises(OSError, match="not a path of the workspace"):
        beneath.write(workspace, path, b"mine")


def test_a_pipe_is_no_file(workspace: Path) -> None:
    os.mkfifo(workspace / "tests/pipe.ts")
    with pytest.raises(FileNotFoundError, match="is not a regular file"):
        beneath.read(workspace, "tests/pipe.ts", 100)
    assert "tests/pipe.ts" not in Before.look(workspace).paths


def test_a_file_is_moved_with_its_folders_made(workspace: Path) -> None:
    beneath.move(workspace, "tests/a.spec.ts", "tests/other/c.spec.ts")
    assert (workspace / "tests/other/c.spec.ts").read_text() == "tests/a.spec.ts"
    assert not beneath.exists(workspace, "tests/a.spec.ts")
