"""``serve``: its flags, without typer, which takes as long to load as the whole server."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

USAGE = 2


def serve(arguments: Sequence[str]) -> int:
    """Run a server until SIGTERM or SIGINT; the exit code. Raises SystemExit for ``--help`` and for bad flags."""
    flags = vars(_parser().parse_args(arguments))
    run = server_module("agent_runtime_server.app").serve
    code: int = run({name: value for name, value in flags.items() if value is not None})
    return code


def server_module(name: str) -> ModuleType:
    """A module of the server. Raises SystemExit where it is not installed."""
    gc.disable()  # what is loaded is no garbage, and looking for some would take a tenth of the start
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("agent_runtime_server."):
            raise
        print(f"the server is not installed ({error}): pip install 'agent-runtime[server]'", file=sys.stderr)
        raise SystemExit(USAGE) from None
    finally:
        gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent-runtime serve",
        description="Run a server. It ends with SIGTERM or Ctrl-C. "
        "What is not given comes from the environment, else has a default.",
        allow_abbrev=False,
    )
    parser.add_argument("--address", dest="grpc_address", help="where gRPC listens: host:port or unix:path")
    parser.add_argument("--http-address", help="where HTTP listens: host:port, or none")
    parser.add_argument("--workspace-root", metavar="FOLDER", help="folder of the sessions' workspaces")
    parser.add_argument("--state-dir", metavar="FOLDER", help="folder of the database, keys and locks")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    return parser
