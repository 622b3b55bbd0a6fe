"""The recorder of a phase: facts go in at any rate, merged events come out, durable and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent_runtime_server.domain.agent import AgentMessage, ToolCall
from agent_runtime_server.domain.event import (
    Event,
    Fact,
    LinesLost,
    LogChunk,
    LogEntry,
    LogLevel,
    LogSource,
    PhaseChanged,
)
from agent_runtime_server.domain.results import Artifact, Produced, artifact_id
from agent_runtime_server.domain.task import Phase, Progress, Token
from agent_runtime_server.orchestrator.conversation import Messages, RedactBegun, bounded, cut, sound
from agent_runtime_server.orchestrator.merging import CHUNK_CHARACTERS, merged
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Blobs, Clock, Store

_MERGE_SECONDS = 0.1
_PENDING_CHARACTERS = 1024 * 1024
"""Of log lines and of what agents say, that may wait for one merge; lines and pieces beyond are counted and dropped."""
_PIECE_CHARACTERS = 100
"""What a piece counts as besides its text: the pieces of a flood are short."""
_APPEND_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the recorded facts happen."""

    task_id: str
    token: Token
    phase: Phase
    workspace: Path | None
    attempt: int = 0


class Recorder:
    """Gathers facts and appends them: log lines and what agents say merged for at most 100 ms, others at once.
    ``emit`` never blocks and never fails."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        clock: Clock,
        scene: Scene,
        redact: Callable[[Fact], Fact],
        scrub: Callable[[Path], Awaitable[None]] | None = None,
        redact_begun: RedactBegun | None = None,
    ) -> None:
        """``redact`` takes secrets out of facts, ``scrub`` out of files and ``redact_begun`` out of texts that come in
        pieces, where there are any; ``scrub`` raises OSError."""
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._scene = scene
        self._redact = redact
        self._scrub = scrub
        self._messages = Messages(redact, redact_begun or (lambda text: (text, "")))
        self._facts: list[Fact] = []
        self._text_size = 0
        self._dropped = 0
        self._batch = 0
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()
        """Something else than a log line waits: it is written at once."""
        self._ending = False

    def emit(self, fact: Fact) -> None:
        """Take a fact. Newer activity and progress replace older ones that are not written yet."""
        if isinstance(fact, AgentMessage):
            for piece in self._messages.take(fact):
                self._take_text(piece, len(piece.text) + _PIECE_CHARACTERS)
            return
        fact = self._redact(fact)
        if isinstance(fact, LinesLost):
            self._dropped += fact.count
            self._filled.set()
        elif isinstance(fact, LogEntry):
            self._take_text(replace(fact, message=cut(sound(fact.message), CHUNK_CHARACTERS)), len(fact.message))
        else:
            self._take_at_once(bounded(fact) if isinstance(fact, ToolCall) else fact)

    def _take_text(self, fact: LogEntry | AgentMessage, size: int) -> None:
        """Take what comes in floods."""
        if self._text_size + size > _PENDING_CHARACTERS:
            self._dropped += 1
        else:
            self._text_size += size
            self._facts.append(fact)
        self._filled.set()

    def _take_at_once(self, fact: Fact) -> None:
        latest = self._facts[-1] if self._facts else None
        if isinstance(fact, Progress) and isinstance(latest, Progress):
            self._facts.pop()
        elif isinstance(fact, PhaseChanged) and isinstance(latest, PhaseChanged):
            # The phase it came from stays told, though the activity in between is not.
            fact = replace(fact, old=latest.old)
            self._facts.pop()
        self._facts.append(fact)
        self._urgent.set()
        self._filled.set()

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Write what is emitted inside, to the last fact, also when the work is cancelled.

        A fact that cannot be written cancels the work, and its error (Fenced, say) is raised instead.
        """
        writer = asyncio.create_task(self._write_on())
        body = asyncio.current_task()
        assert body is not None, "runs in a task"

        def stop_work(_writer: asyncio.Task[None]) -> None:
            body.cancel()

        writer.add_done_callback(stop_work)
        try:
            yield
        except asyncio.CancelledError:
            if writer.done():
                body.uncancel()
                writer.result()
            raise
        finally:
            writer.remove_done_callback(stop_work)
            for piece in self._messages.left():
                self._take_text(piece, 0)
            self._ending = True
            self._filled.set()
            self._urgent.set()
            await to_the_end(writer)

    async def _write_on(self) -> None:
        while self._facts or self._dropped or not self._ending:
            await self._filled.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_MERGE_SECONDS):
                    await self._urgent.wait()
            await self._flush()

    async def _flush(self) -> None:
        facts, self._facts = self._facts, []
        dropped, self._dropped = self._dropped, 0
        self._text_size = 0
        if not self._ending:
            self._filled.clear()
            self._urgent.clear()
        events = [self._event(await self._keep(fact) if isinstance(fact, Produced) else fact) for fact in merged(facts)]
        if dropped:
            events.append(self._event(LogChunk((), dropped)))
        for start in range(0, len(events), _APPEND_EVENTS):
            self._batch += 1
            chunk = events[start : start + _APPEND_EVENTS]
            await self._store.append(self._scene.task_id, self._scene.token, self._batch, chunk)

    async def _keep(self, produced: Produced) -> Artifact | LogChunk:
        assert self._scene.workspace is not None, "files are produced in a workspace"
        source = self._scene.workspace / produced.path
        try:
            if not await asyncio.to_thread(_is_inside, source, self._scene.workspace):
                return self._not_kept(produced.path, "it is outside the workspace")
            if self._scrub is not None:
                await self._scrub(source)
            ref = await self._blobs.put(source)
        except OSError as problem:
            return self._not_kept(produced.path, problem.strerror or str(problem) or type(problem).__name__)
        return Artifact(
            id=artifact_id(self._scene.task_id, produced.path),
            kind=produced.kind,
            path=produced.path,
            media_type=produced.media_type,
            size_bytes=ref.size_bytes,
            sha256=ref.sha256,
            create_time=self._clock.now(),
            test_id=produced.test_id,
            round=produced.round,
            retry=produced.retry,
        )

    def _not_kept(self, path: str, why: str) -> LogChunk:
        text = f"{path} is not kept as an artifact: {why}"
        return LogChunk((LogEntry(self._clock.now(), LogLevel.WARNING, LogSource.RUNTIME, text),))

    def _event(self, payload: LogChunk | Artifact | Fact) -> Event:
        assert not isinstance(payload, LogEntry | LinesLost | Produced), "merged, counted or kept before"
        return Event(self._scene.task_id, self._clock.now(), payload, self._scene.phase, self._scene.attempt)


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
