"""The phases of a task, carried out: claim, prepare, plan, generate, run, collect, and the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from agent_runtime_server.domain.event import Event, LogEntry, LogLevel, LogSource, PhaseChanged, StatusChanged, told
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import Failure, FailureReason, Status, Task, TaskResult, Token
from agent_runtime_server.orchestrator.recorder import Recorder, Scene
from agent_runtime_server.orchestrator.work import Stage, Work
from agent_runtime_server.ports import Blobs, Clock, Fenced, Scrub, Secrets, Store, Workspaces


class Executor:
    """The PhaseExecutor port: what dispatchers call."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        workspaces: Workspaces,
        sealing: Secrets,
        scrub: Scrub,
        clock: Clock,
        work: Work,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._workspaces = workspaces
        self._sealing = sealing
        self._scrub = scrub
        self._clock = clock
        self._work = work

    async def start(self, task_id: str) -> Task:
        """Claim a task."""
        now = self._clock.now()

        def begin(task: Task) -> tuple[Task, Sequence[Event]]:
            changed = StatusChanged(task.status, move(task.status, Status.RUNNING))
            return told(replace(task, start_time=task.start_time or now), Event(task.id, now, changed))

        return await self._store.claim(task_id, begin)

    async def run_phase(self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs) -> PhaseResult:
        """Carry out one phase, recording what happens."""
        token = Token(task.token.generation, number)
        await self._store.advance(task.id, token)
        before = (await self._store.get(task.id)).phase
        try:
            values = self._sealing.unseal(await self._store.secrets(task.id), task.id)
        except (ValueError, OSError) as problem:
            failure = Failure(FailureReason.AGENT_ERROR, f"the sealed secrets cannot be opened: {problem}", kind.value)
            return PhaseResult(failure=failure)
        redactor = Redactor(values.values())
        workspace = await self._workspaces.prepare(task.spec.session_id)
        scene = Scene(task.id, token, kind.value, workspace)
        scrub = partial(self._scrub, redact=redactor.redact_content) if values else None
        recorder = Recorder(self._store, self._blobs, self._clock, scene, redactor.redact_fact, scrub)
        async with recorder.recording():
            recorder.emit(PhaseChanged(before, kind.value))
            stage = Stage(task, inputs, workspace, values.get("password", ""), recorder.emit, scrub)
            result = await self._carry_out(kind, stage)
            if result.failure is not None:
                failure = replace(result.failure, message=redactor.redact(result.failure.message), phase=kind.value)
                result = replace(result, failure=failure)
                recorder.emit(LogEntry(self._clock.now(), LogLevel.ERROR, LogSource.RUNTIME, failure.message))
        return replace(result, summary_markdown=redactor.redact(result.summary_markdown))

    async def _carry_out(self, kind: PhaseKind, stage: Stage) -> PhaseResult:
        match kind:
            case PhaseKind.PREPARE:
                return await self._work.prepare(stage)
            case PhaseKind.PLAN:
                return await self._work.plan(stage)
            case PhaseKind.GENERATE:
                return await self._work.generate(stage)
            case PhaseKind.RUN:
                return await self._work.run(stage)
            case PhaseKind.COLLECT:
                return await self._work.collect(stage)

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> None:
        """Write the end. A completion that beats a cancel wins; what broke after a cancel is cancelled."""
        if isinstance(outcome, Exception):
            # No more than the kind of error: its text may hold what nobody is to read. The server's log has it.
            message = f"internal error ({type(outcome).__name__}); the server's log tells more"
            failure = Failure(FailureReason.AGENT_ERROR, message, retryable=True)
            await self._end(task, _failed_unless_cancelled, TaskResult(), failure)
        else:
            new = Status.FAILED if outcome.failure else Status.COMPLETED
            await self._end(task, lambda _: new, outcome.result, outcome.failure)

    async def _end(
        self, claimed: Task, status: Callable[[Task], Status], result: TaskResult, failure: Failure | None
    ) -> None:
        now = self._clock.now()

        def end(task: Task) -> tuple[Task, Sequence[Event]]:
            _same_claim(task, claimed)
            new = move(task.status, status(task))
            why = failure if new is Status.FAILED else None
            # Findings were folded in one by one as they were seen.
            whole = replace(result, findings=task.result.findings)
            message = why.message if why else task.cancellation.reason if task.cancellation else ""
            changed = StatusChanged(task.status, new, message, why, whole)
            return told(replace(task, end_time=now, activity=""), Event(task.id, now, changed, task.phase))

        await self._store.transition(claimed.id, end, wipe_secrets=True)

    async def release(self, task: Task) -> None:
        """The end of interrupted work: cancelled if that was asked for, else back in the queue for the next server."""
        now = self._clock.now()

        def back(current: Task) -> tuple[Task, Sequence[Event]]:
            _same_claim(current, task)
            cancelled = current.status is Status.CANCELLING
            new = move(current.status, Status.CANCELLED if cancelled else Status.PENDING)
            message = "" if cancelled else "the server is going away; the task waits for the next one"
            event = Event(task.id, now, StatusChanged(current.status, new, message), current.phase)
            idle = replace(current, activity="", progress=None)
            fresh = replace(idle, phase=None, result=TaskResult())
            return told(replace(idle, end_time=now) if cancelled else fresh, event)

        released = await self._store.transition(task.id, back)
        if released.done:
            await self._store.transition(task.id, told, wipe_secrets=True)


def _same_claim(task: Task, claimed: Task) -> None:
    if task.token.generation != claimed.token.generation:
        raise Fenced(f"task {task.id} was claimed again")


def _failed_unless_cancelled(task: Task) -> Status:
    return Status.CANCELLED if task.status is Status.CANCELLING else Status.FAILED
