"""What an agent's own shell tool cannot do, though the agent is allowed to use it: real attempts, on a whole server.

``tests/line/test_sandbox.py`` tries more of them, on the sandbox alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.agents import OTHER, Scenarios, bash, knocked, verdict_of, world_of
from tests.e2e.lives import GatedPage, upload

pytestmark = pytest.mark.timeout(400)

SCENARIOS: Scenarios = {
    "tries": [
        bash("sh reads.sh > reads.txt 2>&1; sh writes.sh > writes.txt 2>&1; sh stays.sh"),
        bash(f"node -e \"fetch('{OTHER}')\""),
        {"text": "I have tried."},
    ]
}
CANARY = "canary-of-another-task"
PATTERN = "[c]anary-of-another-task"
"""Finds the canary, and not itself."""
READS = """\
for file in {other}/notes.txt {state}/runtime.db {state}/secrets.key /proc/{pid}/environ; do
  cat "$file" >/dev/null && echo "read $file"
done
cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep {key} && echo "read a key"
grep -r {canary} {root} && echo "found another task's file"
echo tried
"""
WRITES = """\
for folder in {folders}; do
  echo here >"$folder/{name}" && echo "wrote $folder"
done
echo tried
"""
STAYS = "for n in 1 2 3; do (env -i setsid sleep 9999.{word} >/dev/null 2>&1 &); done\n"


def sleeping(word: str) -> list[psutil.Process]:
    """What the shell has left behind."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["cmdline"] == ["sleep", f"9999.{word}"] and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


async def test_the_shell_tool_stays_within_its_walls(tmp_path: Path) -> None:
    name, word, key = f"written-{secrets.token_hex(8)}", f"{secrets.randbelow(10**9)}", secrets.token_hex(16)
    page = GatedPage()
    page.shut()
    async with world_of(tmp_path / "server", SCENARIOS, model_api_key=key) as world:
        other = await upload(world.client, {"notes.txt": CANARY}, tmp_path / "other")
        root, state = world.running.workspaces, world.running.state
        outside = [root, root / other, state, tmp_path, Path.home(), Path("/usr/bin"), Path("/etc"), Path("/var")]
        reads = READS.format(other=root / other, state=state, pid=world.running.pid, key=key, canary=PATTERN, root=root)
        scripts = {
            "reads.sh": reads,
            "writes.sh": WRITES.format(folders=" ".join(map(str, outside)), name=name),
            "stays.sh": STAYS.format(word=word),
        }
        session = await upload(world.client, scripts, tmp_path / "scripts")
        mine = root / session
        with page.served() as address:
            task_id = await world.begin("tries", address, session_id=session)
            await knocked(page)
            assert len(sleeping(word)) == 3
            page.gate.set()
            read = await world.end(task_id)
        assert sleeping(word) == []
        assert verdict_of(read) == "COMPLETED NO_TESTS"
        said = {part: (mine / f"{part}.txt").read_text().splitlines() for part in ("reads", "writes")}
        assert [line for line in said["reads"] if line.startswith(("read ", "found "))] == []
        assert all(lines[-1] == "tried" for lines in said.values()), said
        assert CANARY not in "\n".join(said["reads"])
        # What it could write to, such as to /tmp, was its own.
        assert [folder for folder in outside if (folder / name).exists()] == []
        # Outside, every one of these reads succeeds: they are real attempts.
        tried = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", reads], capture_output=True, text=True, env=os.environ
        )
    assert len([line for line in tried.stdout.splitlines() if line.startswith(("read ", "found "))]) == 6
