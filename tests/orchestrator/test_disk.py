"""The disk guard, over a disk that tests fill."""

import asyncio

import pytest

from agent_runtime_server.domain.faults import DiskFull
from agent_runtime_server.orchestrator.disk import DiskGuard


class Tank:
    """A Disk whose free space is a number."""

    def __init__(self, free: int) -> None:
        self.left = free
        self.reserve = True

    async def free(self) -> int:
        return self.left

    async def spend_reserve(self) -> None:
        self.reserve = False

    async def hold_reserve(self) -> None:
        self.reserve = True


async def working(guard: DiskGuard) -> bool:
    """Work that would not end by itself; whether it was interrupted."""
    try:
        async with asyncio.timeout(None) as limit:
            with guard.guarding(limit):
                await asyncio.Event().wait()
    except TimeoutError:
        return limit.expired()
    return False


async def test_work_is_interrupted_when_the_disk_gets_full_and_nothing_new_is_taken() -> None:
    tank = Tank(100)
    guard = DiskGuard(tank, 100)
    work = asyncio.create_task(working(guard))
    await asyncio.sleep(0)
    await guard.look()
    await asyncio.sleep(0.01)
    assert not work.done()
    tank.left = 99
    await guard.look()
    assert await asyncio.wait_for(work, 60)
    assert not tank.reserve
    with pytest.raises(DiskFull):
        guard.require_room()


async def test_work_that_begins_on_a_full_disk_is_interrupted_too() -> None:
    guard = DiskGuard(Tank(99), 100)
    await guard.look()
    work = asyncio.create_task(working(guard))
    await asyncio.sleep(0)
    await guard.look()
    assert await asyncio.wait_for(work, 60)


async def test_there_is_room_again_when_there_is_clearly_room() -> None:
    tank = Tank(99)
    guard = DiskGuard(tank, 100)
    await guard.look()
    tank.left = 199
    await guard.look()
    assert guard.full
    tank.left = 200
    await guard.look()
    guard.require_room()
    assert tank.reserve
