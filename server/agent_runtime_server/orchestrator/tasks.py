"""The use cases of single tasks: create, read, change, stop, retry, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from agent_runtime_server.domain.event import Event, QueueState, StatusChanged, told
from agent_runtime_server.domain.faults import (
    Draining,
    EtagMismatch,
    QueueFull,
    RuntimeFault,
    SessionConflict,
    TaskNotFound,
)
from agent_runtime_server.domain.inputs import InputPolicy
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import (
    Cancellation,
    CancelMode,
    NewTask,
    RetryPolicy,
    Status,
    Task,
)
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator import endings
from agent_runtime_server.orchestrator.admission import (
    Admission,
    expiry_in_force,
    input_policy_in_force,
    policy_in_force,
    timeouts_in_force,
)
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.retries import Retry, retry_of
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Clock, Dispatcher, IdempotencyKey, Page, Secrets, Store, TaskQuery


class SessionConflictPolicy(Enum):
    """What becomes of a new task whose session is in use."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Expiration:
    """When a task may be removed: at a moment, else so long after its end; neither takes the server's default."""

    expire_time: datetime | None = None
    ttl: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class TaskChange:
    """New values of a task's mutable fields; None leaves one as it is."""

    labels: dict[str, str] | None = None
    priority: int | None = None
    timeouts: Mapping[str, timedelta] | None = None
    """Of ``Timeouts``, by name: one that is not named stays, 0 takes the server's default."""
    retry_policy: RetryPolicy | None = None
    budget: Budget | None = None
    input_policy: InputPolicy | None = None
    expiration: Expiration | None = None


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """Bounds on tasks."""

    max_queue: int = 10_000
    """Tasks that may wait."""
    cancel_grace: timedelta = timedelta(seconds=10)
    """How long a task that is stopped gracefully may take, unless a caller says otherwise."""


class Tasks:
    """The use cases of single tasks."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        admission: Admission,
        sealing: Secrets,
        disk: DiskGuard,
        clock: Clock,
        limits: TaskLimits,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._admission = admission
        self._sealing = sealing
        self._disk = disk
        self._clock = clock
        self._limits = limits
        self._exclusive = asyncio.Lock()
        self.draining = False

    def key(self, method: str, request_id: str, body: bytes) -> IdempotencyKey:
        """The key that makes a call with this normalised body safe to repeat."""
        return IdempotencyKey(method, request_id, self._sealing.digest(body))

    async def create(
        self,
        new: NewTask,
        key: IdempotencyKey | None,
        *,
        conflict: SessionConflictPolicy = SessionConflictPolicy.ENQUEUE,
    ) -> tuple[Task, bool]:
        """Admit a task to the queue; durable on return. Also says whether ``key`` had made it earlier."""
        if conflict is SessionConflictPolicy.ENQUEUE:
            return await self._create(new, key, conflict)
        async with self._exclusive:
            return await self._create(new, key, conflict)

    async def _create(
        self, new: NewTask, key: IdempotencyKey | None, conflict: SessionConflictPolicy
    ) -> tuple[Task, bool]:
        try:
            task = await self.admit(new)
            if conflict is SessionConflictPolicy.REJECT and task.spec.session_id != task.id:
                others = await self._store.session_tasks(task.spec.session_id)
                if others:
                    raise SessionConflict(f"task {others[0].id} uses session {task.spec.session_id}")
        except RuntimeFault:
            if key is not None and (earlier := await self._store.find(key)) is not None:
                return earlier, True
            raise
        sealed = self._sealing.seal({"password": new.password} if new.password else {}, task.id)
        match conflict:
            case SessionConflictPolicy.ENQUEUE:
                return await self._commit(task, key, sealed)
            case SessionConflictPolicy.REJECT:
                # Whoever asks next for this session sees only what is committed.
                return await to_the_end(self._commit(task, key, sealed))
            case SessionConflictPolicy.REPLACE:
                return await to_the_end(self._replace(task, key, sealed))

    async def check(self, new: NewTask) -> Task:
        """The task as it would be, with an empty id. Raises what ``create`` would."""
        task = await self.admit(new)
        session_id = "" if task.spec.session_id == task.id else task.spec.session_id
        return replace(task, id="", spec=replace(task.spec, session_id=session_id))

    async def admit(self, new: NewTask) -> Task:
        """The task that is asked for, if there is room for it. Raises Draining, QueueFull, DiskFull, and what is wrong
        with it."""
        if self.draining:
            raise Draining
        if self._dispatcher.depth() >= self._limits.max_queue:
            raise QueueFull(f"the queue holds {self._limits.max_queue} tasks already")
        self._disk.require_room()
        return await self._admission.admit(new)

    async def _commit(self, task: Task, key: IdempotencyKey | None, sealed: bytes) -> tuple[Task, bool]:
        event = Event(task.id, task.create_time, StatusChanged(None, Status.PENDING))
        # A caller that gives up between the commit and the queue must not leave a task that nobody runs.
        return await self._store.create(task, event, key=key, sealed=sealed, then=self._queue)

    def _queue(self, task: Task) -> None:
        if task.status is Status.PENDING:
            self._dispatcher.submit(task)

    async def _replace(self, task: Task, key: IdempotencyKey | None, sealed: bytes) -> tuple[Task, bool]:
        task, replayed = await self._commit(task, key, sealed)
        if not task.done:
            # Also on a replay: the call that made it may have been cut off here.
            for other in await self._store.session_tasks(task.spec.session_id):
                if other.id == task.id:
                    break
                await self._cancel(other.id, f"replaced by task {task.id}", CancelMode.GRACEFUL, None)
        return task, replayed

    async def retry(self, task_id: str, retry: Retry, key: IdempotencyKey | None) -> tuple[Task, bool]:
        """Make a new task from one that is done, in the same session. Also says whether ``key`` had made it earlier."""
        try:
            new = await retry_of(self._store, task_id, retry)
        except RuntimeFault:
            if key is not None and (earlier := await self._store.find(key)) is not None:
                return earlier, True
            raise
        return await self.create(new, key)

    async def get(self, task_id: str) -> tuple[Task, QueueState | None]:
        """A task, and its place in the queue if it waits in one."""
        task = await self._store.get(task_id)
        return task, self.place(task)

    async def list(self, query: TaskQuery) -> Page[Task]:
        """A page of tasks."""
        return await self._store.list(query)

    def place(self, task: Task) -> QueueState | None:
        """A task's place in the queue."""
        return self._dispatcher.queue_state(task.id) if task.status is Status.PENDING else None

    async def update(self, task_id: str, change: TaskChange, etag: str = "") -> Task:
        """Change mutable fields. Raises EtagMismatch when ``etag`` is given and is not the task's."""
        defaults = self._admission.defaults
        expires = change.expiration
        moment = expiry_in_force(expires.expire_time, self._clock.now()) if expires else None

        def alter(task: Task) -> tuple[Task, Sequence[Event]]:
            if etag and etag != task.etag:
                raise EtagMismatch(task_id=task.id)
            if change.labels is not None:
                task = replace(task, labels=change.labels)
            if change.priority is not None:
                task = replace(task, priority=change.priority)
            if change.timeouts is not None:
                timeouts = replace(task.timeouts, **change.timeouts)
                task = replace(task, timeouts=timeouts_in_force(timeouts, defaults.timeouts))
            if change.retry_policy is not None:
                task = replace(task, retry_policy=policy_in_force(change.retry_policy, defaults.retry_policy))
            if change.budget is not None:
                task = replace(task, budget=change.budget)
            if change.input_policy is not None:
                policy = input_policy_in_force(change.input_policy, defaults.answer_timeout)
                task = replace(task, input_policy=policy)
            if expires is not None:
                task = replace(task, expire_time=moment, ttl=expires.ttl or defaults.ttl)
            return task, ()

        task = await self._store.transition(task_id, alter)
        if task.status is Status.PENDING:
            self._dispatcher.submit(task)
        return task

    async def delete(self, task_id: str, *, allow_missing: bool = False) -> None:
        """Remove a task that is done. Raises TaskNotDone, and TaskNotFound unless it may be missing."""
        try:
            await self._store.delete(task_id)
        except TaskNotFound:
            if not allow_missing:
                raise

    async def cancel(
        self,
        task_id: str,
        reason: str,
        mode: CancelMode = CancelMode.GRACEFUL,
        grace: timedelta | None = None,
    ) -> tuple[Task, bool]:
        """Stop a task. Idempotent; also says whether this call is the one that started the stop.

        A second call may raise GRACEFUL to FORCE.
        """
        return await to_the_end(self._cancel(task_id, reason, mode, grace))

    async def _cancel(self, task_id: str, reason: str, mode: CancelMode, grace: timedelta | None) -> tuple[Task, bool]:
        request = Cancellation(reason, self._clock.now(), mode)
        initiated: list[bool] = []

        def stop(task: Task) -> tuple[Task, Sequence[Event]]:
            initiated.clear()
            if task.done:
                return task, ()
            if task.status is Status.CANCELLING:
                earlier = task.cancellation or request
                raised = replace(earlier, mode=CancelMode.FORCE) if mode is CancelMode.FORCE else earlier
                return replace(task, cancellation=raised), ()
            initiated.append(True)
            task = replace(task, cancellation=request)
            if task.status is Status.PENDING:
                return endings.ended(endings.kept(task), Status.CANCELLED, request.request_time, message=reason)
            changed = StatusChanged(task.status, move(task.status, Status.CANCELLING), reason)
            return told(task, Event(task.id, request.request_time, changed, task.phase, task.attempt))

        task = await self._store.transition(task_id, stop)
        if mode is CancelMode.FORCE:
            grace = timedelta()
        held = self._dispatcher.cancel(task_id, self._limits.cancel_grace if grace is None else grace)
        if task.status is Status.CANCELLING and not held:
            # Nobody runs it: its end could not be written when it came.
            task = await self._store.transition(task_id, lambda current: endings.lost(current, self._clock.now()))
        return task, bool(initiated)

    async def tell_place(self, task_id: str, state: QueueState) -> None:
        """Record that a queued task's place has changed."""
        now = self._clock.now()

        def tell(task: Task) -> tuple[Task, Sequence[Event]]:
            waits = task.status is Status.PENDING
            return told(task, *[Event(task.id, now, state, attempt=task.attempt)] if waits else [])

        await self._store.transition(task_id, tell)

    async def expire(self, task_id: str) -> Task:
        """End a task if it has waited for too long."""
        return await self._store.transition(task_id, lambda task: endings.overdue(task, self._clock.now()))

    async def session_of(self, task_id: str) -> str:
        """The session that a task works in."""
        return (await self._store.get(task_id)).spec.session_id
