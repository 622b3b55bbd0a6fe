"""Process trees: what starts ends, whatever it does to get away."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

import agent_runtime_server
from agent_runtime_server.adapters.processes import MAX_LINE, Exit, Limits, OutputLine, ProcessTree, spawn

ENV = {"PATH": os.environ["PATH"]}

DETACHED = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"detached %d\\n" % os.getpid())
os.close(int(sys.argv[1]))
time.sleep(300)
"""

DETACH = f"""
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
told, tell = os.pipe()
os.set_inheritable(tell, True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, ["[kworker]", "-c", {DETACHED!r}, str(tell)], {{}})
    os._exit(0)
os.close(tell)
os.read(told, 1)
os.write(1, b"main %d\\n" % os.getpid())
"""
"""Leaves a process behind that has a new session, no parent, no environment, another name, and no ear for SIGTERM."""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-u", "-c", code, *arguments]


async def collect(tree: ProcessTree) -> list[OutputLine]:
    return [line async for line in tree.lines()]


async def read_pids(tree: ProcessTree, count: int) -> list[int]:
    """The process ids that the first lines end with."""
    pids: list[int] = []
    async for line in tree.lines():
        pids.append(int(line.text.split()[-1]))
        if len(pids) == count:
            break
    return pids


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def assert_gone(pids: Sequence[int]) -> None:
    assert [pid for pid in pids if alive(pid)] == []


async def test_exit_code_and_both_streams(tmp_path: Path) -> None:
    code = (
        "import os, sys; print('out', os.getcwd(), os.environ['GREETING']); print('err', file=sys.stderr); sys.exit(7)"
    )
    async with spawn(python(code), cwd=tmp_path, env={**ENV, "GREETING": "hello"}) as tree:
        lines = await collect(tree)
        assert await tree.wait() == Exit(7, None, "exited")
    assert OutputLine("stdout", f"out {tmp_path} hello") in lines
    assert OutputLine("stderr", "err") in lines
    assert len(lines) == 2


async def test_signal_that_ended_the_command(tmp_path: Path) -> None:
    async with spawn(python("import os; os.kill(os.getpid(), 11)"), cwd=tmp_path, env=ENV) as tree:
        assert await tree.wait() == Exit(None, 11, "exited")


async def test_the_environment_is_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SECRET", "hunter2")
    async with spawn(["env"], cwd=tmp_path, env={**ENV, "ONLY": "this"}) as tree:
        assert {line.text for line in await collect(tree)} == {f"PATH={ENV['PATH']}", "ONLY=this"}
    async with spawn(["cat"], cwd=tmp_path, env=ENV) as waiting:
        assert psutil.Process(waiting.pid).environ() == {}, "its supervisor's"


@pytest.mark.parametrize(
    ("argv", "error"),
    [(["no-such-program"], FileNotFoundError), (["/"], PermissionError), (["echo", "a\0b"], OSError)],
)
async def test_a_command_that_cannot_be_executed(tmp_path: Path, argv: list[str], error: type[OSError]) -> None:
    with pytest.raises(error):
        async with spawn(argv, cwd=tmp_path, env=ENV):
            pytest.fail("it started")


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        async with spawn(["true"], cwd=tmp_path / "missing", env=ENV):
            pytest.fail("it started")
    assert caught.value.filename == str(tmp_path / "missing")


async def test_a_huge_line_is_cut_and_marked(tmp_path: Path) -> None:
    code = f"print('x' * {3 * MAX_LINE}); print('next'); print('y' * {MAX_LINE})"
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        first, second, third = await collect(tree)
    assert (len(first.text), first.truncated) == (MAX_LINE, True)
    assert second == OutputLine("stdout", "next")
    assert (len(third.text), third.truncated) == (MAX_LINE, False)


async def test_bytes_that_are_not_utf8_and_a_last_line_without_an_end(tmp_path: Path) -> None:
    code = r"import os; os.write(1, b'caf\xc3\xa9 \xff\r\n\n'); os.write(1, b'end')"
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        assert [line.text for line in await collect(tree)] == ["café \ufffd", "", "end"]


async def test_a_flood_waits_for_a_slow_reader(tmp_path: Path) -> None:
    """The command writes 64 MiB and then marks the place: it cannot have done so while nobody has read."""
    mark = tmp_path / "written"
    code = "import os, sys\nfor _ in range(65536): os.write(1, b'z' * 1023 + b'\\n')\nopen('written', 'w').close()"
    gc.collect()
    before = psutil.Process().memory_info().rss
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        lines = tree.lines()
        await anext(lines)
        writer = psutil.Process(tree.pid).children()[0]
        await until(lambda: blocked_on_pipe(writer))
        assert not mark.exists()
        assert psutil.Process().memory_info().rss - before < 32 << 20
        count = 1
        async for line in lines:
            assert len(line.text) == 1023
            count += 1
        assert count == 65536
        assert await tree.wait() == Exit(0, None, "exited")
    assert mark.exists()


def blocked_on_pipe(process: psutil.Process) -> bool:
    """Whether a process has got nowhere for a moment."""
    before = process.cpu_times()
    time.sleep(0.05)
    return process.status() == psutil.STATUS_SLEEPING and process.cpu_times() == before


async def test_leaving_without_reading_a_flood(tmp_path: Path) -> None:
    async with spawn(["sh", "-c", "yes & yes >&2"], cwd=tmp_path, env=ENV) as tree:
        await anext(tree.lines())
        pids = [child.pid for child in psutil.Process(tree.pid).children(recursive=True)]
    assert pids
    assert_gone([tree.pid, *pids])


async def test_standard_input(tmp_path: Path) -> None:
    async with spawn(["cat"], cwd=tmp_path, env=ENV) as tree:
        lines = tree.lines()
        await tree.write(b"one\n")
        assert (await anext(lines)).text == "one"
        await tree.write(b"two\n")
        tree.close_stdin()
        assert [line.text async for line in lines] == ["two"]
        assert (await tree.wait()).code == 0
        with pytest.raises(ConnectionError):
            await tree.write(b"three\n")


async def test_much_input_to_a_command_that_does_not_read(tmp_path: Path) -> None:
    async with spawn(["true"], cwd=tmp_path, env=ENV) as tree:
        with pytest.raises(ConnectionError):
            await tree.write(b"x" * (1 << 20))


async def test_stop_asks_first(tmp_path: Path) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("asked"), sys.exit(3)))
print("ready")
time.sleep(300)
"""
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        lines = tree.lines()
        assert (await anext(lines)).text == "ready"
        await tree.stop(grace=20)
        assert [line.text async for line in lines] == ["asked"]
        assert await tree.wait() == Exit(3, None, "killed")


async def test_an_interrupt_is_for_the_command_alone(tmp_path: Path) -> None:
    code = """
import os, signal, time
asked = []
signal.signal(signal.SIGINT, lambda *_: (os.write(1, b"asked %d\\n" % os.getpid()), asked.append(1)))
child = os.fork()
os.write(1, b"pid %d\\n" % os.getpid())
while child == 0 or not asked:
    time.sleep(0.01)
os.kill(child, signal.SIGKILL)
os.write(1, b"going on\\n")
"""
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        command = psutil.Process(tree.pid).children()[0].pid
        await read_pids(tree, 2)
        await tree.interrupt()
        assert [line.text for line in await collect(tree)] == [f"asked {command}", "going on"]
        assert await tree.wait() == Exit(0, None, "exited")
        await tree.interrupt()  # too late, and no harm


async def test_reading_goes_on_after_it_was_cancelled(tmp_path: Path) -> None:
    async with spawn(["sh", "-c", "read word; echo $word"], cwd=tmp_path, env=ENV) as tree:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await collect(tree)
        await tree.write(b"hello\n")
        assert [line.text for line in await collect(tree)] == ["hello"]


async def test_a_flood_leaves_others_their_turn(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with spawn(["head", "-c", str(8 << 20), "/dev/zero"], cwd=tmp_path, env=ENV) as tree:
        await until(lambda: psutil.Process(tree.pid).children() != [])
        task = asyncio.create_task(others())
        await collect(tree)
        task.cancel()
    assert turns > (8 << 20) // (1 << 16)


async def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    os.fork()
os.write(1, b"pid %d\\n" % os.getpid())
time.sleep(300)
"""
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        pids = await read_pids(tree, 8)
        assert len({pid for pid in pids if alive(pid)}) == 8
        await asyncio.gather(tree.stop(grace=60), tree.stop(grace=0.2))
        assert_gone(pids)
        await tree.stop()
        assert await tree.wait() == Exit(None, signal.SIGKILL, "killed")


async def test_a_fork_storm_ends(tmp_path: Path) -> None:
    """Every process of the tree replaces itself by a child all the time, in a session of its own."""
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0: break
os.write(1, b"pid %d\\n" % os.getpid())
while True:
    time.sleep(0.001)
    if os.fork() == 0: os.setsid()
    else: os._exit(0)
"""
    async with spawn(python(code), cwd=tmp_path, env=ENV) as tree:
        await read_pids(tree, 3)
        supervisor = psutil.Process(tree.pid)
        await tree.stop(grace=0)
        await until(lambda: not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE)
    assert_gone([tree.pid])
    assert not [each for each in psutil.process_iter() if "os.setsid()\n    else: os._exit(0)" in cmdline(each)]


def cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


async def test_stop_finds_what_has_detached(tmp_path: Path) -> None:
    async with spawn(python(DETACH + "time.sleep(300)"), cwd=tmp_path, env=ENV) as tree:
        pids = await read_pids(tree, 2)
        assert all(map(alive, pids))
        await tree.stop(grace=0.1)
        assert_gone(pids)


async def test_what_a_command_leaves_running_goes_too(tmp_path: Path) -> None:
    async with spawn(python(DETACH), cwd=tmp_path, env=ENV) as tree:
        lines = await collect(tree)  # it ends although the detached process holds the pipe
        assert await tree.wait() == Exit(0, None, "exited")
        await tree.stop()
        assert_gone([int(line.text.split()[-1]) for line in lines])
    assert len(lines) == 2


async def test_cancelling_waits_until_all_are_gone(tmp_path: Path) -> None:
    pids: list[int] = []

    async def work() -> None:
        async with spawn(python(DETACH + "time.sleep(300)"), cwd=tmp_path, env=ENV) as tree:
            pids.extend([tree.pid, *await read_pids(tree, 2)])
            await tree.wait()

    task = asyncio.create_task(work())
    await until(lambda: len(pids) == 3)
    task.cancel()
    await until(lambda: task.cancelling() > 0)
    await asyncio.sleep(0)
    task.cancel()  # impatience changes nothing
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_gone(pids)


async def test_cancelling_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    """A cancellation at each of the moments that starting has."""

    def supervised() -> list[psutil.Process]:
        return psutil.Process().children()

    async def work() -> None:
        async with spawn(python("import time; time.sleep(300)"), cwd=tmp_path, env=ENV) as tree:
            await tree.wait()

    for moment in range(12):
        task = asyncio.create_task(work())
        for _ in range(moment):
            await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: supervised() == [])


async def test_an_error_in_the_block_comes_through(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with spawn(["sleep", "300"], cwd=tmp_path, env=ENV) as tree:
            raise ZeroDivisionError
    assert_gone([tree.pid])


async def test_memory_limit_counts_the_whole_tree(tmp_path: Path) -> None:
    code = "import os, time; os.fork(); held = b'x' * (60 << 20); time.sleep(300)"
    async with spawn(python(code), cwd=tmp_path, env=ENV, limits=Limits(memory_bytes=100 << 20)) as tree:
        assert await tree.wait() == Exit(None, signal.SIGKILL, "memory")
    async with spawn(python(code.replace("300", "1.5")), cwd=tmp_path, env=ENV) as tree:
        assert await tree.wait() == Exit(0, None, "exited")


async def test_time_limit(tmp_path: Path) -> None:
    began = time.monotonic()
    async with spawn(["sleep", "300"], cwd=tmp_path, env=ENV, limits=Limits(seconds=0.3)) as tree:
        assert await tree.wait() == Exit(None, signal.SIGKILL, "time")
    assert time.monotonic() - began >= 0.3


async def test_limits_of_each_process(tmp_path: Path) -> None:
    script = "ulimit -n; ulimit -c; exec head -c 5000 /dev/zero > big"
    async with spawn(
        ["sh", "-c", script], cwd=tmp_path, env=ENV, limits=Limits(open_files=99, file_bytes=4096)
    ) as tree:
        assert [line.text for line in await collect(tree)] == ["99", "0"]
        assert await tree.wait() == Exit(None, signal.SIGXFSZ, "exited")
    assert (tmp_path / "big").stat().st_size == 4096


async def test_a_lost_supervisor_is_told(tmp_path: Path) -> None:
    async with spawn(["sh", "-c", "echo pid $$; sleep 300"], cwd=tmp_path, env=ENV) as tree:
        pids = await read_pids(tree, 1)
        pids += [child.pid for child in psutil.Process(pids[0]).children()]
        os.kill(tree.pid, signal.SIGKILL)
        assert await tree.wait() == Exit(None, None, "lost")
        await until(lambda: not any(map(alive, pids)))


SERVER = """
import asyncio, sys, uvloop
from pathlib import Path
from agent_runtime_server.adapters.processes import spawn

async def supervise(ready):
    async with spawn([sys.executable, "-u", "-c", sys.argv[3]], cwd=Path("."), env={}) as tree:
        print("supervisor", tree.pid, flush=True)
        lines = tree.lines()
        for _ in range(2):
            print((await anext(lines)).text, flush=True)
        ready.set()
        await tree.wait()

async def main():
    ready = asyncio.Event()
    task = asyncio.create_task(supervise(ready))
    await ready.wait()
    if sys.argv[2] == "killed":
        await task

loop = uvloop.new_event_loop if sys.argv[1] == "uvloop" else asyncio.new_event_loop
with asyncio.Runner(loop_factory=loop) as runner:
    runner.run(main())
"""
"""Supervises a tree under the event loop named, until it is killed, or until its loop closes in the middle of it."""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("end", ["killed", "closed"])
async def test_a_server_that_ends_takes_its_trees_with_it(tmp_path: Path, loop: str, end: str) -> None:
    path = str(Path(agent_runtime_server.__file__).parents[1])
    server = await asyncio.create_subprocess_exec(
        *python(SERVER, loop, end, DETACH + "time.sleep(300)"),
        cwd=tmp_path,
        env={**ENV, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    pids = [int((await server.stdout.readline()).split()[-1]) for _ in range(3)]
    if end == "killed":
        assert all(map(alive, pids))
        server.kill()
        await server.wait()
    else:
        assert await server.wait() == 0
    await until(lambda: not any(map(alive, pids)))


async def test_nothing_is_leaked_over_many_trees(tmp_path: Path) -> None:
    def held() -> tuple[int, int]:
        gc.collect()
        return psutil.Process().num_fds(), len(psutil.Process().children())

    async def once() -> None:
        async with spawn(["echo", "hello"], cwd=tmp_path, env=ENV) as tree:
            assert [line.text for line in await collect(tree)] == ["hello"]
            assert (await tree.wait()).code == 0

    await once()
    descriptors, children = held()
    for _ in range(25):
        await asyncio.gather(once(), once())
    after = held()
    # Less is fine: earlier tests may have left something that goes away by itself.
    assert after[0] <= descriptors
    assert after[1] <= children
