"""One prompt, from its sending to its end, whatever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.api import Api, ApiError
from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.adapters.opencode.course import Course, session_of
from agent_runtime_server.adapters.opencode.failures import died
from agent_runtime_server.adapters.opencode.questions import Answered, pass_on, put
from agent_runtime_server.adapters.opencode.transcript import append_transcript
from agent_runtime_server.adapters.opencode.translate import Translation
from agent_runtime_server.adapters.opencode.watchdogs import Watch, Watchdogs, WatchedMeter
from agent_runtime_server.adapters.processes import Exit
from agent_runtime_server.domain.agent import AgentMessage
from agent_runtime_server.domain.event import Fact, FileChanged
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Ask, Emit, ModelAccess

GRACE_SECONDS = 0.5
"""How long a turn that is cancelled may take to end in good order."""
STOP_SECONDS = 5.0
"""The same for one that must not go on: OpenCode may be stuck."""
DEATH_SECONDS = 2.0
"""When a call fails: how long it is waited for the news that the process has died."""
RECONNECT_SECONDS = 0.2
TICK_SECONDS = 1.0
"""How often the watchdogs are looked at: people can be asked without the turn."""
INBOX = 64
"""Events that wait to be taken in; then OpenCode waits."""
MAX_TEXT = 64 << 10
"""Characters of an answer."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something for an agent to do, in a conversation of its own."""

    agent: str
    """Its name in OpenCode's configuration."""
    title: str
    text: str
    max_turns: int = 100
    """Most calls of the model."""
    transcript: str = ""
    """Path of the file in the workspace that the conversation is appended to; empty for none."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a prompt ended."""

    text: str
    """The agent's last answer."""
    failure: Failure | None = None
    turns: int = 0
    """Calls of the model, retries not counted."""
    out_of_turns: bool = False
    """Whether the failure is that no more of them were allowed."""


class Agent:
    """An agent's process that takes prompts, one at a time. Made by ``running_agent``."""

    def __init__(
        self,
        api: Api,
        gone: asyncio.Future[Exit],
        access: ModelAccess,
        workspace: Path,
        watchdogs: Watchdogs,
        redactor: Redactor,
    ) -> None:
        self._api = api
        self._gone = gone
        self._access = access
        self._workspace = workspace
        self._watchdogs = watchdogs
        self._redactor = redactor

    @property
    def keys(self) -> tuple[str, ...]:
        """Values of its environment that nobody else is to know."""
        return self._redactor.values

    async def prompt(self, prompt: Prompt, emit: Emit, ask: Ask) -> Said:
        """Have a prompt carried out. Cancelling it aborts the work within ``GRACE_SECONDS``, and tells nothing more.

        After a failure that is retryable the process may be of no use any more.
        """

        def tell(fact: Fact) -> None:
            # A text comes in pieces: a secret may only be seen now that they are together.
            emit(self._redactor.redact_fact(fact) if isinstance(fact, AgentMessage) else fact)

        watch = Watch(self._watchdogs)
        translation = Translation(prompt.agent, tell, asyncio.get_running_loop().time)
        retries = self._watchdogs.max_model_retries
        course = Course(translation, watch, self._access, max_turns=prompt.max_turns, max_retries=retries)
        meter = self._access.meter
        if meter is not None:
            self._access.meter = WatchedMeter(meter, watch)
        try:
            turn = _Turn(self._api, self._gone, self._workspace, course, translation, watch, prompt, tell, ask)
            return await turn.play()
        finally:
            self._access.meter = meter


class _Turn:
    """A prompt that is being carried out."""

    def __init__(
        self,
        api: Api,
        gone: asyncio.Future[Exit],
        workspace: Path,
        course: Course,
        translation: Translation,
        watch: Watch,
        prompt: Prompt,
        emit: Emit,
        ask: Ask,
    ) -> None:
        self._api = api
        self._gone = gone
        self._workspace = workspace
        self._course = course
        self._translation = translation
        self._watch = watch
        self._prompt = prompt
        self._emit = emit
        self._ask = ask
        self._inbox: asyncio.Queue[Json | Exit | Answered | Exception] = asyncio.Queue(INBOX)
        self._asking: dict[str, asyncio.Task[None]] = {}
        """Who waits for an answer to a permission or a question, by its id."""

    async def play(self) -> Said:
        """Send the prompt and follow what comes of it, to its end."""
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._await_death())]
        try:
            await self._follow()
            return await self._settle()
        except asyncio.CancelledError:
            await to_the_end(self._break_off())
            raise
        finally:
            helpers += self._asking.values()
            for helper in helpers:
                helper.cancel()
            await to_the_end(asyncio.wait(helpers))

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        try:
            while True:
                with suppress(ApiError):  # OpenCode is dead, or stuck: both are seen elsewhere
                    async for event in self._api.events():
                        await self._inbox.put(event)
                await asyncio.sleep(RECONNECT_SECONDS)
        except Exception as error:  # the turn's to raise
            await self._inbox.put(error)

    async def _await_death(self) -> None:
        await self._inbox.put(await asyncio.shield(self._gone))

    async def _next(self) -> Json | Exit | Answered | Exception | None:
        """What comes next; None when it is time to look after things."""
        now = asyncio.get_running_loop().time()
        times = (now + TICK_SECONDS, self._watch.deadline, self._translation.due)
        try:
            async with asyncio.timeout_at(min(time for time in times if time is not None)):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _follow(self) -> None:
        """Take in what happens, until OpenCode has nothing more to do, or must not go on."""
        while not self._course.idle and self._course.failure is None:
            try:
                match await self._next():
                    case None:
                        pass
                    case Exit() as ended:
                        self._course.failure = died(ended)
                    case Answered() as answered:
                        await self._pass_on(answered)
                    case Exception() as error:
                        raise error
                    case event:
                        await self._take(str(event.get("type")), event.get("properties") or {})
            except ApiError as error:
                await self._give_up(error)
            self._look_after()

    def _look_after(self) -> None:
        due = self._translation.due
        if due is not None and due <= asyncio.get_running_loop().time():
            self._translation.flush()
        if self._course.failure is None and (complaint := self._watch.complaint):
            self._course.stop(complaint)

    async def _give_up(self, error: ApiError) -> None:
        """A call has failed: most often because the process has died."""
        self._course.stop(str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(DEATH_SECONDS):
                self._course.failure = died(await asyncio.shield(self._gone))

    async def _take(self, kind: str, what: Json) -> None:
        """Take in an event. What is not known does not matter."""
        match kind:
            case "server.connected":
                await (self._catch_up() if self._course.session else self._begin())
            case "session.created":
                self._course.adopt(what.get("info") or {})
            case "mcp.tools.changed":
                await self._check_mcp()
            case "file.edited":
                await self._edited(str(what.get("file", "")))
            case _ if session_of(what) not in self._course.sessions:
                return
            case "permission.asked" | "question.asked":
                self._put(what)
            case "permission.replied" | "question.replied" | "question.rejected":
                self._replied(str(what.get("requestID")))
            case _:
                self._course.take(kind, what)

    async def _begin(self) -> None:
        await self._check_mcp()
        if self._course.failure is None:
            self._course.begin(await self._api.create_session(self._prompt.title))
            await self._api.prompt(self._course.session, self._prompt.agent, self._prompt.text)
            self._watch.heard()

    async def _catch_up(self) -> None:
        session = self._course.session
        self._course.catch_up(await self._api.messages(session))
        for asked in (*await self._api.permissions(), *await self._api.questions()):
            if asked.get("sessionID") in self._course.sessions:
                self._put(asked)
        self._course.idle = not await self._api.busy(session)

    async def _check_mcp(self) -> None:
        """An MCP server that has ended takes its tools with it: the agent could only go on without them."""
        if problems := await self._api.mcp_problems():
            self._course.stop(f"an MCP server of the agent does not work: {'; '.join(problems)}")

    async def _edited(self, path: str) -> None:
        """OpenCode has changed a file; told if it is one of the workspace."""
        root = self._translation.root
        if not root or not PurePosixPath(path).is_relative_to(root):
            return
        within = str(PurePosixPath(path).relative_to(root))
        with suppress(OSError):  # gone again, or nothing that may be read
            size, digest = await asyncio.to_thread(beneath.measure, self._workspace, within)
            self._emit(FileChanged(within, size, digest))

    # --- questions ---------------------------------------------------------------------------------------------------

    def _put(self, asked: Json) -> None:
        """Put a question to whoever answers, and go on meanwhile."""
        asked_id = str(asked.get("id"))
        if asked_id not in self._asking:
            self._watch.person_asked()
            self._asking[asked_id] = asyncio.create_task(self._put_and_wait(asked))

    async def _put_and_wait(self, asked: Json) -> None:
        try:
            outcome: Answered | Exception = await put(asked, self._ask)
        except Exception as error:  # the turn's to raise
            outcome = error
        await self._inbox.put(outcome)

    def _replied(self, asked_id: str) -> None:
        """OpenCode has its answer, perhaps by an earlier one that holds for the whole task."""
        if (waiting := self._asking.get(asked_id)) is not None and not waiting.done():
            waiting.cancel()
            self._watch.person_answered()

    async def _pass_on(self, answered: Answered) -> None:
        self._watch.person_answered()
        if call_id := answered.denied_call:
            self._translation.denied(call_id)
        self._course.failure = answered.failure
        if self._course.failure is None:
            await pass_on(self._api, answered)

    # --- the end -----------------------------------------------------------------------------------------------------

    async def _settle(self) -> Said:
        """Stop what still goes on, and see from the whole conversation what has come of it."""
        stopped, dead = self._course.failure, self._gone.done()
        if stopped is not None:
            self._translation.close(stopped.message)  # first: OpenCode takes some aborted calls for good ones
        messages: Sequence[Json] = ()
        if self._course.session and not dead:
            with suppress(ApiError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS if stopped else None):
                    if stopped is not None:
                        await self._api.abort(self._course.session)
                    messages = await self._api.messages(self._course.session)
        self._translation.settle(messages)
        failure = stopped if dead else self._course.end(messages)
        self._translation.close(failure.message if failure else "it did not come to its end")
        await self._keep(messages)
        out_of_turns = failure is not None and failure is self._course.out_of_turns
        return Said(_last_answer(messages), failure, self._course.turns, out_of_turns)

    async def _break_off(self) -> None:
        """The turn is cancelled: abort the work, and keep what was said."""
        session = self._course.session
        if session and not self._gone.done():
            with suppress(ApiError, TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._api.abort(session)
                    await self._keep(await self._api.messages(session))

    async def _keep(self, messages: Sequence[Json]) -> None:
        if self._prompt.transcript and messages:
            with suppress(OSError):  # the agent may have made something else of the path
                await asyncio.to_thread(
                    append_transcript, self._workspace, self._prompt.transcript, self._prompt.title, messages
                )


def _last_answer(messages: Sequence[Json]) -> str:
    """The text of the agent's last message."""
    for message in reversed(messages):
        if message["info"].get("role") == "assistant":
            texts = (str(part.get("text") or "") for part in message["parts"] if part.get("type") == "text")
            return shortened("".join(texts), MAX_TEXT)
    return ""
