"""What a server needs on this machine, looked at one by one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.gateway import ModelGateway
from agent_runtime_server.adapters.opencode.binary import OpenCodeProgram
from agent_runtime_server.adapters.opencode.driver import NO_MODEL
from agent_runtime_server.adapters.opencode.sandbox import AgentSandbox
from agent_runtime_server.adapters.playwright.runner import PlaywrightRunner
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.settings import BadSettings, Settings, read_settings

_OLDEST_NODE = (20, 19)
_VERSION_SECONDS = 20
_FREE_BYTES = 2 * 1024**3
_CONTAINED = (
    "agents share this machine's network: they reach what it reaches, loopback too; the tests that they write run "
    "outside the sandbox; docs/security.md tells more"
)
_NOT_CONTAINED = (
    "bubblewrap does not work here: agents run as the server's user, and see its files and its network; "
    "docs/security.md tells more"
)
_NO_VIDEOS = "there is none: runs have no videos; run bin/bootstrap"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``ok`` is true, too, of what is missing but not needed.

    ``message`` says what is wrong and what to do, or what the absence costs.
    """

    name: str
    ok: bool
    version: str = ""
    message: str = ""


def check() -> Iterator[Check]:
    """Look at everything that the settings in force lead to."""
    yield Check("python", sys.version_info >= (3, 11), sys.version.split()[0])
    try:
        settings = read_settings({})
    except BadSettings as bad:
        yield Check("settings", ok=False, message=str(bad))
        return
    toolchain = Toolchain(Path(settings.toolchain_dir))
    yield _node(toolchain.node)
    runner = PlaywrightRunner(toolchain).availability()
    yield Check("playwright", runner.available, runner.version, runner.message)
    explorer = ExplorerDriver(toolchain.browser).availability()
    yield Check("driver explorer", explorer.available, explorer.version, explorer.message)
    yield from _agents(settings, toolchain)
    ffmpeg = toolchain.ffmpeg()
    yield Check("ffmpeg", ok=True, version=str(ffmpeg.path)) if ffmpeg else Check("ffmpeg", ok=True, message=_NO_VIDEOS)
    for name, folder in (("workspaces", settings.workspace_root), ("state", settings.state_dir)):
        yield _folder(name, Path(folder))


def _agents(settings: Settings, toolchain: Toolchain) -> Iterator[Check]:
    """What LLM agents need. Without a model nobody needs it."""
    program = OpenCodeProgram(toolchain, os.environ, settings.opencode_path)
    asyncio.run(program.learn())
    version, problem = program.look()
    yield Check("opencode", not problem or not settings.model, version, problem)
    if settings.model:
        models = ModelGateway(os.environ, default_model=settings.model, base_url=settings.model_base_url)
        model = models.availability(settings.model)
        yield Check("model", model.available, settings.model, model.message)
    else:
        yield Check("model", ok=True, message=NO_MODEL)
    kind = AgentSandbox(program, toolchain).kind()
    missing = kind == "subreaper" and settings.sandbox == "bubblewrap"
    yield Check("sandbox", not missing, kind, _CONTAINED if kind == "bubblewrap" else _NOT_CONTAINED)


def _node(program: Path | None) -> Check:
    wanted = f"Node.js {'.'.join(map(str, _OLDEST_NODE))} or newer is needed; run bin/bootstrap"
    if program is None:
        return Check("node", ok=False, message=wanted)
    version = _first_line(str(program), "--version").removeprefix("v")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    enough = numbers is not None and (int(numbers[1]), int(numbers[2])) >= _OLDEST_NODE
    return Check("node", enough, version, "" if enough else wanted)


def _first_line(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return ran.stdout.strip().partition("\n")[0]


def _folder(name: str, path: Path) -> Check:
    existing = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        return Check(name, ok=False, version=str(path), message=f"{existing} cannot be written to")
    free = shutil.disk_usage(existing).free
    short = "" if free >= _FREE_BYTES else f"only {free // 1024**2} MiB free: videos and traces fill disks"
    return Check(name, not short, str(path), short)
