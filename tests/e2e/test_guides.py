"""The guides' code blocks, run as a reader would run them: each page from its first block to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.shop.launch import Shop
from tests.line.support import ROOT, server

pytestmark = pytest.mark.timeout(1200)
PATIENCE = 1000


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where the guides' readers are: at a shell, with a server and an app."""
    folder = tmp_path_factory.mktemp("guides")
    commands = folder / "bin"
    commands.mkdir()
    command = commands / "agent-runtime"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m agent_runtime.cli.main "$@"\n')
    command.chmod(0o755)
    with Shop() as shop, server(folder, http_address="127.0.0.1:0") as running:
        yield {
            **os.environ,
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "client"),
            "AGENT_RUNTIME_SERVER": running.address,
            "SHOP_URL": shop.start(),
        }


def blocks(page: str, language: str) -> str:
    """All blocks of a language on a page, in their order."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has blocks of {language}"
    return "\n".join(found)


def run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """What a program prints; it has to end well."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_guide_to_the_command_line(environment: dict[str, str], tmp_path: Path) -> None:
    said = run(["bash", "-eu", "-c", blocks("cli.md", "console")], environment, tmp_path)
    assert "exit code 6" in said, "the broken locator"
    assert (tmp_path / "downloads/specs/plan.md").is_file()
    assert list((tmp_path / "downloads").rglob("*trace.zip"))
    assert (tmp_path / "suite.zip").read_bytes().startswith(b"PK")


def test_the_guide_to_the_client(environment: dict[str, str], tmp_path: Path) -> None:
    said = run([sys.executable, "-c", blocks("client.md", "python")], environment, tmp_path)
    assert "TEST_VERDICT_FAILED" in said
    assert list((tmp_path / "downloads").rglob("trace.zip"))
    assert (tmp_path / "session.zip").read_bytes().startswith(b"PK")
