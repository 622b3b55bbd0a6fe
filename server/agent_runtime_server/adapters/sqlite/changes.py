"""Hints of what has changed, for any number of readers, each at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from weakref import WeakSet


class Changes:
    """Tells readers which tasks have changed. A reader is forgotten when nobody holds it any more."""

    def __init__(self) -> None:
        self._readers: WeakSet[_ChangeReader] = WeakSet()
        self._closed = False

    def reader(self) -> AsyncIterator[set[str]]:
        """A reader of everything that changes from now on."""
        reader = _ChangeReader()
        self._readers.add(reader)
        if self._closed:
            reader.close()
        return reader

    def tell(self, task_ids: Iterable[str]) -> None:
        """Tell all readers that tasks have changed."""
        for reader in self._readers:
            reader.tell(task_ids)

    def close(self) -> None:
        """End all readers."""
        self._closed = True
        for reader in self._readers:
            reader.close()


class _ChangeReader(AsyncIterator[set[str]]):
    """Merges what it is told until it is asked: at most one entry for each task."""

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._closed = False
        self._wake = asyncio.Event()

    def tell(self, task_ids: Iterable[str]) -> None:
        self._changed.update(task_ids)
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def __anext__(self) -> set[str]:
        await self._wake.wait()
        if not self._changed:
            raise StopAsyncIteration
        changed, self._changed = self._changed, set()
        if not self._closed:
            self._wake.clear()
        return changed
