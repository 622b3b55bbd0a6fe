"""The store on SQLite: task records and event logs in one file, one writer thread, group commit."""

from agent_runtime_server.adapters.sqlite.schema import DatabaseTooNew
from agent_runtime_server.adapters.sqlite.store import SqliteStore

__all__ = ["DatabaseTooNew", "SqliteStore"]
