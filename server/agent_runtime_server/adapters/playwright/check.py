"""What compiler and linter say of a workspace's tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from agent_runtime_server.adapters.processes import Limits, Owner, spawn
from agent_runtime_server.adapters.toolchain import Toolchain

CHECK_LIMITS = Limits(memory_bytes=2 << 30, seconds=120.0)
MAX_PROBLEMS = 100
MAX_MESSAGE = 500
MAX_OUTPUT = 4 << 20
"""Characters read of what a checker prints."""

_TSC_LINE = re.compile(r"(?P<file>[^(]+)\((?P<line>\d+),\d+\): error (?P<message>.+)")


class _Message(Struct):
    severity: int
    message: str
    line: int = 0
    ruleId: str | None = None  # noqa: N815 - ESLint's name


class _File(Struct):
    filePath: str  # noqa: N815 - ESLint's name
    messages: list[_Message]


_decode_lint = msgspec.json.Decoder(list[_File]).decode


async def compiler_problems(
    toolchain: Toolchain, workspace: Path, environment: Mapping[str, str], owner: Owner | None
) -> Sequence[str]:
    """Errors of the TypeScript compiler; none in a workspace without ``tsconfig.json``."""
    if not _has(workspace, "tsconfig.json"):
        return []
    code, output = await _output(toolchain.command_tsc("--noEmit", "--pretty", "false"), workspace, environment, owner)
    found = [_problem(match["file"], match["line"], match["message"]) for match in _TSC_LINE.finditer(output)]
    return _bounded(found) if found or code == 0 else _broken("tsc", output)


async def linter_problems(
    toolchain: Toolchain, workspace: Path, environment: Mapping[str, str], owner: Owner | None
) -> Sequence[str]:
    """Errors of ESLint, without its warnings; none in a workspace that does not configure it."""
    if not _has(workspace, "eslint.config.*"):
        return []
    command = toolchain.command_eslint("--format", "json", "--quiet", "--no-error-on-unmatched-pattern", "tests")
    code, output = await _output(command, workspace, environment, owner)
    try:
        files = _decode_lint(output)
    except msgspec.MsgspecError:
        return _broken("eslint", output) if code else []
    return _bounded(
        [
            _problem(_relative(file.filePath, workspace), message.line, f"{message.message} ({message.ruleId})")
            for file in files
            for message in file.messages
        ]
    )


def _has(workspace: Path, pattern: str) -> bool:
    return any(workspace.glob(pattern))


async def _output(
    command: Sequence[str], workspace: Path, environment: Mapping[str, str], owner: Owner | None
) -> tuple[int | None, str]:
    """Exit code and output. Standard error counts only if nothing else was said."""
    said: dict[str, list[str]] = {"stdout": [], "stderr": []}
    room = MAX_OUTPUT
    async with spawn(command, cwd=workspace, env=environment, limits=CHECK_LIMITS, owner=owner) as tree:
        async for line in tree.lines():
            room -= len(line.text)
            if room > 0:
                said[line.stream].append(line.text)
        ended = await tree.wait()
    output = "\n".join(said["stdout"]) or "\n".join(said["stderr"])
    if ended.reason != "exited":
        return None, f"stopped ({ended.reason})\n{output}"
    return ended.code, output


def _problem(file: str, line: object, message: str) -> str:
    return f"{file}:{line} {message[:MAX_MESSAGE]}"


def _broken(checker: str, output: str) -> Sequence[str]:
    """A checker that did not get to its work is a problem, too."""
    return [f"{checker} failed: {output.strip()[:MAX_MESSAGE]}"]


def _bounded(found: Sequence[str]) -> Sequence[str]:
    if len(found) <= MAX_PROBLEMS:
        return found
    return [*found[:MAX_PROBLEMS], f"and {len(found) - MAX_PROBLEMS} more"]


def _relative(file: str, workspace: Path) -> str:
    path = Path(file)
    root = workspace.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file
