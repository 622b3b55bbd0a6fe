"""OpenCode's HTTP interface, as far as it is used: every call has a deadline, every answer a bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.redaction import Redactor

if TYPE_CHECKING:
    import httpx

USER = "opencode"
STREAM_SILENCE_SECONDS = 60.0
"""A stream of events that carries nothing for so long, not even a heartbeat, is opened again."""
MAX_EVENT_BYTES = 16 << 20
MAX_ANSWER_BYTES = 64 << 20
MAX_ERROR_CHARACTERS = 500
_DATA = "data:"
"""What an event's line begins with: it is a single one, for it is JSON."""

Json = Mapping[str, Any]


class ApiError(Exception):
    """OpenCode did not do what it was asked; the message is bounded."""


class NotThere(ApiError):
    """What was named is not there, or not any more."""


class Api:
    """One OpenCode server. Raises ApiError, from every method."""

    def __init__(self, client: httpx.AsyncClient, bounds: Watchdogs, redactor: Redactor) -> None:
        self._client = client
        self._bounds = bounds
        self._redactor = redactor

    async def check_health(self) -> None:
        """See whether it serves, and us."""
        await self._call("GET", "/global/health")

    async def mcp_problems(self) -> Sequence[str]:
        """Wait until the MCP servers have started, and say which of them cannot be used."""
        states = await self._call("GET", "/mcp", seconds=self._bounds.start_seconds)
        return [
            f"{name}: {state.get('error') or state.get('status')}"
            for name, state in states.items()
            if state.get("status") not in ("connected", "disabled")
        ]

    async def create_session(self, title: str) -> Json:
        """A new session."""
        session: Json = await self._call("POST", "/session", {"title": title})
        return session

    async def prompt(self, session_id: str, agent: str, text: str) -> None:
        """Give an agent something to do; what it does, the events tell."""
        parts = [{"type": "text", "text": text}]
        await self._call("POST", f"/session/{session_id}/prompt_async", {"agent": agent, "parts": parts})

    async def abort(self, session_id: str) -> None:
        """Stop what is going on in a session. Its MCP servers go on."""
        await self._call("POST", f"/session/{session_id}/abort")

    async def busy(self, session_id: str) -> bool:
        """Whether something is going on in it."""
        states = await self._call("GET", "/session/status")
        return bool(states.get(session_id, {}).get("type", "idle") != "idle")

    async def messages(self, session_id: str) -> Sequence[Json]:
        """The whole conversation: messages as ``info`` and ``parts``."""
        messages: Sequence[Json] = await self._call("GET", f"/session/{session_id}/message")
        return messages

    async def permissions(self) -> Sequence[Json]:
        """Permissions that OpenCode waits for, as in the event ``permission.asked``."""
        permissions: Sequence[Json] = await self._call("GET", "/permission")
        return permissions

    async def reply_permission(self, permission_id: str, reply: str, message: str = "") -> None:
        """``reply`` is "once", "always" or "reject". The turn ends with a rejection that has no message."""
        body = {"reply": reply, "message": message} if message else {"reply": reply}
        await self._answer(f"/permission/{permission_id}/reply", body)

    async def questions(self) -> Sequence[Json]:
        """Questions that OpenCode waits for, as in the event ``question.asked``."""
        questions: Sequence[Json] = await self._call("GET", "/question")
        return questions

    async def answer_question(self, question_id: str, answers: Sequence[Sequence[str]]) -> None:
        """Answer each part of a question."""
        await self._answer(f"/question/{question_id}/reply", {"answers": answers})

    async def events(self) -> AsyncIterator[Json]:
        """Events from now on, with their ``type`` and ``properties``, until the stream breaks. Nothing is ever sent
        again: the first one, ``server.connected``, is the sign that nothing is missed from here on."""
        import httpx

        try:
            timeout = httpx.Timeout(self._bounds.call_seconds, read=STREAM_SILENCE_SECONDS)
            async with self._client.stream("GET", "/event", timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise ApiError(f"OpenCode answered {answer.status_code} to GET /event")
                async for line in _lines(answer.aiter_raw()):
                    if line.startswith(_DATA):
                        event = json.loads(self._redactor.redact(line.removeprefix(_DATA)))
                        if isinstance(event, dict):
                            yield event
        except (httpx.HTTPError, ValueError) as error:
            raise ApiError(_bounded(f"the events of OpenCode broke off: {error!r}")) from error

    async def _answer(self, path: str, body: Json) -> None:
        # One answer may have settled several calls: then OpenCode does not wait for this one any more.
        with suppress(NotThere):
            await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: Json | None = None, *, seconds: float = 0) -> Any:
        import httpx

        seconds = seconds or self._bounds.call_seconds
        try:
            async with asyncio.timeout(seconds), self._client.stream(method, path, json=body) as answer:
                content = bytearray()
                async for chunk in answer.aiter_raw():
                    content += chunk
                    if len(content) > MAX_ANSWER_BYTES:
                        raise ApiError(f"OpenCode answered more than {MAX_ANSWER_BYTES} bytes to {method} {path}")
            said = self._redactor.redact(content.decode(errors="replace"))
            if answer.is_success:
                return json.loads(said) if said else None
        except TimeoutError as error:
            raise ApiError(f"OpenCode did not answer {method} {path} within {seconds:g} seconds") from error
        except (httpx.HTTPError, ValueError) as error:
            raise ApiError(_bounded(f"OpenCode did not answer {method} {path}: {error!r}")) from error
        kind = NotThere if answer.status_code == httpx.codes.NOT_FOUND else ApiError
        raise kind(_bounded(f"OpenCode answered {answer.status_code} to {method} {path}: {said}"))


@asynccontextmanager
async def connected(base_url: str, password: str, bounds: Watchdogs, redactor: Redactor) -> AsyncIterator[Api]:
    """The interface of a server. What it says goes through the redactor: an agent can print its environment."""
    import httpx

    async with httpx.AsyncClient(
        base_url=base_url,
        auth=httpx.BasicAuth(USER, password),
        headers={"accept-encoding": "identity"},
        timeout=None,  # noqa: S113 - each call has a deadline of its own
        trust_env=False,
    ) as client:
        yield Api(client, bounds, redactor)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines of a stream; raises ValueError for one that is too long."""
    held = bytearray()
    async for chunk in chunks:
        *ends, start = chunk.split(b"\n")
        for end in ends:
            held += end
            yield held.decode(errors="replace").removesuffix("\r")
            held.clear()
        held += start
        if len(held) > MAX_EVENT_BYTES:
            raise ValueError(f"an event of more than {MAX_EVENT_BYTES} bytes")


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARACTERS else f"{text[:MAX_ERROR_CHARACTERS]}…"
