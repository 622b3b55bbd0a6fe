"""The state directory belongs to one process at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runtime_server.adapters.state_dir import StateDir, StateDirInUse

HOLDER = """
import sys
from pathlib import Path
from agent_runtime_server.adapters.state_dir import StateDir, StateDirInUse
try:
    with StateDir(Path(sys.argv[1])).lock():
        print("held", flush=True)
        sys.stdin.read()
except StateDirInUse as error:
    print(error, flush=True)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_folder_and_its_lock_are_private(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "a" / "state")
    with state.lock():
        assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
        assert stat.S_IMODE((state.path / "lock").stat().st_mode) == 0o600
    assert {state.database.parent, state.key_file.parent, state.blobs.parent} == {state.path}


def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with StateDir(tmp_path).lock():
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_second_server_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with StateDir(tmp_path).lock(), holder(tmp_path) as second:
        said = answer(second)
    assert str(tmp_path) in said
    assert f"process {os.getpid()}" in said
    with StateDir(tmp_path).lock():
        pass


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert answer(first) == "held\n"
        with pytest.raises(StateDirInUse, match=f"process {first.pid}"), StateDir(tmp_path).lock():
            pass
        first.kill()
        first.wait()
        with StateDir(tmp_path).lock():
            pass
