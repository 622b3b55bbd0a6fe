"""Getting a workspace ready for agents that must not see passwords: the runtime signs in for them."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

from agent_runtime_server.domain.task import Failure
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.ports import SetUp, SuiteSetUp


class SignedIn:
    """Browser states of tasks that are signed in, in a folder of the server's own. Each is gone with its attempt."""

    def __init__(self, suite: SuiteSetUp, folder: Path) -> None:
        """``folder`` is emptied: what an earlier server has left there is of no use to anybody."""
        self._suite = suite
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self._ready: set[str] = set()

    async def ready(self, stage: Stage) -> Failure | None:
        """Make the workspace ready and sign in, once in an attempt. Why that failed."""
        task = stage.task
        if task.id in self._ready:
            return None
        state = self._path(task.id)
        username = task.spec.sign_in.username if stage.password else ""
        job = SetUp(stage.workspace, task.spec.app_url, username, stage.password, state if username else None)
        failure = await self._suite.set_up(job, stage.emit)
        if failure is None:
            self._ready.add(task.id)
        return failure

    async def state(self, task_id: str) -> Path | None:
        """Where the state of a task's browser lies; None when nobody has signed in."""
        path = self._path(task_id)
        return path if await asyncio.to_thread(path.exists) else None

    async def forget(self, task_id: str) -> None:
        """Remove what is kept for a task."""
        self._ready.discard(task_id)
        with suppress(FileNotFoundError):
            await asyncio.to_thread(os.unlink, self._path(task_id))

    def _path(self, task_id: str) -> Path:
        return self._folder / f"{task_id}.json"
