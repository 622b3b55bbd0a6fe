"""Creating, reading and stopping tasks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent_runtime_server.domain.event import Event, QueueState, StatusChanged, told
from agent_runtime_server.domain.faults import (
    Draining,
    DriverUnavailable,
    FieldViolation,
    InvalidField,
    NothingToWorkOn,
    QueueFull,
    RuntimeFault,
)
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import Cancellation, Failure, FailureReason, NewTask, Status, Task, TaskType
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import (
    AgentDriver,
    Clock,
    Dispatcher,
    IdempotencyKey,
    Page,
    Secrets,
    Store,
    TaskQuery,
    Workspaces,
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What is let in."""

    default_driver: str
    max_queue: int = 10_000


class Tasks:
    """The use cases of single tasks."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        workspaces: Workspaces,
        sealing: Secrets,
        drivers: Mapping[str, AgentDriver],
        clock: Clock,
        admission: Admission,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._workspaces = workspaces
        self._sealing = sealing
        self._drivers = drivers
        self._clock = clock
        self._admission = admission
        self.draining = False

    async def create(self, new: NewTask, key: IdempotencyKey | None) -> tuple[Task, bool]:
        """Admit a task to the queue; durable on return. Also says whether ``key`` had made it earlier."""
        try:
            task = await self._admitted(new)
        except RuntimeFault:
            if key is not None and (earlier := await self._store.find(key)) is not None:
                return earlier, True
            raise
        sealed = self._sealing.seal({"password": new.password} if new.password else {}, task.id)
        # A caller that gives up between the commit and the queue must not leave a task that nobody runs.
        return await to_the_end(self._commit(task, key, sealed))

    def key(self, request_id: str, body: bytes) -> IdempotencyKey:
        """The key that makes a create with this normalised body safe to repeat."""
        return IdempotencyKey(request_id, self._sealing.digest(body))

    async def _admitted(self, new: NewTask) -> Task:
        if self.draining:
            raise Draining
        if self._dispatcher.depth() >= self._admission.max_queue:
            raise QueueFull(f"the queue holds {self._admission.max_queue} tasks already")
        now = self._clock.now()
        task_id = f"{int(now.timestamp() * 1000):011x}{secrets.token_hex(5)}"
        spec = replace(
            new.spec,
            driver=new.spec.driver or self._admission.default_driver,
            session_id=new.spec.session_id or task_id,
        )
        self._require_driver(spec.driver, spec.task_type)
        if new.spec.session_id or spec.task_type in _NEEDS:
            await self._require_material(spec.session_id, spec.task_type, new=not new.spec.session_id)
        return Task(task_id, spec, create_time=now, update_time=now)

    async def _commit(self, task: Task, key: IdempotencyKey | None, sealed: bytes) -> tuple[Task, bool]:
        event = Event(task.id, task.create_time, StatusChanged(None, Status.PENDING))
        task, replayed = await self._store.create(task, event, key=key, sealed=sealed)
        if task.status is Status.PENDING:
            self._dispatcher.submit(task.id, task.spec)
        return task, replayed

    def _require_driver(self, name: str, task_type: TaskType) -> None:
        driver = self._drivers.get(name)
        if driver is None:
            known = ", ".join(sorted(self._drivers))
            violation = FieldViolation("task.configuration.agent.driver", f"no driver {name!r}; there is: {known}")
            raise InvalidField(f"no driver is named {name!r}", violations=[violation])
        if task_type in {TaskType.RUN}:
            return
        state = driver.availability()
        if not state.available:
            raise DriverUnavailable(f"driver {name} cannot be used here: {state.message}", driver=name)

    async def _require_material(self, session_id: str, task_type: TaskType, *, new: bool) -> None:
        """Refuse at once what cannot work; while an earlier task of the session is unfinished, the start decides."""
        if not new and await self._store.session_tasks(session_id):
            return
        what = await missing_material(self._workspaces, session_id, task_type)
        if what:
            raise NothingToWorkOn(f"session {session_id} has {what}" if not new else f"a new session has {what}")

    async def get(self, task_id: str) -> tuple[Task, QueueState | None]:
        """A task, and its place in the queue if it waits in one."""
        task = await self._store.get(task_id)
        return task, self.place(task)

    async def list(self, query: TaskQuery) -> Page[Task]:
        """A page of tasks, newest first."""
        return await self._store.list(query)

    def place(self, task: Task) -> QueueState | None:
        """A task's place in the queue."""
        return self._dispatcher.queue_state(task.id) if task.status is Status.PENDING else None

    async def cancel(self, task_id: str, reason: str) -> tuple[Task, bool]:
        """Stop a task. Idempotent; also says whether this call is the one that started the stop."""
        return await to_the_end(self._cancel(task_id, reason))

    async def _cancel(self, task_id: str, reason: str) -> tuple[Task, bool]:
        request = Cancellation(reason, self._clock.now())
        initiated: list[bool] = []

        def stop(task: Task) -> tuple[Task, Sequence[Event]]:
            initiated.clear()
            if task.done or task.status is Status.CANCELLING:
                return task, []
            new = Status.CANCELLED if task.status is Status.PENDING else Status.CANCELLING
            initiated.append(True)
            event = Event(task.id, request.request_time, StatusChanged(task.status, move(task.status, new), reason))
            end = request.request_time if new is Status.CANCELLED else None
            return told(replace(task, cancellation=request, end_time=end), event)

        task = await self._store.transition(task_id, stop)
        held = self._dispatcher.cancel(task_id)
        if task.status is Status.CANCELLING and not held:
            # Nobody runs it: its end could not be written when it came.
            task = await self._store.transition(task_id, self._lost)
        if task.done:
            await self._store.transition(task_id, told, wipe_secrets=True)
        return task, bool(initiated)

    async def tell_place(self, task_id: str, state: QueueState) -> None:
        """Record that a queued task's place has changed."""
        now = self._clock.now()

        def tell(task: Task) -> tuple[Task, Sequence[Event]]:
            return told(task, *[Event(task.id, now, state)] if task.status is Status.PENDING else [])

        await self._store.transition(task_id, tell)

    async def resume(self) -> None:
        """Take up what an earlier server left: queue what waits, end what was running when it was killed."""
        for task in await self._store.unfinished():
            if task.status is Status.PENDING:
                self._dispatcher.submit(task.id, task.spec)
            else:
                await self._store.transition(task.id, self._lost, wipe_secrets=True)

    def _lost(self, task: Task) -> tuple[Task, Sequence[Event]]:
        if task.done:
            return task, []
        now = self._clock.now()
        if task.status is Status.CANCELLING:
            event = Event(task.id, now, StatusChanged(task.status, move(task.status, Status.CANCELLED)), task.phase)
        else:
            failure = Failure(
                FailureReason.WORKER_LOST, "the server was killed while the task ran", task.phase, retryable=True
            )
            changed = StatusChanged(task.status, move(task.status, Status.FAILED), failure.message, failure)
            event = Event(task.id, now, changed, task.phase)
        return told(replace(task, end_time=now), event)

    async def session_of(self, task_id: str) -> str:
        """The session that a task works in."""
        return (await self._store.get(task_id)).spec.session_id


_NEEDS = {TaskType.GENERATE, TaskType.RUN}


async def missing_material(workspaces: Workspaces, session_id: str, task_type: TaskType) -> str:
    """What a task of this type would miss in the session; empty when it can work."""
    if task_type is TaskType.GENERATE and not await workspaces.has_plan(session_id):
        return "no plan to generate tests from"
    if task_type is TaskType.RUN and not await workspaces.has_tests(session_id):
        return "no tests to run"
    return ""
