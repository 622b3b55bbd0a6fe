"""The toolchain folder: what it has, what it lacks, and how a workspace is linked to it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from agent_runtime_server.adapters.toolchain import Build, Toolchain

SCRIPTS = ("typescript/bin/tsc", "eslint/bin/eslint.js", "@playwright/test/cli.js")
BUILDS = [
    {"name": "chromium", "revision": "7", "browserVersion": "150.0.1"},
    {"name": "chromium-headless-shell", "revision": "7", "browserVersion": "150.0.1"},
    {"name": "ffmpeg", "revision": "3"},
]


@pytest.fixture
def browsers(tmp_path: Path) -> Path:
    """Playwright's browsers folder, with every build complete."""
    folder = tmp_path / "browsers"
    for build in ("chromium_headless_shell-7", "ffmpeg-3"):
        (folder / build).mkdir(parents=True)
        (folder / build / "INSTALLATION_COMPLETE").touch()
    return folder


@pytest.fixture
def toolchain(tmp_path: Path, browsers: Path) -> Toolchain:
    """A complete toolchain with a Node.js on the PATH."""
    folder = tmp_path / "toolchain"
    for script in SCRIPTS:
        path = folder / "node_modules" / script
        path.parent.mkdir(parents=True)
        path.touch()
    (folder / "node_modules/@playwright/test/package.json").write_text(json.dumps({"version": "1.2.3"}))
    (folder / "node_modules/playwright-core").mkdir()
    (folder / "node_modules/playwright-core/browsers.json").write_text(json.dumps({"browsers": BUILDS}))
    node = tmp_path / "path" / "node"
    node.parent.mkdir()
    node.touch(mode=0o755)
    return Toolchain(folder, {"PATH": str(node.parent), "PLAYWRIGHT_BROWSERS_PATH": str(browsers)})


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def test_a_complete_toolchain_has_no_problems(toolchain: Toolchain, browsers: Path) -> None:
    assert toolchain.problems() == []
    assert toolchain.playwright_version == "1.2.3"
    assert toolchain.browser() == Build("150.0.1", browsers / "chromium_headless_shell-7")


def test_an_empty_folder_is_told_with_its_remedy(tmp_path: Path) -> None:
    nothing = Toolchain(tmp_path / "none", {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    node, packages = nothing.problems()
    assert "Node.js" in node
    assert "tsc, eslint, playwright" in packages
    assert "bin/bootstrap" in packages
    assert nothing.playwright_version is None
    assert nothing.browser() is None
    with pytest.raises(FileNotFoundError, match=r"Node\.js"):
        nothing.command_tsc()


def test_a_half_installed_browser_and_ffmpeg_do_not_count(toolchain: Toolchain, browsers: Path) -> None:
    for marker in browsers.glob("*/INSTALLATION_COMPLETE"):
        marker.unlink()
    chromium, ffmpeg = toolchain.problems()
    assert "no working Chromium" in chromium
    assert "no videos" in ffmpeg


def test_a_browser_linked_from_the_system_is_named_with_its_own_version(
    toolchain: Toolchain, browsers: Path, tmp_path: Path
) -> None:
    program = tmp_path / "usr-bin-chromium"
    program.touch()
    note = browsers / "chromium_headless_shell-7" / "LINKED_FROM_SYSTEM"
    note.write_text(f"140.0.9\n{program}\n")
    assert toolchain.browser() == Build("140.0.9", program)
    assert toolchain.problems() == []

    program.unlink()
    (problem,) = toolchain.problems()
    assert "no working Chromium" in problem


def test_the_browsers_folder_follows_playwrights_rules(toolchain: Toolchain, tmp_path: Path) -> None:
    def problem(environment: dict[str, str]) -> str:
        return Toolchain(toolchain.directory, {"PATH": "", **environment}).problems()[1]

    home = {"HOME": str(tmp_path / "home")}
    assert "home" in problem(home)
    assert str(tmp_path / "cache" / "ms-playwright") in problem({**home, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert ".local-browsers" in problem({**home, "PLAYWRIGHT_BROWSERS_PATH": "0"})


def test_commands_start_the_toolchains_scripts_with_its_own_node_first(toolchain: Toolchain, tmp_path: Path) -> None:
    cli = str(toolchain.node_modules / "@playwright/test/cli.js")
    assert toolchain.command_playwright("test", "-x") == (str(tmp_path / "path" / "node"), cli, "test", "-x")

    own = toolchain.directory / "bin" / "node"
    own.parent.mkdir()
    own.touch()
    assert toolchain.command_eslint(".")[0] == str(own)
    assert toolchain.command_tsc("--noEmit")[1].endswith("typescript/bin/tsc")


def test_linking_is_repeatable_and_replaces_an_old_link(toolchain: Toolchain, workspace: Path, tmp_path: Path) -> None:
    (workspace / "node_modules").symlink_to(tmp_path / "gone")
    for _ in range(2):
        toolchain.link(workspace)
        assert (workspace / "node_modules").readlink() == toolchain.node_modules
    assert [path.name for path in workspace.iterdir()] == ["node_modules"]


def test_linking_never_touches_a_real_folder_or_what_an_old_link_led_to(
    toolchain: Toolchain, workspace: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "elsewhere" / "kept"
    kept.parent.mkdir()
    kept.touch()
    (workspace / "node_modules").symlink_to(kept.parent)
    toolchain.link(workspace)
    assert kept.exists()

    (workspace / "node_modules").unlink()
    own = workspace / "node_modules" / "package"
    own.mkdir(parents=True)
    toolchain.link(workspace)
    assert own.is_dir()


def test_the_installed_toolchain_starts() -> None:
    installed = Toolchain(Path(os.environ.get("AGENT_RUNTIME_TOOLCHAIN_DIR", ".toolchain")))
    assert installed.problems() == []
    said = subprocess.run(installed.command_playwright("--version"), capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"Version {installed.playwright_version}"
    assert installed.axe.read_text().startswith("/*! axe v")
    browser = installed.browser()
    assert browser is not None
    assert browser.version.split(".")[0].isdecimal()
