"""The writer thread: all that waits is done in one transaction, so that many callers share one flush to the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from agent_runtime_server.adapters.sqlite.full_disk import explained
from agent_runtime_server.adapters.sqlite.ledger import Ledger, Told
from agent_runtime_server.measure import Distribution

T = TypeVar("T")

COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for transactions, most of which are a flush of the disk."""
_CROWD = 3
_GATHER_SECONDS = 0.003
"""After a commit of ``_CROWD`` calls or more, the next one waits so long for others to join: a flush costs more than
the wait. A lone caller never waits."""

Operation = Callable[[Ledger], T]
"""A change of the ledger; it may be called again after a rollback."""


@dataclass(frozen=True, slots=True)
class _Call:
    operation: Operation[Any]
    future: asyncio.Future[Any]
    then: Callable[[Any], None] | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


class StoreClosed(Exception):
    """The store was closed."""


class Writer:
    """Owns the thread and its ledger. The queue holds one entry for each caller that waits, and no more."""

    def __init__(self, announce: Callable[[Sequence[Told]], None]) -> None:
        """``announce`` is told on the event loop of what was committed, before the callers are answered."""
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._ended = asyncio.Event()
        self._closing = False
        self.commits = 0
        """Transactions so far, each of one or many operations."""
        self.commit_seconds = Distribution(COMMIT_SECONDS)

    async def start(self, open_ledger: Callable[[], Ledger]) -> None:
        """Start the thread and open the ledger in it; raises what ``open_ledger`` does."""
        opened: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._work, args=(open_ledger, opened), name="store-writer", daemon=True).start()
        await opened

    async def run(self, operation: Operation[T], then: Callable[[T], None] | None = None) -> T:
        """Carry out an operation; its result is on the disk when this returns. Raises StoreClosed, DiskFull,
        sqlite3.Error.

        Cancelling the call does not undo an operation that was queued; ``then`` is called with its result all the same.
        """
        if self._closing:
            raise StoreClosed
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Call(operation, future, then))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then end the thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await self._ended.wait()

    def _work(self, open_ledger: Callable[[], Ledger], opened: asyncio.Future[None]) -> None:
        try:
            ledger = open_ledger()
        except BaseException as error:
            self._loop.call_soon_threadsafe(opened.set_exception, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        working = True
        waiting: list[_Call | None] = []
        while working:
            crowded = len(waiting) >= _CROWD
            waiting = [self._queue.get()]
            if crowded:
                time.sleep(_GATHER_SECONDS)
            try:
                while True:
                    waiting.append(self._queue.get_nowait())
            except Empty:
                calls = [call for call in waiting if call is not None]
            working = len(calls) == len(waiting)
            told: list[Told] = []
            outcomes = self._commit(ledger, calls, told)
            with suppress(sqlite3.Error):  # what was committed stays so
                ledger.scrub()
            self._loop.call_soon_threadsafe(self._answer, calls, outcomes, told)
        ledger.connection.close()
        self._loop.call_soon_threadsafe(self._ended.set)

    def _commit(self, ledger: Ledger, calls: Sequence[_Call], told: list[Told]) -> list[_Outcome]:
        """Do calls in one transaction; if it fails as a whole, each in one of its own, so that one spoils no other."""
        connection = ledger.connection
        begin = time.perf_counter()
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_apply(ledger, call.operation) for call in calls]
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            ledger.forget()
            if len(calls) == 1:
                return [_Outcome(error=explained(error, connection))]
            return [outcome for call in calls for outcome in self._commit(ledger, [call], told)]
        self.commits += 1
        self.commit_seconds.add(time.perf_counter() - begin)
        told += ledger.told()
        return outcomes

    def _answer(self, calls: Sequence[_Call], outcomes: Sequence[_Outcome], told: Sequence[Told]) -> None:
        self._announce(told)
        for call, outcome in zip(calls, outcomes, strict=True):
            error = outcome.error
            if call.then is not None and error is None:
                try:
                    call.then(outcome.value)
                except Exception as broken:
                    error = broken
            if call.future.done():
                continue
            if error is not None:
                call.future.set_exception(error)
            else:
                call.future.set_result(outcome.value)


def _apply(ledger: Ledger, operation: Operation[Any]) -> _Outcome:
    """Do one operation. Its exception is its own if it had written nothing, and fails the transaction otherwise; so
    does any of the database, which may have rolled the transaction back."""
    written = ledger.connection.total_changes
    try:
        return _Outcome(value=operation(ledger))
    except Exception as error:
        if ledger.connection.total_changes != written or isinstance(error, sqlite3.Error):
            raise
        return _Outcome(error=error)
