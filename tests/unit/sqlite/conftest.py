"""A SQLite store on a file of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_runtime_server.adapters.sqlite import SqliteStore
from agent_runtime_server.testing.codec import JsonCodec


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is, or will be."""
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """The store, open."""
    opened = await SqliteStore.open(path, JsonCodec())
    yield opened
    await opened.close()
