"""Reading: queries on connections of their own, in a few threads, never in the way of the writer."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from agent_runtime_server.adapters.sqlite.records import Records
from agent_runtime_server.adapters.sqlite.schema import open_reader
from agent_runtime_server.adapters.sqlite.segments import Segment, take
from agent_runtime_server.adapters.sqlite.tail import batch_of
from agent_runtime_server.domain.faults import ArtifactNotFound, BadPageToken, SessionNotFound, TaskNotFound
from agent_runtime_server.domain.results import Artifact, TestCase
from agent_runtime_server.domain.task import Task, Token
from agent_runtime_server.ports import Batch, Page, TaskQuery

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4


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

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def task(self, task_id: str) -> Task:
        """One task."""
        tasks = self._tasks("WHERE id = ?", task_id)
        if not tasks:
            raise TaskNotFound(f"no task {task_id}", task_id=task_id)
        return tasks[0][1]

    def page(self, query: TaskQuery) -> Page[Task]:
        """Tasks, newest first."""
        below = _position("task", query.page_token) if query.page_token else 2**62
        with self._snapshot():
            found = self._tasks("WHERE number < ? ORDER BY number DESC LIMIT ?", below, query.limit + 1)
            total = self._count("SELECT count(*) FROM task")
        return _page("task", found, query.limit, total)

    def unfinished(self) -> Sequence[Task]:
        """Tasks that are not done, oldest first."""
        return [task for _, task in self._tasks("WHERE done = 0 ORDER BY number")]

    def session_tasks(self, session_id: str) -> Sequence[Task]:
        """Tasks of a session that are not done, oldest first."""
        with self._snapshot():
            if not self._connection.execute("SELECT 1 FROM session WHERE id = ?", (session_id,)).fetchone():
                raise SessionNotFound(f"no session {session_id}", session_id=session_id)
            return [task for _, task in self._tasks("WHERE session = ? AND done = 0 ORDER BY number", session_id)]

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

    def artifacts(self, task_id: str, limit: int, page_token: str) -> Page[Artifact]:
        """Artifacts, in the order they came."""
        return self._outputs("artifact", self._records.artifact, task_id, limit, page_token)

    def tests(self, task_id: str, limit: int, page_token: str) -> Page[TestCase]:
        """Test cases, in the order they first came."""
        return self._outputs("test", self._records.test, task_id, limit, page_token)

    def _outputs(self, kind: str, decode: Callable[[bytes], T], task_id: str, limit: int, page_token: str) -> Page[T]:
        after = _position(kind, page_token) if page_token else 0
        with self._snapshot():
            number = self._number(task_id)
            found = self._connection.execute(
                "SELECT position, record FROM output WHERE task = ? AND kind = ? AND position > ?"
                " ORDER BY position LIMIT ?",
                (number, kind, after, limit + 1),
            ).fetchall()
            total = self._count("SELECT count(*) FROM output WHERE task = ? AND kind = ?", number, kind)
        return _page(kind, [(position, decode(record)) for position, record in found], limit, total)

    def _tasks(self, where: str, *values: object) -> list[tuple[int, Task]]:
        found = self._connection.execute(
            f"SELECT number, record, last_seq, generation, phase FROM task {where}",  # noqa: S608
            values,
        )
        return [
            (number, self._records.task(record, sequence, Token(generation, phase)))
            for number, record, sequence, generation, phase in found
        ]

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


def _page(kind: str, found: Sequence[tuple[int, T]], limit: int, total: int) -> Page[T]:
    """A page from positions and items, of which one more than the limit was asked for."""
    next_token = f"{kind}-{found[limit - 1][0]}" if len(found) > limit else ""
    return Page(tuple(item for _, item in found[:limit]), next_token, total)


def _position(kind: str, page_token: str) -> int:
    """The position that a page token names."""
    token = re.fullmatch(rf"{kind}-([0-9]{{1,18}})", page_token)
    if token is None:
        raise BadPageToken
    return int(token[1])
