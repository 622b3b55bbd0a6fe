"""What the doctor says of programs, as the toolchain finds them."""

import json
import os
from pathlib import Path

import pytest

from agent_runtime_server.doctor import Check, check


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toolchain folder with a browser list and nothing else, on a machine with nothing on the PATH."""
    folder = tmp_path / "toolchain"
    core = folder / "node_modules/playwright-core"
    core.mkdir(parents=True)
    builds = [{"name": name, "revision": "1"} for name in ("chromium", "chromium-headless-shell", "ffmpeg")]
    (core / "browsers.json").write_text(json.dumps({"browsers": builds}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.setenv("AGENT_RUNTIME_TOOLCHAIN_DIR", str(folder))
    return folder


def checked(name: str) -> Check:
    return next(each for each in check() if each.name == name)


@pytest.mark.parametrize(
    ("version", "fits"), [("v20.18.3", False), ("v20.19.0", True), ("v22.0.0", True), ("?", False)]
)
def test_the_toolchains_own_node_counts(toolchain: Path, version: str, fits: bool) -> None:
    node = toolchain / "bin/node"
    node.parent.mkdir()
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    found = checked("node")
    assert (found.ok, found.version) == (fits, version.removeprefix("v"))
    assert ("20.19" in found.message) is not fits


def test_no_node_is_told(toolchain: Path) -> None:
    assert not checked("node").ok
    assert "bin/bootstrap" in checked("node").message


def test_videos_are_not_needed_but_their_lack_is_told(toolchain: Path, tmp_path: Path) -> None:
    assert checked("ffmpeg").ok
    assert "no videos" in checked("ffmpeg").message
    build = tmp_path / "browsers/ffmpeg-1"
    build.mkdir(parents=True)
    (build / "INSTALLATION_COMPLETE").touch()
    assert checked("ffmpeg") == Check("ffmpeg", ok=True, version=str(build))


def test_without_bubblewrap_it_says_what_agents_can_see_and_who_requires_it_fails(
    toolchain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checked("sandbox")
    assert (found.ok, found.version) == (True, "subreaper")
    assert "as the server's user" in found.message
    assert "docs/security.md" in found.message
    monkeypatch.setenv("AGENT_RUNTIME_SANDBOX", "bubblewrap")
    assert not checked("sandbox").ok


def test_with_bubblewrap_it_says_what_is_not_contained(toolchain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    found = checked("sandbox")
    assert (found.ok, found.version) == (True, "bubblewrap")
    assert "share this machine's network" in found.message
    assert "tests that they write run outside" in found.message


@pytest.mark.parametrize(("model", "fits"), [("", True), ("ollama/any", False)])
def test_an_opencode_that_cannot_be_used_matters_with_a_model(
    toolchain: Path, monkeypatch: pytest.MonkeyPatch, model: str, fits: bool
) -> None:
    monkeypatch.setenv("AGENT_RUNTIME_MODEL", model)
    assert checked("opencode").ok is fits
    assert "bin/bootstrap" in checked("opencode").message
    program = toolchain / "opencode/opencode"
    program.parent.mkdir()
    for version, usable in (("2.3.0", fits), ("1.18.33", True)):
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
        found = checked("opencode")
        assert found.ok is usable
        assert ("versions 1.x" in found.message) is (version == "2.3.0")
    assert found.version == "1.18.33"


def test_nothing_is_looked_for_that_nothing_uses(toolchain: Path) -> None:
    assert [each.name for each in check()] == [
        *("python", "node", "playwright", "driver explorer", "opencode", "model", "sandbox", "ffmpeg"),
        *("workspaces", "state"),
    ]
