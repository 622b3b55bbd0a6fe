"""Work that must be carried out, whatever cancels whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(work: Awaitable[T]) -> T:
    """Carry out work that cancelling must not break off; a cancellation that came meanwhile goes on after it."""
    task = asyncio.ensure_future(work)
    del work
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = None if task.cancelled() else error
        except Exception:
            break
    try:
        if cancelled is not None:
            raise cancelled from None if task.cancelled() else task.exception()
        return task.result()
    finally:
        # An error holds this frame: what its callers hold would stay until the garbage collector comes round.
        del cancelled, task
