"""The sources of a session's suite: read as a whole, compared, and put back."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Collection, Mapping

from agent_runtime_server.domain.faults import FileNotFound
from agent_runtime_server.ports import SessionFile, Workspaces

Sources = Mapping[str, bytes]
"""Content by path in the session."""

_SOURCES = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".json")
_NOT_SOURCES = ("artifacts/", "specs/", "opencode.json")
"""The last is a driver's, written whenever an agent starts."""
_MOST_BYTES = 1024 * 1024
_MOST_FILES = 2000


class SuiteFiles:
    """The sources of one session's suite, as far as an agent may change them: at most 2,000 files of at most 1 MiB."""

    def __init__(self, workspaces: Workspaces, session_id: str) -> None:
        self._workspaces = workspaces
        self._session_id = session_id
        self._there: set[str] = set()
        """Files that were there at the first look, sources or not."""

    async def read(self) -> dict[str, bytes]:
        """All sources as they are now."""
        files = await self._workspaces.files(self._session_id, "", recursive=True)
        self._there = self._there or {file.path for file in files}
        sources: dict[str, bytes] = {}
        for file in [file for file in files if _is_source(file)][:_MOST_FILES]:
            try:
                _, pieces = await self._workspaces.read(self._session_id, file.path, 0, 0)
                sources[file.path] = b"".join([piece async for piece in pieces])
            except FileNotFound:
                continue
        return sources

    async def put_back(self, before: Sources, paths: Collection[str]) -> None:
        """Make files what they were: what came after the first look is removed. Raises OSError."""
        for path in paths:
            if path in before:
                pieces = _one(before[path])
                await self._workspaces.write(self._session_id, path, pieces, sha256="", overwrite=True)
            elif path not in self._there:
                await self._workspaces.remove(self._session_id, path)

    async def keep(self, path: str, text: str) -> None:
        """Write a file of the runtime's own into the session."""
        await self._workspaces.write(self._session_id, path, _one(text.encode()), sha256="", overwrite=True)


def changed(before: Sources, after: Sources) -> list[str]:
    """Paths that differ, sorted."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def diff(before: Sources, after: Sources, paths: Collection[str]) -> str:
    """What has changed in files, as a unified diff."""
    parts: list[str] = []
    for path in sorted(paths):
        old, new = _lines(before.get(path)), _lines(after.get(path))
        names = (f"a/{path}" if path in before else "/dev/null", f"b/{path}" if path in after else "/dev/null")
        parts += difflib.unified_diff(old, new, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts)


def text_of(sources: Sources, path: str) -> str:
    """A source as text; empty when it is not there."""
    return sources.get(path, b"").decode(errors="replace")


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode(errors="replace").splitlines(keepends=True)


def _is_source(file: SessionFile) -> bool:
    return (
        not file.directory
        and file.path.endswith(_SOURCES)
        and not file.path.startswith(_NOT_SOURCES)
        and file.size_bytes <= _MOST_BYTES
    )


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
