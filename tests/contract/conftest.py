"""The stores that contract tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_runtime_server.adapters.sqlite import SqliteStore, ledger, tail
from agent_runtime_server.ports import Store
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.store import MemoryStore


@pytest.fixture(params=["memory", "sqlite", "sqlite, nothing held in memory"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    if request.param == "sqlite, nothing held in memory":
        monkeypatch.setattr(tail, "TASKS", 0)
        monkeypatch.setattr(ledger, "HELD_ROWS", 0)
    if request.param == "memory":
        yield MemoryStore(JsonCodec())
        return
    opened = await SqliteStore.open(tmp_path / "store.db", JsonCodec())
    yield opened
    await opened.close()
