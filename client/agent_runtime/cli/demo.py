"""``demo``: the whole service on this machine, once, against the sample shop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import typer

from agent_runtime.cli.children import Child, ChildFailed, child
from agent_runtime.cli.exits import ExitCode
from agent_runtime.cli.output import Format, print_json_line, word
from agent_runtime.cli.views import choose_view
from agent_runtime.cli.watching import follow
from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import task_pb2

_INSTRUCTIONS = "Focus on login and checkout flows"
_SHOP = "tests.apps.shop"
_WORKSPACES = Path("workspaces")
_STATE = Path(".agent-runtime")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo() -> None:
    """Test the sample shop, from start to end.

    Starts a server and the shop, and stops both; only from a source checkout. The suite stays in ./workspaces.
    The last line is a JSON object that tells what came out.
    """
    checkout = Path(__file__).resolve().parents[3]
    if not checkout.joinpath(*_SHOP.split("."), "__main__.py").is_file():
        typer.echo("the demo needs the sample shop, which only a source checkout has (tests/apps/shop)", err=True)
        raise typer.Exit(ExitCode.USAGE)
    try:
        outcome = asyncio.run(_demo(checkout))
    except ChildFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.FAILED) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("\ninterrupted; the demo's server and shop are stopped", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    print_json_line(outcome)
    raise typer.Exit(_exit_code(outcome))


def _exit_code(outcome: dict[str, Any]) -> ExitCode:
    if outcome["status"] != "completed":
        return ExitCode.CANCELLED if outcome["status"] == "cancelled" else ExitCode.FAILED
    return ExitCode.GOOD if outcome["verdict"] in ("passed", "flaky") else ExitCode.TESTS_FAILED


async def _demo(checkout: Path) -> dict[str, Any]:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with contextlib.AsyncExitStack() as stack:
        state = await asyncio.to_thread(_make_state)
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        shop = await stack.enter_async_context(
            child(
                "the shop",
                [sys.executable, "-m", _SHOP, "--port", "0"],
                "READY",
                log=state / "shop.log",
                directory=checkout,
            )
        )
        server = await stack.enter_async_context(
            child(
                "the server",
                [
                    *(sys.executable, "-m", "agent_runtime.cli.main", "serve", "--address", "127.0.0.1:0"),
                    *("--workspace-root", str(_WORKSPACES), "--state-dir", str(state)),
                ],
                "listens on",
                log=state / "server.log",
                environment={"AGENT_RUNTIME_DRAIN_GRACE_SECONDS": "0", "AGENT_RUNTIME_HTTP_ADDRESS": "none"},
            )
        )
        client = await stack.enter_async_context(AgentRuntimeClient(server.ready))
        sample = _shop(checkout)
        task = await client.create_task(
            task_pb2.TASK_TYPE_COMPLETE,
            shop.ready,
            instructions=_INSTRUCTIONS,
            driver="explorer",
            username=sample.CUSTOMER_EMAIL,
            password=sample.CUSTOMER_PASSWORD,
        )
        return await _outcome(client, await _follow_with(client, task.id, (shop, server)))


def _make_state() -> Path:
    _STATE.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=_STATE))


def _shop(checkout: Path) -> Any:
    sys.path.append(str(checkout))
    return importlib.import_module(_SHOP)


async def _follow_with(client: AgentRuntimeClient, task_id: str, children: tuple[Child, ...]) -> task_pb2.Task:
    """Show the task until it is done; raises ChildFailed as soon as a child ends."""
    following = asyncio.create_task(follow(client, task_id, choose_view(Format.TEXT, sys.stderr)))
    watching = [asyncio.create_task(running.watch_over()) for running in children]
    try:
        await asyncio.wait({following, *watching}, return_when=asyncio.FIRST_COMPLETED)
        for ended in watching:
            if ended.done():
                ended.result()
        return await following
    finally:
        for task in (following, *watching):
            task.cancel()
        await asyncio.gather(following, *watching, return_exceptions=True)


async def _outcome(client: AgentRuntimeClient, task: task_pb2.Task) -> dict[str, Any]:
    paths: dict[str, str] = {}
    async for page in pages(lambda token: client.list_artifacts(task.id, page_token=token)):
        paths.update((artifact.id, artifact.path) for artifact in page.artifacts)
    session = _WORKSPACES / task.session_id
    result, counts = task.result, task.result.summary
    folders = {PurePosixPath(path).parts[0] for path in result.test_paths}
    return {
        "task_id": task.id,
        "status": word(task, "status"),
        "verdict": word(result, "verdict"),
        "tests": counts.total,
        "passed": counts.expected,
        "flaky": counts.flaky,
        "findings": len(result.findings),
        "plan": _local(session, paths.get(result.plan_artifact_id, "")),
        "tests_dir": _local(session, folders.pop() if len(folders) == 1 else ""),
        "report": _local(session, paths.get(result.report_artifact_id, "")),
        "seconds": round((task.end_time.ToDatetime() - task.create_time.ToDatetime()).total_seconds(), 1),
    }


def _local(session: Path, path: str) -> str:
    """A session path from here; a report, which is a folder, by its page; "" if it does not exist."""
    place = session / path
    if not path or not place.exists():
        return ""
    page = place / "index.html"
    return (page if page.is_file() else place).as_posix()
