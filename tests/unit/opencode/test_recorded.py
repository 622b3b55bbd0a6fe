"""Events that OpenCode 1.18.33 sent, as facts. ``recorded.jsonl`` has them, and the conversations at their end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_runtime_server.adapters.opencode.process import running_agent
from agent_runtime_server.adapters.opencode.turn import Prompt, Said
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import AgentMessage, ToolCall
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.task import FailureReason
from agent_runtime_server.testing.asking import Answers
from tests.unit.opencode.stand_in import Access, StandIn

RECORDED = Path(__file__).with_name("recorded.jsonl")


def recording(name: str) -> dict[str, Any]:
    """One recorded prompt."""
    found: dict[str, Any] = {}
    for line in map(json.loads, RECORDED.read_text().splitlines()):
        if "name" in line:
            found[line["name"]] = current = {**line, "events": []}
        else:
            current["events"].append(line)
    chosen: dict[str, Any] = found[name]
    return chosen


async def replay(name: str, workspace: Path) -> tuple[Said, list[str], Answers]:
    """How a recorded prompt ends, what is told of it, and what was asked."""
    (workspace / "tests").mkdir()
    (workspace / "tests" / "a.spec.ts").write_text("// empty\n")
    recorded = recording(name)
    answers = {
        "/session": {"id": recorded["session"], "directory": "/workspace"},
        f"/session/{recorded['session']}/message": recorded["messages"],
    }
    cell = StandIn(workspace, [recorded["events"]], answers)
    facts: list[Fact] = []
    asked = Answers()
    watchdogs = Watchdogs(start_seconds=60, call_seconds=60, silence_seconds=60)
    async with running_agent(cell, Access(), workspace, watchdogs=watchdogs) as agent:
        said = await agent.prompt(Prompt("custom", name, "please"), facts.append, asked)
    return said, _shown(facts), asked


def _shown(facts: list[Fact]) -> list[str]:
    """Facts as short lines; pieces of one text, which may be cut anywhere, as one."""
    lines: list[str] = []
    texts: dict[str, str] = {}
    for fact in facts:
        match fact:
            case AgentMessage():
                texts[fact.message_id] = texts.get(fact.message_id, "") + fact.text
                if fact.final:
                    lines.append(f"said {texts.pop(fact.message_id)!r}")
            case ToolCall():
                lines.append(f"{fact.state.value} {fact.tool} {fact.title!r}")
            case LogEntry():
                lines.append(f"log {fact.message}")
            case _:
                lines.append(str(fact).partition(" size")[0].rstrip(","))
    assert not texts, "each text has an end"
    return lines


EXPECTED = {
    "answer": [
        "started read 'tests/seed.spec.ts'",
        "said 'First I look. '",
        "succeeded read 'tests/seed.spec.ts'",
        "said 'Then I say what there is: one test.'",
    ],
    "edits": [
        "started write 'tests/a.spec.ts'",
        "FileChanged(path='tests/a.spec.ts'",
        "succeeded write 'tests/a.spec.ts'",
        "said 'Written.'",
    ],
    "unknown": [
        "started no_such 'no_such'",
        "failed no_such 'Invalid Tool'",
        "started read 'read'",
        "failed read 'read'",
        "said 'Neither worked.'",
    ],
    "refused": [
        "started bash 'Removes all'",
        "denied bash 'Removes all'",
        "started bash 'Fetches'",
        "denied bash 'Fetches'",
        "said 'As you like.'",
    ],
    "overflow": [
        "said 'Scripted session'",
        "log the conversation became too long and was summarised",
        "said 'done'",
    ],
    "error": [],
    "sub_agent": [
        "log sub-agent: Look around (@general subagent)",
        "started task 'Look around'",
        "succeeded task 'Look around'",
        "said 'It looked.'",
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
async def test_what_is_told(tmp_path: Path, name: str) -> None:
    said, lines, asked = await replay(name, tmp_path)
    assert lines == EXPECTED[name]
    assert len(asked.questions) == (1 if name == "refused" else 0)
    assert (said.failure and said.failure.reason) == (FailureReason.MODEL_PROVIDER if name == "error" else None)


async def test_a_turn_that_something_else_aborted_has_failed(tmp_path: Path) -> None:
    """Idle comes before the tool's end here, and twice."""
    said, lines, _ = await replay("aborted", tmp_path)
    assert said.failure is not None
    assert (said.failure.reason, said.failure.retryable) == (FailureReason.AGENT_ERROR, True)
    assert lines == ["started bash 'Waits'", "succeeded bash 'sleep 60'"]


async def test_turns_are_calls_of_the_model_also_a_sub_agents(tmp_path: Path) -> None:
    assert (await replay("sub_agent", tmp_path))[0] == Said("It looked.", None, 3)


async def test_arguments_and_output_are_told(tmp_path: Path) -> None:
    recorded = recording("answer")
    cell = StandIn(tmp_path, [recorded["events"]], {"/session": {"id": recorded["session"], "directory": "/workspace"}})
    facts: list[Fact] = []
    watchdogs = Watchdogs(start_seconds=60, call_seconds=60, silence_seconds=60)
    async with running_agent(cell, Access(), tmp_path, watchdogs=watchdogs) as agent:
        await agent.prompt(Prompt("custom", "answer", "please"), facts.append, Answers())
    started, ended = [fact for fact in facts if isinstance(fact, ToolCall)]
    assert started.arguments == ended.arguments == {"filePath": "tests/seed.spec.ts"}
    assert (started.output, started.duration) == ("", None)
    assert "import {test}" in ended.output
    assert ended.duration is not None
