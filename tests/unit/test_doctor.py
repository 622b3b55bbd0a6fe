"""What the doctor says of programs, as the toolchain finds them."""

import json
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


def test_nothing_is_looked_for_that_nothing_uses(toolchain: Path) -> None:
    assert [each.name for each in check()] == [
        *("python", "node", "playwright", "driver explorer", "opencode", "model", "sandbox", "ffmpeg"),
        *("workspaces", "state"),
    ]
