"""The Node folder with Playwright Test, TypeScript, ESLint and axe-core that every workspace links to.

Small file work only: nothing here starts a process or waits.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_REMEDY = "run bin/bootstrap"
_SCRIPTS = {
    "tsc": "typescript/bin/tsc",
    "eslint": "eslint/bin/eslint.js",
    "playwright": "@playwright/test/cli.js",
}


@dataclass(frozen=True)
class Build:
    """A browser, or a helper of one, that Playwright starts."""

    version: str
    """As the program says it, for example ``156.0.8078.79``; empty when nobody said."""
    path: Path
    """The program itself, or the folder of Playwright's own build."""


class Toolchain:
    """Finds the programs of one toolchain folder and links workspaces to it."""

    def __init__(self, directory: Path, environment: Mapping[str, str] = os.environ) -> None:
        """``environment`` is where PATH and Playwright's browsers folder are looked up."""
        self.directory = directory.absolute()
        self._environment = environment

    @property
    def node_modules(self) -> Path:
        """The folder of npm packages."""
        return self.directory / "node_modules"

    @property
    def node(self) -> Path | None:
        """The Node.js program: the toolchain's own if it has one, else the one on the PATH."""
        own = self.directory / "bin" / "node"
        if own.exists():
            return own
        found = shutil.which("node", path=self._environment.get("PATH"))
        return Path(found) if found else None

    @property
    def opencode(self) -> Path | None:
        """The OpenCode program: the toolchain's own if it has one, else the one on the PATH."""
        own = self.directory / "opencode" / "opencode"
        if own.exists():
            return own
        found = shutil.which("opencode", path=self._environment.get("PATH"))
        return Path(found) if found else None

    @property
    def playwright_version(self) -> str | None:
        """The version of Playwright Test; None when it is not installed."""
        return self._package_version("@playwright/test")

    @property
    def axe(self) -> Path:
        """The script of axe-core, which judges whether a page can be used by everybody."""
        return self.node_modules / "axe-core" / "axe.min.js"

    def browser(self) -> Build | None:
        """The Chromium that headless runs use; None when there is none."""
        return self._build("chromium-headless-shell")

    def ffmpeg(self) -> Build | None:
        """What records videos; None when there is none, and runs have no videos."""
        return self._build("ffmpeg")

    def problems(self) -> list[str]:
        """What is missing, each with its cost and its remedy; empty when everything works."""
        found = []
        if self.node is None:
            found.append(f"Node.js is not on the PATH: no suite can run; {_REMEDY}")
        missing = [name for name, script in _SCRIPTS.items() if not (self.node_modules / script).is_file()]
        if missing:
            found.append(f"no {', '.join(missing)} in {self.node_modules}: no suite can be made or run; {_REMEDY}")
            return found
        where = self.browsers_folder
        if self.browser() is None:
            found.append(f"no working Chromium in {where}: no suite can be made or run; {_REMEDY}")
        if self.ffmpeg() is None:
            found.append(f"no working ffmpeg in {where}: runs have no videos; {_REMEDY}")
        return found

    def link(self, workspace: Path) -> None:
        """Make ``node_modules`` in the workspace a link to the toolchain's; a folder of the workspace's own stays.

        A link to elsewhere is replaced in one step, so a suite that starts meanwhile finds one or the other.
        """
        link = workspace / "node_modules"
        if link.exists() and not link.is_symlink():
            return
        if link.is_symlink() and link.readlink() == self.node_modules:
            return
        fresh = workspace / f".node_modules-{secrets.token_hex(8)}"
        fresh.symlink_to(self.node_modules, target_is_directory=True)
        try:
            fresh.replace(link)
        except OSError:
            fresh.unlink()
            raise

    def command_tsc(self, *arguments: str) -> Sequence[str]:
        """The command line of the TypeScript compiler."""
        return self._command("tsc", arguments)

    def command_eslint(self, *arguments: str) -> Sequence[str]:
        """The command line of ESLint."""
        return self._command("eslint", arguments)

    def command_playwright(self, *arguments: str) -> Sequence[str]:
        """The command line of Playwright: ``command_playwright("test", "--retries=1")``."""
        return self._command("playwright", arguments)

    def _command(self, name: str, arguments: Sequence[str]) -> Sequence[str]:
        if self.node is None:
            raise FileNotFoundError(f"Node.js is not on the PATH; {_REMEDY}")
        return (str(self.node), str(self.node_modules / _SCRIPTS[name]), *arguments)

    def _package_version(self, package: str) -> str | None:
        try:
            manifest = json.loads((self.node_modules / package / "package.json").read_text())
        except FileNotFoundError:
            return None
        return str(manifest["version"])

    def _build(self, name: str) -> Build | None:
        """One of Playwright's builds, or the system's program that stands in for it; None when neither is there."""
        try:
            builds = json.loads((self.node_modules / "playwright-core" / "browsers.json").read_text())["browsers"]
        except FileNotFoundError:
            return None
        build = next(build for build in builds if build["name"] == name)
        folder = self.browsers_folder / f"{name.replace('-', '_')}-{build['revision']}"
        if not (folder / "INSTALLATION_COMPLETE").is_file():
            return None
        try:
            version, program = (folder / "LINKED_FROM_SYSTEM").read_text().splitlines()
        except FileNotFoundError:
            return Build(build.get("browserVersion", ""), folder)
        return Build(version, Path(program)) if Path(program).exists() else None

    @property
    def browsers_folder(self) -> Path:
        """Where Playwright keeps its browsers, by its own rules."""
        named = self._environment.get("PLAYWRIGHT_BROWSERS_PATH")
        if named == "0":
            return self.node_modules / "playwright-core" / ".local-browsers"
        if named:
            return Path(named).absolute()
        home = Path(self._environment.get("HOME") or Path.home())
        if sys.platform == "darwin":
            return home / "Library" / "Caches" / "ms-playwright"
        return Path(self._environment.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"
