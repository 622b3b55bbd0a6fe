"""What OpenCode's events say of a prompt: how far it is, whether it must be stopped, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.adapters.opencode.failures import OVERFLOW, failure_of
from agent_runtime_server.adapters.opencode.translate import Translation
from agent_runtime_server.adapters.opencode.watchdogs import Watch
from agent_runtime_server.domain.event import LogLevel
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import ModelAccess

MAX_OVERFLOWS = 3
"""How often a conversation may become too long for the model: OpenCode would summarise it for ever."""
MAX_ERROR = 500
_VAGUE = (FailureReason.AGENT_ERROR, FailureReason.MODEL_PROVIDER)
"""Failures of which the gateway may know more."""

Json = Mapping[str, Any]


class Course:
    """The course of one prompt; its events become facts on the way."""

    def __init__(
        self, translation: Translation, watch: Watch, access: ModelAccess, *, max_turns: int, max_retries: int
    ) -> None:
        """``max_turns`` bounds calls of the model, ``max_retries`` those of one call."""
        self._translation = translation
        self._watch = watch
        self._access = access
        self._max_turns = max_turns
        self._max_retries = max_retries
        self._answers: set[str] = set()
        """Ids of the agent's messages; each is a call of its model."""
        self._error: Json | None = None
        self._overflows = 0
        self.session = ""
        """The prompt's own; empty until there is one."""
        self.sessions: set[str] = set()
        """That, and those of sub-agents."""
        self.idle = False
        """Whether OpenCode has nothing more to do."""
        self.failure: Failure | None = None
        """Why it must be stopped."""
        self.out_of_turns: Failure | None = None
        """That, if it is for the number of its turns."""

    @property
    def turns(self) -> int:
        """Calls of the model."""
        return min(len(self._answers), self._max_turns)

    def begin(self, session: Json) -> None:
        """The prompt has a session now."""
        self.session = str(session["id"])
        self.sessions.add(self.session)
        self._translation.root = str(session.get("directory") or "")

    def adopt(self, session: Json) -> None:
        """Somebody has a new session: perhaps a sub-agent."""
        if session.get("parentID") in self.sessions:
            self.sessions.add(str(session.get("id")))
            self._translation.log(LogLevel.INFO, f"sub-agent: {session.get('title') or 'started'}")

    def take(self, kind: str, what: Json) -> None:
        """Take in an event of one of the sessions."""
        self._watch.heard()
        main = session_of(what) == self.session
        match kind:
            case "message.updated":
                self._count(what.get("info") or {})
            case "message.part.updated":
                self._part(what.get("part") or {}, main)
            case "message.part.delta" if what.get("field") == "text":
                self._translation.delta(str(what.get("partID")), str(what.get("delta") or ""))
            case "session.status":
                self._status(what.get("status") or {}, main)
            case "session.idle" if main:
                self.idle = True
            case "session.error" if main:
                self._err(what.get("error") or {})
            case "session.compacted":
                self._translation.log(LogLevel.INFO, "the conversation became too long and was summarised")

    def catch_up(self, messages: Sequence[Json]) -> None:
        """Events were missed: take in what there is now instead."""
        self._translation.missed()
        for message in messages:
            self._count(message.get("info") or {})
            for part in message.get("parts") or ():
                self._part(part, main=True)

    def stop(self, why: str, reason: FailureReason = FailureReason.AGENT_ERROR) -> None:
        """It must not go on; another try may do better."""
        self.failure = Failure(reason, shortened(why, MAX_ERROR), retryable=True)

    def end(self, messages: Sequence[Json]) -> Failure | None:
        """It is over, with this conversation: why it has failed, if it has."""
        answers = [info for message in messages if (info := message["info"]).get("role") == "assistant"]
        failure = self.failure
        if failure is None and (error := (answers[-1].get("error") if answers else None) or self._error):
            failure = failure_of(error)
        if failure is not None and failure.reason in _VAGUE:
            failure = self._access.failure or failure
        return failure

    def _count(self, message: Json) -> None:
        if message.get("role") != "assistant" or message.get("id") in self._answers:
            return
        self._answers.add(str(message.get("id")))
        self._error = None  # it goes on after an error: with a summary of a conversation that was too long
        if len(self._answers) > self._max_turns:
            text = f"the agent was stopped at its limit of {self._max_turns} model calls (max_turns)"
            self.failure = self.out_of_turns = Failure(FailureReason.AGENT_ERROR, text)

    def _part(self, part: Json, main: bool) -> None:
        if part.get("messageID") not in self._answers:
            return  # the prompt itself
        if part.get("type") == "tool":
            call_id = str(part.get("callID"))
            match (part.get("state") or {}).get("status"):
                case "running":
                    self._watch.tool_started(call_id, str(part.get("tool")))
                case "completed" | "error":
                    self._watch.tool_ended(call_id)
        if main:
            self._translation.part(part)
        else:
            self._translation.sub_agent(part)

    def _status(self, status: Json, main: bool) -> None:
        match status.get("type"):
            case "idle" if main:
                self.idle = True
            case "retry":
                attempt, message = int(status.get("attempt") or 0), str(status.get("message") or "")
                self._translation.log(LogLevel.WARNING, f"the model's call failed, attempt {attempt}: {message}")
                # What the gateway has given up for good, it has tried often enough.
                if attempt >= self._max_retries or self._access.failure is not None:
                    self.stop(f"the model's call failed {attempt} times: {message}", FailureReason.MODEL_PROVIDER)

    def _err(self, error: Json) -> None:
        self._error = error
        self._overflows += error.get("name") == OVERFLOW
        if self._overflows >= MAX_OVERFLOWS:
            self.failure = failure_of(error)


def session_of(what: Json) -> str:
    """The session that an event is about; empty for none."""
    inner = what.get("info") or what.get("part") or {}
    return str(what.get("sessionID") or inner.get("sessionID") or "")
