import asyncio
from pathlib import Path

import pytest

from agent_runtime_server.domain.event import FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Phase
from agent_runtime_server.orchestrator.recorder import Recorder, Scene
from agent_runtime_server.ports import Fenced
from agent_runtime_server.testing.blobs import MemoryBlobs
from agent_runtime_server.testing.codec import decode
from tests.orchestrator.support import NOW, TOKEN, scene
from tests.orchestrator.support import Scene as Stage


def recorder(stage: Stage, folder: Path) -> Recorder:
    where = Scene("t", TOKEN, Phase.PLANNING, folder)
    return Recorder(stage.store, MemoryBlobs(), stage.clock, where, lambda fact: fact)


def log(text: str) -> LogEntry:
    return LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, text)


async def kinds(stage: Stage) -> list[str]:
    """Kinds of the events after the first two."""
    return [event.kind for event in decode((await stage.store.read("t", 2, 1 << 24)).framed)]


async def test_log_lines_merge_and_keep_their_place_among_other_facts(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            for fact in (log("a"), log("b"), FileChanged("x"), log("c")):
                one.emit(fact)
        assert await kinds(stage) == ["LogChunk", "FileChanged", "LogChunk"]


async def test_newer_activity_replaces_what_is_not_written_yet(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            one.emit(PhaseChanged(Phase.PREPARING, Phase.PLANNING))
            for text in "abc":
                one.emit(PhaseChanged(Phase.PLANNING, Phase.PLANNING, text))
        (event,) = decode((await stage.store.read("t", 2, 1 << 24)).framed)
        assert event.as_type(PhaseChanged) == PhaseChanged(Phase.PREPARING, Phase.PLANNING, "c")
        assert (await stage.store.get("t")).activity == "c"


async def test_a_flood_is_counted_behind_what_was_kept(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            for _ in range(40):
                one.emit(log("x" * 60_000))
        events = decode((await stage.store.read("t", 2, 1 << 24)).framed)
        assert b'"dropped":23' in bytes(events[-1].payload)
        assert len(events) == 10


async def test_the_last_facts_are_written_when_the_work_is_cancelled_twice(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text("plan")
    async with scene() as stage:
        one = recorder(stage, tmp_path)

        async def work() -> None:
            async with one.recording():
                one.emit(log("last words"))
                one.emit(Produced(ArtifactKind.PLAN, "plan.md", "text/markdown"))
                await asyncio.Event().wait()

        running = asyncio.create_task(work())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await kinds(stage) == ["LogChunk", "Artifact"]


async def test_a_fenced_writer_stops_the_work_with_that_error(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        await stage.end()

        async def work() -> None:
            async with one.recording():
                one.emit(log("too late"))
                await asyncio.Event().wait()

        with pytest.raises(Fenced):
            await asyncio.wait_for(work(), 5)


async def test_a_fenced_writer_is_told_of_at_the_end_too(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        await stage.end()
        with pytest.raises(Fenced):
            async with one.recording():
                one.emit(log("too late"))


@pytest.mark.parametrize("path", ["gone.md", "../outside.md", "link/inside.md"])
async def test_what_is_not_there_or_outside_is_a_warning_and_no_artifact(tmp_path: Path, path: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "outside.md").write_text("secret")
    (tmp_path / "inside.md").write_text("secret")
    (workspace / "link").symlink_to(tmp_path)
    async with scene() as stage:
        one = recorder(stage, workspace)
        async with one.recording():
            one.emit(Produced(ArtifactKind.PLAN, path, "text/markdown"))
        assert await kinds(stage) == ["LogChunk"]
        assert not (await stage.store.artifacts("t", 10, "")).items
