"""What dead servers and supervisors have left running: known by its mark, and killed.

A supervisor that sees its server die kills its tree. That leaves gaps: it may still be at it when the next server
starts, and it may have been killed or stopped itself. So each process of a tree carries the tree's mark, a number from
a range that its server's state directory keeps, as its limit on file locks (RLIMIT_LOCKS), which Linux ignores since
2.4.25. Whatever a process starts inherits it, also when that clears its environment, leaves its session or loses its
parent. A state directory belongs to one server at a time: whoever carries one of its marks while a server starts is a
leftover. Only a process that sets this very limit for itself can escape.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from signal import SIGKILL, SIGSTOP

from agent_runtime_server.adapters.processes.supervisor import RECHECK_SECONDS, RLIMIT_LOCKS, SWEEP_SECONDS

_TREES = 1 << 20
"""Marks of one owner; they are given again after so many trees."""
_BEYOND = 1 << 62
SHORT = Path("/tmp")  # noqa: S108
"""Where folders are whose path must be short, as that of a socket must."""


class SurvivingProcesses(Exception):
    """Some processes could not be killed."""

    def __init__(self, pids: Collection[int]) -> None:
        super().__init__(f"processes that could not be killed: {', '.join(map(str, sorted(pids)))}")
        self.pids = tuple(sorted(pids))


class Owner:
    """A server as the owner of its process trees, the same one over all its lives."""

    def __init__(self, number: int, temporary: Path) -> None:
        """``temporary`` is where each tree gets a folder for its temporary files."""
        self.marks = range(number * _TREES, (number + 1) * _TREES)
        self._temporary = temporary
        self.prefix = f"agent-runtime-{number:x}-"
        """Of the names of all folders for temporary files; they are where those of trees are, or in ``SHORT``."""
        self._count = count()

    @classmethod
    def of(cls, file: Path, temporary: Path | None = None) -> Owner:
        """The owner whose number the file keeps, made if it is not there. For whoever holds the state directory.

        Temporary files go where those of this process go, unless another folder is given.
        """
        temporary = temporary or Path(tempfile.gettempdir())
        with suppress(FileNotFoundError):
            return cls(int(file.read_text()), temporary)
        number = _fresh_number()
        part = file.with_name(f"{file.name}.part")
        part.write_text(str(number))
        part.replace(file)
        return cls(number, temporary)

    def mark(self) -> int:
        """The mark of the next tree."""
        return self.marks[next(self._count) % _TREES]

    def folder(self) -> Path:
        """A new folder for the temporary files of one tree."""
        return Path(tempfile.mkdtemp(prefix=self.prefix, dir=self._temporary))

    def folders(self) -> Iterator[Path]:
        """All folders for temporary files."""
        for parent in {self._temporary, SHORT}:
            yield from parent.glob(f"{self.prefix}*")


async def reap_leftovers(owner: Owner) -> Sequence[int]:
    """Kill what is left of an owner's earlier life, and remove its temporary files; the ids of what was killed.

    For the start of a server, before it starts anything. Raises SurvivingProcesses.
    """
    return await asyncio.to_thread(_reap, owner)


def _reap(owner: Owner) -> Sequence[int]:
    killed, survivors = kill_marked(owner.marks)
    if survivors:
        raise SurvivingProcesses(survivors)
    for folder in owner.folders():
        shutil.rmtree(folder, ignore_errors=True)
    return killed


def kill_marked(marks: range) -> tuple[Sequence[int], Sequence[int]]:
    """Kill all processes that carry one of the marks: those that are gone now, and those that would not die."""
    killed: set[int] = set()
    deadline = time.monotonic() + SWEEP_SECONDS
    while found := _carriers(marks):
        if time.monotonic() > deadline:
            break
        for number in (SIGSTOP, SIGKILL):  # what is stopped cannot fork while the others are killed
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        killed.update(found)
        time.sleep(RECHECK_SECONDS)
    return sorted(killed.difference(found)), sorted(found)


def _carriers(marks: range) -> list[int]:
    """Live processes with one of the marks."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                limits = (entry / "limits").read_bytes()
                *_, hard, _unit = limits[limits.find(b"Max file locks") :].partition(b"\n")[0].split() or (b"", b"")
                if hard.isdigit() and int(hard) in marks and not _has_ended(entry):
                    found.append(int(entry.name))
    return found


def _has_ended(process: Path) -> bool:
    """Whether it is dead and only waits for its parent, which may never look: the first process of a container seldom
    does. A zombie with threads is a process whose first thread alone has ended."""
    stat = (process / "stat").read_bytes()
    state, *fields = stat[stat.rindex(b")") + 2 :].split()
    return state in b"ZX" and int(fields[16]) <= 1


def _fresh_number() -> int:
    """One that nobody else has, and whose marks this process may set as limits."""
    hard = resource.getrlimit(RLIMIT_LOCKS)[1]
    beyond = (_BEYOND if hard == resource.RLIM_INFINITY else hard) // _TREES
    return beyond - 1 - secrets.randbelow(beyond // 2)
