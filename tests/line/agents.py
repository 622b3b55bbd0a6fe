"""The real OpenCode, a scripted model that it talks to, and a workspace for them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from agent_runtime_server.adapters.opencode.configuration import SWITCHES
from agent_runtime_server.adapters.opencode.home import furnish, home_variables
from agent_runtime_server.adapters.opencode.process import running_agent
from agent_runtime_server.adapters.opencode.turn import Agent, Prompt, Said
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact
from agent_runtime_server.testing.asking import Answers
from tests.contract.runner_fixtures import toolchain
from tests.unit.opencode.stand_in import TOKEN, Access

PATIENT = Watchdogs(start_seconds=120, call_seconds=60, silence_seconds=60, tool_seconds=60)
"""No test that is to go well ends because a machine is busy."""
TRANSCRIPT = "artifacts/transcript.jsonl"
MCP = ("node", "node_modules/@playwright/test/cli.js", "run-test-mcp-server", "--headless")
FILES = {
    "playwright.config.ts": """
import { defineConfig } from '@playwright/test';
export default defineConfig({ testDir: './tests', use: { headless: true, launchOptions: { args: ['--no-sandbox'] } } });
""",
    "tests/seed.spec.ts": """
import { test } from '@playwright/test';
test('seed', async ({ page }) => {
  await page.goto('about:blank');
});
""",
}


@dataclass
class Place:
    """A command line for OpenCode in a folder of its own, without a sandbox."""

    folder: Path
    configuration: Mapping[str, Any]
    argv: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        furnish(home, "1.18.33")
        for name, text in FILES.items():
            file = self.cwd / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        toolchain().link(self.cwd)
        browsers = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(Path.home() / ".cache" / "ms-playwright")
        self.argv = [program()]
        self.env = {
            "PATH": os.environ["PATH"],
            "PLAYWRIGHT_BROWSERS_PATH": browsers,
            **home_variables(home),
            **SWITCHES,
            "OPENCODE_CONFIG_CONTENT": json.dumps(self.configuration),
        }

    @property
    def cwd(self) -> Path:
        return self.folder / "workspace"

    def processes(self) -> list[psutil.Process]:
        """Whatever runs in the folder, or was started for it, or by such a process."""
        found: set[psutil.Process] = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd().startswith(str(self.folder)) or str(self.folder) in " ".join(process.cmdline()):
                    found |= {process, *process.children(recursive=True)}
        return list(found)


def program() -> str:
    """OpenCode's program."""
    path = toolchain().opencode
    assert path is not None, "bin/bootstrap gets it"
    return str(path)


def configuration(model_url: str, *, browser: bool = False, **permissions: Any) -> dict[str, Any]:
    """One agent, ``custom``, that may do what is not said otherwise."""
    limit = {"context": 200_000, "output": 8192}
    mcp = {"playwright-test": {"type": "local", "enabled": True, "timeout": 60_000, "command": list(MCP)}}
    return {
        "model": "scripted/model-a",
        "small_model": "scripted/model-a",
        "enabled_providers": ["scripted"],
        "snapshot": False,
        "provider": {
            "scripted": {
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": model_url, "apiKey": TOKEN, "timeout": False},
                "models": {"model-a": {"name": "A", "tool_call": True, "limit": limit}},
            }
        },
        "mcp": mcp if browser else {},
        "agent": {
            "custom": {
                "mode": "primary",
                "prompt": "You do as you are told.",
                "permission": {"*": "allow", **permissions},
            }
        },
    }


@dataclass
class Told:
    """What came of a prompt."""

    facts: list[Fact] = field(default_factory=list)
    said: Said = field(default_factory=lambda: Said(""))
    seconds: float = 0.0
    """From the prompt to its end."""

    @property
    def calls(self) -> list[tuple[str, ToolCallState]]:
        return [(fact.tool, fact.state) for fact in self.facts if isinstance(fact, ToolCall)]

    @property
    def text(self) -> str:
        return "".join(fact.text for fact in self.facts if isinstance(fact, AgentMessage))


async def tell(
    agent: Agent,
    scenario: str,
    *,
    answers: Answers | None = None,
    max_turns: int = 20,
    emit: Callable[[Fact], None] | None = None,
) -> Told:
    """Prompt an agent so that its model plays a scenario."""
    told = Told()

    def take(fact: Fact) -> None:
        told.facts.append(fact)
        if emit:
            emit(fact)

    prompt = Prompt("custom", scenario, f"[[{scenario}]] Do it.", max_turns, TRANSCRIPT)
    begun = time.monotonic()
    told.said = await agent.prompt(prompt, take, answers or Answers())
    told.seconds = time.monotonic() - begun
    return told


@asynccontextmanager
async def working_agent(place: Place, watchdogs: Watchdogs = PATIENT) -> AsyncIterator[Agent]:
    """An agent in its place, of which nothing is left afterwards."""
    async with running_agent(place, Access(), place.cwd, watchdogs=watchdogs) as agent:
        yield agent
    assert place.processes() == []
