"""Questions of agents, and the answers to them, in words."""

from __future__ import annotations

from datetime import UTC

from agent_runtime.cli.output import one_line, word
from agent_runtime.v1 import input_pb2, task_pb2

_PROMPT_CHARACTERS = 300

FLAGS = {
    task_pb2.INPUT_DECISION_ALLOW_ONCE: "--allow",
    task_pb2.INPUT_DECISION_ALLOW_FOR_TASK: "--allow-for-task",
    task_pb2.INPUT_DECISION_ANSWER: "--text",
    task_pb2.INPUT_DECISION_REJECT: "--reject",
    task_pb2.INPUT_DECISION_ABORT: "--abort",
}
"""The options of ``answer`` that stand for decisions."""


def question(request: input_pb2.InputRequest) -> str:
    """What an agent wants to know."""
    prompt = one_line(request.prompt)
    if len(prompt) > _PROMPT_CHARACTERS:
        prompt = f"{prompt[:_PROMPT_CHARACTERS]}…"
    return f"{prompt} ({' | '.join(map(one_line, request.choices))})" if request.choices else prompt


def how_to_answer(request: input_pb2.InputRequest) -> str:
    """The command that answers, with the options that there are, and until when it does."""
    flags = " | ".join(flag for decision, flag in FLAGS.items() if decision in request.allowed_decisions)
    return one_line(f"until {_until(request)}: agent-runtime answer {request.task_id} {request.id} {flags}")


def count(task: task_pb2.Task) -> str:
    """How many questions of a task are open, and where they are shown."""
    number = len(task.pending_input_ids)
    return f"{number} open question{'s' if number > 1 else ''}: agent-runtime inputs {task.id}"


def state(request: input_pb2.InputRequest) -> str:
    """The answer to a question, or what becomes of it without one."""
    if request.HasField("resolution"):
        return resolution(request.resolution)[0]
    return f"open; {_words(request, 'default_decision')} at {_until(request)}"


def resolution(resolved: input_pb2.InputResolution) -> tuple[str, str]:
    """How a question was answered, in words, and its tone."""
    text = f"{_words(resolved, 'decision')}, by {one_line(resolved.resolver)}"
    refused = resolved.decision in (task_pb2.INPUT_DECISION_REJECT, task_pb2.INPUT_DECISION_ABORT)
    return f"{text}: {one_line(resolved.text)}" if resolved.text else text, "doubtful" if refused else "good"


def _until(request: input_pb2.InputRequest) -> str:
    return f"{request.expire_time.ToDatetime(UTC):%Y-%m-%d %H:%M:%SZ}"


def _words(message: input_pb2.InputRequest | input_pb2.InputResolution, field: str) -> str:
    return word(message, field).replace("_", " ")
