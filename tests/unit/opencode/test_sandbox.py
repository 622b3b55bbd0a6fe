"""How bubblewrap is tried out; what it then contains is seen in ``tests/line/test_sandbox.py``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runtime_server.adapters.opencode.binary import OpenCodeProgram
from agent_runtime_server.adapters.opencode.sandbox import AgentSandbox
from tests.contract.runner_fixtures import toolchain


def test_the_trial_is_told_no_secret_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f'#!/bin/sh\nenv > "{tmp_path}/told"\n')
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("MODEL_KEY", "canary")
    sandbox = AgentSandbox(OpenCodeProgram(toolchain(), os.environ), toolchain())
    assert sandbox.kind() == "bubblewrap"
    told = (tmp_path / "told").read_text()
    assert f"PATH={tmp_path}:" in told
    assert "canary" not in told
