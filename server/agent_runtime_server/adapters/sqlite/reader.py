"""Reading: queries on connections of their own, in a few threads, never in the way of the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from agent_runtime_server.adapters.sqlite.conditions import ARTIFACTS, TASKS, TESTS, Columns, sql_of
from agent_runtime_server.adapters.sqlite.inputs import Inputs
from agent_runtime_server.adapters.sqlite.pages import Place, page_of, place_in, scope_of
from agent_runtime_server.adapters.sqlite.records import Records, micros
from agent_runtime_server.adapters.sqlite.schema import open_reader
from agent_runtime_server.adapters.sqlite.segments import Segment, take
from agent_runtime_server.adapters.sqlite.sessions import Sessions
from agent_runtime_server.adapters.sqlite.tail import batch_of
from agent_runtime_server.domain.faults import ArtifactNotFound, TaskNotFound
from agent_runtime_server.domain.filters import Filter
from agent_runtime_server.domain.inputs import InputRequest
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.session import Session
from agent_runtime_server.domain.task import Status, Task, Token
from agent_runtime_server.ports import Aging, Batch, Page, TaskOrder, TaskQuery

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4

_TASK = "number, record, last_seq, generation, phase"
_ORDERS = {
    TaskOrder.CREATED: ("create_time", "ASC"),
    TaskOrder.CREATED_DESC: ("create_time", "DESC"),
    TaskOrder.ENDED: ("end_time", "ASC"),
    TaskOrder.ENDED_DESC: ("end_time", "DESC"),
}
_KEPT = {
    Aging.EVENTS: "kept_from <= last_seq",
    Aging.ARTIFACTS: "EXISTS (SELECT 1 FROM output WHERE task = task.number AND kind = 'artifact')",
}


class Readers:
    """A pool of threads, each with its reader, made when it is first needed."""

    def __init__(self, path: Path, records: Records) -> None:
        self._path = path
        self._records = records
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._own = threading.local()
        self._readers: list[Reader] = []

    async def run(self, query: Callable[Concatenate[Reader, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Answer a query in a thread."""

        def answer() -> T:
            return query(self._reader(), *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, answer)

    async def close(self) -> None:
        """Finish what is asked, then close the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        for reader in self._readers:
            reader.close()

    def _reader(self) -> Reader:
        reader: Reader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = Reader(self._path, self._records)
            self._readers.append(reader)
        return reader


class Reader:
    """Queries, as the ``Store`` port describes them."""

    def __init__(self, path: Path, records: Records) -> None:
        self._connection = open_reader(path)
        self._records = records
        self._sessions = Sessions(self._connection)
        self._inputs = Inputs(self._connection, records)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def task(self, task_id: str) -> Task:
        """One task."""
        tasks = self._tasks("WHERE id = ?", task_id)
        if not tasks:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        return tasks[0]

    def page(self, query: TaskQuery) -> Page[Task]:
        """Tasks that match, in the order asked for."""
        scope = scope_of("tasks", query.where, query.order)
        place = place_in(query.page_token, scope) or ()
        where, values = sql_of(query.where, TASKS)
        key, direction = _ORDERS[query.order]
        where = f"{key} IS NOT NULL AND {where}"
        beyond = f"({key}, number) {'>' if direction == 'ASC' else '<'} (?, ?)" if place else "TRUE"
        with self._snapshot():
            found = self._connection.execute(
                f"SELECT {key}, {_TASK} FROM task WHERE {where} AND {beyond}"  # noqa: S608
                f" ORDER BY {key} {direction}, number {direction} LIMIT ?",
                (*values, *place, query.limit + 1),
            ).fetchall()
            total = self._count(f"SELECT count(*) FROM task WHERE {where}", *values) if query.total else 0  # noqa: S608
        tasks = [((key, number), self._task(number, *rest)) for key, number, *rest in found]
        return page_of(tasks, query.limit, total, scope)

    def statuses(self) -> dict[Status, int]:
        """How many tasks there are in each status."""
        found = self._connection.execute("SELECT status, count(*) FROM task GROUP BY status")
        return {Status(status): count for status, count in found}

    def expired(self, now: datetime, limit: int) -> Sequence[str]:
        """Tasks that are done and whose time to be removed has come."""
        return self._ids("SELECT id FROM task WHERE expires <= ? ORDER BY expires LIMIT ?", micros(now), limit)

    def aged(self, what: Aging, before: datetime, limit: int) -> Sequence[str]:
        """Tasks that ended before a moment and still have such data."""
        sql = f"SELECT id FROM task WHERE end_time < ? AND {_KEPT[what]} ORDER BY end_time LIMIT ?"  # noqa: S608
        return self._ids(sql, micros(before), limit)

    def blobs_in_use(self) -> set[str]:
        """Digests of artifacts, and of snapshots that may be restored."""
        with self._snapshot():
            artifacts = self._ids(
                "SELECT json_extract(CAST(record AS TEXT), '$.sha256') FROM output WHERE kind = 'artifact'"
            )
            return {*artifacts, *(task.checkpoint.snapshot for task in self.unfinished() if task.checkpoint.snapshot)}

    def session(self, session_id: str) -> Session:
        """One session."""
        return self._sessions.get(session_id)

    def sessions(self, limit: int, page_token: str) -> Page[Session]:
        """Sessions, newest first."""
        with self._snapshot():
            return self._sessions.page(limit, page_token)

    def idle_sessions(self, before: datetime, limit: int) -> Sequence[str]:
        """Sessions that nothing has changed since a moment, or will."""
        return self._sessions.idle(before, limit)

    def unfinished(self) -> Sequence[Task]:
        """Tasks that are not done, oldest first."""
        return self._tasks("WHERE done = 0 ORDER BY number")

    def session_tasks(self, session_id: str) -> Sequence[Task]:
        """Tasks of a session that are not done, oldest first."""
        with self._snapshot():
            self._sessions.get(session_id)
            return self._tasks("WHERE session = ? AND done = 0 ORDER BY number", session_id)

    def read(self, task_id: str, after: int, limit: int) -> Batch:
        """Events after a sequence."""
        with self._snapshot():
            number = self._number(task_id)
            head, kept_from = self._connection.execute(
                "SELECT last_seq, kept_from FROM task WHERE number = ?", (number,)
            ).fetchone()
            rows = self._connection.execute(
                "SELECT first_seq, last_seq, framed FROM segment WHERE task = ? AND last_seq > ? ORDER BY last_seq",
                (number, after),
            )
            taken = take((Segment(*row) for row in rows), after, limit)
            rows.close()
        return batch_of(taken, after, head, kept_from)

    def secrets(self, task_id: str) -> bytes:
        """Sealed secrets."""
        found = self._connection.execute(
            "SELECT secrets FROM sealed JOIN task ON task.number = sealed.task WHERE task.id = ?", (task_id,)
        ).fetchone()
        return found[0] if found else b""

    def artifact(self, task_id: str, artifact_id: str) -> Artifact:
        """One artifact."""
        with self._snapshot():
            found = self._connection.execute(
                "SELECT record FROM output WHERE task = ? AND kind = 'artifact' AND key = ?",
                (self._number(task_id), artifact_id),
            ).fetchone()
        if found is None:
            raise ArtifactNotFound(f"task {task_id} has no artifact {artifact_id}", artifact_id=artifact_id)
        return self._records.artifact(found[0])

    def artifacts(self, task_id: str, limit: int, page_token: str, where: Filter | None) -> Page[Artifact]:
        """Artifacts that match, in the order they came."""
        return self._outputs("artifact", self._records.artifact, task_id, limit, page_token, where, ARTIFACTS)

    def tests(self, task_id: str, limit: int, page_token: str, where: Filter | None) -> Page[TestCase]:
        """Test cases that match, in the order they first came."""
        return self._outputs("test", self._records.test, task_id, limit, page_token, where, TESTS)

    def input_request(self, task_id: str, input_id: str) -> InputRequest:
        """One question to a person."""
        with self._snapshot():
            return self._inputs.get(self._number(task_id), task_id, input_id)

    def input_requests(self, task_id: str | None, limit: int, page_token: str, *, resolved: bool) -> Page[InputRequest]:
        """Questions to people, in the order they came."""
        with self._snapshot():
            task = None if task_id is None else self._number(task_id)
            return self._inputs.page(task, limit, page_token, resolved=resolved)

    def _outputs(
        self,
        kind: str,
        decode: Callable[[bytes], T],
        task_id: str,
        limit: int,
        page_token: str,
        where: Filter | None,
        columns: Columns,
    ) -> Page[T]:
        scope = scope_of(kind, task_id, where)
        after, _ = place_in(page_token, scope) or (0, 0)
        condition, values = sql_of(where, columns)
        of_task = f"FROM output WHERE task = ? AND kind = ? AND {condition}"
        with self._snapshot():
            number = self._number(task_id)
            found = self._connection.execute(
                f"SELECT position, record {of_task} AND position > ? ORDER BY position LIMIT ?",
                (number, kind, *values, after, limit + 1),
            ).fetchall()
            total = self._count(f"SELECT count(*) {of_task}", number, kind, *values)
        items: list[tuple[Place, T]] = [((position, 0), decode(record)) for position, record in found]
        return page_of(items, limit, total, scope)

    def _tasks(self, where: str, *values: object) -> list[Task]:
        found = self._connection.execute(f"SELECT {_TASK} FROM task {where}", values)  # noqa: S608
        return [self._task(*row) for row in found]

    def _task(self, _: int, record: bytes, sequence: int, generation: int, phase: int) -> Task:
        return self._records.task(record, sequence, Token(generation, phase))

    def _ids(self, sql: str, *values: object) -> list[str]:
        return [found for (found,) in self._connection.execute(sql, values)]

    def _number(self, task_id: str) -> int:
        found = self._connection.execute("SELECT number FROM task WHERE id = ?", (task_id,)).fetchone()
        if found is None:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        return int(found[0])

    def _count(self, sql: str, *values: object) -> int:
        return int(self._connection.execute(sql, values).fetchone()[0])

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Several queries that see the same state."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")
