"""Retention: what is old goes, readers are told, and what is in use stays."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.faults import ArtifactNotFound, SessionNotFound, TaskNotFound
from agent_runtime_server.domain.results import Artifact, ArtifactKind
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.orchestrator.retention import Keeping, Retention
from agent_runtime_server.orchestrator.tasks import Expiration, TaskChange
from agent_runtime_server.testing.clock import ManualClock
from tests.orchestrator.house import NEW, House
from tests.orchestrator.support import NOW

DAY = timedelta(days=1)
KEEPING = Keeping(events=2 * DAY, artifacts=3 * DAY, sessions=10 * DAY)


class Attic(House):
    """A house whose clock is held, with one finished task that has left something."""

    def __init__(self, folder: Path) -> None:
        self.now = ManualClock(NOW)
        super().__init__(folder, clock=self.now)
        self.folder = folder
        self.retention = Retention(self.store, self.blobs, self.workspaces, self.sessions, self.clock, KEEPING)

    async def leave(self) -> tuple[Task, Artifact]:
        task, _ = await self.tasks.create(replace(NEW, ttl=5 * DAY), None)
        self.dispatcher.cancel(task.id, timedelta())
        await self.executor.start(task.id)
        workspace = await self.workspaces.prepare(task.id)
        file = workspace / "artifacts" / "video.webm"
        file.write_bytes(task.id.encode())
        ref = await self.blobs.put(file)
        artifact = Artifact("v", ArtifactKind.VIDEO, "video.webm", "video/webm", ref.size_bytes, ref.sha256, NOW)
        await self.store.append(task.id, Token(1, 0), 1, [Event(task.id, NOW, artifact)])
        done, _ = await self.tasks.cancel(task.id, "")
        return done, artifact


async def test_events_then_artifacts_then_the_task_then_its_session_go(tmp_path: Path) -> None:
    attic = Attic(tmp_path)
    task, artifact = await attic.leave()
    running, _ = await attic.tasks.create(NEW, None)

    attic.now.advance(DAY)
    await attic.retention.clean_up()
    assert (await attic.store.read(task.id, 0, 1)).kept_from == 1

    attic.now.advance(1.5 * DAY)
    await attic.retention.clean_up()
    batch = await attic.store.read(task.id, 0, 1)
    assert (batch.framed, batch.kept_from, batch.head) == (b"", task.sequence + 1, task.sequence)
    assert await attic.store.artifact(task.id, artifact.id) == artifact

    attic.now.advance(DAY)
    await attic.retention.clean_up()
    with pytest.raises(ArtifactNotFound):
        await attic.store.artifact(task.id, artifact.id)
    assert await attic.store.get(task.id) == task

    attic.now.advance(2 * DAY)
    await attic.retention.clean_up()
    with pytest.raises(TaskNotFound):
        await attic.store.get(task.id)
    assert (await attic.store.session(task.id)).id == task.id
    assert (tmp_path / task.id).exists()

    attic.now.advance(10 * DAY)
    await attic.retention.clean_up()
    with pytest.raises(SessionNotFound):
        await attic.store.session(task.id)
    assert not (tmp_path / task.id).exists()
    assert (await attic.store.get(running.id)).id == running.id, "what is not done stays"
    assert (await attic.store.session(running.id)).id == running.id


async def test_zero_keeps_for_ever(tmp_path: Path) -> None:
    attic = Attic(tmp_path)
    task, artifact = await attic.leave()
    for_ever = Keeping(events=timedelta(), artifacts=timedelta(), sessions=timedelta())
    await attic.tasks.update(task.id, TaskChange(expiration=Expiration(ttl=2000 * DAY)))
    attic.now.advance(1000 * DAY)
    await Retention(attic.store, attic.blobs, attic.workspaces, attic.sessions, attic.clock, for_ever).clean_up()
    assert (await attic.store.read(task.id, 0, 1)).kept_from == 1
    assert await attic.store.artifact(task.id, artifact.id) == artifact
    assert (await attic.store.session(task.id)).id == task.id
