"""The log of each task: its segments, merged as they grow and kept within a bound."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from agent_runtime_server.adapters.sqlite.records import Row
from agent_runtime_server.adapters.sqlite.segments import SEGMENT_BYTES, Segment, merge


class Log:
    """Segments on the connection that writes; every method belongs to an open transaction."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        """Of each task the oldest segments are dropped when they are over ``max_bytes``."""
        self._connection = connection
        self._max_bytes = max_bytes

    def add(self, number: int, segments: Sequence[Segment]) -> None:
        """Store segments of a task."""
        self._connection.executemany(
            "INSERT INTO segment (task, first_seq, last_seq, framed) VALUES (?, ?, ?, ?)",
            [(number, *segment) for segment in segments],
        )

    def tidy(self, row: Row) -> Row:
        """Merge small segments when enough have come or no more will; keep the log within its bound."""
        if row.loose_bytes and (row.loose_bytes >= SEGMENT_BYTES or row.task.done):
            row = self._merge(row)
        if row.log_bytes > self._max_bytes:
            excess = row.log_bytes - self._max_bytes
            old: list[tuple[int, int]] = []
            for segment in self._sizes(row.number, row.task.sequence):
                if excess <= 0:
                    break
                old.append(segment)
                excess -= segment[1]
            row = self._drop(row, old) if old else row
        return row

    def trim(self, row: Row, before: int) -> Row:
        """Drop the segments that end before a sequence."""
        old = self._sizes(row.number, before)
        return self._drop(row, old) if old else row

    def _merge(self, row: Row) -> Row:
        """Join a log's loose segments; the last of them stays loose while more may come."""
        loose = self._connection.execute(
            "SELECT first_seq, last_seq, framed FROM segment WHERE task = ? AND last_seq > ? ORDER BY last_seq",
            (row.number, row.merged),
        ).fetchall()
        merged = merge(Segment(*segment) for segment in loose)
        rest = 0 if row.task.done else len(merged.pop().framed)
        if not merged:
            return row
        last = merged[-1].last
        untouched = {(first, last) for first, last, _ in loose}
        joined = [segment for segment in merged if (segment.first, segment.last) not in untouched]
        self._connection.executemany(
            "DELETE FROM segment WHERE task = ? AND last_seq BETWEEN ? AND ?",
            [(row.number, segment.first, segment.last) for segment in joined],
        )
        self.add(row.number, joined)
        return replace(row, merged=last, loose_bytes=rest)

    def _sizes(self, number: int, before: int) -> list[tuple[int, int]]:
        """Last sequence and size of the segments that end before a sequence, oldest first."""
        return self._connection.execute(
            "SELECT last_seq, length(framed) FROM segment WHERE task = ? AND last_seq < ? ORDER BY last_seq",
            (number, before),
        ).fetchall()

    def _drop(self, row: Row, old: Sequence[tuple[int, int]]) -> Row:
        """Delete a log's oldest segments, given as last sequences and sizes."""
        last = old[-1][0]
        self._connection.execute("DELETE FROM segment WHERE task = ? AND last_seq <= ?", (row.number, last))
        return replace(
            row,
            kept_from=last + 1,
            log_bytes=row.log_bytes - sum(size for _, size in old),
            loose_bytes=row.loose_bytes - sum(size for sequence, size in old if sequence > row.merged),
        )
