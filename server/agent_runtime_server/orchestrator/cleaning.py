"""Secrets taken out of what is written beside runs: a suite may put its files anywhere in its session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from agent_runtime_server.ports import Workspaces

_FILE_CLOCK = timedelta(seconds=0.05)
"""File systems count time in steps: a file may look older than it is by so much."""


async def clean(
    workspaces: Workspaces, session_id: str, since: datetime, scrub: Callable[[Path], Awaitable[None]]
) -> Sequence[tuple[Path, str]]:
    """Scrub the files of a session that were changed since a moment; those that may still hold a secret, and why."""
    left = []
    for path in await workspaces.changed(session_id, since - _FILE_CLOCK):
        try:
            await scrub(path)
        except FileNotFoundError:
            continue  # gone since
        except OSError as problem:
            left.append((path, problem.strerror or str(problem)))
    return left
