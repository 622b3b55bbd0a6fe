"""A driver's job, an app for it, and a stand-in for the explorer's process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.driver import SILENCE_SECONDS, ExplorerDriver
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.task import ExploreOptions, SignIn, SignInMethod, TaskSpec, TaskType
from agent_runtime_server.ports import PhaseJob
from agent_runtime_server.testing.asking import Answers, Tally
from agent_runtime_server.testing.script import STRAY

STAND_IN = """
import json, os, subprocess, sys, time
job = json.loads(sys.stdin.readline())
with open("job.json", "w") as file:
    json.dump({"job": job, "arguments": sys.argv, "environment": dict(os.environ)}, file)
for path, text in json.loads(sys.argv[2]).items():
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").write(text)
if sys.argv[1]:
    print(sys.argv[1], flush=True)
sys.stderr.write(sys.argv[3])
exec(sys.argv[4])
"""
"""Writes down its job, makes files, prints lines, says something on standard error, and then does as it is told."""

BLOCK = f"""
stray = subprocess.Popen([sys.executable, "-c", {STRAY!r}], stdout=subprocess.PIPE, text=True)
with open("stray.pid", "w") as file:
    file.write(stray.stdout.readline())
print(json.dumps({{"type": "activity", "text": "blocked"}}), flush=True)
stray.wait()
"""


def explorer(
    *lines: protocol.Line | str,
    files: dict[str, str] | None = None,
    stderr: str = "",
    then: str = "",
    silence_seconds: float = SILENCE_SECONDS,
) -> ExplorerDriver:
    """The real driver with a stand-in for its process that prints these lines."""
    text = "\n".join(line if isinstance(line, str) else protocol.encode(line).decode() for line in lines)
    made = msgspec.json.encode(files or {}).decode()
    command = (sys.executable, "-c", STAND_IN, text, made, stderr, then)
    return ExplorerDriver(Path.cwd, command=command, silence_seconds=silence_seconds)


@asynccontextmanager
async def mute_app() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The address of an app that takes requests and never answers, and whether one has come."""
    asked = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked


def phase_job(workspace: Path, kind: PhaseKind = PhaseKind.PLAN, **explore: object) -> PhaseJob:
    """A job with everything that a driver may pass on."""
    spec = TaskSpec(
        TaskType.COMPLETE,
        "http://127.0.0.1:1/",
        "session",
        "explorer",
        instructions="Focus on sign-in",
        sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, "ada"),
        explore=msgspec.convert(explore, ExploreOptions),
    )
    return PhaseJob("task", kind, spec, workspace, PhaseInputs(), Answers(), Tally(), password="hunter2")
