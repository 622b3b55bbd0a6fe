"""Workspaces of every kind, and a folder outside them that nothing may reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.adapters.workspaces import FolderWorkspaces
from agent_runtime_server.ports import Workspaces
from agent_runtime_server.testing.workspaces import PlainWorkspaces

KINDS = ("toolchain", "plain")
MIB = 1 << 20
LEADING_OUT = [
    *("..", "../s2/tests", "tests/../../s2", "tests/../x", "/etc/passwd", "/x", "a\0b", "../../outside/new.txt"),
    *(
        "out",
        "out/secret.txt",
        "out/new.txt",
        "file",
        "dangling",
        "chain/new.txt",
        "tests/up/s2",
        "tests/up/s2/new.txt",
    ),
    *("node_modules", "node_modules/x", "tests/node_modules/x", "modules/x"),
    *(".auth", ".auth/user.json", "tests/.auth/user.json", "cookies"),
    *(".agent-runtime", ".agent-runtime/runs/run-1", "tests/.agent-runtime/x"),
]


def workspaces_of(kind: str, folder: Path) -> Workspaces:
    """Workspaces below a folder; beside them is ``outside/secret.txt``."""
    (folder / "outside").mkdir(exist_ok=True)
    (folder / "outside" / "secret.txt").write_text("secret")
    if kind == "plain":
        return PlainWorkspaces(folder / "root")
    package = folder / "toolchain" / "node_modules" / "package"
    package.mkdir(parents=True, exist_ok=True)
    (package / "index.spec.js").touch()
    return FolderWorkspaces(folder / "root", Toolchain(folder / "toolchain"))


def lay_traps(workspace: Path) -> None:
    """Links that lead out of a workspace, and to what is not of the session."""
    outside = workspace.parent.parent / "outside"
    (workspace / "out").symlink_to(outside)
    (workspace / "file").symlink_to(outside / "secret.txt")
    (workspace / "dangling").symlink_to(outside / "nothing.txt")
    (workspace / "chain").symlink_to("out")
    (workspace / "tests" / "up").symlink_to("../..")
    (workspace / "modules").symlink_to("node_modules")
    put(workspace, ".auth/user.json", "cookies")
    (workspace / "cookies").symlink_to(".auth/user.json")


def untouched(folder: Path) -> bool:
    """Whether nothing has changed outside the workspaces."""
    outside = folder / "outside"
    return names(outside) == ["secret.txt"] and (outside / "secret.txt").read_text() == "secret"


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def put(workspace: Path, path: str, text: str = "x") -> Path:
    """Write a file as a driver or a suite does."""
    file = workspace / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def left_half_done(workspace: Path) -> list[str]:
    """What has not been cleared away."""
    scratch = workspace / ".agent-runtime" / "scratch"
    return names(scratch) if scratch.exists() else []


def open_below(folder: Path) -> list[str]:
    """Files below a folder that this process has open."""
    opened = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = descriptor.readlink()
        except FileNotFoundError:
            continue
        if target.is_relative_to(folder):
            opened.append(str(target))
    return opened


async def listed(workspaces: Workspaces, path: str = "", *, recursive: bool = True) -> list[str]:
    """The paths of what is to be seen in session ``s1``."""
    return [file.path for file in await workspaces.files("s1", path, recursive=recursive)]


async def gather(pieces: AsyncIterator[bytes]) -> bytes:
    """All the bytes."""
    return b"".join([piece async for piece in pieces])


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    """Pieces as they come from a caller."""
    for piece in pieces:
        yield piece
