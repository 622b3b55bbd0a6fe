"""Questions to people: their table, on a connection that writes or on one that reads."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from agent_runtime_server.adapters.sqlite.pages import page_of, place_in, scope_of
from agent_runtime_server.adapters.sqlite.records import Records
from agent_runtime_server.domain.faults import InputNotFound
from agent_runtime_server.domain.inputs import InputRequest, InputResolution
from agent_runtime_server.ports import Page


class Inputs:
    """Input requests, as the ``Store`` port describes them. Tasks are known by their numbers here, and changes belong
    to an open transaction."""

    def __init__(self, connection: sqlite3.Connection, records: Records) -> None:
        self._connection = connection
        self._records = records

    def get(self, task: int, task_id: str, input_id: str) -> InputRequest:
        """One question."""
        found = self._connection.execute(
            "SELECT record FROM input WHERE task = ? AND id = ?", (task, input_id)
        ).fetchone()
        if found is None:
            raise InputNotFound(f"task {task_id} has no input request {input_id}", input_id=input_id)
        return self._records.input(found[0])

    def page(self, task: int | None, limit: int, page_token: str, *, resolved: bool) -> Page[InputRequest]:
        """Questions of a task, or of all, in the order they came. The caller sees to it that they do not change."""
        scope = scope_of("inputs", task, resolved)
        after, _ = place_in(page_token, scope) or (0, 0)
        of_task, values = ("TRUE", ()) if task is None else ("task = ?", (task,))
        where = f"FROM input WHERE {of_task} AND {'TRUE' if resolved else 'open = 1'}"
        found = self._connection.execute(
            f"SELECT number, record {where} AND number > ? ORDER BY number LIMIT ?",
            (*values, after, limit + 1),
        ).fetchall()
        total: int = self._connection.execute(f"SELECT count(*) {where}", values).fetchone()[0]
        return page_of([((number, 0), self._records.input(record)) for number, record in found], limit, total, scope)

    def put(self, task: int, request: InputRequest) -> None:
        """Store a new question."""
        self._connection.execute(
            "INSERT INTO input (task, id, open, record) VALUES (?, ?, ?, ?)",
            (task, request.id, request.resolution is None, self._records.encode(request)),
        )

    def resolve(self, task: int, resolution: InputResolution) -> None:
        """Note how a question was answered, unless it was answered before."""
        found = self._connection.execute(
            "SELECT number, record FROM input WHERE task = ? AND id = ? AND open = 1", (task, resolution.input_id)
        ).fetchone()
        if found is not None:
            resolved = replace(self._records.input(found[1]), resolution=resolution)
            self._connection.execute(
                "UPDATE input SET open = 0, record = ? WHERE number = ?", (self._records.encode(resolved), found[0])
            )
