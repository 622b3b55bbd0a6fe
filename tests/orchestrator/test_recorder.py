import asyncio
from pathlib import Path

import pytest

from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.redaction import MASK, Redactor
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Phase
from agent_runtime_server.orchestrator.recorder import Recorder, Scene
from agent_runtime_server.ports import Fenced
from agent_runtime_server.testing.blobs import MemoryBlobs
from agent_runtime_server.testing.codec import decode
from tests.orchestrator.support import NOW, TOKEN, scene
from tests.orchestrator.support import Scene as Stage

CANARY = "canary-3f9c-secret"


def recorder(stage: Stage, folder: Path, *secrets: str) -> Recorder:
    where = Scene("t", TOKEN, Phase.PLANNING, folder)
    redactor = Redactor(secrets)
    return Recorder(
        stage.store,
        MemoryBlobs(),
        stage.clock,
        where,
        redactor.redact_fact,
        redact_begun=redactor.redact_begun,
    )


def log(text: str) -> LogEntry:
    return LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, text)


def says(text: str, message_id: str = "m", *, final: bool = False) -> AgentMessage:
    return AgentMessage(message_id, "planner", text, final=final)


async def told(stage: Stage) -> list[AgentMessage]:
    """The agent's messages, in pieces as they were written."""
    events = decode((await stage.store.read("t", 2, 1 << 24)).framed)
    return [event.as_type(AgentMessage) for event in events if event.kind == "AgentMessage"]  # type: ignore[misc]


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
            await asyncio.wait_for(work(), 60)


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


async def test_pieces_of_a_message_merge_and_keep_their_place(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            for fact in (says("a"), says("b"), FileChanged("x"), says("c"), says("d", "n"), says("", final=True)):
                one.emit(fact)
        assert await kinds(stage) == ["AgentMessage", "FileChanged", *["AgentMessage"] * 3]
        pieces = [(piece.message_id, piece.text, piece.final) for piece in await told(stage)]
        assert pieces == [("m", "ab", False), ("m", "c", False), ("n", "d", False), ("m", "", True)]


async def test_a_long_message_is_several_events(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            one.emit(says("x" * 150_000, final=True))
        pieces = await told(stage)
        assert [(len(piece.text), piece.final) for piece in pieces] == [(65536, False), (65536, False), (18928, True)]


async def test_a_flood_of_pieces_is_counted(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            for number in range(100_000):
                one.emit(says("x", f"{number % 2}"))
        events = decode((await stage.store.read("t", 2, 1 << 28)).framed)
        kept = sum(len(piece.text) for piece in await told(stage))
        assert kept < 11_000
        assert f'"dropped":{100_000 - kept}'.encode() in bytes(events[-1].payload)


@pytest.mark.parametrize("cut", range(1, len(CANARY)))
async def test_a_secret_in_two_pieces_is_masked(tmp_path: Path, cut: int) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path, CANARY)
        async with one.recording():
            one.emit(says(f"it is {CANARY[:cut]}"))
            one.emit(says("something else", "other", final=True))
            one.emit(says(f"{CANARY[cut:]}, it is"))
            one.emit(says("!", final=True))
        text = "".join(piece.text for piece in await told(stage) if piece.message_id == "m")
        assert text == f"it is {MASK}, it is!"


async def test_a_secret_in_pieces_over_time_is_masked_and_the_rest_is_told_meanwhile(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path, CANARY)
        async with one.recording():
            one.emit(says("a long beginning that holds no secret at all, but then " + CANARY[:9]))
            one.emit(FileChanged("x"))
            async with asyncio.timeout(60):
                while not await told(stage):
                    await asyncio.sleep(0)
            (piece,) = await told(stage)
            assert piece.text.startswith("a long beginning")
            assert CANARY[0:3] not in piece.text
            one.emit(says(CANARY[9:]))
        text = "".join(piece.text for piece in await told(stage))
        assert text.endswith(f"but then {MASK}")


async def test_what_is_held_back_is_told_when_the_work_is_cancelled(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path, CANARY)

        async def work() -> None:
            async with one.recording():
                one.emit(says("last wor"))
                one.emit(says("ds"))
                await asyncio.Event().wait()

        running = asyncio.create_task(work())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert "".join(piece.text for piece in await told(stage)) == "last words"


async def test_messages_without_an_end_are_held_back_in_a_bound(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path, CANARY)
        async with one.recording():
            for number in range(150):
                one.emit(says("ab", f"{number}"))
            one.emit(FileChanged("x"))
            async with asyncio.timeout(60):
                while not await told(stage):
                    await asyncio.sleep(0)
            assert len(await told(stage)) == 50
        assert len(await told(stage)) == 150


async def test_half_a_character_waits_for_the_other_half(tmp_path: Path) -> None:
    async with scene() as stage:
        one = recorder(stage, tmp_path)
        async with one.recording():
            for text in ("smile \ud83d", "\ude00 and \ude00"):
                one.emit(says(text))
            one.emit(says("\ud83d", final=True))
        assert "".join(piece.text for piece in await told(stage)) == "smile \U0001f600 and \ufffd\ufffd"


async def test_a_tool_call_is_bounded_and_nothing_but_json(tmp_path: Path) -> None:
    nested: list[object] = []
    for _ in range(100):
        nested = [nested]
    arguments = {
        "good": [1, True, None, 0.5, "text", {"a": ("b",)}],
        "odd": [float("nan"), float("inf"), 10**400, NOW, {1: "\ud800"}],
        "deep": nested,
        "text": f"{CANARY}{'x' * 100_000}",
        **{f"key {number}": number for number in range(100_000)},
    }
    call = ToolCall("c", "bash", ToolCallState.FAILED, "t" * 2000, arguments, f"{'o' * 16370}{CANARY}{'o' * 9999}")
    async with scene() as stage:
        one = recorder(stage, tmp_path, CANARY)
        async with one.recording():
            one.emit(call)
        framed = (await stage.store.read("t", 2, 1 << 24)).framed
        (event,) = decode(framed)
        kept = event.as_type(ToolCall)
        assert isinstance(kept, ToolCall)
        assert len(framed) < 50_000
        assert kept.arguments["good"] == [1, True, None, 0.5, "text", {"a": ["b"]}]
        assert kept.arguments["odd"] == ["nan", "inf", str(10**400), str(NOW), {"1": "\ufffd"}]
        assert str(kept.arguments["text"]).startswith(f"{MASK}xxx")
        assert kept.output.startswith("ooo")
        assert "canary" not in bytes(event.payload).decode()
        assert "characters cut]" in kept.output
        assert "characters cut]" in kept.title
