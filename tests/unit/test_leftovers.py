"""What dead servers and supervisors leave running is found and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

import agent_runtime_server
from agent_runtime_server.adapters.processes import Exit, Owner, reap_leftovers, spawn
from agent_runtime_server.adapters.processes.supervisor import RLIMIT_LOCKS
from tests.unit.test_processes import DETACH, ENV, alive, assert_gone, collect, python, read_pids, until

STAYS = DETACH + "time.sleep(300)"

SERVER = """
import asyncio, os, signal, sys
from pathlib import Path
from agent_runtime_server.adapters.processes import Owner, spawn

async def main():
    owner = Owner.of(Path("owner"), Path("."))
    async with spawn([sys.executable, "-u", "-c", sys.argv[2]], cwd=Path("."), env={}, owner=owner) as tree:
        lines = tree.lines()
        pids = [(await anext(lines)).text.split()[-1] for _ in range(2)]
        print(tree.pid, *pids, flush=True)
        os.kill(tree.pid, getattr(signal, sys.argv[1]))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
"""Starts a tree, and is killed in the same moment as its supervisor is killed or stopped."""


async def dead_server(folder: Path, number: str) -> list[int]:
    """What a server like that has started: supervisor, detached process, command."""
    server = await asyncio.create_subprocess_exec(
        *python(SERVER, number, STAYS),
        cwd=folder,
        env={**ENV, "PYTHONPATH": str(Path(agent_runtime_server.__file__).parents[1])},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await server.communicate()
    return [int(pid) for pid in told.split()]


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSTOP"])
async def test_what_supervisor_and_server_left_is_reaped(tmp_path: Path, number: str) -> None:
    """The detached process has no parent, no session, no environment: nothing but its mark."""
    supervisor, detached, _ = await dead_server(tmp_path, number)
    await until(lambda: alive(detached) and psutil.Process(detached).ppid() != os.getpid())
    owner = Owner.of(tmp_path / "owner", tmp_path)
    assert len(list(owner.folders())) == 1
    killed = await reap_leftovers(owner)
    assert detached in killed
    assert supervisor in killed or number == "SIGKILL"
    assert_gone([supervisor, detached, *killed])
    assert list(owner.folders()) == []
    assert await reap_leftovers(owner) == []


async def test_other_servers_are_left_alone(tmp_path: Path) -> None:
    mine, other = (Owner.of(tmp_path / name, tmp_path) for name in ("mine", "other"))
    async with spawn(python(STAYS), cwd=tmp_path, env=ENV, owner=other) as tree:
        pids = await read_pids(tree, 2)
        assert await reap_leftovers(mine) == []
        assert all(map(alive, [tree.pid, *pids]))
        assert len(list(other.folders())) == 1


async def test_an_owner_is_the_same_over_all_its_lives(tmp_path: Path) -> None:
    owner = Owner.of(tmp_path / "owner")
    marks = [owner.mark(), owner.mark()]
    assert len(set(marks)) == 2
    assert all(mark in Owner.of(tmp_path / "owner").marks for mark in marks)
    assert not any(mark in Owner.of(tmp_path / "other").marks for mark in marks)


async def test_a_killed_supervisor_leaves_nothing_of_its_tree(tmp_path: Path) -> None:
    owner = Owner.of(tmp_path / "owner", tmp_path)
    async with spawn(python(STAYS), cwd=tmp_path, env=ENV, owner=owner) as other:
        others = await read_pids(other, 2)
        async with spawn(python(STAYS), cwd=tmp_path, env=ENV, owner=owner) as tree:
            pids = await read_pids(tree, 2)
            os.kill(tree.pid, signal.SIGKILL)
            assert await tree.wait() == Exit(None, None, "lost")
            assert_gone(pids)
        assert all(map(alive, others))


async def test_temporary_files_go_with_the_tree(tmp_path: Path) -> None:
    owner = Owner.of(tmp_path / "owner", tmp_path)
    script = 'mkdir "$TMPDIR/profile" && echo x > "$TMPDIR/profile/file" && echo "$TMPDIR"'
    async with spawn(["sh", "-c", script], cwd=tmp_path, env={**ENV, "TMPDIR": "/elsewhere"}, owner=owner) as tree:
        (line,) = await collect(tree)
        folder = Path(line.text)
        assert (folder / "profile" / "file").is_file()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(owner.folders()) == [folder]
    assert not folder.exists()


async def test_temporary_files_go_when_the_command_cannot_start(tmp_path: Path) -> None:
    owner = Owner.of(tmp_path / "owner", tmp_path)
    with pytest.raises(FileNotFoundError):
        async with spawn(["no-such-program"], cwd=tmp_path, env=ENV, owner=owner):
            pytest.fail("it started")
    assert list(owner.folders()) == []


async def test_a_server_inside_a_tree_has_marks_that_it_may_set(tmp_path: Path) -> None:
    """As some user's process, whose limits only ever go down."""
    outer = Owner.of(tmp_path / "outer", tmp_path)
    code = """
import sys; from pathlib import Path
from agent_runtime_server.adapters.processes import Owner
print(Owner.of(Path("inner")).marks[-1])
"""
    path = str(Path(agent_runtime_server.__file__).parents[1])
    async with spawn(python(code), cwd=tmp_path, env={**ENV, "PYTHONPATH": path}, owner=outer) as tree:
        (line,) = await collect(tree)
    assert int(line.text) < outer.marks[0]


async def test_the_dead_are_left_in_peace(tmp_path: Path) -> None:
    """One that has ended bears its mark until its parent looks, and that may be never."""
    owner = Owner.of(tmp_path / "owner", tmp_path)
    ends = f"import resource; resource.setrlimit({RLIMIT_LOCKS}, ({owner.marks[0]},) * 2)"
    with subprocess.Popen(python(ends)) as process:  # noqa: ASYNC220 - an event loop would look after it
        await until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert str(owner.marks[0]) in Path(f"/proc/{process.pid}/limits").read_text()
        assert await reap_leftovers(owner) == []
