"""What a server needs on this machine, looked at one by one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.app import real_parts
from agent_runtime_server.settings import BadSettings, read_settings

_OLDEST_NODE = (20, 19)
_VERSION_SECONDS = 20
_FREE_BYTES = 2 * 1024**3
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
    parts = real_parts(settings)
    runner = parts.runner.availability()
    yield Check("playwright", runner.available, runner.version, runner.message)
    for driver in parts.drivers.values():
        state = driver.availability()
        yield Check(f"driver {driver.name}", state.available, state.version, state.message)
    ffmpeg = toolchain.ffmpeg()
    yield Check("ffmpeg", ok=True, version=str(ffmpeg.path)) if ffmpeg else Check("ffmpeg", ok=True, message=_NO_VIDEOS)
    for name, folder in (("workspaces", settings.workspace_root), ("state", settings.state_dir)):
        yield _folder(name, Path(folder))


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
