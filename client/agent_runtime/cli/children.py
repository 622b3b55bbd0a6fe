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
    """A child process did not start, or ended too early; the message has the end of what it wrote to stderr."""


class Child:
    """A running child process."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, log: Path) -> None:
        self.process = process
        self._name = name
        self._log = log
        self.ready = ""
        """What followed the mark in the line that told it is ready."""

    async def wait_until_ready(self, output: asyncio.StreamReader, mark: str) -> None:
        """Read its output up to a line with the mark. Raises ChildFailed if it ends, or takes a minute."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while line := (await output.readline()).decode(errors="replace"):
                    if mark in line:
                        self.ready = line.split(mark, 1)[1].strip()
                        return
        except TimeoutError:
            raise ChildFailed(f"{self._name} was not ready in {_READY_SECONDS:g} s{self._last_words()}") from None
        await self.watch_over()

    async def watch_over(self) -> None:
        """Wait until it ends by itself, which is a ChildFailed."""
        code = await self.process.wait()
        raise ChildFailed(f"{self._name} ended with exit code {code}{self._last_words()}")

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL to whatever is left of its group."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    def _last_words(self) -> str:
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
    """A child process inside the block, from when it printed a line with ``mark``; stderr goes to ``log``.

    It leads a session of its own, so that a Ctrl-C is for its owner alone.
    """
    async with _pipe() as (output, write_end):
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=errors,
                cwd=directory,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        os.close(write_end)
        running = Child(process, name, log)
        discarding = None
        try:
            await running.wait_until_ready(output, mark)
            # A child whose output nobody reads blocks sooner or later.
            discarding = asyncio.create_task(_discard(output))
            yield running
        finally:
            await asyncio.shield(running.stop())
            if discarding is not None:
                discarding.cancel()


@contextlib.asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe of our own: asyncio waits for the end of its pipes, which grandchildren may hold, after a child's end."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
    )
    try:
        yield reader, write_end
    finally:
        transport.close()


async def _discard(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
