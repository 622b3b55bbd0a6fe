"""``opencode serve`` as a process: its start, its address, its end."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from agent_runtime_server.adapters.opencode.api import ApiError, connected
from agent_runtime_server.adapters.opencode.failures import AgentNotStarted
from agent_runtime_server.adapters.opencode.turn import Agent
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.adapters.processes import Exit, Limits, Owner, ProcessTree, spawn
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import ModelAccess

SERVE = ("serve", "--hostname", "127.0.0.1", "--port", "0")
PASSWORD = "OPENCODE_SERVER_PASSWORD"  # noqa: S105
LIMITS = Limits(memory_bytes=6 << 30)
"""With a browser it takes 2 GiB, counting what processes share once for each; a page can take more."""
STARTS = 2
TAIL_LINES = 5
"""Lines of output that a failure quotes."""
MAX_LINE = 500
_LISTENING = re.compile(r"listening on (http://\S+)")
_log = logging.getLogger("agent_runtime.opencode")


class Cell(Protocol):
    """A command line to be run as it is, in a sandbox or without one."""

    @property
    def argv(self) -> Sequence[str]:
        """The command."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Its whole environment, but for the password."""
        ...

    @property
    def cwd(self) -> Path:
        """Where it runs."""
        ...


@asynccontextmanager
async def running_agent(
    cell: Cell,
    access: ModelAccess,
    workspace: Path,
    *,
    watchdogs: Watchdogs,
    owner: Owner | None = None,
    limits: Limits = LIMITS,
) -> AsyncIterator[Agent]:
    """An agent's process inside the block; leaving it, also by cancellation, kills and reaps all that it has started.

    ``cell`` is the command line of OpenCode without arguments. A start that takes too long is tried once more. Raises
    AgentNotStarted.
    """
    for start in range(1, STARTS + 1):
        async with AsyncExitStack() as stack:
            try:
                agent = await _start(stack, cell, access, workspace, watchdogs, owner, limits)
            except AgentNotStarted as failed:
                if start == STARTS or not failed.failure.retryable:
                    raise
                continue
            yield agent
            return


async def _start(
    stack: AsyncExitStack,
    cell: Cell,
    access: ModelAccess,
    workspace: Path,
    watchdogs: Watchdogs,
    owner: Owner | None,
    limits: Limits,
) -> Agent:
    password = secrets.token_urlsafe(32)
    redactor = Redactor([password, access.token])
    env = {**cell.env, PASSWORD: password}
    try:
        tree = await stack.enter_async_context(
            spawn([*cell.argv, *SERVE], cwd=cell.cwd, env=env, limits=limits, owner=owner)
        )
    except OSError as error:
        raise AgentNotStarted(f"OpenCode could not be started: {error}", retryable=False) from error
    stack.push_async_callback(tree.stop, 0)
    output = _Output(redactor)
    gone = asyncio.create_task(tree.wait())
    stack.push_async_callback(_end, asyncio.create_task(output.read(tree)), gone)
    try:
        async with asyncio.timeout(watchdogs.start_seconds):
            address = await _first(output.address, gone)
            if address is None:
                raise AgentNotStarted(f"OpenCode ended at its start ({gone.result()}){output.quoted}")
            api = await stack.enter_async_context(connected(address, password, watchdogs, redactor))
            await api.check_health()
    except TimeoutError as error:
        text = f"OpenCode did not start within {watchdogs.start_seconds:g} seconds{output.quoted}"
        raise AgentNotStarted(text) from error
    except ApiError as error:
        raise AgentNotStarted(f"{error}{output.quoted}") from error
    return Agent(api, gone, access, workspace, watchdogs, redactor)


class _Output:
    """What OpenCode prints: its address, and lines for the log."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(self, tree: ProcessTree) -> None:
        """Read until the process has ended: one that nobody reads from would have to wait."""
        async for line in tree.lines():
            text = self._redactor.redact(line.text[:MAX_LINE]).strip()
            if not text:
                continue
            self._tail.append(text)
            _log.debug("opencode: %s", text)
            if not self.address.done() and (found := _LISTENING.search(text)):
                self.address.set_result(found[1])

    @property
    def quoted(self) -> str:
        """The last lines, to end a sentence with."""
        return f"; it said: {' | '.join(self._tail)}" if self._tail else ""


async def _first(address: asyncio.Future[str], gone: asyncio.Future[Exit]) -> str | None:
    """The address, or None if the process ends before it tells one."""
    either: set[asyncio.Future[Any]] = {address, gone}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    return address.result() if address.done() else None


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await to_the_end(asyncio.wait(tasks))
