"""Mutants of Playwright tests, made by the Node program beside this, which reads them as a compiler does."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath

import msgspec

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.processes import Limits, Owner, spawn
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Assertion, Mutant

PREFIX = ".agent-runtime.mutant-"
"""Of the mutants' files: they stand beside their originals, where what they import is found."""
LIMITS = Limits(memory_bytes=2 << 30, seconds=120.0)
MAX_ASSERTIONS = 10_000
"""Assertions that are heard of; no suite of an agent has so many."""
MAX_QUOTED = 500

_PROGRAM = Path(__file__).with_name("mutations.cjs")
_decode = msgspec.json.Decoder(Assertion).decode


class PlaywrightMutations:
    """Implements ``ports.Mutations`` with one toolchain's Node.js and TypeScript."""

    def __init__(
        self, toolchain: Toolchain, environment: Mapping[str, str] = os.environ, *, owner: Owner | None = None
    ) -> None:
        """``environment`` is the server's; ``owner`` owns the program's processes."""
        self._toolchain = toolchain
        self._environment = environment
        self._owner = owner

    async def assertions(self, workspace: Path, paths: Sequence[str]) -> Sequence[Assertion]:
        """All assertions of these test files; see ``ports.Mutations``."""
        return await self._ask(workspace, list(paths), [])

    @asynccontextmanager
    async def mutants(self, workspace: Path, wanted: Sequence[Mutant]) -> AsyncIterator[Mapping[str, Mutant]]:
        """Mutants that are there inside the block; see ``ports.Mutations``."""
        made = {_copy(mutant.original, number): mutant for number, mutant in enumerate(wanted)}
        folders = await asyncio.to_thread(_folders, workspace, made)
        copies = [
            {"original": mutant.original, "copy": path, "failing": [each.number for each in mutant.failing]}
            for path, mutant in made.items()
        ]
        try:
            await asyncio.to_thread(_clear, folders)
            await self._ask(workspace, [], copies)
            yield made
        finally:
            await to_the_end(asyncio.to_thread(_clear, folders))

    async def _ask(
        self, workspace: Path, files: Sequence[str], copies: Sequence[Mapping[str, object]]
    ) -> Sequence[Assertion]:
        """Have the program write copies, and tell the assertions of files."""
        if self._toolchain.node is None:
            raise FileNotFoundError("Node.js is not on the PATH; run bin/bootstrap")
        order = {
            "typescript": str(self._toolchain.node_modules / "typescript"),
            "workspace": str(workspace),
            "files": files,
            "copies": copies,
        }
        said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        async with spawn(
            (str(self._toolchain.node), str(_PROGRAM)),
            cwd=workspace,
            env=child_environment(self._environment),
            limits=LIMITS,
            owner=self._owner,
        ) as tree:
            with suppress(ConnectionError):  # it ended before it read its order; how it ended says why
                await tree.write(msgspec.json.encode(order))
                tree.close_stdin()
            async for line in tree.lines():
                if len(said[line.stream]) < MAX_ASSERTIONS:
                    said[line.stream].append(line.text)
            ended = await tree.wait()
        if ended.reason != "exited" or ended.code != 0:
            why = "\n".join(said["stderr"]).strip()[:MAX_QUOTED]
            raise ValueError(f"the tests could not be read ({ended}): {why}")
        try:
            return [_decode(line) for line in said["stdout"]]
        except msgspec.MsgspecError as error:
            raise ValueError(f"the assertions of the tests were not understood: {error}") from error


def _copy(original: str, number: int) -> str:
    path = PurePosixPath(original)
    return str(path.with_name(f"{PREFIX}{number:03}.{path.name}"))


def _folders(workspace: Path, paths: Iterable[str]) -> set[Path]:
    """Where files are to be; raises ValueError if that is not in the workspace."""
    root = workspace.resolve()
    folders = {(workspace / path).parent.resolve() for path in paths}
    for folder in folders:
        if not folder.is_relative_to(root):
            raise ValueError(f"{folder} is not in the workspace")
    return folders


def _clear(folders: set[Path]) -> None:
    """Remove all mutants, and what Playwright has put beside them."""
    for folder in folders:
        for path in folder.glob(f"{PREFIX}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
