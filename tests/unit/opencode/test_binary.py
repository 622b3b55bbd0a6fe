"""Which OpenCode is used, and what is said of one that cannot be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.opencode import binary
from agent_runtime_server.adapters.opencode.binary import MISSING, OpenCodeProgram
from agent_runtime_server.adapters.toolchain import Toolchain
from tests.contract.runner_fixtures import toolchain

ENVIRONMENT = {"PATH": os.environ["PATH"], "PROVIDER_API_KEY": "the-servers-own"}


def program(path: Path, script: str) -> Path:
    """A program that notes in ``starts``, beside it, each time that it is started."""
    path.write_text(f"#!/bin/sh\necho $$ >>{path.parent}/starts\n{script}\n")
    path.chmod(0o755)
    return path


def starts(folder: Path) -> list[int]:
    """The process ids that it had."""
    noted = folder / "starts"
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def named(path: Path) -> OpenCodeProgram:
    return OpenCodeProgram(Toolchain(path.parent / "toolchain"), ENVIRONMENT, str(path))


async def test_one_that_can_be_used_is_started_once_to_tell_its_version(tmp_path: Path) -> None:
    found = named(program(tmp_path / "opencode", "echo a warning >&2; [ $1 = --version ] && echo 1.18.33"))
    assert found.look() == ("", "")
    for _ in range(2):
        assert await found.learn() == ""
    assert found.look() == ("1.18.33", "")
    assert len(starts(tmp_path)) == 1


async def test_another_file_in_its_place_is_asked_again(tmp_path: Path) -> None:
    path = program(tmp_path / "opencode", "echo 1.18.33")
    found = named(path)
    await found.learn()
    program(path, "echo 1.19.1-beta")
    assert found.version == ""
    await found.learn()
    assert found.version == "1.19.1-beta"


@pytest.mark.parametrize("version", ["2.0.0", "v2.1.4", "0.9.9"])
async def test_a_version_with_another_interface_is_refused_with_what_to_do(tmp_path: Path, version: str) -> None:
    problem = await named(program(tmp_path / "opencode", f"echo {version}")).learn()
    assert f"{version} cannot be used" in problem
    assert "versions 1.x" in problem
    assert "bin/bootstrap" in problem
    assert "OPENCODE_PATH" in problem


@pytest.mark.parametrize("script", ["echo hello", "exit 3", "echo 1.18.33 >&2"])
async def test_what_is_not_opencode_is_told(tmp_path: Path, script: str) -> None:
    found = named(program(tmp_path / "opencode", script))
    assert f"{tmp_path}/opencode is not OpenCode" in await found.learn()
    assert found.version == ""


async def test_one_without_an_answer_is_ended_and_may_answer_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "ANSWER_SECONDS", 3.0)
    found = named(program(tmp_path / "opencode", f"[ -e {tmp_path}/awake ] || exec sleep 300; echo 1.18.33"))
    problem = await found.learn()
    assert "takes too long" in problem
    assert found.look() == ("", problem)
    assert [pid for pid in starts(tmp_path) if psutil.pid_exists(pid)] == []

    monkeypatch.undo()
    (tmp_path / "awake").touch()
    assert await found.learn() == ""
    assert found.version == "1.18.33"


async def test_it_gets_a_home_of_its_own_and_no_secret_of_the_servers(tmp_path: Path) -> None:
    script = f"env >{tmp_path}/environment; touch $HOME/mark; echo 1.18.33"
    assert await named(program(tmp_path / "opencode", script)).learn() == ""
    told = (tmp_path / "environment").read_text()
    assert "the-servers-own" not in told
    (home,) = [Path(line.removeprefix("HOME=")) for line in told.splitlines() if line.startswith("HOME=")]
    assert home != Path.home()
    assert not home.exists()


async def test_one_that_cannot_be_executed_is_told(tmp_path: Path) -> None:
    path = program(tmp_path / "opencode", "echo 1.18.33")
    path.write_bytes(b"\x7fELF of another machine")
    assert "does not tell its version" in await named(path).learn()


async def test_no_room_for_a_home_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not-there"))
    found = named(program(tmp_path / "opencode", "echo 1.18.33"))
    assert "does not tell its version" in await found.learn()
    monkeypatch.undo()
    assert await found.learn() == ""


async def test_none_at_all_is_told(tmp_path: Path) -> None:
    found = OpenCodeProgram(Toolchain(tmp_path, {"PATH": str(tmp_path)}), ENVIRONMENT)
    assert await found.learn() == MISSING
    assert found.look() == ("", MISSING)
    found = named(tmp_path / "opencode")
    assert await found.learn() == f"OPENCODE_PATH {tmp_path}/opencode is not a file"


def test_the_toolchains_own_comes_before_that_on_the_path(tmp_path: Path) -> None:
    tools = Toolchain(tmp_path / "toolchain", {"PATH": str(tmp_path)})
    assert tools.opencode is None
    program(tmp_path / "opencode", "")
    assert tools.opencode == tmp_path / "opencode"
    (tmp_path / "toolchain/opencode").mkdir(parents=True)
    own = program(tmp_path / "toolchain/opencode/opencode", "")
    assert tools.opencode == own
    assert OpenCodeProgram(tools, ENVIRONMENT).path == own


async def test_the_installed_one_can_be_used() -> None:
    installed = OpenCodeProgram(toolchain(), os.environ)
    assert await installed.learn() == ""
    assert installed.version.startswith("1.")
