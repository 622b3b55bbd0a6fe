"""The folders of runs, ``artifacts/run-<n>``. A marker hides one until its files hold no secrets any more."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from agent_runtime_server.adapters.workspaces.beneath import names_in, opened_folder, remove

ARTIFACTS = "artifacts"
OURS = ".agent-runtime"
"""The folder of a session that is nobody's but ours: markers, and what is not whole yet."""
FILTERS = "run-0"
"""What the flake filter's runs write to: never shown."""
_MARKERS = (OURS, "runs")
_LAST_GIVEN = "last"
_RUN = re.compile(r"run-([0-9]+)")


def is_run(name: str) -> bool:
    """Whether a folder of ``artifacts`` is that of a run."""
    return _RUN.fullmatch(name) is not None


class Runs:
    """The runs of one session."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def begin(self) -> int:
        """Make the folder of the next run, hidden; returns its number."""
        given = (int(name.removeprefix("run-")) for name in self.names())
        number = 1 + max((self._last_given(), *given))
        name = f"run-{number}"
        with opened_folder(self._workspace, _MARKERS, make=True) as markers:
            with open(_LAST_GIVEN, "w", opener=partial(os.open, mode=0o600, dir_fd=markers)) as file:
                file.write(str(number))
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=markers))
            os.fsync(markers)
        with opened_folder(self._workspace, (ARTIFACTS,), make=True) as artifacts:
            os.mkdir(name, dir_fd=artifacts)
        return number

    def end(self, number: int) -> None:
        """Show a run."""
        self._unmark(f"run-{number}")

    def hidden(self) -> frozenset[str]:
        """Names of the runs that are not to be seen."""
        return frozenset({FILTERS, *self._begun()})

    def abandon(self) -> None:
        """Remove the runs that were not ended."""
        for name in self.hidden():
            self._remove(name)

    def forget(self, before: datetime) -> None:
        """Remove the runs that have ended and were last changed before a moment."""
        for name in set(self.names()) - self.hidden():
            if _last_change(self._workspace / ARTIFACTS / name) < before.timestamp():
                self._remove(name)

    def keep_only(self, names: Collection[str]) -> None:
        """Remove all other runs."""
        for name in set(self.names()).difference(names):
            self._remove(name)

    def names(self) -> list[str]:
        """Names of all folders of runs, hidden ones too."""
        try:
            with opened_folder(self._workspace, (ARTIFACTS,)) as artifacts:
                return [name for name in names_in(artifacts) if is_run(name)]
        except FileNotFoundError:
            return []

    def _last_given(self) -> int:
        """The highest number that was ever given: restoring removes folders, not this."""
        try:
            return int(self._workspace.joinpath(*_MARKERS, _LAST_GIVEN).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _begun(self) -> list[str]:
        try:
            with opened_folder(self._workspace, _MARKERS) as markers:
                return [name for name in names_in(markers) if is_run(name)]
        except FileNotFoundError:
            return []

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError), opened_folder(self._workspace, (ARTIFACTS,)) as artifacts:
            remove(name, artifacts)
        self._unmark(name)

    def _unmark(self, name: str) -> None:
        with suppress(FileNotFoundError), opened_folder(self._workspace, _MARKERS) as markers:
            remove(name, markers)


def _last_change(folder: Path) -> float:
    """When something in a folder last changed, in seconds since 1970."""
    latest = folder.lstat().st_mtime
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                latest = max(latest, Path(path, name).lstat().st_mtime)
    return latest
