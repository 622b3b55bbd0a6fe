"""One prompt on a stand-in for OpenCode: what is told, what is asked, and how it ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runtime_server.adapters.opencode import api, turn
from agent_runtime_server.adapters.opencode.process import running_agent
from agent_runtime_server.adapters.opencode.questions import NO, NO_ANSWER, NOBODY
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.ports import Emit
from agent_runtime_server.testing.asking import Answers, Tally
from tests.unit.opencode.stand_in import (
    CONNECTED,
    IDLE,
    SESSION,
    TOKEN,
    Access,
    Json,
    StandIn,
    conversation,
    delta,
    message,
    part,
    tool,
)

PATIENT = Watchdogs(start_seconds=60, call_seconds=60, silence_seconds=60, tool_seconds=60)
PROMPT = Prompt("custom", "A title", "Do it")
MESSAGES = f"/session/{SESSION}/message"
ABORT = f"/session/{SESSION}/abort"
ASKED = message("msg_1", "user"), part("prt_1", "msg_1", "text", text="Do it")
SAID = part("prt_2", "msg_2", "text", text="It is done.", time={"start": 1, "end": 2})


class Played:
    """A prompt that was carried out on a stand-in."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.said = Said("")

    @property
    def failure(self) -> Failure:
        assert self.said.failure is not None
        return self.said.failure

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def text(self) -> str:
        return "".join(fact.text for fact in self.of(AgentMessage))


async def play(
    cell: StandIn,
    prompt: Prompt = PROMPT,
    *,
    watchdogs: Watchdogs = PATIENT,
    answers: Answers | None = None,
    access: Access | None = None,
    tell: Emit = lambda _: None,
) -> Played:
    played = Played()

    def emit(fact: Fact) -> None:
        played.facts.append(fact)
        tell(fact)

    async with running_agent(cell, access or Access(), cell.cwd, watchdogs=watchdogs) as agent:
        played.said = await agent.prompt(prompt, emit, answers or Answers())
    return played


def status(kind: str, **more: Any) -> Json:
    return {"type": "session.status", "properties": {"sessionID": SESSION, "status": {"type": kind, **more}}}


def failed(name: str, **data: Any) -> list[Json]:
    """The events of a turn that ends with an error."""
    error = {"name": name, "data": data}
    return [message("msg_2", error=error), {"type": "session.error", "properties": {"sessionID": SESSION}}, IDLE, IDLE]


async def test_a_prompt_is_sent_and_its_answer_comes_back(tmp_path: Path) -> None:
    events = [*ASKED, message("msg_2"), SAID]
    cell = StandIn(tmp_path, [[CONNECTED, *events, IDLE]], {MESSAGES: conversation(*events)})
    played = await play(cell, replace(PROMPT, transcript="artifacts/transcript-1.jsonl"))
    assert played.said == Said("It is done.", None, 1)
    assert played.facts == [AgentMessage("prt_2", "custom", "It is done.", final=True)]
    assert cell.posts == [
        ["/session", {"title": "A title"}],
        [f"/session/{SESSION}/prompt_async", {"agent": "custom", "parts": [{"type": "text", "text": "Do it"}]}],
    ]
    lines = (tmp_path / "artifacts" / "transcript-1.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"conversation": "A title"}, *conversation(*events)]


async def test_what_was_missed_while_the_stream_was_cut_is_made_up_for(tmp_path: Path) -> None:
    begun = part("prt_2", "msg_2", "text", text="", time={"start": 1})
    said = part("prt_2", "msg_2", "text", text="one two three", time={"start": 1, "end": 2})
    late = tool("prt_3", "msg_2", "bash", "completed", input={}, output="out", time={"start": 5, "end": 2005})
    question = {"id": "per_1", "sessionID": SESSION, "permission": "edit", "patterns": ["a.ts"]}
    before = [CONNECTED, *ASKED, message("msg_2"), begun, delta("prt_2", "msg_2", "one ")]
    after = [CONNECTED, delta("prt_2", "msg_2", "three"), said, {"pause": 600}]
    cell = StandIn(
        tmp_path,
        [before, after],
        {
            MESSAGES: conversation(*ASKED, message("msg_2"), begun, late, message("msg_3")),
            "/session/status": {SESSION: {"type": "busy"}},
            "/permission": [question, {**question, "id": "per_2", "sessionID": "somebody else's"}],
        },
    )
    answers = Answers(Answer(InputDecision.ABORT, resolver="user"))
    played = await play(cell, answers=answers)
    assert len(answers.questions) == 1
    assert played.said.turns == 2
    [call] = played.of(ToolCall)
    assert (call.state, call.output, call.duration.total_seconds()) == (ToolCallState.SUCCEEDED, "out", 2)
    assert played.failure.reason is FailureReason.INPUT_REFUSED


async def test_a_text_whose_middle_was_missed_is_told_once_and_whole(tmp_path: Path) -> None:
    begun = part("prt_2", "msg_2", "text", text="", time={"start": 1})
    said = part("prt_2", "msg_2", "text", text="one two three ", time={"start": 1, "end": 2})
    cell = StandIn(
        tmp_path,
        [
            [CONNECTED, *ASKED, message("msg_2"), begun, delta("prt_2", "msg_2", "one ")],
            [CONNECTED, delta("prt_2", "msg_2", "three "), said, IDLE],
        ],
        {MESSAGES: conversation(*ASKED, message("msg_2"), begun), "/session/status": {SESSION: {"type": "busy"}}},
    )
    assert (await play(cell)).text == "one two three "


async def test_a_turn_that_ended_while_the_stream_was_cut_has_ended(tmp_path: Path) -> None:
    events = [*ASKED, message("msg_2"), SAID]
    cell = StandIn(tmp_path, [[CONNECTED, *ASKED], [CONNECTED, {"pause": 600}]], {MESSAGES: conversation(*events)})
    assert (await play(cell)).said == Said("It is done.", None, 1)


async def test_an_event_without_an_end_breaks_the_stream_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_EVENT_BYTES", 100_000)
    events = [*ASKED, message("msg_2"), SAID]
    endless = {"raw": f"data: {'x' * 200_000}"}
    cell = StandIn(tmp_path, [[CONNECTED, endless, {"pause": 600}], [CONNECTED]], {MESSAGES: conversation(*events)})
    assert (await play(cell)).said == Said("It is done.", None, 1)


async def test_strange_events_do_not_matter(tmp_path: Path) -> None:
    strange: list[Json] = [
        {"type": "server.heartbeat", "properties": {}},
        {"type": "something.new", "properties": {"sessionID": SESSION, "part": {"type": "?"}}},
        {"type": "message.part.updated", "properties": {"sessionID": SESSION}},
        {"type": "session.idle", "properties": {"sessionID": "ses_of_before"}},
        {"type": "session.status"},
        {"raw": ": a comment\n\nretry: 5\n\n"},
        delta("prt_unknown", "msg_2", "never announced"),
    ]
    events = [*ASKED, message("msg_2"), SAID]
    cell = StandIn(tmp_path, [[CONNECTED, *strange, *events, IDLE]], {MESSAGES: conversation(*events)})
    assert (await play(cell)).said == Said("It is done.", None, 1)


async def test_a_secret_that_comes_in_pieces_is_not_told(tmp_path: Path) -> None:
    told = tmp_path / "told"
    pieces: list[str | Json] = ["the token is ", TOKEN[:9], {"until": str(told)}, TOKEN[9:], ". ", "Yes."]
    stream = [delta("prt_2", "msg_2", piece) if isinstance(piece, str) else piece for piece in pieces]
    begun = part("prt_2", "msg_2", "text", text="", time={"start": 1})
    cell = StandIn(tmp_path, [[CONNECTED, *ASKED, message("msg_2"), begun, *stream, IDLE]])
    played = await play(cell, tell=lambda _: told.touch())
    assert played.text == "the token is [redacted]. Yes."
    assert played.facts[0] == AgentMessage("prt_2", "custom", "the token is ")


async def test_what_is_said_before_a_call_is_told_before_it(tmp_path: Path) -> None:
    """OpenCode ends the text only afterwards."""
    begun = part("prt_2", "msg_2", "text", text="", time={"start": 1})
    running = tool("prt_3", "msg_2", "bash", "running", input={})
    stream = [message("msg_2"), begun, delta("prt_2", "msg_2", "I run"), running]
    played = await play(StandIn(tmp_path, [[CONNECTED, *stream, IDLE]]))
    said, called, *_ = played.facts
    assert said == AgentMessage("prt_2", "custom", "I run")
    assert isinstance(called, ToolCall)


async def test_files_that_the_agent_edits_are_told(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.ts").write_text("test")
    (tmp_path / "leak").symlink_to("/etc/hosts")
    edited = [
        {"type": "file.edited", "properties": {"file": path}}
        for path in ("/workspace/tests/a.ts", "/etc/hosts", "/workspace/../etc/hosts", "/workspace/leak", "")
    ]
    played = await play(StandIn(tmp_path, [[CONNECTED, *edited, IDLE]]))
    assert [(fact.path, fact.size_bytes) for fact in played.of(FileChanged)] == [("tests/a.ts", 4)]


# --- questions -------------------------------------------------------------------------------------------------------

PERMISSION = {
    "type": "permission.asked",
    "properties": {
        "id": "per_1",
        "sessionID": SESSION,
        "permission": "bash",
        "patterns": ["echo hi"],
        "metadata": {"command": "echo hi; ls"},
        "tool": {"messageID": "msg_2", "callID": "call_prt_3"},
    },
}
QUESTION = {
    "type": "question.asked",
    "properties": {
        "id": "que_1",
        "sessionID": SESSION,
        "questions": [
            {"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]},
            {"question": "Why?", "options": []},
        ],
    },
}


def asking(tmp_path: Path, asked: Json, **more: Any) -> StandIn:
    running = tool("prt_3", "msg_2", "bash", "running", input={"command": "echo hi; ls"})
    denied = tool("prt_3", "msg_2", "bash", "error", input={"command": "echo hi; ls"}, error="rejected")
    return StandIn(tmp_path, [[CONNECTED, message("msg_2"), running, asked, denied, IDLE]], **more)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (Answer(InputDecision.ALLOW_ONCE, resolver="user"), {"reply": "once"}),
        (Answer(InputDecision.ALLOW_FOR_TASK, resolver="rule"), {"reply": "always"}),
        (
            Answer(InputDecision.REJECT, "use the browser", resolver="user"),
            {"reply": "reject", "message": "use the browser"},
        ),
        (Answer(InputDecision.REJECT, resolver="rule"), {"reply": "reject", "message": NO}),
        (Answer(InputDecision.REJECT, resolver="timeout"), {"reply": "reject", "message": NOBODY}),
    ],
)
async def test_a_permission_is_asked_for_and_passed_on(tmp_path: Path, answer: Answer, reply: Json) -> None:
    cell, answers = asking(tmp_path, PERMISSION), Answers(answer)
    played = await play(cell, answers=answers)
    [question] = answers.questions
    assert (question.kind, question.argument) == (InputKind.PERMISSION, "echo hi; ls")
    assert question.prompt == "May the agent use bash: echo hi; ls?"
    assert question.tool_call is not None
    assert (question.tool_call.tool, question.tool_call.call_id) == ("bash", "call_prt_3")
    assert cell.posts[-1] == ["/permission/per_1/reply", reply]
    refused = ToolCallState.FAILED if answer.allowed else ToolCallState.DENIED
    assert [call.state for call in played.of(ToolCall)] == [ToolCallState.STARTED, refused]


async def test_nobody_is_asked_for_what_is_already_allowed(tmp_path: Path) -> None:
    """An answer for the whole task answers other calls, too: OpenCode says so."""
    replied = {"type": "permission.replied", "properties": {"sessionID": SESSION, "requestID": "per_1"}}

    class Never(Answers):
        async def __call__(self, question: Any) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    asked = {**PERMISSION, "go_on": True}
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), asked, replied, {"pause": 600}]])
    played = await play(cell, watchdogs=replace(PATIENT, silence_seconds=2), answers=Never())
    assert "did nothing" in played.failure.message


async def test_an_answer_that_comes_too_late_does_not_matter(tmp_path: Path) -> None:
    """One rejection rejects every call of the step: OpenCode does not know the others any more."""
    cell = asking(tmp_path, PERMISSION, missing=["/permission/per_1/reply"])
    played = await play(cell, answers=Answers(Answer(InputDecision.ALLOW_ONCE, resolver="user")))
    assert played.said.failure is None
    assert cell.posts[-1][0] == "/permission/per_1/reply"


async def test_a_call_that_was_rejected_with_another_is_denied(tmp_path: Path) -> None:
    error = "The user rejected permission to use this specific tool call."
    denied = tool("prt_3", "msg_2", "bash", "error", input={"command": "ls"}, error=error)
    played = await play(StandIn(tmp_path, [[CONNECTED, message("msg_2"), denied, IDLE]]))
    assert [call.state for call in played.of(ToolCall)] == [ToolCallState.DENIED]


@pytest.mark.parametrize(
    ("resolver", "reason"), [("user", FailureReason.INPUT_REFUSED), ("timeout", FailureReason.INPUT_EXPIRED)]
)
@pytest.mark.parametrize("asked", [PERMISSION, QUESTION], ids=["permission", "question"])
async def test_an_answer_may_be_to_stop(tmp_path: Path, asked: Json, resolver: str, reason: FailureReason) -> None:
    cell = asking(tmp_path, asked)
    access = Access(Failure(FailureReason.MODEL_PROVIDER, "of before"))
    played = await play(cell, answers=Answers(Answer(InputDecision.ABORT, resolver=resolver)), access=access)
    assert (played.failure.reason, played.failure.retryable) == (reason, False)
    assert cell.posts[-1][0] == ABORT


@pytest.mark.parametrize(
    ("answer", "texts", "asked"),
    [
        (Answer(InputDecision.ANSWER, "B", resolver="user"), [["B"], ["B"]], 2),
        (Answer(InputDecision.REJECT, resolver="timeout"), [[NO_ANSWER], [NO_ANSWER]], 1),
    ],
)
async def test_questions_are_put_one_after_the_other(
    tmp_path: Path, answer: Answer, texts: list[list[str]], asked: int
) -> None:
    cell, answers = asking(tmp_path, QUESTION), Answers(answer)
    await play(cell, answers=answers)
    assert [(question.prompt, question.choices) for question in answers.questions] == [
        ("Which?", ("A", "B")),
        ("Why?", ()),
    ][:asked]
    assert cell.posts[-1] == ["/question/que_1/reply", {"answers": texts}]


async def test_a_person_may_take_longer_than_any_watchdog(tmp_path: Path) -> None:
    class Slow(Answers):
        async def __call__(self, question: Any) -> Answer:
            await asyncio.sleep(4.5)
            return await super().__call__(question)

    running = tool("prt_3", "msg_2", "bash", "running", input={})
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), running, PERMISSION, {"pause": 600}]])
    quick = replace(PATIENT, silence_seconds=2, tool_seconds=2)
    played = await play(cell, watchdogs=quick, answers=Slow(Answer(InputDecision.ABORT, resolver="user")))
    assert played.failure.reason is FailureReason.INPUT_REFUSED


async def test_a_budget_may_be_asked_for_meanwhile(tmp_path: Path) -> None:
    """The gateway asks, and then calls the model: neither is silence of the agent's."""
    answered, started = asyncio.Event(), asyncio.Event()

    class Asking(Tally):
        async def admit(self) -> Failure | None:
            await answered.wait()
            return await super().admit()

    access, meter = Access(), Asking()
    access.meter = meter
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), status("retry", attempt=1), {"pause": 600}]])
    quick = replace(PATIENT, silence_seconds=2)
    async with running_agent(cell, access, tmp_path, watchdogs=quick) as agent:
        playing = asyncio.create_task(agent.prompt(PROMPT, lambda _: started.set(), Answers()))
        await asyncio.wait_for(started.wait(), 60)
        calling = asyncio.create_task(access.meter.admit())
        await asyncio.wait({playing}, timeout=3)
        answered.set()
        assert await calling is None
        await asyncio.wait({playing}, timeout=3)
        assert not playing.done()
        access.meter.used(ModelUsage("provider/model"))
        said = await playing
    assert said.failure is not None
    assert "did nothing" in said.failure.message
    assert access.meter is meter
    assert len(meter.calls) == 1


async def test_an_error_of_whoever_answers_is_not_swallowed(tmp_path: Path) -> None:
    class Broken(Answers):
        async def __call__(self, question: Any) -> Answer:
            raise LookupError("gone")

    with pytest.raises(LookupError):
        await play(asking(tmp_path, PERMISSION), answers=Broken())


# --- ends ------------------------------------------------------------------------------------------------------------


async def test_silence_is_a_failure_and_aborts_the_work(tmp_path: Path) -> None:
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), {"pause": 600}]])
    played = await play(cell, watchdogs=replace(PATIENT, silence_seconds=2))
    assert played.failure == Failure(FailureReason.AGENT_ERROR, "the agent did nothing for 2 seconds", retryable=True)
    assert cell.posts[-1][0] == ABORT


async def test_heartbeats_are_no_sign_of_work(tmp_path: Path) -> None:
    beats: list[Json] = [{"type": "server.heartbeat", "properties": {}}, {"pause": 0.1}] * 600
    cell = StandIn(tmp_path, [[CONNECTED, *beats]])
    played = await play(cell, watchdogs=replace(PATIENT, silence_seconds=2))
    assert "did nothing" in played.failure.message


async def test_a_call_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    running = tool("prt_3", "msg_2", "bash", "running", input={"command": "sleep 60"})
    aborted = tool("prt_3", "msg_2", "bash", "completed", input={}, output="aborted, which OpenCode takes for success")
    conversed = {MESSAGES: conversation(message("msg_2"), aborted)}
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), running, {"pause": 600}]], conversed)
    played = await play(cell, watchdogs=replace(PATIENT, tool_seconds=0.5))
    assert "call of bash took longer than 0.5 seconds" in played.failure.message
    assert [call.state for call in played.of(ToolCall)] == [ToolCallState.STARTED, ToolCallState.FAILED]


async def test_a_server_that_answers_no_more_does_not_hold_up_the_end(tmp_path: Path) -> None:
    cell = StandIn(tmp_path, [[CONNECTED, {"pause": 600}]], silent=["/session", ABORT, MESSAGES])
    played = await play(cell, watchdogs=replace(PATIENT, call_seconds=2))
    assert "did not answer POST /session" in played.failure.message
    assert played.failure.retryable


async def test_retries_of_the_model_are_told_and_have_an_end(tmp_path: Path) -> None:
    retries = [status("retry", attempt=number, message="overloaded", next=1) for number in (1, 2, 3)]
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), *retries, {"pause": 600}]])
    played = await play(cell)
    assert played.failure == Failure(
        FailureReason.MODEL_PROVIDER, "the model's call failed 3 times: overloaded", retryable=True
    )
    assert [entry.message for entry in played.of(LogEntry)] == [
        f"the model's call failed, attempt {number}: overloaded" for number in (1, 2, 3)
    ]


async def test_calls_of_the_model_have_a_limit_also_those_of_sub_agents(tmp_path: Path) -> None:
    child = {"type": "session.created", "properties": {"info": {"id": "ses_2", "parentID": SESSION, "title": "sub"}}}
    theirs = message("msg_3")
    theirs["properties"]["sessionID"] = "ses_2"
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), message("msg_2"), child, theirs, {"pause": 600}]])
    assert (await play(cell, replace(PROMPT, max_turns=1))).said == Said(
        "",
        Failure(FailureReason.AGENT_ERROR, "the agent was stopped at its limit of 1 model calls (max_turns)"),
        1,
        out_of_turns=True,
    )


@pytest.mark.parametrize(
    ("name", "data", "reason", "retryable"),
    [
        ("APIError", {"message": "bad key", "statusCode": 401}, FailureReason.MODEL_PROVIDER, False),
        ("APIError", {"message": "later", "isRetryable": True}, FailureReason.MODEL_PROVIDER, True),
        ("ProviderAuthError", {"message": "no key"}, FailureReason.MODEL_PROVIDER, False),
        ("ContextOverflowError", {"message": "too long"}, FailureReason.MODEL_PROVIDER, False),
        ("MessageOutputLengthError", {}, FailureReason.MODEL_PROVIDER, False),
        ("MessageAbortedError", {"message": "Aborted"}, FailureReason.AGENT_ERROR, True),
        ("UnknownError", {"message": "x" * 100_000}, FailureReason.AGENT_ERROR, True),
    ],
)
async def test_an_error_is_a_failure(
    tmp_path: Path, name: str, data: Json, reason: FailureReason, retryable: bool
) -> None:
    events = failed(name, **data)
    played = await play(StandIn(tmp_path, [[CONNECTED, *events]], {MESSAGES: conversation(events[0])}))
    assert (played.failure.reason, played.failure.retryable) == (reason, retryable)
    assert len(played.failure.message) < 1200


async def test_the_gateway_knows_better_why_a_call_failed(tmp_path: Path) -> None:
    known = Failure(FailureReason.BUDGET_EXCEEDED, "5 tokens are used, and the budget is 5")
    events = failed("APIError", message="HTTP 402", statusCode=402)
    cell = StandIn(tmp_path, [[CONNECTED, *events]], {MESSAGES: conversation(events[0])})
    assert (await play(cell, access=Access(known))).failure == known


async def test_what_the_gateway_has_given_up_is_not_tried_again(tmp_path: Path) -> None:
    known = Failure(FailureReason.MODEL_PROVIDER, "the provider is overloaded", retryable=True)
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), status("retry", attempt=1, message="503"), {"pause": 600}]])
    async with asyncio.timeout(PATIENT.silence_seconds - 5):
        assert (await play(cell, access=Access(known))).failure == known


async def test_an_error_that_the_agent_got_over_is_none(tmp_path: Path) -> None:
    events = [*failed("ContextOverflowError", message="too long")[:2], message("msg_3"), SAID]
    compacted = {"type": "session.compacted", "properties": {"sessionID": SESSION}}
    cell = StandIn(tmp_path, [[CONNECTED, *events, compacted, IDLE]], {MESSAGES: conversation(events[0], events[2])})
    played = await play(cell)
    assert played.said.failure is None
    assert "summarised" in played.of(LogEntry)[0].message


async def test_summaries_that_do_not_help_have_an_end(tmp_path: Path) -> None:
    error = {"name": "ContextOverflowError", "data": {"message": "too long"}}
    overflow = {"type": "session.error", "properties": {"sessionID": SESSION, "error": error}}
    rounds = [event for number in range(3) for event in (message(f"msg_{number}"), overflow)]
    played = await play(StandIn(tmp_path, [[CONNECTED, *rounds, {"pause": 600}]]))
    assert played.failure == Failure(
        FailureReason.MODEL_PROVIDER, "the conversation is longer than the model can take: too long"
    )


async def test_an_mcp_server_that_has_ended_ends_the_turn(tmp_path: Path) -> None:
    gone = {"playwright-test": {"status": "failed", "error": "Connection closed"}}
    cell = StandIn(tmp_path, answers={"/mcp": gone})
    assert (await play(cell)).failure == Failure(
        FailureReason.AGENT_ERROR,
        "an MCP server of the agent does not work: playwright-test: Connection closed",
        retryable=True,
    )


async def test_cancelling_aborts_and_tells_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "GRACE_SECONDS", 30.0)
    running = tool("prt_3", "msg_2", "bash", "running", input={})
    cell = StandIn(tmp_path, [[CONNECTED, message("msg_2"), running, {"pause": 600}]])
    facts: list[Fact] = []
    started = asyncio.Event()

    def emit(fact: Fact) -> None:
        facts.append(fact)
        started.set()

    async with running_agent(cell, Access(), tmp_path, watchdogs=PATIENT) as agent:
        playing = asyncio.create_task(agent.prompt(PROMPT, emit, Answers()))
        await asyncio.wait_for(started.wait(), 60)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert cell.posts[-1][0] == ABORT
        assert len(facts) == 1


async def test_cancelling_does_not_wait_for_a_server_that_is_stuck(tmp_path: Path) -> None:
    cell = StandIn(
        tmp_path, [[CONNECTED, message("msg_2"), status("retry", attempt=1), {"pause": 600}]], silent=[ABORT]
    )
    started = asyncio.Event()
    async with running_agent(cell, Access(), tmp_path, watchdogs=PATIENT) as agent:
        playing = asyncio.create_task(agent.prompt(PROMPT, lambda _: started.set(), Answers()))
        await asyncio.wait_for(started.wait(), 60)
        playing.cancel()
        await asyncio.wait({playing}, timeout=PATIENT.call_seconds / 2)
        assert playing.cancelled()
