"""A client on an event loop of its own, in a thread of its own, for callers that have no loop."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from agent_runtime.client import AgentRuntimeClient

ResultT = TypeVar("ResultT")
ItemT = TypeVar("ItemT")

_ITEMS_AHEAD = 64
"""How many items of an iterator are fetched before they are asked for."""


class Background:
    """Runs coroutines of a client for any number of threads, until it is closed."""

    def __init__(self, make_client: Callable[[], AgentRuntimeClient]) -> None:
        """Start the thread. Raises what ``make_client``, which is called there, raises."""
        self._make_client = make_client
        self._closing = threading.Lock()
        self._closed = False
        started: concurrent.futures.Future[AgentRuntimeClient] = concurrent.futures.Future()
        # A daemon: a client that nobody closes does not keep the program from its end.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(started)), name="agent-runtime-client", daemon=True
        )
        self._thread.start()
        self.client = started.result()
        # Else the interpreter would drop the loop, and complain of what was still going on in it.
        atexit.register(self.close)

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Wait for a coroutine. An exception in this thread, such as KeyboardInterrupt, cancels it.

        Raises RuntimeError when the client is closed, before or meanwhile.
        """
        with self._closing:
            if self._closed:
                work.close()
                raise RuntimeError("the client is closed")
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the client was closed during the call") from None
        finally:
            running.cancel()

    def iterate(self, items: AsyncGenerator[ItemT, None]) -> Generator[ItemT, None, None]:
        """Yield what an async iterator yields, which runs ahead by a bounded number of items."""
        ahead = self.run(_Ahead.start(items))
        try:
            while batch := self.run(ahead.take()):
                yield from batch
        finally:
            # Without waiting: the garbage collector may close this in any thread, that of the loop too.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(ahead.stop)

    def close(self) -> None:
        """Cancel what runs, close the client and end the thread; once is enough."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        atexit.unregister(self.close)

    async def _live(self, started: concurrent.futures.Future[AgentRuntimeClient]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            client = self._make_client()
        except Exception as error:
            started.set_exception(error)
            return
        started.set_result(client)
        await self._stop.wait()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await client.close()


class _Ahead(Generic[ItemT]):
    """Takes items from an async iterator before they are asked for."""

    def __init__(self, items: AsyncGenerator[ItemT, None]) -> None:
        self._queue: asyncio.Queue[ItemT | _End] = asyncio.Queue(_ITEMS_AHEAD)
        self._end: _End | None = None
        self._filling = asyncio.create_task(self._fill(items))

    @classmethod
    async def start(cls, items: AsyncGenerator[ItemT, None]) -> _Ahead[ItemT]:
        """Begin, in the running loop."""
        return cls(items)

    def stop(self) -> None:
        """Close the iterator."""
        self._filling.cancel()

    async def take(self) -> list[ItemT]:
        """Every item that is there, at least one; none at the end. Raises what the iterator raised, after its items."""
        batch: list[ItemT] = []
        while self._end is None and not (batch and self._queue.empty()):
            item = await self._queue.get()
            if isinstance(item, _End):
                self._end = item
            else:
                batch.append(item)
        if not batch and self._end is not None and self._end.error is not None:
            raise self._end.error
        return batch

    async def _fill(self, items: AsyncGenerator[ItemT, None]) -> None:
        error = None
        try:
            async with contextlib.aclosing(items):
                async for item in items:
                    await self._queue.put(item)
        except Exception as raised:
            error = raised
        await self._queue.put(_End(error))


class _End:
    """The end of an iterator, and what it raised."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
