"""What OpenCode asks, as questions to a person, and the person's answers as OpenCode takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent_runtime_server.adapters.opencode.api import Api
from agent_runtime_server.adapters.opencode.bounded import bounded_arguments, main_argument, shortened
from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind, Question
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import Ask

MAX_PROMPT = 4000
MAX_CHOICES = 20
NO = "This was not allowed. Go on without it."
NOBODY = "Nobody was there to allow this. Go on without it."
NO_ANSWER = "There is no answer to this. Decide yourself."
_REPLIES = {InputDecision.ALLOW_ONCE: "once", InputDecision.ALLOW_FOR_TASK: "always"}

Asked = Mapping[str, Any]
"""Properties of ``permission.asked`` or ``question.asked``."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, and the answer: the last one, if there were several questions."""

    asked: Asked
    answer: Answer
    texts: tuple[str, ...] = ()
    """Answers to the questions."""

    @property
    def denied_call(self) -> str:
        """Id of the tool call that is not allowed; empty if none is refused."""
        refused = not _is_question(self.asked) and not self.answer.allowed
        return str((self.asked.get("tool") or {}).get("callID") or "") if refused else ""

    @property
    def failure(self) -> Failure | None:
        """Why the task must stop, if the answer was that."""
        if self.answer.decision is not InputDecision.ABORT:
            return None
        if self.answer.resolver == "timeout":
            return Failure(FailureReason.INPUT_EXPIRED, "nobody answered the agent in time, which stops the task")
        return Failure(FailureReason.INPUT_REFUSED, "the answer to the agent was to stop the task")


def permission_question(asked: Asked) -> Question:
    """A permission as a question."""
    metadata = asked.get("metadata") or {}
    permission = str(asked.get("permission") or "")
    patterns = [str(pattern) for pattern in asked.get("patterns") or ()]
    argument = main_argument(metadata) or ", ".join(patterns)
    call = ToolCall(
        str((asked.get("tool") or {}).get("callID") or asked.get("id") or ""),
        permission,
        ToolCallState.STARTED,
        title=shortened(argument, 200),
        arguments=bounded_arguments(metadata),
    )
    prompt = f"May the agent use {permission}: {argument}" if argument else f"May the agent use {permission}"
    return Question(InputKind.PERMISSION, shortened(f"{prompt}?", MAX_PROMPT), call, argument)


async def put(asked: Asked, ask: Ask) -> Answered:
    """Put what an agent asks; several questions one after the other, until one is not answered."""
    if not _is_question(asked):
        return Answered(asked, await ask(permission_question(asked)))
    texts: list[str] = []
    answer = Answer(InputDecision.REJECT)
    for question in _questions(asked):
        answer = await ask(question)
        if answer.decision is not InputDecision.ANSWER:
            break
        texts.append(answer.text)
    return Answered(asked, answer, tuple(texts))


async def pass_on(api: Api, answered: Answered) -> None:
    """Tell OpenCode. Refusals come with words: without any the whole turn would end. Raises ApiError."""
    asked_id, answer = str(answered.asked["id"]), answered.answer
    if _is_question(answered.asked):
        missing = len(answered.asked["questions"]) - len(answered.texts)
        await api.answer_question(
            asked_id, [[text] for text in (*answered.texts, *[answer.text or NO_ANSWER] * missing)]
        )
        return
    reply = _REPLIES.get(answer.decision, "reject")
    why = answer.text or (NOBODY if answer.resolver == "timeout" else NO)
    await api.reply_permission(asked_id, reply, why if reply == "reject" else "")


def _is_question(asked: Asked) -> bool:
    return "questions" in asked


def _questions(asked: Asked) -> Sequence[Question]:
    return [
        Question(
            InputKind.QUESTION,
            shortened(str(one.get("question") or one.get("header") or "The agent has a question."), MAX_PROMPT),
            choices=tuple(str(option.get("label")) for option in (one.get("options") or ())[:MAX_CHOICES]),
        )
        for one in asked.get("questions") or ()
    ]
