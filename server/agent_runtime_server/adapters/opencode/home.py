"""The folders that an OpenCode process has for itself: home, configuration, data, temporary files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_FOLDERS = {
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "TMPDIR": "tmp",
}


def furnish(folder: Path, version: str) -> None:
    """Make the folders. OpenCode of this version finds its plug-in package installed there, and so does not fetch it.

    Raises OSError.
    """
    for name in _FOLDERS.values():
        (folder / name).mkdir(mode=0o700, parents=True)
    settings = folder / _FOLDERS["XDG_CONFIG_HOME"] / "opencode"
    (settings / "node_modules").mkdir(parents=True)
    lock = {"name": "none", "lockfileVersion": 3, "packages": {"": {"dependencies": {"@opencode-ai/plugin": version}}}}
    (settings / "package-lock.json").write_text(json.dumps(lock))


def home_variables(folder: Path) -> Mapping[str, str]:
    """The environment that leads to the folders."""
    return {variable: f"{folder}/{name}" for variable, name in _FOLDERS.items()}


def remove(folder: Path) -> None:
    """Remove a folder, also one in which somebody has forbidden to write, as package managers do. What cannot be
    removed stays: nobody works in it again. Of a link, the link alone is removed."""
    if folder.is_symlink():
        folder.unlink()
        return
    for path, folders, _ in os.walk(folder):
        for inner in (Path(path, name) for name in folders):
            with suppress(OSError):
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
