"""OpenCode's events as facts: what the agent says, the tools it calls, what its sub-agents do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_runtime_server.adapters.opencode.bounded import MAIN_ARGUMENTS, bounded_arguments, main_argument, shortened
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, LogEntry, LogLevel, LogSource

MERGE_SECONDS = 0.1
"""How long a piece of text waits for more."""
MERGE_CHARACTERS = 64 << 10
MAX_WORD = 256
"""A word that is not complete waits for its end up to so many characters: no secret is cut in two, and so missed."""
MAX_TITLE = 200
MAX_LOG = 1000
INVALID_TOOL = "invalid"
"""What OpenCode calls in place of a tool that is not there, or whose arguments make no sense."""
_TITLES = ("intent", "description", *MAIN_ARGUMENTS)
"""Arguments that make a title, for calls that have none: agents say with them what they are about to do."""
_NOT_ALLOWED = ("The user has specified a rule which prevents", "The user rejected permission")
"""How the error of a call begins that the configuration or a person does not allow; the latter also when the answer was
for another call of the same step."""

Part = Mapping[str, Any]


@dataclass(slots=True)
class _Text:
    """A part of a message as far as it has come."""

    reasoning: bool
    taken: int = 0
    """Characters that have come."""
    deaf: bool = False
    """Whether some of it was missed: the rest is taken when it has come to its end."""
    waiting: str = ""
    """The last of them, which are not told yet."""


class Translation:
    """The events of one prompt's session, and of those that its sub-agents have."""

    def __init__(self, agent: str, emit: Callable[[Fact], None], now: Callable[[], float]) -> None:
        """``agent`` is who speaks; ``now`` is a clock in seconds."""
        self._agent = agent
        self._emit = emit
        self._now = now
        self.root = ""
        """The workspace as OpenCode sees it: titles of tool calls leave it out."""
        self._said: dict[str, _Text] = {}
        self._ended: set[str] = set()
        """Parts that have come to their end."""
        self._running: dict[str, ToolCall] = {}
        """Tool calls by their parts."""
        self._denied: set[str] = set()
        self._flush_at: float | None = None

    @property
    def due(self) -> float | None:
        """When to call ``flush``; None while no text waits."""
        return self._flush_at

    def delta(self, part_id: str, text: str) -> None:
        """A piece of a text that ``part`` has announced."""
        said = self._said.get(part_id)
        if said is not None and not said.deaf:
            self._take(part_id, said, text)

    def part(self, part: Part) -> None:
        """A part of an answer as it stands now; said again, it is told once."""
        part_id = str(part.get("id", ""))
        if part_id in self._ended:
            return
        match part.get("type"):
            case "text" | "reasoning" as kind if not part.get("synthetic"):
                self._text(part_id, part, kind == "reasoning")
            case "tool":
                self._tool(part_id, part)

    def sub_agent(self, part: Part) -> None:
        """A part of a sub-agent's answer: its tools are told in the log."""
        state = part.get("state") or {}
        part_id = str(part.get("id", ""))
        if part.get("type") == "tool" and state.get("status") in ("completed", "error") and part_id not in self._ended:
            self._ended.add(part_id)
            self.log(LogLevel.INFO, f"sub-agent: {part.get('tool')} {state.get('title') or ''} {state['status']}")

    def log(self, level: LogLevel, text: str) -> None:
        """A line about the agent."""
        self._emit(LogEntry(datetime.now(UTC), level, LogSource.AGENT, shortened(text.strip(), MAX_LOG)))

    def flush(self, *, whole: bool = False) -> None:
        """Tell the text that waits; unless it is whole, but for a word that may still be going on."""
        self._flush_at = None
        for part_id, said in self._said.items():
            self._tell(part_id, said, whole)

    def missed(self) -> None:
        """Some events were not heard."""
        for said in self._said.values():
            said.deaf = True

    def settle(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """At the end of the turn, or when events may have been missed: take in the whole conversation."""
        for message in messages:
            if (message.get("info") or {}).get("role") == "assistant":
                for part in message.get("parts") or ():
                    self.part(part)

    def denied(self, call_id: str) -> None:
        """A person or a rule did not allow a tool call."""
        self._denied.add(call_id)

    def close(self, why: str) -> None:
        """Nothing more will come: texts end here, and tool calls that still run have failed."""
        for part_id, said in list(self._said.items()):
            self._end_text(part_id, said)
        for call in self._running.values():
            self._emit(replace(call, state=self._failed(call.call_id), output=why))
        self._ended.update(self._running)
        self._running.clear()
        self._flush_at = None

    def _text(self, part_id: str, part: Part, reasoning: bool) -> None:
        said = self._said.setdefault(part_id, _Text(reasoning))
        ended = (part.get("time") or {}).get("end")
        if ended or not said.deaf:
            self._take(part_id, said, str(part.get("text") or "")[said.taken :])
        if ended:
            self._end_text(part_id, said)

    def _take(self, part_id: str, said: _Text, text: str) -> None:
        if not text:
            return
        said.taken += len(text)
        said.waiting += text
        if len(said.waiting) >= MERGE_CHARACTERS:
            self._tell(part_id, said, whole=False)
        if self._flush_at is None:
            self._flush_at = self._now() + MERGE_SECONDS

    def _tell(self, part_id: str, said: _Text, whole: bool) -> None:
        text, said.waiting = (said.waiting, "") if whole else _at_last_word(said.waiting)
        for start in range(0, len(text), MERGE_CHARACTERS):
            piece = text[start : start + MERGE_CHARACTERS]
            self._emit(AgentMessage(part_id, self._agent, piece, said.reasoning))

    def _end_text(self, part_id: str, said: _Text) -> None:
        del self._said[part_id]
        self._ended.add(part_id)
        if said.taken:
            self._emit(AgentMessage(part_id, self._agent, said.waiting, said.reasoning, final=True))

    def _tool(self, part_id: str, part: Part) -> None:
        state = part.get("state") or {}
        call_id, tool = str(part.get("callID", "")), str(part.get("tool", ""))
        arguments = state.get("input") or {}
        invalid = tool == INVALID_TOOL
        if invalid:
            tool = str(arguments.get("tool") or tool)
        title = self._title(state.get("title") or main_argument(arguments, _TITLES) or tool)
        call = ToolCall(call_id, tool, ToolCallState.STARTED, title, bounded_arguments(arguments))
        match state.get("status"):
            case "running" if part_id not in self._running:
                self.flush(whole=True)  # what was said before the call is told before it
                self._running[part_id] = call
                self._emit(call)
            case "completed" | "error" as status:
                self._ended.add(part_id)
                self._running.pop(part_id, None)
                output = shortened(str(state.get("output" if status == "completed" else "error") or ""))
                ended = self._failed(call_id, output) if invalid or status == "error" else ToolCallState.SUCCEEDED
                self._emit(replace(call, state=ended, output=output, duration=_duration(state.get("time"))))

    def _failed(self, call_id: str, error: str = "") -> ToolCallState:
        denied = call_id in self._denied or error.startswith(_NOT_ALLOWED)
        return ToolCallState.DENIED if denied else ToolCallState.FAILED

    def _title(self, title: object) -> str:
        text = str(title)
        if self.root:
            text = text.replace(f"{self.root}/", "").replace(f"{self.root.strip('/')}/", "")
        return shortened(text, MAX_TITLE)


def _at_last_word(text: str) -> tuple[str, str]:
    """A text but for its last word, if that is not too long; and that."""
    at = max(text.rfind(space) for space in " \n\t") + 1
    return (text[:at], text[at:]) if len(text) - at <= MAX_WORD else (text, "")


def _duration(time: object) -> timedelta | None:
    """Of a part's ``time``: milliseconds."""
    match time:
        case {"start": int() | float() as start, "end": int() | float() as end} if end >= start:
            return timedelta(milliseconds=end - start)
    return None
