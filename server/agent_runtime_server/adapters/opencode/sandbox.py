"""What contains an agent: bubblewrap where it works, else the process supervisor alone.

In bubblewrap an agent has process ids, a root folder and a user of its own. It sees system programs, the toolchain, its
workspace and its own home, all but the last two read-only, at the paths that they have outside: reports and links hold
absolute paths. The network is not contained. ``docs/security.md`` tells this to the people who run a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent_runtime_server.adapters.opencode.binary import MISSING, OpenCodeProgram
from agent_runtime_server.adapters.toolchain import Toolchain

Kind = Literal["bubblewrap", "subreaper"]

NO_BUBBLEWRAP = (
    "bubblewrap does not work here ({why}); install it and allow user namespaces, or set sandbox to auto to do without"
)
_UNSHARED = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_USER = "1000"
"""Inside; outside, files belong to whoever runs the server."""
_PROGRAMS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share")
"""Of each of ``_ROOTS``: what programs consist of. Sources, configuration and whatever else people keep beside these
stay outside."""
_ROOTS = (Path("/"), Path("/usr"), Path("/usr/local"))
_ETC = (
    *("alternatives", "chromium", "chromium.d", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "mime.types"),
    *("group", "host.conf", "hosts", "localtime", "nsswitch.conf", "os-release", "passwd", "resolv.conf", "timezone"),
    *("ca-certificates", "crypto-policies", "ssl/certs", "ssl/openssl.cnf"),
    *("pki/ca-trust/extracted", "pki/tls/cert.pem", "pki/tls/certs"),
)
"""Names, fonts and authorities, but no keys: where the server runs as root, an agent could read them."""
_AUTHORITIES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that lead to files."""
_SEALED = ("--remount-ro", "/", "--remount-ro", "/proc")
"""Comes last: what is not writable by then is not. The kernel takes who is root outside for root inside: where the
server runs as root, an agent could else change the kernel's settings, and have it start programs outside."""
_TRIAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EnclosedCommand:
    """A command line to be run as it is. Implements ``process.Cell``."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path


class AgentSandbox:
    """Encloses OpenCode. Implements ``surroundings.Sandbox``; what blocks is for a thread to do."""

    def __init__(
        self,
        program: OpenCodeProgram,
        toolchain: Toolchain,
        environment: Mapping[str, str] = os.environ,
        *,
        required: bool = False,
    ) -> None:
        """``required`` refuses to go without bubblewrap."""
        self._program = program
        self._toolchain = toolchain
        self._environment = environment
        self._required = required
        self._trouble: str | None = None
        """Why bubblewrap cannot be used, empty when it can; None until that was tried."""

    def kind(self) -> Kind:
        """What contains agents here; tried out at first. Blocks for a moment."""
        if self._trouble is None:
            self._trouble = self._try()
        return "subreaper" if self._trouble else "bubblewrap"

    @property
    def known(self) -> Kind | None:
        """What contains agents, if that was tried out already."""
        return None if self._trouble is None else self.kind()

    def _try(self) -> str:
        """Why bubblewrap cannot be used; empty when it can."""
        if (bwrap := self._bwrap) is None:
            return "it is not installed"
        command = [bwrap, *_walls(), *_system(), *_SEALED, "--", "/bin/true"]
        try:
            tried = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_TRIAL_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                env={"PATH": self._environment.get("PATH", os.defpath)},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return "" if tried.returncode == 0 else tried.stderr.strip()[:200] or f"exit code {tried.returncode}"

    @property
    def _bwrap(self) -> str | None:
        return shutil.which("bwrap", path=self._environment.get("PATH"))

    def cell(
        self, workspace: Path, home: Path, environment: Mapping[str, str], readable: Sequence[Path] = ()
    ) -> EnclosedCommand:
        """OpenCode's command line, enclosed: it can write to workspace and home only, and read no file of the server's
        but ``readable``. Blocks for a moment. Raises OSError if there is no program, or bubblewrap is required and
        does not work."""
        program = self._program.path
        if program is None:
            raise FileNotFoundError(MISSING)
        program = program.resolve()
        return self.enclose([str(program)], workspace, home, environment, [program.parent, *readable])

    def enclose(
        self,
        command: Sequence[str],
        workspace: Path,
        home: Path,
        environment: Mapping[str, str],
        readable: Sequence[Path] = (),
    ) -> EnclosedCommand:
        """A command line, enclosed; see ``cell``."""
        if self.kind() == "subreaper":
            if self._required:
                raise OSError(NO_BUBBLEWRAP.format(why=self._trouble))
            return EnclosedCommand(tuple(command), environment, workspace)
        bwrap = self._bwrap
        assert bwrap is not None, "it was tried"
        authorities = [Path(environment[name]) for name in _AUTHORITIES if environment.get(name)]
        walls = [bwrap, *_walls(), *_system()]
        for path in (*self._tools(), *authorities, *readable):
            if path.exists() and not _is_of_the_system(path):
                walls += ["--ro-bind", str(path), str(path)]
        for path in (workspace, home):
            walls += ["--bind", str(path), str(path)]
        walls += [*_SEALED, "--chdir", str(workspace)]
        return EnclosedCommand((*walls, "--", *command), environment, workspace)

    def _tools(self) -> list[Path]:
        """What agents run, and what that needs: the toolchain, its browser and helpers, Node.js."""
        toolchain = self._toolchain
        tools = [toolchain.node_modules, toolchain.browsers_folder]
        for program in (toolchain.node, *(build.path for build in (toolchain.browser(), toolchain.ffmpeg()) if build)):
            if program is not None:
                real = program.resolve()
                tools += [real.parent] if real.is_file() else [real]
                if program != real:
                    tools.append(program)
        return tools


def _walls() -> list[str]:
    return [*_UNSHARED, "--die-with-parent", "--new-session", "--uid", _USER, "--gid", _USER]


def _system() -> list[str]:
    """System programs, without anything that belongs to this machine or its users."""
    binds = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run"]  # noqa: S108
    for folder in _program_folders():
        if folder.is_symlink():
            binds += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            binds += ["--ro-bind", str(folder), str(folder)]
    for name in _ETC:
        binds += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return binds


def _program_folders() -> list[Path]:
    return [root / name for root in _ROOTS for name in _PROGRAMS]


def _is_of_the_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _program_folders())
