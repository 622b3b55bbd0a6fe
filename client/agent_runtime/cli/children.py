"""Child processes of a command: started, waited for until they are ready, and always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0
_TAIL_BYTES = 4000


class ChildFailed(Exception):
    """A child process did not start, or ended too early; the message has the end of its output."""


class Child:
    """A running child process, the leader of a session of its own so that a Ctrl-C is not sent to it as well."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, log: Path) -> None:
        self._process = process
        self._name = name
        self._log = log
        self.ready = ""
        """What followed the mark in the line that told it is ready."""

    async def wait_until_ready(self, mark: str) -> None:
        """Read its output up to a line with the mark. Raises ChildFailed if it ends, or takes a minute."""
        output = self._process.stdout
        assert output is not None
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while line := (await output.readline()).decode(errors="replace"):
                    if mark in line:
                        self.ready = line.split(mark, 1)[1].strip()
                        return
        except TimeoutError:
            raise ChildFailed(f"{self._name} was not ready in {_READY_SECONDS:g} s{self._tail()}") from None
        raise self._ended(await self._process.wait())

    async def watch_over(self) -> None:
        """Throw away its further output; raises ChildFailed when it ends."""
        await self._discard_output()
        raise self._ended(await self._process.wait())

    async def _discard_output(self) -> None:
        output = self._process.stdout
        assert output is not None
        while await output.read(65536):
            pass

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL to its whole group if that does not help."""
        # A child whose output nobody reads may block before it ends.
        discarding = asyncio.create_task(self._discard_output())
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await discarding

    def _ended(self, code: int) -> ChildFailed:
        return ChildFailed(f"{self._name} ended with exit code {code}{self._tail()}")

    def _tail(self) -> str:
        with self._log.open("rb") as file:
            file.seek(max(self._log.stat().st_size - _TAIL_BYTES, 0))
            text = file.read().decode(errors="replace").strip()
        return f":\n{text}" if text else ""


@contextlib.asynccontextmanager
async def child(
    name: str,
    command: Sequence[str],
    mark: str,
    *,
    log: Path,
    directory: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Child]:
    """A child process inside the block, from when it printed a line with ``mark``; stderr goes to ``log``."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=directory,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    running = Child(process, name, log)
    try:
        await running.wait_until_ready(mark)
        yield running
    finally:
        await asyncio.shield(running.stop())
