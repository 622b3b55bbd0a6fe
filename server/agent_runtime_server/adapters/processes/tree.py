"""One process tree: its life, seen from the server."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Literal

from agent_runtime_server.adapters.processes import supervisor
from agent_runtime_server.adapters.processes.leftovers import Owner, SurvivingProcesses, kill_marked
from agent_runtime_server.adapters.processes.pipes import (
    CHUNK,
    Control,
    OutputLine,
    Splitter,
    Stream,
    input_pipe,
    output_pipe,
)
from agent_runtime_server.patience import to_the_end

CHUNKS_AHEAD = 16
"""Chunks read before somebody takes their lines; then the command waits on its pipe."""
REAP_SECONDS = supervisor.SWEEP_SECONDS + 5
"""How long a supervisor may take after the grace before it counts as lost."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a process tree; ``open_files`` and ``file_bytes`` hold for each process."""

    memory_bytes: int = 4 << 30
    """Resident memory of the whole tree, measured every second."""
    open_files: int = 65536
    file_bytes: int = 8 << 30
    seconds: float | None = None
    """Wall-clock time of the command; None for no bound of its own."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the command ended: its exit code or the signal that ended it, and why."""

    code: int | None
    signal: int | None
    reason: Literal["exited", "killed", "memory", "time", "lost"]
    """``killed`` by ``stop``; ``memory`` and ``time`` by a limit; ``lost`` when the supervisor itself was killed."""

    @property
    def killed(self) -> bool:
        """Whether it did not end by itself: a signal ended it, or its supervisor's end."""
        return self.code is None

    def __str__(self) -> str:
        if self.code is not None:
            return f"exit code {self.code}"
        return f"signal {self.signal}" if self.signal else "its supervisor was killed"


class ProcessTree:
    """A command and all that it starts. Made by ``spawn``."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        mark: int,
        control: Control,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        owned: ExitStack,
    ) -> None:
        self._process = process
        self._mark = mark
        self._control = control
        self._stdin = stdin
        self._owned = owned
        self._chunks: asyncio.Queue[list[OutputLine] | None] = asyncio.Queue(CHUNKS_AHEAD)
        self._open_streams = 2
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[OSError | None] = loop.create_future()
        self._exit: asyncio.Future[Exit] = loop.create_future()
        self._gone: asyncio.Future[Sequence[int]] = loop.create_future()
        self._tasks = [
            loop.create_task(self._listen()),
            loop.create_task(self._pump("stdout", stdout)),
            loop.create_task(self._pump("stderr", stderr)),
        ]

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    async def write(self, data: bytes) -> None:
        """Write to the command's standard input, waiting while it is full. Raises ConnectionError once it is closed."""
        if self._stdin.is_closing():
            raise BrokenPipeError("the command's standard input is closed")
        self._stdin.write(data)
        await self._stdin.drain()

    def close_stdin(self) -> None:
        """End the command's standard input, after what was written to it."""
        self._stdin.close()

    async def lines(self) -> AsyncIterator[OutputLine]:
        """Lines of both output streams as they come, until both end. While nobody reads, the command has to wait.

        A call that was cancelled can be followed by another one: it goes on where the last one was.
        """
        while self._open_streams:
            await asyncio.sleep(0)  # a flood leaves its turn to others
            chunk = await self._chunks.get()
            if chunk is None:
                self._open_streams -= 1
            else:
                for line in chunk:
                    yield line

    async def wait(self) -> Exit:
        """How the command ended. Read ``lines`` too, or a command that writes much does not end."""
        return await asyncio.shield(self._exit)

    async def interrupt(self) -> None:
        """Send SIGINT to the command alone, for one that ends in good order, and what it has started with it."""
        await self._control.send({"interrupt": True})

    async def stop(self, grace: float = 2.0) -> None:
        """Ask the tree to end (SIGTERM), kill what is left after ``grace`` seconds, return when nothing is left.

        It may be called again, also with a shorter grace. Raises SurvivingProcesses.
        """
        await self._control.send({"stop": grace})
        try:
            async with asyncio.timeout(grace + REAP_SECONDS):
                survivors = await asyncio.shield(self._gone)
        except TimeoutError:
            self._kill_supervisor()
            survivors = await asyncio.shield(self._gone)
        if survivors:
            raise SurvivingProcesses(survivors)

    async def _start(self, job: Mapping[str, object]) -> None:
        await self._control.send(job)
        if error := await asyncio.shield(self._started):
            raise error

    async def _close(self) -> None:
        """Stop and reap everything, and let go of all that was held for it."""
        try:
            if self._started.done() and self._started.result() is None:
                await self.stop()
        finally:
            self._owned.close()  # a supervisor that has only now got its job takes this as the end of it
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            try:
                async with asyncio.timeout(REAP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._kill_supervisor()
                await self._process.wait()

    def _kill_supervisor(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _listen(self) -> None:
        """Take in what the supervisor tells, and settle what it did not when it has ended."""
        command = 0
        survivors: Sequence[int] = ()
        try:
            async for message in self._control.messages():
                match message:
                    case {"started": int(command)}:
                        self._started.set_result(None)
                    case {"errno": int(number), "filename": filename}:
                        self._started.set_result(OSError(number, os.strerror(number), filename))
                    case {"exit": {"code": code, "signal": signal, "reason": reason}}:
                        self._exit.set_result(Exit(code, signal, reason))
                    case {"gone": list(survivors)}:
                        self._gone.set_result(survivors)
            if command and not self._gone.done():
                survivors = await self._sweep(command)
        finally:
            if not self._gone.done():
                self._gone.set_result(survivors)
            if not self._exit.done():
                self._exit.set_result(Exit(None, None, "lost"))
            if not self._started.done():
                self._started.set_result(ChildProcessError("the supervisor of a process tree ended at its start"))

    async def _sweep(self, command: int) -> Sequence[int]:
        """Kill the tree in place of its supervisor; those that would not die.

        The command itself dies with its supervisor. Without a mark only its process group is known of the rest.
        """
        if self._mark:
            return (await asyncio.to_thread(kill_marked, range(self._mark, self._mark + 1)))[1]
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(command, SIGKILL)
        return ()

    async def _pump(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        """Move a pipe's lines to whoever reads them, a chunk at a time."""
        splitter = Splitter(stream)
        while data := await reader.read(CHUNK):
            if lines := splitter.feed(data):
                await self._chunks.put(lines)
        await self._chunks.put(splitter.rest())
        await self._chunks.put(None)


@asynccontextmanager
async def spawn(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits = Limits(), owner: Owner | None = None
) -> AsyncIterator[ProcessTree]:
    """Start a command with exactly this environment; it runs until it ends by itself or the block is left.

    A tree with an owner can be found if both the server and the supervisor are killed, and has a folder of its own for
    temporary files, in TMPDIR, that goes with it. Leaving the block stops and reaps the whole tree first, even if
    cancelled meanwhile. Raises the OSError of a command that cannot be executed, SurvivingProcesses when something
    could not be killed.
    """
    tree = await _open(owner.mark() if owner else 0)
    temporary = None
    try:
        if owner:
            temporary = owner.folder()
            env = {**env, "TMPDIR": str(temporary)}
        await tree._start({"argv": list(argv), "cwd": str(cwd), "env": dict(env), **asdict(limits)})
        yield tree
    finally:
        await to_the_end(_leave(tree, temporary))


async def _leave(tree: ProcessTree, temporary: Path | None) -> None:
    try:
        await tree._close()
    finally:
        if temporary:
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)


async def _open(mark: int) -> ProcessTree:
    """A supervisor that waits for its job."""
    with ExitStack() as owned, ExitStack() as handed_over:
        our_stdin, stdin = await input_pipe(owned, handed_over)
        our_stdout, stdout = await output_pipe(owned, handed_over)
        our_stderr, stderr = await output_pipe(owned, handed_over)
        ours, theirs = socket.socketpair()
        handed_over.enter_context(theirs)
        control = Control(*await asyncio.open_connection(sock=ours))
        owned.callback(control.close)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", supervisor.__file__, str(theirs.fileno()), str(os.getpid()), str(mark)),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(theirs.fileno(),),
            env={},
            start_new_session=True,
        )
        return ProcessTree(process, mark, control, our_stdin, our_stdout, our_stderr, owned.pop_all())
