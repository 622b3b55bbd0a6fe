"""What an OpenCode process is given, and what is taken away after it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.opencode import beneath
from agent_runtime_server.adapters.opencode.configuration import TOKEN_VARIABLE, BadConfiguration
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted
from agent_runtime_server.adapters.opencode.process import Cell
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain.pipeline import PhaseKind
from tests.contract.runner_fixtures import toolchain
from tests.unit.opencode.support import job_in
from tests.unit.opencode.test_configuration import TOKEN, Access


class Enclosed(OSError):
    """The sandbox has been asked; there it ends."""


@dataclass
class Recorder:
    """A sandbox and a program that remember, and start nothing."""

    version: str = "1.18.33"
    problem: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: Sequence[Path] = ()
    seen: Sequence[str] = ()
    """Files of the home, as the process would have found them."""
    writes: str = ""
    """What it leaves in the workspace."""

    def look(self) -> tuple[str, str]:
        return self.version, self.problem

    async def learn(self) -> str:
        return self.problem

    def cell(self, workspace: Path, home: Path, environment: Mapping[str, str], readable: Sequence[Path] = ()) -> Cell:
        self.environment, self.readable = environment, readable
        if self.writes:
            beneath.write(workspace, self.writes, b"")
        self.seen = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
        raise Enclosed


def made(folder: Path, recorder: Recorder, tools: Toolchain | None = None, config: Path | None = None) -> Surroundings:
    return Surroundings(
        tools or toolchain(),
        recorder,
        recorder,
        folder / "agents",
        watchdogs=Watchdogs(tool_seconds=5),
        environment={"PATH": "/usr/bin", "SECRET_KEY": "the-servers-own", "NO_PROXY": "intranet"},
        config=config,
    )


async def enclosed(surroundings: Surroundings, workspace: Path, state: Path | None = None) -> None:
    workspace.mkdir()
    job = job_in(workspace, PhaseKind.PLAN, storage_state=state)
    with pytest.raises(Enclosed):
        async with surroundings.agent(replace(job, password="hunter22"), Access()):
            pass


async def test_a_process_gets_the_app_the_tools_and_no_secret_of_the_servers(tmp_path: Path) -> None:
    recorder = Recorder()
    state = tmp_path / "state.json"
    await enclosed(made(tmp_path, recorder), tmp_path / "workspace", state)
    environment = recorder.environment
    assert environment["APP_URL"] == environment["BASE_URL"] == "http://127.0.0.1:1/"
    assert environment["STORAGE_STATE"] == str(state)
    assert list(recorder.readable) == [state]
    assert environment["PLAYWRIGHT_BROWSERS_PATH"] == str(toolchain().browsers_folder)
    node = toolchain().node
    assert node is not None
    assert environment["PATH"] == f"{node.parent}{os.pathsep}/usr/bin"
    assert environment["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert not [name for name, value in environment.items() if "the-servers-own" in value or "hunter22" in value]
    assert [name for name, value in environment.items() if TOKEN in value] == [TOKEN_VARIABLE]


async def test_without_a_sign_in_there_is_no_state(tmp_path: Path) -> None:
    recorder = Recorder()
    await enclosed(made(tmp_path, recorder), tmp_path / "workspace")
    assert "STORAGE_STATE" not in recorder.environment
    assert recorder.readable == ()


async def test_its_folders_are_its_own_and_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "agents/left-behind").mkdir(parents=True)
    recorder = Recorder()
    recorder.writes = ".playwright-mcp/page.yml"
    await enclosed(made(tmp_path, recorder), tmp_path / "workspace")
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["opencode.json"]
    homes = {recorder.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    assert len(homes) == 4
    (parent,) = {Path(home).parent for home in homes}
    assert parent.parent == tmp_path / "agents"
    assert "config/opencode/package-lock.json" in recorder.seen
    assert list((tmp_path / "agents").iterdir()) == []
    assert (tmp_path / "agents").stat().st_mode & 0o077 == 0


async def test_a_link_of_the_agents_making_leads_nobody_elsewhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "open").mkdir(parents=True)
    (outside / "open").chmod(0o755)

    class Linking(Recorder):
        def cell(
            self, workspace: Path, home: Path, environment: Mapping[str, str], readable: Sequence[Path] = ()
        ) -> Cell:
            (workspace / ".playwright-mcp").symlink_to(outside)
            return super().cell(workspace, home, environment, readable)

    await enclosed(made(tmp_path, Linking()), tmp_path / "workspace")
    assert (outside / "open").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "workspace/.playwright-mcp").is_symlink()


async def test_the_configuration_in_force_is_in_the_workspace_to_read(tmp_path: Path) -> None:
    recorder = Recorder()
    await enclosed(made(tmp_path, recorder), tmp_path / "workspace")
    copy = (tmp_path / "workspace/opencode.json").read_text()
    assert json.loads(copy) == json.loads(recorder.environment["OPENCODE_CONFIG_CONTENT"])
    assert json.loads(copy)["mcp"]["playwright-test"]["timeout"] == 5000
    assert TOKEN not in copy


async def test_a_program_that_cannot_be_used_is_not_started(tmp_path: Path) -> None:
    surroundings = made(tmp_path, Recorder(problem="OpenCode 2.0.0 cannot be used"))
    with pytest.raises(AgentNotStarted, match=r"2\.0\.0") as caught:
        async with surroundings.agent(job_in(tmp_path, PhaseKind.PLAN), Access()):
            pass
    assert not caught.value.failure.retryable


async def test_a_bad_configuration_is_said_before_and_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "mine.json"
    config.write_text("{")
    surroundings = made(tmp_path, Recorder(), config=config)
    assert ["mine.json" in problem for problem in surroundings.look()[1]] == [True]
    with pytest.raises(BadConfiguration, match=r"mine\.json"):
        async with surroundings.agent(job_in(tmp_path, PhaseKind.PLAN), Access()):
            pass


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    surroundings = made(tmp_path, Recorder("", "OpenCode is not installed"), Toolchain(tmp_path / "nothing"))
    version, problems = surroundings.look()
    assert version == ""
    assert any("OpenCode is not installed" in problem for problem in problems)
    assert any("bin/bootstrap" in problem for problem in problems)
