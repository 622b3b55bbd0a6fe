"""What a server needs on this machine, looked at one by one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.app import real_parts
from agent_runtime_server.settings import BadSettings, read_settings

_NODE_MAJOR = 20
_VERSION_SECONDS = 20
_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``message`` says what is wrong and what to do, or what its absence costs."""

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
    yield _node()
    problems = Toolchain(Path(settings.toolchain_dir)).problems()
    yield Check("toolchain", not problems, settings.toolchain_dir, "; ".join(problems))
    parts = real_parts(settings)
    runner = parts.runner.availability()
    yield Check("playwright", runner.available, runner.version, runner.message)
    for driver in parts.drivers.values():
        state = driver.availability()
        yield Check(f"driver {driver.name}", state.available, state.version, state.message)
    yield _tool("ffmpeg", "without it there are no videos unless Playwright has its own")
    yield _tool("bwrap", "without it processes are contained by their supervisor alone")
    for name, folder in (("workspaces", settings.workspace_root), ("state", settings.state_dir)):
        yield _folder(name, Path(folder))


def _node() -> Check:
    path = shutil.which("node")
    if path is None:
        return Check("node", ok=False, message=f"install Node.js {_NODE_MAJOR} or newer")
    version = _first_line(path, "--version").removeprefix("v")
    major = int(version.partition(".")[0]) if version.partition(".")[0].isdigit() else 0
    enough = major >= _NODE_MAJOR
    return Check("node", enough, version, "" if enough else f"Node.js {_NODE_MAJOR} or newer is needed")


def _tool(name: str, cost: str) -> Check:
    path = shutil.which(name)
    return Check(name, path is not None, path or "", "" if path else f"not installed: {cost}")


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
