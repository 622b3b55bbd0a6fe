"""The client is light: it needs its own few packages, and loads no more than a call takes."""

import subprocess
import sys
from pathlib import Path

import pytest

import agent_runtime

CLIENT = Path(agent_runtime.__file__).parents[1]
BASE_INSTALL = {"agent_runtime", "google", "grpc", "grpc_health", "typing_extensions"}
PARTS_OF_GRPC = {"cython_runtime", "grpc_reflection", "grpc_status", "grpc_tools"}
"""grpc looks for what comes with it, and does without."""
SERVER_NEEDS = {
    "agent_runtime_server",
    "aiofiles",
    "cryptography",
    "grpc_reflection",
    "msgspec",
    "playwright",
    "protovalidate",
    "uvloop",
}

WITHOUT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {SERVER_NEEDS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
EVERY_MODULE = """
import pkgutil, importlib, agent_runtime
for found in pkgutil.walk_packages(agent_runtime.__path__, "agent_runtime."):
    importlib.import_module(found.name)
"""


def run(script: str) -> str:
    """What a new interpreter prints that has the client on its path, and not this project's other folders."""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(CLIENT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["AgentRuntimeClient", "SyncAgentRuntimeClient"])
def test_a_client_loads_no_more_than_the_base_install_and_what_calls_need(name: str) -> None:
    script = (
        "import sys; before = set(sys.modules); import agent_runtime\n"
        f"client = agent_runtime.{name}('127.0.0.1:1')\n"
        "loaded = set(sys.modules) - before\n"
        "print(*sorted({module.partition('.')[0] for module in loaded} - sys.stdlib_module_names))\n"
        "print(*sorted(loaded))\n"
    )
    packages, modules = run(script).splitlines()
    foreign = {package for package in packages.split() if not package.startswith("_")}
    assert foreign <= BASE_INSTALL | PARTS_OF_GRPC
    unwanted = ("agent_runtime.cli.", "email.", "http.", "multiprocessing.", "sqlite3.", "unittest.", "xml.")
    assert [module for module in modules.split() if f"{module}.".startswith(unwanted)] == []


def test_the_contract_alone_loads_neither_grpc_nor_the_client() -> None:
    script = "import sys, agent_runtime, agent_runtime.v1.task_pb2; print(*sys.modules)"
    loaded = run(script).split()
    assert "agent_runtime.v1.task_pb2" in loaded
    assert {"grpc", "asyncio", "agent_runtime.client"} & set(loaded) == set()


def test_every_module_loads_without_the_server_and_what_it_needs() -> None:
    assert run(WITHOUT + EVERY_MODULE) == ""


def test_a_client_works_without_the_server_and_what_it_needs() -> None:
    script = (
        "from agent_runtime import SyncAgentRuntimeClient, Unreachable\n"
        "with SyncAgentRuntimeClient('127.0.0.1:1') as client:\n"
        "    try: client.get_server_info()\n"
        "    except Unreachable: print('unreachable')\n"
    )
    assert run(WITHOUT + script) == "unreachable\n"
