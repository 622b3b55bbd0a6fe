"""Prompts on the real OpenCode, whose model plays scripts: one process for all of them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import pytest_asyncio

from agent_runtime_server.adapters.opencode import turn
from agent_runtime_server.adapters.opencode.process import PASSWORD
from agent_runtime_server.adapters.opencode.turn import Agent
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import FileChanged, LogEntry
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind
from agent_runtime_server.domain.task import FailureReason
from agent_runtime_server.testing.asking import Answers
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.line.agents import TRANSCRIPT, Place, configuration, tell, working_agent
from tests.unit.opencode.stand_in import TOKEN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

STARTED, SUCCEEDED = ToolCallState.STARTED, ToolCallState.SUCCEEDED
FAILED, DENIED = ToolCallState.FAILED, ToolCallState.DENIED
CANCEL_SECONDS = 40.0
"""Bound on a cancellation here, where the machine does other things too."""


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A step of the model: it calls a tool."""
    return {"calls": [{"tool": tool, "args": arguments}]}


def bash(command: str) -> dict[str, Any]:
    """The same, for a command."""
    return call("bash", command=command, description="A command")


CHOICE = {
    "question": "Which one?",
    "header": "Pick",
    "options": [{"label": "A", "description": "the first"}, {"label": "B", "description": "the second"}],
}
SCENARIOS = {
    "write": [
        {"text": "I write a test. ", **call("write", filePath="tests/a.spec.ts", content="// empty\n")},
        {"text": "There is one test now."},
    ],
    "environment": [
        bash(f"env; echo; printf %s ${PASSWORD} | base64 -w0"),
        {"text": f"Your password is ${{re:{PASSWORD}=(.*)}} and your token is {TOKEN} as I see."},
    ],
    "unknown": [call("no_such_tool", a=1), call("read", no_such_argument=1), {"text": "Neither worked."}],
    "refused": [bash("rm -rf tests"), bash("curl example.com"), {"text": "Then not."}],
    "allowed": [bash("touch it"), bash("touch it"), {"text": "There."}],
    "question": [call("question", questions=[CHOICE]), {"text": "As you say."}],
    "key": [{"error": {"status": 401, "message": "bad key"}}],
    "overflow": [{"error": {"status": 400, "message": "context_length_exceeded", "times": 1}}],
    "model-a": [{"text": "Where were we?"}] * 2,
    "sleep": [bash("echo asleep; sleep 3600"), {"text": "Awake."}],
    "hello": [{"text": "Hello."}],
}
"""``model-a`` is what the model plays when it no longer sees which scenario it is in."""


@dataclass
class At:
    """An agent, and where it is at work."""

    agent: Agent
    place: Place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[At]:
    async with ScriptedModel(SCENARIOS) as model:
        permissions = {"*": "allow", "rm *": "ask", "touch *": "ask", "curl *": "deny"}
        place = Place(tmp_path_factory.mktemp("agent"), configuration(model.base_url, bash=permissions))
        place.env["OPENCODE_ENABLE_QUESTION_TOOL"] = "1"
        async with working_agent(place) as agent:
            yield At(agent, place)


async def test_what_it_says_and_does_is_told_in_order(at: At) -> None:
    told = await tell(at.agent, "write")
    assert told.said.failure is None
    assert (told.said.text, told.said.turns) == ("There is one test now.", 2)
    assert told.text == "I write a test. There is one test now."
    assert told.calls == [("write", STARTED), ("write", SUCCEEDED)]
    assert (at.place.cwd / "tests" / "a.spec.ts").read_text() == "// empty\n"
    [changed] = [fact for fact in told.facts if isinstance(fact, FileChanged)]
    assert (changed.path, changed.size_bytes) == ("tests/a.spec.ts", 9)
    kinds = [type(fact) for fact in told.facts]
    assert kinds.index(AgentMessage) < kinds.index(ToolCall)


async def test_conversations_are_in_the_transcript(at: At) -> None:
    await tell(at.agent, "hello")
    lines = [json.loads(line) for line in (at.place.cwd / TRANSCRIPT).read_text().splitlines()]
    assert lines[-3] == {"conversation": "hello"}
    assert [line["info"]["role"] for line in lines[-2:]] == ["user", "assistant"]
    assert lines[-1]["parts"][-1]["type"] == "step-finish"


async def test_its_secrets_are_in_nothing_that_it_says(at: At, caplog: pytest.LogCaptureFixture) -> None:
    """The agent prints its environment, also in base64, and its model repeats it."""
    caplog.set_level(logging.DEBUG)
    [server] = [process for process in at.place.processes() if "serve" in process.cmdline()]
    password = server.environ()[PASSWORD]
    told = await tell(at.agent, "environment")
    assert told.calls == [("bash", STARTED), ("bash", SUCCEEDED)]
    assert told.text == "Your password is [redacted] and your token is [redacted] as I see."
    texts = [str(told.facts), str(told.said), caplog.text, (at.place.cwd / TRANSCRIPT).read_text()]
    assert f"{PASSWORD}=[redacted]" in texts[0]
    for secret in (password, TOKEN, base64.b64encode(password.encode()).decode()):
        assert not any(secret in text for text in texts)


async def test_tools_that_are_not_there_fail_and_the_turn_goes_on(at: At) -> None:
    told = await tell(at.agent, "unknown")
    assert told.calls == [("no_such_tool", STARTED), ("no_such_tool", FAILED), ("read", STARTED), ("read", FAILED)]
    assert (told.said.text, told.said.failure) == ("Neither worked.", None)


async def test_what_is_refused_is_denied_and_the_turn_goes_on(at: At) -> None:
    """The first command by a person, the second one by the configuration."""
    answers = Answers(Answer(InputDecision.REJECT, "not now", resolver="user"))
    told = await tell(at.agent, "refused", answers=answers)
    assert [(question.kind, question.argument) for question in answers.questions] == [
        (InputKind.PERMISSION, "rm -rf tests")
    ]
    assert told.calls == [("bash", STARTED), ("bash", DENIED), ("bash", STARTED), ("bash", DENIED)]
    assert "not now" in str(told.facts)
    assert (at.place.cwd / "tests").exists()
    assert (told.said.text, told.said.failure) == ("Then not.", None)


async def test_what_is_allowed_once_is_asked_for_again_but_not_what_is_allowed_for_the_task(at: At) -> None:
    for decision, times in ((InputDecision.ALLOW_ONCE, 2), (InputDecision.ALLOW_FOR_TASK, 1)):
        answers = Answers(Answer(decision, resolver="user"))
        told = await tell(at.agent, "allowed", answers=answers)
        assert len(answers.questions) == times
        assert told.calls == [("bash", STARTED), ("bash", SUCCEEDED)] * 2


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (Answer(InputDecision.ANSWER, "B", resolver="user"), '="B"'),
        (Answer(InputDecision.REJECT, resolver="timeout"), "Decide yourself"),
    ],
)
async def test_questions_are_answered_in_any_case(at: At, answer: Answer, heard: str) -> None:
    answers = Answers(answer)
    told = await tell(at.agent, "question", answers=answers)
    assert [(question.prompt, question.choices) for question in answers.questions] == [("Which one?", ("A", "B"))]
    assert told.calls == [("question", STARTED), ("question", SUCCEEDED)]
    assert heard in str(told.facts[1])
    assert told.said.text == "As you say."


async def test_an_answer_to_stop_stops_the_turn(at: At) -> None:
    told = await tell(at.agent, "refused", answers=Answers(Answer(InputDecision.ABORT, resolver="timeout")))
    assert told.said.failure is not None
    assert told.said.failure.reason is FailureReason.INPUT_EXPIRED
    assert told.calls == [("bash", STARTED), ("bash", DENIED)]


async def test_a_refused_key_is_the_models_failure(at: At) -> None:
    told = await tell(at.agent, "key")
    assert told.said.failure is not None
    assert (told.said.failure.reason, told.said.failure.retryable) == (FailureReason.MODEL_PROVIDER, False)
    assert "HTTP 401" in told.said.failure.message


async def test_a_conversation_that_is_too_long_is_summarised(at: At) -> None:
    told = await tell(at.agent, "overflow")
    assert (told.said.text, told.said.failure) == ("Where were we?", None)
    assert any("summarised" in fact.message for fact in told.facts if isinstance(fact, LogEntry))


async def test_a_cancelled_command_is_killed_and_the_agent_can_go_on(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "GRACE_SECONDS", 10.0)
    asleep = asyncio.Event()
    playing = asyncio.create_task(tell(at.agent, "sleep", emit=lambda _: asleep.set()))
    await asyncio.wait_for(asleep.wait(), 60)
    while not (sleeping := [process for process in at.place.processes() if process.name() == "sleep"]):
        await asyncio.sleep(0.05)
    begun = time.monotonic()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert time.monotonic() - begun < CANCEL_SECONDS
    psutil.wait_procs(sleeping, timeout=CANCEL_SECONDS)
    assert not any(process.is_running() for process in sleeping)
    assert (await tell(at.agent, "hello")).said.text == "Hello."
