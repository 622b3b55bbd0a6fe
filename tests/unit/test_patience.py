"""Work that is carried out whatever cancels its waiters: its end, its errors, and nothing held after them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from agent_runtime_server.patience import to_the_end


class Piece:
    """Something large that a caller holds."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def _work(started: asyncio.Event, go_on: asyncio.Event, fails: bool) -> str:
    started.set()
    await go_on.wait()
    if fails:
        raise OSError("no disk")
    return "done"


@pytest.mark.parametrize("as_task", [False, True])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end_and_holds_nothing_after_it(fails: bool, as_task: bool) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    held: list[weakref.ref[Piece]] = []

    async def caller() -> str:
        piece = Piece()
        held.append(weakref.ref(piece))
        work = _work(started, go_on, fails)
        return await to_the_end(asyncio.create_task(work) if as_task else work)

    task = asyncio.create_task(caller())
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    assert isinstance(cancelled.value.__cause__, OSError) is fails
    del task, cancelled
    await asyncio.sleep(0)
    assert held[0]() is None


async def test_an_error_holds_nothing_once_it_is_handled() -> None:
    held: list[weakref.ref[Piece]] = []

    async def failing() -> None:
        raise OSError("no disk")

    async def caller() -> None:
        piece = Piece()
        held.append(weakref.ref(piece))
        await to_the_end(failing())

    with pytest.raises(OSError, match="no disk"):
        await caller()
    await asyncio.sleep(0)
    assert held[0]() is None


async def test_the_result_is_handed_on() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    go_on.set()
    assert await to_the_end(_work(started, go_on, fails=False)) == "done"
