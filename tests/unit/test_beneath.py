"""Files below a folder: no link is followed, wherever it stands on the way."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from agent_runtime_server.adapters.beneath import (
    chunks,
    names_in,
    new_file,
    open_file,
    opened_folder,
    remove,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with files, and links to the same names outside."""
    for folder in ("root/a", "outside/b"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root/a/file").write_text("inside")
    (tmp_path / "outside/file").write_text("outside")
    (tmp_path / "outside/b/file").write_text("outside")
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    (tmp_path / "root/a/link").symlink_to(tmp_path / "outside/file")
    (tmp_path / "linked-root").symlink_to(tmp_path / "outside")
    return tmp_path / "root"


def opened_here() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_opened_on_the_way_that_was_named(root: Path) -> None:
    before = opened_here()
    with open_file(root, ("a", "file")) as file:
        assert file.read() == b"inside"
    os.mkfifo(root / "pipe")
    for parts in (
        ("link", "file"),
        ("link", "b", "file"),
        ("a", "link"),
        ("a",),
        ("none",),
        ("a", "file", "x"),
        ("pipe",),
    ):
        with pytest.raises(OSError, match=r".+"):
            open_file(root, parts)
    with pytest.raises(NotADirectoryError):
        open_file(root.parent / "linked-root", ("file",))
    assert opened_here() == before


def test_folders_are_made_on_the_way(root: Path) -> None:
    with pytest.raises(FileNotFoundError), opened_folder(root, ("new", "folder")):
        pass
    with opened_folder(root, ("new", "folder"), make=True) as folder:
        assert names_in(folder) == []
    with opened_folder(root, ("a",), make=True) as folder:
        assert sorted(names_in(folder)) == ["file", "link"]
    with pytest.raises(NotADirectoryError), opened_folder(root, ("link", "new"), make=True):
        pass
    assert not (root.parent / "outside" / "new").exists()


def test_a_new_file_takes_nothings_place(root: Path) -> None:
    (root / "dangling").symlink_to(root.parent / "outside" / "new")
    for name in ("dangling", "link", "a"):
        with pytest.raises(FileExistsError):
            new_file(root / name)
    with new_file(root / "new", executable=True) as file:
        file.write(b"new")
    assert os.access(root / "new", os.X_OK)
    assert not (root.parent / "outside" / "new").exists()


def test_links_are_removed_and_not_what_they_lead_to(root: Path) -> None:
    with opened_folder(root) as folder:
        for name in ("link", "a", "none"):
            remove(name, folder)
        assert names_in(folder) == []
    assert sorted(path.name for path in (root.parent / "outside").iterdir()) == ["b", "file"]


def test_chunks_are_no_more_than_was_asked_for() -> None:
    assert list(chunks(io.BytesIO(b"abcdefg"), 5, 2)) == [b"ab", b"cd", b"e"]
    assert list(chunks(io.BytesIO(b"abc"), 5, 2)) == [b"ab", b"c"]
    assert list(chunks(io.BytesIO(b"abc"), 0)) == []
