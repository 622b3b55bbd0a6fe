import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import agent_runtime
from tests.unit.cli.conftest import Command


@dataclass
class Check:
    name: str
    ok: bool
    version: str = ""
    message: str = ""


def put_module(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_health(command: Command) -> None:
    assert (command("health").code, command("health").out) == (0, "SERVING\n")
    not_serving = command("health", "readiness", "-o", "json")
    assert (not_serving.code, json.loads(not_serving.out)["status"]) == (1, "NOT_SERVING")
    assert command("health", "nothing").code == 5
    assert command("--server", "127.0.0.1:1", "health").code == 3


def test_serve_hands_its_flags_on(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []

    def serve(flags: dict[str, object]) -> int:
        given.append(flags)
        return 4

    put_module(monkeypatch, "agent_runtime_server.app", serve=serve)
    assert run("serve", "--address", "127.0.0.1:0", "--state-dir", "state").code == 4
    assert given == [{"grpc_address": "127.0.0.1:0", "state_dir": "state"}]


WITHOUT_SERVER = """
import sys
from agent_runtime.cli.main import main
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "agent_runtime_server":
            raise ModuleNotFoundError(f"No module named {name!r}", name="agent_runtime_server")
sys.meta_path.insert(0, Absent())
main(["serve"])
"""


def test_serve_says_when_the_server_is_not_installed() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_SERVER],
        env={"PYTHONPATH": str(Path(agent_runtime.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("the server is not installed (No module named 'agent_runtime_server'")


def test_doctor(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [Check("node", ok=True, version="22.1.0"), Check("ffmpeg", ok=False, message="without it no videos")]
    put_module(monkeypatch, "agent_runtime_server.doctor", check=lambda: checks)
    ran = command("doctor")
    assert ran.code == 1
    assert "--  ffmpeg" in ran.out
    assert "without it no videos" in ran.out
    checks.pop()
    document = json.loads(command("doctor", "-o", "json").out)
    assert document["ok"] is True
    assert document["checks"][-1]["name"] == "server"
    assert document["checks"][-1]["version"] == "1.2.3"
    assert json.loads(command("--server", "127.0.0.1:1", "doctor", "-o", "json").out)["checks"][-1]["ok"] is False


def test_version(run: Command) -> None:
    ran = run("version")
    assert ran.code == 0
    assert ran.out.startswith("agent-runtime")


def test_help_names_every_command(run: Command) -> None:
    ran = run("--help")
    assert ran.code == 0
    names = (
        "serve submit retry watch wait get list update cancel delete logs results files download upload sessions "
        "health doctor demo version open interactive test-api"
    )
    assert [name for name in names.split() if f" {name} " not in ran.out] == []


def test_help_loads_nothing_that_it_does_not_need() -> None:
    script = (
        "import sys, atexit; from agent_runtime.cli.main import main\n"
        "slow = ('rich.live', 'agent_runtime_server', 'http.client')\n"
        "atexit.register(lambda: print([name for name in slow if name in sys.modules]))\n"
        "main(['--help'])"
    )
    client = Path(agent_runtime.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(client)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
