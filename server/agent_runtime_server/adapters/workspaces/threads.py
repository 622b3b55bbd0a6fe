"""File work in threads: none is left to itself, and none waits for a slow reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import TypeVar

from agent_runtime_server.patience import to_the_end

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Carry out file work, to its end also when the caller is cancelled: nobody else finds it half done."""
    return await to_the_end(asyncio.to_thread(work))


async def pulled(pieces: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    """What a generator yields, each piece made in a thread when it is asked for; empty ones are left out.

    The generator is closed at the end, also when the reader goes away.
    """
    try:
        while (piece := await in_thread(partial(next, pieces, None))) is not None:
            if piece:
                yield piece
    finally:
        pieces.close()
