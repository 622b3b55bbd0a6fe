"""The configuration of agents: ours or another, and what the runtime decides whatever it says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent_runtime_server.adapters.opencode.configuration import (
    AGENTS,
    HIDDEN,
    TOKEN_VARIABLE,
    BadConfiguration,
    environment_of,
    in_force,
    read_configuration,
    readable,
)
from agent_runtime_server.domain.task import Failure
from agent_runtime_server.ports import Meter, ModelLimits

TOKEN = "token-that-opens-the-gateway"
UNSAFE = ("browser_run_code_unsafe", "browser_evaluate", "browser_storage_state", "browser_cookie", "webfetch", "task")


@dataclass
class Access:
    """A ``ports.ModelAccess`` to nothing."""

    wire: str = "openai"
    base_url: str = "http://127.0.0.1:1/v1"
    token: str = TOKEN
    model: str = "vendor/model-a"
    limits: ModelLimits = field(default_factory=lambda: ModelLimits(64_000, 4096))
    meter: Meter | None = None

    @property
    def failure(self) -> Failure | None:
        return None


def written(folder: Path, content: Any) -> Path:
    path = folder / "agents.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_our_agents_have_prompts_and_may_only_what_is_listed() -> None:
    agents = read_configuration()["agent"]
    for name in AGENTS:
        assert agents[name]["mode"] == "primary"
        assert len(agents[name]["prompt"]) > 500
        permissions = agents[name]["permission"]
        assert next(iter(permissions.items())) == ("*", "deny")  # the last rule that fits counts
        assert not [tool for tool in permissions for unsafe in UNSAFE if unsafe in tool]
    assert {name: agents[name]["permission"].get("bash", "deny") for name in AGENTS} == {
        "planner": "deny",
        "generator": "deny",
        "fixer": "deny",
        "custom": "ask",
    }


def test_opencodes_own_agents_are_off() -> None:
    agents = read_configuration()["agent"]
    assert all(agents[name] == {"disable": True} for name in ("build", "plan", "general", "explore"))


def test_prompts_name_only_tools_that_their_agents_may_use() -> None:
    for name, agent in read_configuration()["agent"].items():
        for word in agent.get("prompt", "").split("`"):
            if word.startswith("playwright-test_") and not word.endswith("…"):
                assert agent["permission"].get(word) == "allow", f"{name}: {word}"


def test_prompts_are_taken_from_another_folder(tmp_path: Path) -> None:
    for name in AGENTS:
        (tmp_path / f"{name}.md").write_text(f"I am the {name}.")
    agents = read_configuration(prompts=tmp_path)["agent"]
    assert [agents[name]["prompt"] for name in AGENTS] == [f"I am the {name}." for name in AGENTS]


def test_another_configuration_is_used_instead_of_ours(tmp_path: Path) -> None:
    mine = {"theme": "mine", "agent": {name: {"prompt": "Go.", "mode": "primary"} for name in AGENTS}}
    read = read_configuration(written(tmp_path, mine))
    assert read == {**mine, "mcp": {}}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "no configuration of agents in JSON"),
        ("[]", "no configuration of agents in JSON"),
        ({"agent": []}, "no configuration of agents in JSON"),
        ({"agent": {"planner": 1}}, "no configuration of agents in JSON"),
        ({"mcp": [], "agent": {name: {"prompt": "Go."} for name in AGENTS}}, "no configuration of agents in JSON"),
        ({"agent": {"planner": {"prompt": "Go."}}}, "has no agent 'generator'"),
    ],
)
def test_a_configuration_that_is_none_is_named(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(BadConfiguration, match=complaint) as error:
        read_configuration(written(tmp_path, content))
    assert "agents.json" in str(error.value)


def test_a_missing_prompt_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"planner\.md cannot be read"):
        read_configuration(prompts=tmp_path)


def test_the_model_is_behind_the_gateway_whatever_the_files_say(tmp_path: Path) -> None:
    mine = {
        "model": "other/model",
        "provider": {"other": {"options": {"apiKey": "key-in-a-file"}}},
        "agent": {name: {"prompt": "Go."} for name in AGENTS},
    }
    force = in_force(read_configuration(written(tmp_path, mine)), Access(), tool_seconds=5)
    assert force["model"] == force["small_model"] == "runtime/vendor/model-a"
    assert force["enabled_providers"] == ["runtime"]
    provider = force["provider"]["runtime"]
    assert list(force["provider"]) == ["runtime"]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"]["baseURL"] == "http://127.0.0.1:1/v1"
    assert provider["models"]["vendor/model-a"]["limit"] == {"context": 64_000, "output": 4096}


def test_anthropic_is_spoken_to_a_provider_that_speaks_it() -> None:
    force = in_force(read_configuration(), Access(wire="anthropic"), tool_seconds=5)
    assert force["provider"]["runtime"]["npm"] == "@ai-sdk/anthropic"


def test_servers_of_tools_get_the_tools_bound_unless_they_have_their_own() -> None:
    ours = read_configuration()
    assert in_force(ours, Access(), tool_seconds=5)["mcp"]["playwright-test"]["timeout"] == 5000
    own = {**ours, "mcp": {"playwright-test": {**ours["mcp"]["playwright-test"], "timeout": 7}}}
    assert in_force(own, Access(), tool_seconds=5)["mcp"]["playwright-test"]["timeout"] == 7


def test_a_rejected_call_does_not_end_the_turn() -> None:
    own = {**read_configuration(), "experimental": {"other": 1, "continue_loop_on_deny": False}}
    assert in_force(own, Access(), tool_seconds=5)["experimental"] == {"other": 1, "continue_loop_on_deny": True}


def test_what_servers_of_tools_are_given_is_not_for_everybody_to_read() -> None:
    server = {"type": "remote", "url": "http://tools.test", "headers": {"Authorization": "Bearer their-key"}}
    own = {**read_configuration(), "mcp": {"a": server, "b": {"command": ["b"], "environment": {"KEY": "their-key"}}}}
    force = in_force(own, Access(), tool_seconds=5)
    assert "their-key" in environment_of(force, Access())["OPENCODE_CONFIG_CONTENT"]
    shown = json.loads(readable(force))["mcp"]
    assert "their-key" not in readable(force)
    assert (shown["a"]["headers"], shown["a"]["url"]) == ({"Authorization": HIDDEN}, "http://tools.test")
    assert shown["b"]["environment"] == {"KEY": HIDDEN}


def test_the_token_is_in_one_variable_and_nowhere_else() -> None:
    force = in_force(read_configuration(), Access(), tool_seconds=5)
    assert TOKEN not in readable(force)
    environment = environment_of(force, Access())
    assert [name for name, value in environment.items() if TOKEN in value] == [TOKEN_VARIABLE]
    assert json.loads(environment["OPENCODE_CONFIG_CONTENT"]) == json.loads(readable(force)) == force
    assert force["provider"]["runtime"]["options"]["apiKey"] == f"{{env:{TOKEN_VARIABLE}}}"
