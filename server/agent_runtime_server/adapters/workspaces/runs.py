"""The folders of runs, ``artifacts/run-<n>``. A marker hides one until its files hold no secrets any more."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from agent_runtime_server.adapters.beneath import names_in, opened_folder, remove

ARTIFACTS = "artifacts"
OURS = ".agent-runtime"
"""The folder of a session that is nobody's but ours: markers, and what is not whole yet."""
FILTERS = "run-0"
"""What the flake filter's runs write to: never shown."""
_MARKERS = (OURS, "runs")
_NUMBERS = (OURS, "numbers")
"""Holds an empty file of the name of the latest run: runs go, their numbers are not given again."""
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
        with opened_folder(self._workspace, _NUMBERS, make=True) as numbers:
            given = [name for name in names_in(numbers) if is_run(name)]
            number = 1 + max((int(name.removeprefix("run-")) for name in (*self.names(), *given)), default=0)
            name = f"run-{number}"
            _note(name, numbers)
            for earlier in given:
                remove(earlier, numbers)
        with opened_folder(self._workspace, _MARKERS, make=True) as markers:
            _note(name, markers)
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

    def _begun(self) -> list[str]:
        try:
            with opened_folder(self._workspace, _MARKERS) as markers:
                return names_in(markers)
        except FileNotFoundError:
            return []

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError), opened_folder(self._workspace, (ARTIFACTS,)) as artifacts:
            remove(name, artifacts)
        self._unmark(name)

    def _unmark(self, name: str) -> None:
        with suppress(FileNotFoundError), opened_folder(self._workspace, _MARKERS) as markers:
            remove(name, markers)


def _note(name: str, folder: int) -> None:
    """Put an empty file into an open folder, to the disk."""
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder))
    os.fsync(folder)


def _last_change(folder: Path) -> float:
    """When something in a folder last changed, in seconds since 1970."""
    latest = folder.lstat().st_mtime
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                latest = max(latest, Path(path, name).lstat().st_mtime)
    return latest
