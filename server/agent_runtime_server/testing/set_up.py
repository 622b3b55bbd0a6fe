"""Making workspaces ready without an app to sign in to."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from agent_runtime_server.domain.event import FileChanged
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import Emit, SetUp

FILES = {
    "playwright.config.ts": "export default { testDir: 'tests' };\n",
    "tests/seed.spec.ts": "import { test } from '@playwright/test';\n\ntest('seed', () => {});\n",
}
STATE = b'{"cookies":[],"origins":[]}'


class ScriptedSetUp:
    """Implements ``ports.SuiteSetUp`` with a few files that are always the same, and a browser without cookies."""

    def __init__(self, password: str | None = None, unreachable: Collection[str] = ()) -> None:
        """``password`` is the only one that opens the app; without one any does. Apps at ``unreachable`` are down."""
        self.jobs: list[SetUp] = []
        self.password = password
        self._unreachable = unreachable

    async def set_up(self, job: SetUp, emit: Emit) -> Failure | None:
        """Remember the job, sign in, and write what is missing."""
        self.jobs.append(job)
        if job.username:
            if job.app_url in self._unreachable:
                return Failure(FailureReason.APP_UNREACHABLE, f"{job.app_url} does not answer")
            if self.password not in (None, job.password):
                return Failure(FailureReason.SIGN_IN_FAILED, "the app did not accept the given credentials")
            if job.storage_state is not None:
                await asyncio.to_thread(_keep, job.storage_state)
        for path in await asyncio.to_thread(_write_missing, job.workspace):
            content = FILES[path].encode()
            emit(FileChanged(path, len(content), hashlib.sha256(content).hexdigest()))
        return None


def _keep(state: Path) -> None:
    with os.fdopen(os.open(state, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(STATE)


def _write_missing(workspace: Path) -> list[str]:
    missing = [] if any(workspace.glob("playwright.config.*")) else [p for p in FILES if not (workspace / p).exists()]
    for path in missing:
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FILES[path])
    return missing
