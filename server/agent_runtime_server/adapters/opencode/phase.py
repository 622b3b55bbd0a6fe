"""One phase of a task as the agent's work: prompts, what is told meanwhile, and what it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.adapters.opencode.plan_file import SEED
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.ports import Ask, Emit, PhaseJob, PhaseReport

MAX_SUMMARY = 8000
"""Characters of an agent's own account of what it did."""
MAX_WORDS = 500
"""Of its last words, where they explain a failure."""
MAX_LISTED = 200
"""Paths that a prompt or a log line may list."""
_MAX_TRANSCRIPTS = 1000


class TakesPrompts(Protocol):
    """An agent's process, whatever way it is driven."""

    async def prompt(self, prompt: Prompt, emit: Emit, ask: Ask) -> Said:
        """Have a prompt carried out, in a conversation of its own."""
        ...


class PhaseWork:
    """What the phases share."""

    def __init__(self, job: PhaseJob, agent: TakesPrompts, emit: Emit, max_turns: int) -> None:
        """``max_turns`` is the most calls of the model in this phase."""
        self.job = job
        self.turns_left = max_turns
        self._agent = agent
        self._emit = emit
        self._files: dict[str, str] = {}
        """Digests of files as they were told of."""
        self._transcript = ""

    def emit(self, fact: Fact) -> None:
        """Tell a fact, and not twice in a row that a file has the same content."""
        if isinstance(fact, FileChanged):
            if self._files.get(fact.path) == fact.sha256:
                return
            self._files[fact.path] = fact.sha256
        self._emit(fact)

    async def prompt(self, agent: str, title: str, text: str) -> Said:
        """Have an agent carry out a prompt, and wait for its end."""
        if not self._transcript:
            self._transcript = await asyncio.to_thread(self._free_path)
        prompt = Prompt(agent, title, text, max(1, self.turns_left), self._transcript)
        said = await self._agent.prompt(prompt, self.emit, self.job.ask)
        self.turns_left -= said.turns
        return said

    async def seed(self) -> str:
        """The test that opens the app; empty when the workspace has none."""
        there = await asyncio.to_thread(beneath.exists, self.job.workspace, SEED)
        return SEED if there else ""

    async def keep_transcript(self) -> None:
        """Make the conversations of this phase an artifact."""
        there = await asyncio.to_thread(beneath.exists, self.job.workspace, self._transcript)
        if there:
            self.emit(Produced(ArtifactKind.TRANSCRIPT, self._transcript, "application/x-ndjson"))

    async def tell_written(self, paths: Sequence[str]) -> None:
        """Tell of files that were written."""
        for path in paths:
            size, digest = await asyncio.to_thread(beneath.measure, self.job.workspace, path)
            self.emit(FileChanged(path, size, digest))

    def tell(self, activity: str) -> None:
        """Say what is being done."""
        self.emit(PhaseChanged(self.job.kind.value, self.job.kind.value, activity))

    def log(self, level: LogLevel, text: str) -> None:
        """A line of the log."""
        self.emit(LogEntry(datetime.now(UTC), level, LogSource.RUNTIME, text))

    def _free_path(self) -> str:
        """Where the transcript goes: artifacts never change, so each phase of each attempt has a file of its own."""
        stem = f"artifacts/transcripts/{self.job.task_id}/{self.job.kind.value.value}"
        names = (f"{stem}{f'-{number}' if number > 1 else ''}.jsonl" for number in range(1, _MAX_TRANSCRIPTS))
        return next((name for name in names if not beneath.exists(self.job.workspace, name)), "")


def last_words(said: Said) -> str:
    """What the agent said at the end, to end a sentence with."""
    words = " ".join(shortened(said.text, MAX_WORDS).split())
    return f"; it said last: {words}" if words else ""


def summary(said: Said) -> str:
    """What the agent said at the end, for people who read the task's result."""
    return shortened(said.text.strip(), MAX_SUMMARY)


def with_failure(report: PhaseReport, failure: Failure) -> PhaseReport:
    """What a phase has brought until it failed."""
    return replace(report, failure=failure)
