"""OpenCode's configuration: what the files say, and what the runtime decides for each process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from agent_runtime_server.ports import ModelAccess

AGENTS = ("planner", "generator", "fixer", "custom")
PROVIDER = "runtime"
"""What OpenCode knows the model gateway by."""
TOKEN_VARIABLE = "AGENT_RUNTIME_MODEL_TOKEN"  # noqa: S105
COPY = "opencode.json"
"""In the workspace, for people to read; OpenCode does not read it."""
MAX_FILE_BYTES = 1 << 20
HIDDEN = "[hidden]"
_GIVEN = ("environment", "headers")

SWITCHES: Mapping[str, str] = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_CLAUDE_CODE": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_SHARE": "1",
    "OPENCODE_ENABLE_QUESTION_TOOL": "1",
    "OPENCODE_PURE": "1",
}
"""OpenCode stays away from the network, from files that agents can write to, and from programs that nobody chose."""

_PACKAGES = {"openai": "@ai-sdk/openai-compatible", "anthropic": "@ai-sdk/anthropic"}
"""By the format that the provider speaks. Both are part of OpenCode's program."""

Configuration = Mapping[str, Any]


class BadConfiguration(Exception):
    """A configuration or a prompt cannot be used; the message names the file."""


def read_configuration(config: Path | None = None, prompts: Path | None = None) -> Configuration:
    """The configuration of the agents, with their prompts: from our own files, or from others instead.

    A prompt is ``<agent>.md`` in the folder of prompts, unless the configuration holds one itself. Raises
    BadConfiguration.
    """
    shipped = resources.files("agent_runtime_server.config")
    name, text = _read(config or shipped / COPY)
    try:
        read = json.loads(text)
        agents, servers = _tables(read, "agent"), _tables(read, "mcp")
    except (ValueError, TypeError, AttributeError) as error:
        raise BadConfiguration(f"{name} is no configuration of agents in JSON: {error}") from error
    for agent in AGENTS:
        if agent not in agents:
            raise BadConfiguration(f"{name} has no agent {agent!r}")
        if not agents[agent].get("prompt"):
            _, agents[agent]["prompt"] = _read((prompts or shipped / "prompts") / f"{agent}.md")
    return {**read, "agent": agents, "mcp": servers}


def in_force(configuration: Configuration, access: ModelAccess, *, tool_seconds: float) -> Configuration:
    """The configuration of one process: its model is behind the gateway, whatever the files say.

    It holds no secret: the token is in the environment (``TOKEN_VARIABLE``). ``tool_seconds`` is the longest call of a
    tool, for MCP servers that say nothing else.
    """
    model = f"{PROVIDER}/{access.model}"
    bound = {"timeout": int(tool_seconds * 1000)}
    return {
        **configuration,
        "model": model,
        "small_model": model,
        "enabled_providers": [PROVIDER],
        "provider": {PROVIDER: _provider(access)},
        "mcp": {name: {**bound, **server} for name, server in configuration["mcp"].items()},
        # Of several calls in one step OpenCode rejects all when one is rejected, those without a word to the agent: it
        # would stop there.
        "experimental": {**configuration.get("experimental", {}), "continue_loop_on_deny": True},
    }


def _provider(access: ModelAccess) -> Configuration:
    limits = {"context": access.limits.context_tokens, "output": access.limits.output_tokens}
    return {
        "name": "Agent Runtime",
        "npm": _PACKAGES[access.wire],
        "options": {
            "baseURL": access.base_url,
            "apiKey": f"{{env:{TOKEN_VARIABLE}}}",
            # The gateway bounds each call, and knows when a call waits for a person.
            "timeout": False,
        },
        "models": {access.model: {"name": access.model, "tool_call": True, "limit": limits}},
    }


def environment_of(configuration: Configuration, access: ModelAccess) -> dict[str, str]:
    """What OpenCode's process gets of a configuration that is in force: this is the only place of the token."""
    return {
        **SWITCHES,
        "OPENCODE_CONFIG_CONTENT": json.dumps(configuration, ensure_ascii=False),
        TOKEN_VARIABLE: access.token,
    }


def readable(configuration: Configuration) -> str:
    """A configuration for people to read: what MCP servers are given, which may be keys, is left out."""
    servers = {
        name: {key: dict.fromkeys(value, HIDDEN) if key in _GIVEN else value for key, value in server.items()}
        for name, server in configuration["mcp"].items()
    }
    return json.dumps({**configuration, "mcp": servers}, ensure_ascii=False, indent=2) + "\n"


def _tables(read: Any, name: str) -> dict[str, dict[str, Any]]:
    """A table of tables. Raises TypeError, ValueError or AttributeError for anything else."""
    return {str(key): dict(value) for key, value in read.get(name, {}).items()}


def _read(file: Traversable) -> tuple[str, str]:
    """A file's name and text."""
    try:
        with file.open("rb") as content:
            data = content.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadConfiguration(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        return str(file), data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file} cannot be read: {error}") from error
