"""The OpenCode program: where it is, and whether its version is one that this server can drive."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.processes import Owner, spawn
from agent_runtime_server.adapters.toolchain import Toolchain

MAJOR = 1
"""The HTTP interface of other major versions is another one."""
MISSING = "OpenCode is not installed; run bin/bootstrap, or set OPENCODE_PATH"
ANSWER_SECONDS = 30.0
"""How long it may take to tell its version."""
_VERSION = re.compile(r"^v?(\d+)\.\d+\.\d+\S*$")
_MAX_SAID = 200

_Identity = tuple[int, int, int]


class OpenCodeProgram:
    """Finds OpenCode and knows its version. ``learn`` starts it for that, once for each program file that can be
    used: one that gave no answer may have had a busy machine."""

    def __init__(
        self, toolchain: Toolchain, environment: Mapping[str, str], path: str = "", *, owner: Owner | None = None
    ) -> None:
        """``path`` is a program to use instead of the toolchain's."""
        self._toolchain = toolchain
        self._environment = environment
        self._named = path
        self._owner = owner
        self._known: tuple[_Identity, str, str] | None = None
        self._learning = asyncio.Lock()

    @property
    def path(self) -> Path | None:
        """The program; None when there is none."""
        return Path(self._named).absolute() if self._named else self._toolchain.opencode

    @property
    def version(self) -> str:
        """Its version; empty when that is not known, or the program cannot be used."""
        return self.look()[0]

    def look(self) -> tuple[str, str]:
        """Its version, or what is wrong with it and what to do. Both are empty for a program that nobody has started
        yet."""
        path = self.path
        identity = _identity(path) if path else None
        if identity is None:
            return "", f"OPENCODE_PATH {self._named} is not a file" if self._named else MISSING
        if self._known is None or self._known[0] != identity:
            return "", ""
        return self._known[1], self._known[2]

    async def learn(self) -> str:
        """Start the program for its version if that is not known; returns what is wrong with it, or nothing."""
        async with self._learning:
            path = self.path
            identity = _identity(path) if path else None
            if path and identity and not self.version:
                version, problem = await self._ask(path)
                self._known = (identity, version, problem)
        return self.look()[1]

    async def _ask(self, path: Path) -> tuple[str, str]:
        """Version and problem of a program."""
        try:
            said = await self._first_line(path)
        except (OSError, TimeoutError) as error:
            return "", f"{path} does not tell its version: {str(error) or 'it takes too long'}; run bin/bootstrap"
        found = _VERSION.match(said)
        if found is None:
            return "", f"{path} is not OpenCode: asked for its version, it says {said!r}"
        if int(found[1]) != MAJOR:
            return "", (
                f"OpenCode {said} cannot be used: this server drives versions {MAJOR}.x; run bin/bootstrap, or let "
                f"OPENCODE_PATH name a program of such a version"
            )
        return said.removeprefix("v"), ""

    async def _first_line(self, path: Path) -> str:
        """What a program says when it is asked for its version. Raises OSError, TimeoutError."""
        said = ""
        with tempfile.TemporaryDirectory() as home:
            environment = {**child_environment(self._environment), "HOME": home, "XDG_CACHE_HOME": home, "TMPDIR": home}
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                spawn([str(path), "--version"], cwd=Path(home), env=environment, owner=self._owner) as tree,
            ):
                tree.close_stdin()
                async for line in tree.lines():
                    if line.stream == "stdout":
                        said = said or line.text.strip()[:_MAX_SAID]
        return said


def _identity(path: Path) -> _Identity | None:
    """What changes when the file does; None when there is no file."""
    with suppress(OSError):
        state = path.stat()
        if path.is_file():
            return state.st_ino, state.st_size, state.st_mtime_ns
    return None
