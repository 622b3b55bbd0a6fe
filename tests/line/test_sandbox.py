"""What an agent can and cannot do from inside its sandbox: real attempts, by a shell.

What is attempted would succeed outside; the tests see to that where it is not plain.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.opencode.binary import OpenCodeProgram
from agent_runtime_server.adapters.opencode.sandbox import AgentSandbox, Kind
from agent_runtime_server.adapters.processes import Owner, spawn
from agent_runtime_server.adapters.processes.supervisor import RLIMIT_LOCKS
from tests.contract.runner_fixtures import IMPORT, toolchain, workspace

pytestmark = pytest.mark.timeout(300)

CANARY = "canary-3b9f60d1c2"
ONLY_PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@dataclass
class Place:
    """Two tasks' workspaces, a state directory, and the home that one of the tasks has in there."""

    folder: Path
    kind: Kind = "bubblewrap"
    mine: Path = field(init=False)
    others: Path = field(init=False)
    state: Path = field(init=False)
    home: Path = field(init=False)
    signed_in: Path = field(init=False)

    def __post_init__(self) -> None:
        self.mine, self.others = (workspace(self.folder / f"workspaces/task-{n}", {"notes.txt": CANARY}) for n in "12")
        self.state = self.folder / "state"
        self.home = self.state / "agents/task-1"
        self.signed_in = self.state / "signed-in/task-1.json"
        for file in (self.state / "runtime.db", self.state / "secrets.key", self.signed_in):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(CANARY)
        self.home.mkdir(parents=True)
        contained = self.kind == "bubblewrap"
        environment = os.environ if contained else {"PATH": str(self.folder / "empty")}
        program = OpenCodeProgram(toolchain(), os.environ)
        # Required: without bubblewrap, what is attempted here would be done.
        self.sandbox = AgentSandbox(program, toolchain(), environment, required=contained)

    async def run(
        self,
        script: str,
        *arguments: str,
        env: Mapping[str, str] = ONLY_PATH,
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """What a script prints inside, in the way that agents are run."""
        cell = self.sandbox.enclose(["sh", "-c", script, "sh", *arguments], self.mine, self.home, env, readable)
        async with spawn(cell.argv, cwd=cell.cwd, env=cell.env) as tree:
            return [line.text async for line in tree.lines()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a secret in its environment, as the server is one."""
    environment = {**os.environ, "PROVIDER_API_KEY": CANARY}
    with subprocess.Popen([sys.executable, "-c", "input()"], env=environment, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


async def test_bubblewrap_works_here(place: Place) -> None:
    """If this fails, so do the others: they are about nothing else."""
    assert place.sandbox.known is None
    assert await asyncio.to_thread(place.sandbox.kind) == "bubblewrap"
    assert place.sandbox.known == "bubblewrap"


async def test_other_workspaces_and_the_state_directory_are_not_there(place: Place) -> None:
    targets = [place.others / "notes.txt", place.state / "runtime.db", place.state / "secrets.key", place.signed_in]
    said = await place.run('for file; do cat "$file"; done', *map(str, targets))
    assert len(said) == 4
    assert all("No such file" in line for line in said)
    assert await place.run(f"cd {place.folder}; find state; find workspaces -maxdepth 1") == [
        *("state", "state/agents", "state/agents/task-1"),
        *("workspaces", "workspaces/task-1"),
    ]


async def test_a_link_in_the_workspace_leads_no_further(place: Place) -> None:
    (place.mine / "link").symlink_to(place.state)
    (said,) = await place.run("cat link/runtime.db")
    assert "No such file" in said


async def test_no_environment_of_the_servers_can_be_read(place: Place, server: subprocess.Popen[bytes]) -> None:
    attempt = f"cat /proc/{server.pid}/environ /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    said = await place.run(attempt)
    assert CANARY not in "\n".join(said)
    assert f"PATH={ONLY_PATH['PATH']}" in said
    outside = Place(place.folder / "outside", "subreaper")
    assert CANARY in "\n".join(await outside.run(attempt))


async def test_it_sees_its_own_processes_and_no_others(place: Place) -> None:
    assert set(await place.run("cat /proc/[0-9]*/comm")) == {"bwrap", "sh"}


async def test_what_it_is_given_is_all_of_its_environment(place: Place) -> None:
    said = await place.run("env", env={**ONLY_PATH, "APP_URL": "http://127.0.0.1:1/"})
    assert {line.partition("=")[0] for line in said} == {"PATH", "APP_URL", "PWD"}


async def test_it_writes_to_its_workspace_and_its_home_and_nowhere_else(place: Place) -> None:
    name = f"written-{secrets.token_hex(8)}"
    tools = toolchain()
    assert tools.opencode is not None
    outside = [
        *(place.others, place.mine.parent, place.state, place.home.parent, Path.home(), Path("/"), Path("/run")),
        *(Path("/usr/bin"), Path("/etc"), Path("/etc/ssl/certs"), tools.node_modules, tools.browsers_folder),
        *(tools.opencode.parent, Path(sys.prefix)),
    ]
    attempt = f'for folder; do mkdir -p "$folder"; echo here >"$folder/{name}" && echo "$folder"; done 2>/dev/null'
    try:
        written = await place.run(attempt, "/tmp", *map(str, outside))
        assert [path for path in written if not Path(path).is_relative_to("/tmp")] == []  # it has one of its own
        assert [folder for folder in (*outside, Path("/tmp")) if (folder / name).exists()] == []
    finally:
        for folder in (*outside, Path("/tmp")):
            (folder / name).unlink(missing_ok=True)
    own = [place.mine, place.home]
    assert await place.run(attempt, *map(str, own)) == list(map(str, own))
    assert [(folder / name).stat().st_uid for folder in own] == [os.getuid()] * 2


async def test_it_has_no_power_to_change_that(place: Place) -> None:
    said = await place.run("grep CapEff /proc/self/status; mount -o remount,rw,bind /usr/bin && echo changed; id -u")
    assert said[0].split() == ["CapEff:", "0" * 16]
    assert "changed" not in said
    assert "1000" in said


async def test_it_cannot_change_the_settings_of_the_kernel(place: Place) -> None:
    """Where the tests run as root, the attempts would succeed but for the seal. They open, and write nothing: these
    settings are the whole machine's."""
    pattern = "/proc/sys/kernel/core_pattern"
    each = "for file in $(find /proc/sys /proc/[a-z]* -type f); do (: >>$file) 2>&1 && echo open $file; done"
    assert await place.run(f"ls {pattern}; {each} | grep ^open") == [pattern]
    deeper = await place.run(f"unshare -Um sh -c 'echo in; mount -o remount,rw,bind /proc; : >>{pattern} && echo open'")
    assert "in" in deeper
    assert "open" not in deeper


async def test_it_inherits_its_standard_streams_and_nothing_else(place: Place) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    # Neither into a pipe nor into a file: the shell itself would hold an end of the one, and keep what it redirects.
    said = await place.run("cd /proc/$$/fd; for one in *; do [ $one -gt 9 ] || readlink $one; done; echo listed; ls")
    os.close(reading)
    os.close(writing)
    assert [line.partition(":")[0] for line in said] == ["pipe"] * 3 + ["listed", "0", "1", "2"]


async def test_keys_and_settings_of_the_machine_are_not_there(place: Place) -> None:
    hidden = [
        *("/etc/shadow", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/environment", "/usr/src", "/usr/local/etc"),
        *("/var", "/home", "/srv", "/sys", str(Path.home() / ".ssh"), str(Path.home() / ".npmrc")),
    ]
    assert any(Path(path).exists() for path in hidden)
    assert await place.run('for path; do [ ! -e "$path" ] || echo "$path"; done', *hidden) == []


async def test_files_that_it_is_given_can_be_read_and_not_written(place: Place) -> None:
    assert await place.run(f"cat {place.signed_in}", readable=[place.signed_in]) == [CANARY]
    (refusal,) = await place.run(f"echo changed >{place.signed_in}", readable=[place.signed_in])
    assert "Read-only" in refusal
    assert place.signed_in.read_text() == CANARY


async def test_authorities_that_its_environment_names_are_there(place: Place) -> None:
    authority = place.folder / "company.pem"
    authority.write_text("an authority")
    env = {**ONLY_PATH, "NODE_EXTRA_CA_CERTS": str(authority), "SSL_CERT_DIR": str(place.folder / "missing")}
    assert await place.run('cat "$NODE_EXTRA_CA_CERTS"', env=env) == ["an authority"]


@pytest.mark.parametrize("kind", ["bubblewrap", "subreaper"])
@pytest.mark.parametrize("ends", ["by itself", "by us", "with its supervisor"])
async def test_what_it_leaves_running_does_not_outlive_it(tmp_path: Path, kind: Kind, ends: str) -> None:
    """Whatever runs inside carries its owner's mark: that is for the case that server and supervisor die at once."""
    place = Place(tmp_path, kind)
    owner = Owner.of(tmp_path / "owner")
    word = f"{secrets.randbelow(10**9)}"
    strays = f"for n in 1 2 3; do (env -i setsid sh -c 'echo up; exec sleep 9999.{word}' &); done"
    last = "exit 0" if ends == "by itself" else "sleep 600"
    script = f"{strays}; read go; {last}"
    cell = place.sandbox.enclose(["sh", "-c", script], place.mine, place.home, ONLY_PATH)
    async with spawn(cell.argv, cwd=cell.cwd, env=cell.env, owner=owner) as tree:
        lines = tree.lines()
        assert [(await anext(lines)).text for _ in range(3)] == ["up"] * 3
        while len(running := with_word(word)) < 3:
            await asyncio.sleep(0.02)
        assert {process.rlimit(RLIMIT_LOCKS)[1] in owner.marks for process in running} == {True}
        await tree.write(b"go\n")
        if ends == "by itself":
            assert (await tree.wait()).code == 0
        elif ends == "with its supervisor":
            psutil.Process(tree.pid).kill()
            await tree.wait()
    assert with_word(word) == []


def with_word(word: str) -> list[psutil.Process]:
    """Processes that sleep for so long."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["cmdline"] == ["sleep", f"9999.{word}"] and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


async def test_a_browser_works_inside(place: Place) -> None:
    suite = {
        "playwright.config.ts": "export default { use: { launchOptions: { args: ['--no-sandbox'] }, video: 'on' } };",
        "tests/page.spec.ts": IMPORT
        + """
test('is seen', async ({ page }) => {
  await page.setContent('<h1>Hello</h1>');
  await page.screenshot({ path: 'page.png' });
  await expect(page.getByRole('heading')).toHaveText('Hello');
});
""",
    }
    workspace(place.mine, suite)
    node = toolchain().node
    assert node is not None
    env = {
        "PATH": f"{node.parent}:{ONLY_PATH['PATH']}",
        "PLAYWRIGHT_BROWSERS_PATH": str(toolchain().browsers_folder),
        "HOME": str(place.home),
        "TMPDIR": str(place.home),
    }
    said = await place.run("node node_modules/@playwright/test/cli.js test --reporter=line 2>&1", env=env)
    assert "1 passed" in "\n".join(said)
    assert (place.mine / "page.png").read_bytes().startswith(b"\x89PNG")
    assert list(place.mine.glob("test-results/*/video.webm"))


async def test_opencode_starts_inside_also_by_a_link_to_it(place: Place) -> None:
    real = toolchain().opencode
    assert real is not None
    link = place.folder / "opencode"
    link.symlink_to(real)
    program = OpenCodeProgram(toolchain(), os.environ, str(link))
    cell = AgentSandbox(program, toolchain()).cell(place.mine, place.home, {**ONLY_PATH, "HOME": str(place.home)})
    async with spawn([*cell.argv, "--version"], cwd=cell.cwd, env=cell.env) as tree:
        said = [line.text async for line in tree.lines()]
    assert await program.learn() == ""
    assert said == [program.version]


def test_without_bubblewrap_the_command_runs_as_it_is(tmp_path: Path) -> None:
    place = Place(tmp_path, "subreaper")
    cell = place.sandbox.enclose(["true"], place.mine, place.home, ONLY_PATH)
    assert (place.sandbox.kind(), cell.argv, cell.env, cell.cwd) == ("subreaper", ("true",), ONLY_PATH, place.mine)


@pytest.mark.parametrize("installed", [True, False])
def test_bubblewrap_that_does_not_work_is_no_sandbox_and_who_requires_it_is_told(
    tmp_path: Path, installed: bool
) -> None:
    if installed:
        forbidding = tmp_path / "bwrap"
        forbidding.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
        forbidding.chmod(0o755)
    program = OpenCodeProgram(toolchain(), os.environ)
    environment = {"PATH": str(tmp_path)}
    assert AgentSandbox(program, toolchain(), environment).kind() == "subreaper"
    strict = AgentSandbox(program, toolchain(), environment, required=True)
    with pytest.raises(OSError, match="No permissions" if installed else "not installed"):
        strict.cell(tmp_path, tmp_path, {})
