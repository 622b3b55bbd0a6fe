"""Calls that make, follow, change and end tasks."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask

from agent_runtime.connection import Connection
from agent_runtime.errors import translated
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime.values import duration, set_expiration, sign_in
from agent_runtime.watch import WatchUpdate, watch
from agent_runtime.watch_tasks import TasksUpdate, watch_tasks


class TaskCalls(Connection):
    """Creates, follows, changes and ends tasks."""

    async def create_task(
        self,
        task_type: task_pb2.TaskType.ValueType,
        app_url: str,
        *,
        instructions: str = "",
        username: str = "",
        password: str = "",
        session_id: str = "",
        from_task_id: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        driver: str = "",
        model: str = "",
        max_turns: int = 0,
        explore: task_pb2.ExploreOptions | None = None,
        run: task_pb2.TestRunOptions | None = None,
        repair: task_pb2.RepairOptions | None = None,
        timeouts: task_pb2.TaskTimeouts | None = None,
        retry_policy: task_pb2.RetryPolicy | None = None,
        budget: task_pb2.Budget | None = None,
        input_policy: task_pb2.InputPolicy | None = None,
        ttl: float | None = None,
        expire_time: datetime | None = None,
        on_session_conflict: service_pb2.SessionConflictPolicy.ValueType = (
            service_pb2.SESSION_CONFLICT_POLICY_UNSPECIFIED
        ),
        validate_only: bool = False,
        request_id: str = "",
    ) -> task_pb2.Task:
        """Queue a task; it is durable when this returns.

        A username or a password makes the agent sign in. The task works in the session ``session_id``, or in that of
        the task ``from_task_id``; without either in a new one. ``priority`` is 1 (first) to 5, 0 means 3. An LLM agent
        thinks with ``model``, "provider/model", and calls it ``max_turns`` times in a phase at most; empty and 0 take
        the server's defaults. ``budget`` limits what it may spend, ``input_policy`` says what becomes of its
        questions. The task may be removed ``ttl`` seconds after its end, or at ``expire_time``. ``validate_only`` makes
        no task and returns it as it would be, without an id. The same ``request_id``, a UUID, gives the same task.
        """
        configuration = task_pb2.TaskConfiguration(
            app_url=app_url,
            sign_in=sign_in(username, password),
            instructions=instructions,
            agent=task_pb2.AgentOptions(driver=driver, model=model, max_turns=max_turns, explore=explore),
            run=run,
            repair=repair,
        )
        task = task_pb2.Task(
            task_type=task_type,
            configuration=configuration,
            session_id=session_id,
            from_task_id=from_task_id,
            labels=labels,
            priority=priority,
            timeouts=timeouts,
            retry_policy=retry_policy,
            budget=budget,
            input_policy=input_policy,
        )
        set_expiration(task, ttl, expire_time)
        request = service_pb2.CreateTaskRequest(
            task=task,
            request_id=request_id or str(uuid.uuid4()),
            validate_only=validate_only,
            on_session_conflict=on_session_conflict,
        )
        return (await self._ask(self._tasks.CreateTask, request)).task

    async def retry_task(
        self,
        task_id: str,
        *,
        from_phase: task_pb2.TaskPhase.ValueType = task_pb2.TASK_PHASE_UNSPECIFIED,
        failed_tests_only: bool = False,
        username: str = "",
        password: str = "",
        request_id: str = "",
    ) -> task_pb2.Task:
        """Make a new task from one that is done, in the same session: from a phase on, or of its failed tests only.

        A task that signs in takes its username and password again. The same ``request_id``, a UUID, gives the same
        task.
        """
        request = service_pb2.RetryTaskRequest(
            task_id=task_id,
            from_phase=from_phase,
            failed_tests_only=failed_tests_only,
            request_id=request_id or str(uuid.uuid4()),
            sign_in=sign_in(username, password),
        )
        return (await self._ask(self._tasks.RetryTask, request)).task

    async def get_task(
        self, task_id: str, *, view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED
    ) -> task_pb2.Task:
        """One task as of its ``sequence``."""
        return (await self._ask(self._tasks.GetTask, service_pb2.GetTaskRequest(task_id=task_id, view=view))).task

    async def list_tasks(
        self,
        *,
        filter: str = "",  # noqa: A002 - as in the contract
        order_by: str = "",
        page_size: int = 0,
        page_token: str = "",
        view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED,
    ) -> service_pb2.ListTasksResponse:
        """A page of tasks, newest first unless ``order_by`` says otherwise: ``create_time``, ``end_time desc``.

        A filter compares fields: ``status = RUNNING AND labels.team = "shop"``.
        """
        request = service_pb2.ListTasksRequest(
            filter=filter, order_by=order_by, page_size=page_size, page_token=page_token, view=view
        )
        return await self._ask(self._tasks.ListTasks, request)

    async def update_task(
        self,
        task_id: str,
        *,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        timeouts: task_pb2.TaskTimeouts | None = None,
        retry_policy: task_pb2.RetryPolicy | None = None,
        budget: task_pb2.Budget | None = None,
        input_policy: task_pb2.InputPolicy | None = None,
        ttl: float | None = None,
        expire_time: datetime | None = None,
        reset: Sequence[str] = (),
        etag: str = "",
    ) -> task_pb2.Task:
        """Change what is given, and set the fields named in ``reset`` back to the server's defaults.

        ``labels`` replaces all labels, ``budget`` all limits on spending and ``input_policy`` the whole policy. With an
        ``etag``, that of the task as it was read, the update fails with ``EtagMismatch`` if the task was changed since.
        """
        given: dict[str, object] = {
            "labels": labels,
            "priority": priority,
            "timeouts": timeouts,
            "retry_policy": retry_policy,
            "budget": budget,
            "input_policy": input_policy,
            "ttl": ttl,
            "expire_time": expire_time,
        }
        task = task_pb2.Task(
            id=task_id,
            labels=labels,
            priority=priority or 0,
            timeouts=timeouts,
            retry_policy=retry_policy,
            budget=budget,
            input_policy=input_policy,
            etag=etag,
        )
        set_expiration(task, ttl, expire_time)
        mask = FieldMask(paths=[*(name for name, value in given.items() if value is not None), *reset])
        request = service_pb2.UpdateTaskRequest(task=task, update_mask=mask)
        return (await self._ask(self._tasks.UpdateTask, request)).task

    async def cancel_task(
        self,
        task_id: str,
        *,
        reason: str = "",
        mode: task_pb2.CancelMode.ValueType = task_pb2.CANCEL_MODE_UNSPECIFIED,
        grace_period: float | None = None,
    ) -> task_pb2.Task:
        """Ask for a task to stop, and return it as it is now; no error if it is stopping or done already.

        It has ``grace_period`` seconds, or what the server's default is; FORCE gives it none, also later.
        """
        request = service_pb2.CancelTaskRequest(
            task_id=task_id,
            reason=reason,
            mode=mode,
            grace_period=None if grace_period is None else duration(grace_period),
        )
        return (await self._ask(self._tasks.CancelTask, request)).task

    async def delete_task(self, task_id: str, *, allow_missing: bool = False) -> None:
        """Remove a task that is done, with its events and artifacts; its session stays.

        An answer lost on the way makes the call be repeated, and then the task may be gone already.
        """
        await self._ask(
            self._tasks.DeleteTask, service_pb2.DeleteTaskRequest(task_id=task_id, allow_missing=allow_missing)
        )

    async def wait_task(
        self,
        task_id: str,
        *,
        until: service_pb2.WaitCondition.ValueType = service_pb2.WAIT_CONDITION_DONE,
        timeout: float = 30.0,
        view: service_pb2.TaskView.ValueType = service_pb2.TASK_VIEW_UNSPECIFIED,
    ) -> service_pb2.WaitTaskResponse:
        """Wait for a task for at most ``timeout`` seconds, capped by the server; ``met`` tells whether it came."""
        request = service_pb2.WaitTaskRequest(task_id=task_id, until=until, timeout=duration(timeout), view=view)
        with translated():
            return await self._tasks.WaitTask(request, timeout=timeout + self._deadline)

    def watch(
        self,
        task_id: str,
        *,
        after_sequence: int | None = 0,
        kinds: Sequence[event_pb2.TaskEventKind.ValueType] = (),
        heartbeat_interval: float = 10.0,
        lag_policy: service_pb2.LagPolicy.ValueType = service_pb2.LAG_POLICY_UNSPECIFIED,
        patience: float = 300.0,
    ) -> AsyncGenerator[WatchUpdate, None]:
        """Iterate over a task's events after a sequence (0: all, None: new ones only), then its final state.

        Yields each ``TaskEvent`` exactly once and in order, over any number of reconnects; a ``WatchGap`` where the
        server keeps no more events; last the final ``Task``. A stream silent for two heartbeat intervals (seconds)
        is replaced; ``Unreachable`` is raised after ``patience`` seconds without a word from the server, and
        ``TaskNotFound`` when the task is deleted.
        """
        request = service_pb2.WatchTaskRequest(
            task_id=task_id,
            after_sequence=after_sequence,
            kinds=kinds,
            heartbeat_interval=duration(heartbeat_interval),
            lag_policy=lag_policy,
        )
        return watch(self._tasks.WatchTask, request, backoff=self._backoff, patience=patience)

    def watch_tasks(
        self,
        *,
        filter: str = "",  # noqa: A002 - as in the contract
        kinds: Sequence[event_pb2.TaskEventKind.ValueType] = (),
        heartbeat_interval: float = 10.0,
        patience: float = 300.0,
    ) -> AsyncGenerator[TasksUpdate, None]:
        """Iterate without end over the tasks that match a filter, as in ``list_tasks``, and over their events.

        Yields each ``Task`` as it stands when it comes into view, then its ``TaskEvent``s; without ``kinds`` those of
        status, phase and attempt. It goes on over any number of reconnects. A server that cannot resume where it
        stopped, such as a new one, starts over: its tasks are yielded again as they stand then. ``Unreachable`` is
        raised after ``patience`` seconds without a word from the server.
        """
        request = service_pb2.WatchTasksRequest(
            filter=filter, kinds=kinds, heartbeat_interval=duration(heartbeat_interval)
        )
        return watch_tasks(self._tasks.WatchTasks, request, backoff=self._backoff, patience=patience)
