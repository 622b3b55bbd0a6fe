"""The ``Workspaces`` port over folders."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from agent_runtime_server.adapters.beneath import chunks, names_in, new_file, opened_folder, real, remove
from agent_runtime_server.adapters.workspaces import snapshots
from agent_runtime_server.adapters.workspaces.archives import archived
from agent_runtime_server.adapters.workspaces.changes import changed
from agent_runtime_server.adapters.workspaces.runs import ARTIFACTS, FILTERS, OURS, Runs
from agent_runtime_server.adapters.workspaces.threads import in_thread, pulled
from agent_runtime_server.adapters.workspaces.tree import MODULES, SIGNED_IN, Tree, describe
from agent_runtime_server.adapters.workspaces.uploads import place, target_of
from agent_runtime_server.domain import quarantine
from agent_runtime_server.domain.faults import (
    DigestMismatch,
    FileNotFound,
    InvalidField,
    PathOutsideSession,
)
from agent_runtime_server.ports import ArchiveFormat, SessionFile

_SCRATCH = (OURS, "scratch")
_TEST_FILE = re.compile(r"\.(spec|test)\.[cm]?[jt]sx?$")
_NO_TESTS = (f"{quarantine.FOLDER}/", "tests/seed.spec.", f"{ARTIFACTS}/")
_MOST_FILES = 100_000
"""Longest list of files; the rest is left out."""


class Toolchain(Protocol):
    """What a workspace needs of the toolchain."""

    def link(self, workspace: Path) -> None:
        """Make ``node_modules`` of the workspace lead to the toolchain."""
        ...


class FolderWorkspaces:
    """The ``Workspaces`` port: ``root/<session>/``. One server at a time works in them."""

    def __init__(self, root: Path, toolchain: Toolchain) -> None:
        self._root = real(root)
        self._toolchain = toolchain
        self._life = secrets.token_hex(8)
        """Marks what this server has not finished yet; what bears another mark was left by one that is gone."""
        self._placing = threading.Lock()
        """Held between looking whether a file is there and putting one there."""

    async def prepare(self, session_id: str) -> Path:
        """The session's folder, made when it is new, and rid of what a server that died has left half done."""

        def make() -> Path:
            workspace = self._workspace(session_id)
            workspace.mkdir(parents=True, exist_ok=True)
            for folder in ("specs", "tests", ARTIFACTS, OURS):
                with suppress(FileExistsError):  # whatever it is: restoring may change it back
                    (workspace / folder).mkdir()
            self._toolchain.link(workspace)
            with suppress(FileNotFoundError), opened_folder(workspace, _SCRATCH) as scratch:
                for name in names_in(scratch):
                    if not name.startswith(self._life):
                        remove(name, scratch)
            return workspace

        return await in_thread(make)

    async def changed(self, session_id: str, since: datetime) -> Sequence[Path]:
        """Regular files that were changed since a moment, but for those of runs. Raises OSError."""
        found = changed(self._workspace(session_id), since)
        return await in_thread(lambda: sorted(islice(found, _MOST_FILES)))

    async def sessions(self) -> Sequence[str]:
        """Ids of the sessions that have a folder: one with the mark of ours in it."""

        def look() -> list[str]:
            with suppress(FileNotFoundError):
                folders = [folder for folder in self._root.iterdir() if not folder.is_symlink()]
                return [folder.name for folder in folders if (folder / OURS).is_dir()]
            return []

        return await in_thread(look)

    async def has_folder(self, session_id: str) -> bool:
        """Whether something is where the session's folder would be."""
        return await in_thread(lambda: os.path.lexists(self._workspace(session_id)))

    async def begin_run(self, session_id: str) -> int:
        """Make the folder of the next run, hidden until ``end_run``, and return its number."""
        return await in_thread(Runs(await self.prepare(session_id)).begin)

    async def end_run(self, session_id: str, number: int) -> None:
        """Show the folder of a run whose files hold no secrets any more."""
        await in_thread(partial(self._runs(session_id).end, number))

    async def abandon_runs(self, session_id: str) -> None:
        """Remove the folders of runs that were begun and not ended."""
        await in_thread(self._runs(session_id).abandon)

    async def forget_runs(self, session_id: str, before: datetime) -> None:
        """Remove the folders of ended runs that were last changed before a moment."""
        await in_thread(partial(self._runs(session_id).forget, before))

    @asynccontextmanager
    async def snapshot(self, session_id: str) -> AsyncIterator[Path]:
        """A file, there inside the block, that ``restore`` takes. Raises OSError."""
        workspace = self._workspace(session_id)
        async with self._scratch(workspace) as scratch:
            target = scratch / "snapshot.tar"
            await in_thread(partial(snapshots.take, workspace, target))
            yield target

    async def restore(self, session_id: str, snapshot: AsyncIterator[bytes]) -> None:
        """Make the workspace what it was. Raises OSError, ValueError; then it is as before."""
        workspace = self._workspace(session_id)
        async with self._scratch(workspace) as scratch:
            source = scratch / "snapshot.tar"
            await _write(source, snapshot)
            await in_thread(partial(snapshots.restore, workspace, source, scratch))

    async def has_plan(self, session_id: str) -> bool:
        """Whether there is a plan: a Markdown file in ``specs/``."""

        def look() -> bool:
            tree = self._tree(session_id)
            try:
                found = tree.walk(tree.folder("specs"), recursive=False)
            except (FileNotFound, PathOutsideSession):
                return False
            return any(file.path.endswith(".md") and not file.directory for file in found)

        return await in_thread(look)

    async def has_tests(self, session_id: str) -> bool:
        """Whether there are tests to run, but for the seed and what is in quarantine."""

        def look() -> bool:
            return any(
                _TEST_FILE.search(file.path) and not file.directory and not file.path.startswith(_NO_TESTS)
                for file in self._tree(session_id).walk()
            )

        return await in_thread(look)

    async def quarantine(self, session_id: str, path: str, reason: str) -> str:
        """Move an unsteady test to ``tests/quarantine/``. Raises PathOutsideSession, FileNotFound, OSError."""
        workspace = self._workspace(session_id)

        def read() -> tuple[str, str]:
            described, file = self._tree(session_id).open(path)
            with file:
                return described.path, file.read().decode()

        def move(marked: Path) -> None:
            marked.write_text(quarantine.set_aside(text, old, reason), "utf-8")
            tree = self._tree(session_id)
            place(tree, marked, target_of(tree, new, overwrite=True))
            if new != old:
                (workspace / old).unlink()

        old, text = await in_thread(read)
        new = quarantine.path_of(old)
        async with self._scratch(workspace) as scratch:
            await in_thread(partial(move, scratch / "test"))
        return new

    async def tidy(self, session_id: str) -> None:
        """Remove what runs leave behind for nobody: the cookies of signed-in browsers, wherever the suite keeps them,
        what a runner or a proof that was killed had put into the suite, and what the flake filter's runs wrote."""

        def clear() -> None:
            workspace = self._workspace(session_id)
            with suppress(FileNotFoundError), opened_folder(workspace, (ARTIFACTS,)) as artifacts:
                remove(FILTERS, artifacts)
            with suppress(FileNotFoundError), opened_folder(workspace) as folder:
                for _, folders, files, opened in os.fwalk(dir_fd=folder):
                    for name in (*folders, *files):
                        if name == SIGNED_IN or name.startswith(f"{OURS}."):
                            remove(name, opened)
                    folders[:] = [name for name in folders if name not in (MODULES, SIGNED_IN)]

        await in_thread(clear)

    async def files(self, session_id: str, path: str, *, recursive: bool) -> Sequence[SessionFile]:
        """Files below a folder, sorted by path. Raises PathOutsideSession, FileNotFound."""

        def look() -> Sequence[SessionFile]:
            tree = self._tree(session_id)
            found = tree.walk(tree.folder(path), recursive=recursive)
            return sorted(found, key=lambda file: file.path)[:_MOST_FILES]

        return await in_thread(look)

    async def write(
        self, session_id: str, path: str, pieces: AsyncIterator[bytes], *, sha256: str, overwrite: bool
    ) -> SessionFile:
        """Put a file into the session. Raises PathOutsideSession, InvalidField (there can be no file of this path),
        FileExists, DigestMismatch, OSError, and whatever ``pieces`` raises; then nothing has changed."""
        workspace = await self.prepare(session_id)

        def target() -> tuple[Tree, tuple[str, ...]]:
            tree = self._tree(session_id)
            return tree, target_of(tree, path, overwrite=overwrite)

        def put(whole: Path) -> SessionFile:
            with self._placing:
                tree, parts = target()
                return describe(parts, place(tree, whole, parts))

        await in_thread(target)
        async with self._scratch(workspace) as scratch:
            digest = await _write(scratch / "file", pieces)
            if sha256 and sha256.lower() != digest:
                raise DigestMismatch(f"the bytes of {path} have the SHA-256 digest {digest}, not {sha256}")
            return replace(await in_thread(partial(put, scratch / "file")), sha256=digest)

    async def remove(self, session_id: str, path: str) -> None:
        """Remove one file; no error if there is none. Raises PathOutsideSession, OSError."""

        def clear() -> None:
            tree = self._tree(session_id)
            parts = tree.find(path)
            with self._placing, suppress(FileNotFoundError), opened_folder(tree.root, parts[:-1]) as folder:
                os.unlink(parts[-1], dir_fd=folder)

        await in_thread(clear)

    async def archive(self, session_id: str, form: ArchiveFormat) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive of all that is to be seen, made as they are taken. Raises OSError."""
        return pulled(archived(await in_thread(partial(self._tree, session_id)), form))

    async def size(self, session_id: str) -> tuple[int, int]:
        """Bytes and number of the files that are to be seen."""

        def count() -> tuple[int, int]:
            sizes = [file.size_bytes for file in self._tree(session_id).walk() if not file.directory]
            return sum(sizes), len(sizes)

        return await in_thread(count)

    async def delete(self, session_id: str) -> None:
        """Remove the session's folder; no error if there is none."""

        def clear() -> None:
            workspace = self._workspace(session_id)
            with suppress(FileNotFoundError), opened_folder(workspace.parent) as sessions:
                remove(workspace.name, sessions)

        await in_thread(clear)

    async def read(
        self, session_id: str, path: str, offset: int, limit: int
    ) -> tuple[SessionFile, AsyncGenerator[bytes, None]]:
        """One file and its bytes, as many as it has now. Raises PathOutsideSession, FileNotFound, InvalidField."""

        def look() -> SessionFile:
            described, file = self._tree(session_id).open(path)
            with file:
                digest = hashlib.sha256()
                for chunk in chunks(file, described.size_bytes):
                    digest.update(chunk)
            return replace(described, sha256=digest.hexdigest())

        def content(count: int) -> Generator[bytes, None, None]:
            _, file = self._tree(session_id).open(path)
            with file:
                file.seek(offset)
                yield from chunks(file, count)

        described = await in_thread(look)
        left = described.size_bytes - offset
        if left < 0:
            raise InvalidField.of("read_offset", f"is behind the file's {described.size_bytes} bytes")
        return described, pulled(content(min(limit, left) if limit else left))

    def _workspace(self, session_id: str) -> Path:
        if session_id in ("", ".", "..") or "/" in session_id or "\0" in session_id:
            raise PathOutsideSession(f"{session_id!r} is no session id")
        return self._root / session_id

    def _tree(self, session_id: str) -> Tree:
        return Tree(session_id, self._workspace(session_id))

    def _runs(self, session_id: str) -> Runs:
        return Runs(self._workspace(session_id))

    @asynccontextmanager
    async def _scratch(self, workspace: Path) -> AsyncIterator[Path]:
        """A new folder in the session that nobody sees; it is gone after the block."""
        name = f"{self._life}-{secrets.token_hex(8)}"

        def make() -> None:
            workspace.mkdir(parents=True, exist_ok=True)
            with opened_folder(workspace, _SCRATCH, make=True) as folder:
                os.mkdir(name, 0o700, dir_fd=folder)

        scratch = workspace.joinpath(*_SCRATCH, name)
        try:
            await in_thread(make)
            yield scratch
        finally:
            await in_thread(partial(shutil.rmtree, scratch, ignore_errors=True))


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> str:
    """Write a new file, to the disk; returns its SHA-256 digest. Raises OSError and whatever ``pieces`` raises."""
    digest = hashlib.sha256()
    async with AsyncExitStack() as stack:

        def begin() -> BinaryIO:
            file = new_file(path)
            stack.push_async_callback(in_thread, file.close)
            return file

        def add(piece: bytes) -> None:
            file.write(piece)
            digest.update(piece)

        def finish() -> None:
            file.flush()
            os.fsync(file.fileno())

        file = await in_thread(begin)
        async for piece in pieces:
            await in_thread(partial(add, piece))
        await in_thread(finish)
    return digest.hexdigest()
