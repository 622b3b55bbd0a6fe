"""Process trees: start, limit, stream, stop and reap them, each under a supervisor process of its own.

    async with spawn(["npx", "playwright", "test"], cwd=workspace, env=env, limits=Limits(seconds=600)) as tree:
        async for line in tree.lines():
            ...
        exit = await tree.wait()

Leaving the block, also by cancellation, stops and reaps everything that the command has started, before anything else
goes on. See ``supervisor`` for how nothing escapes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any, Literal

from agent_runtime_server.adapters import supervisor
from agent_runtime_server.patience import to_the_end

MAX_LINE = 1 << 20
"""Longest line in bytes; the rest of it is dropped."""
CHUNK = 1 << 16
"""Most bytes read from a pipe at once."""
CHUNKS_AHEAD = 4
"""Chunks read before somebody takes their lines; then the command waits on its pipe."""
REAP_SECONDS = supervisor.SWEEP_SECONDS + 5
"""How long a supervisor may take after the grace before it counts as lost."""

Stream = Literal["stdout", "stderr"]


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
class OutputLine:
    """A line without its end; bytes that are not UTF-8 are replaced."""

    stream: Stream
    text: str
    truncated: bool = False
    """Whether it was longer than MAX_LINE and was cut."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the command ended: its exit code or the signal that ended it, and why."""

    code: int | None
    signal: int | None
    reason: Literal["exited", "killed", "memory", "time", "lost"]
    """``killed`` by ``stop``; ``memory`` and ``time`` by a limit; ``lost`` when the supervisor itself was killed."""


class SurvivingProcesses(Exception):
    """Some processes of a tree could not be killed."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(f"processes that could not be killed: {', '.join(map(str, pids))}")
        self.pids = tuple(pids)


class ProcessTree:
    """A command and all that it starts. Made by ``spawn``."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        control: _Control,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        owned: ExitStack,
    ) -> None:
        self._process = process
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
        """Lines of both output streams as they come, until both end. While nobody reads, the command has to wait."""
        while self._open_streams:
            chunk = await self._chunks.get()
            if chunk is None:
                self._open_streams -= 1
            else:
                for line in chunk:
                    yield line

    async def wait(self) -> Exit:
        """How the command ended. Read ``lines`` too, or a command that writes much does not end."""
        return await asyncio.shield(self._exit)

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
        finally:
            if not self._gone.done():
                # The command dies with its supervisor; its process group is what else of the tree is still known.
                if command:
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(command, SIGKILL)
                self._gone.set_result(())
            if not self._exit.done():
                self._exit.set_result(Exit(None, None, "lost"))
            if not self._started.done():
                self._started.set_result(ChildProcessError("the supervisor of a process tree ended at its start"))

    async def _pump(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        """Move a pipe's lines to whoever reads them, a chunk at a time."""
        splitter = _Splitter(stream)
        while data := await reader.read(CHUNK):
            if lines := splitter.feed(data):
                await self._chunks.put(lines)
        await self._chunks.put(splitter.rest())
        await self._chunks.put(None)


@asynccontextmanager
async def spawn(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits = Limits()
) -> AsyncIterator[ProcessTree]:
    """Start a command with exactly this environment; it runs until it ends by itself or the block is left.

    Leaving the block stops and reaps the whole tree first, even if cancelled meanwhile. Raises the OSError of a command
    that cannot be executed, SurvivingProcesses when something could not be killed.
    """
    job = {"argv": list(argv), "cwd": str(cwd), "env": dict(env), **asdict(limits)}
    tree = await _open()
    try:
        await tree._start(job)
        yield tree
    finally:
        await to_the_end(tree._close())


async def _open() -> ProcessTree:
    """A supervisor that waits for its job."""
    with ExitStack() as owned, ExitStack() as handed_over:
        our_stdin, stdin = await _input_pipe(owned, handed_over)
        our_stdout, stdout = await _output_pipe(owned, handed_over)
        our_stderr, stderr = await _output_pipe(owned, handed_over)
        ours, theirs = socket.socketpair()
        handed_over.enter_context(theirs)
        control = _Control(*await asyncio.open_connection(sock=ours))
        owned.callback(control.close)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", supervisor.__file__, str(theirs.fileno()), str(os.getpid())),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(theirs.fileno(),),
            env={},
            start_new_session=True,
        )
        return ProcessTree(process, control, our_stdin, our_stdout, our_stderr, owned.pop_all())


async def _input_pipe(owned: ExitStack, handed_over: ExitStack) -> tuple[asyncio.StreamWriter, int]:
    loop = asyncio.get_running_loop()
    theirs, ours = os.pipe()
    handed_over.callback(os.close, theirs)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(ours, "wb", 0)
    )
    owned.callback(transport.close)
    return asyncio.StreamWriter(transport, protocol, None, loop), theirs


async def _output_pipe(owned: ExitStack, handed_over: ExitStack) -> tuple[asyncio.StreamReader, int]:
    ours, theirs = os.pipe()
    handed_over.callback(os.close, theirs)
    reader = asyncio.StreamReader(limit=CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
    )
    owned.callback(transport.close)
    return reader, theirs


class _Control:
    """The server's end of the control socket: JSON lines both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Mapping[str, object]) -> None:
        """Tell the supervisor; one that has ended misses nothing."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")
            with suppress(ConnectionError):
                await self._writer.drain()

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the supervisor tells, until it ends."""
        with suppress(ConnectionError):
            while (line := await self._reader.readline()).endswith(b"\n"):
                yield json.loads(line)

    def close(self) -> None:
        """Let go of the supervisor; it kills what it still has."""
        self._writer.close()


class _Splitter:
    """Cuts one stream into lines of a bounded length."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> list[OutputLine]:
        """The lines that this piece of the stream completes."""
        *ends, start = data.split(b"\n")
        lines = []
        for end in ends:
            self._hold(end)
            lines.append(self._take())
        self._hold(start)
        return lines

    def rest(self) -> list[OutputLine]:
        """The last line, if the stream did not end with a line's end."""
        return [self._take()] if self._held else []

    def _hold(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._held)
        self._cut |= len(piece) > room
        self._held += piece[:room]

    def _take(self) -> OutputLine:
        line = OutputLine(self._stream, self._held.decode(errors="replace").removesuffix("\r"), self._cut)
        self._held.clear()
        self._cut = False
        return line
