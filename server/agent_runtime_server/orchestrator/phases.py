"""The phases of a task, carried out: claim, prepare, plan, generate, run, collect, and the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from agent_runtime_server.domain.event import Event, LogEntry, LogLevel, LogSource, PhaseChanged, StatusChanged, told
from agent_runtime_server.domain.faults import ArtifactNotFound, is_full
from agent_runtime_server.domain.inputs import Answer, Question
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind, PhaseResult, TaskOutcome, merged, work_of
from agent_runtime_server.domain.status import move
from agent_runtime_server.domain.task import Attempt, Checkpoint, Failure, FailureReason, Status, Task, Token
from agent_runtime_server.orchestrator import endings
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.inputs import Inputs
from agent_runtime_server.orchestrator.pausing import Pause
from agent_runtime_server.orchestrator.recorder import Recorder, Scene
from agent_runtime_server.orchestrator.secrecy import Secrecy
from agent_runtime_server.orchestrator.spending import TaskMeter
from agent_runtime_server.orchestrator.stage import Stage
from agent_runtime_server.orchestrator.tally import Tally
from agent_runtime_server.orchestrator.work import Work
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Blobs, Clock, Fenced, Scrub, Secrets, StopSign, Store, Workspaces

_log = logging.getLogger("agent_runtime.tasks")


class Executor:
    """The PhaseExecutor port: what dispatchers call."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        workspaces: Workspaces,
        sealing: Secrets,
        scrub: Scrub,
        disk: DiskGuard,
        clock: Clock,
        inputs: Inputs,
        work: Work,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._workspaces = workspaces
        self._sealing = sealing
        self._scrub = scrub
        self._disk = disk
        self._clock = clock
        self._inputs = inputs
        self._work = work
        self.tally = Tally()

    async def start(self, task_id: str) -> Task:
        """Claim a task and begin its next attempt. Raises DiskFull while there is no room to work in."""
        self._disk.require_room()
        now = self._clock.now()

        def begin(task: Task) -> tuple[Task, Sequence[Event]]:
            number = task.attempt + 1
            changed = StatusChanged(task.status, move(task.status, Status.RUNNING))
            started = replace(task, start_time=task.start_time or now)
            attempt = Event(task.id, now, Attempt(number, now), attempt=number)
            return told(started, attempt, Event(task.id, now, changed, attempt=number))

        task = await self._store.claim(task_id, begin)
        _log.info("attempt begins", extra={"task_id": task_id, "attempt": task.attempt})
        return task

    async def run_phase(
        self, task: Task, number: int, kind: PhaseKind, inputs: PhaseInputs, stop: StopSign
    ) -> PhaseResult:
        """Carry out one phase within its time, recording what happens; what it leaves becomes the checkpoint."""
        token = Token(task.token.generation, number)
        await self._store.advance(task.id, token)
        current = await self._store.get(task.id)
        try:
            values = self._sealing.unseal(await self._store.secrets(task.id), task.id)
        except (ValueError, OSError) as problem:
            failure = Failure(FailureReason.AGENT_ERROR, f"the sealed secrets cannot be opened: {problem}", kind.value)
            return PhaseResult(failure=failure)
        workspace = await self._workspaces.prepare(task.spec.session_id)
        secrecy = Secrecy(values.values(), workspace, self._scrub)
        scene = Scene(task.id, token, kind.value, workspace, task.attempt)
        begun = self._clock.now()
        recorder = Recorder(
            *(self._store, self._blobs, self._clock, scene),
            *(secrecy.redact_fact, secrecy.scrub, secrecy.redact_begun),
        )
        async with recorder.recording():
            recorder.emit(PhaseChanged(current.phase, kind.value))
            pause = Pause()

            async def ask(question: Question) -> Answer:
                return await self._inputs.ask(task.id, token, pause, recorder.emit, question)

            meter = TaskMeter(current.budget, current.usage, self.tally.counting(recorder.emit), ask)
            password = values.get("password", "")
            save = partial(self._save, task, token)
            stage = Stage(task, inputs, workspace, password, recorder.emit, secrecy, begun, stop, ask, meter, save)
            try:
                result = await self._in_time(current, kind, pause, lambda: self._carry_out(kind, stage))
            finally:
                # Preparing writes nothing but what is restored, which may be a person's own.
                if kind is not PhaseKind.PREPARE:
                    await to_the_end(self._work.clean(stage))
            if result.failure is not None:
                failure = replace(result.failure, message=secrecy.redact(result.failure.message), phase=kind.value)
                result = replace(result, failure=failure)
                recorder.emit(LogEntry(self._clock.now(), LogLevel.ERROR, LogSource.RUNTIME, failure.message))
        result = replace(result, summary_markdown=secrecy.redact(result.summary_markdown))
        # An attempt that goes on later prepares again: that takes back nothing of what is finished.
        if result.failure is None and kind is not PhaseKind.COLLECT and number >= current.checkpoint.phases:
            noted = await self._in_time(current, kind, Pause(), lambda: self._check_in(task, token, inputs, result))
            return replace(result, failure=noted.failure)
        return result

    async def _in_time(
        self, task: Task, kind: PhaseKind, pause: Pause, work: Callable[[], Awaitable[PhaseResult]]
    ) -> PhaseResult:
        """What work brings; a failure if its time is up or the disk gets full. What is there is collected anyhow."""
        left = last = None
        if kind is not PhaseKind.COLLECT:
            left = self._until(task.end_by(await self._inputs.waited(task)))
            last = self._until(task.create_time + task.timeouts.total) if task.timeouts.total else None
        latest = None if last is None else asyncio.get_running_loop().time() + last
        try:
            async with asyncio.timeout(left) as limit:
                with self._disk.guarding(limit), pause.of(limit, latest):
                    return await work()
        except TimeoutError:
            if not limit.expired():
                raise
            return PhaseResult(failure=self._out_of_time(task))
        except OSError as problem:
            if not is_full(problem):
                raise
            return PhaseResult(failure=_DISK_FULL)

    def _until(self, moment: datetime | None) -> float | None:
        """Seconds from now on, none for a moment that has passed; None for no moment."""
        return None if moment is None else max(0.0, (moment - self._clock.now()).total_seconds())

    def _out_of_time(self, task: Task) -> Failure:
        if self._disk.full:
            return _DISK_FULL
        if task.timeouts.total and self._clock.now() >= task.create_time + task.timeouts.total:
            return Failure(FailureReason.TOTAL_TIMEOUT, f"it was not done within {task.timeouts.total}")
        return Failure(FailureReason.RUN_TIMEOUT, f"the attempt took longer than {task.timeouts.run}", retryable=True)

    async def _carry_out(self, kind: PhaseKind, stage: Stage) -> PhaseResult:
        match kind:
            case PhaseKind.PREPARE:
                if trouble := await self._take_up(stage.task):
                    return PhaseResult(failure=trouble)
                return await self._work.prepare(stage)
            case PhaseKind.PLAN:
                return await self._work.plan(stage)
            case PhaseKind.GENERATE:
                return await self._work.generate(stage)
            case PhaseKind.RUN:
                return await self._work.run(stage)
            case PhaseKind.FIX:
                return await self._work.fix(stage)
            case PhaseKind.CUSTOM:
                return await self._work.custom(stage)
            case PhaseKind.COLLECT:
                return await self._work.collect(stage)

    async def _take_up(self, task: Task) -> Failure | None:
        """Make the workspace what the task's last finished phase left; why that is not possible."""
        session_id, snapshot = task.spec.session_id, task.checkpoint.snapshot
        await self._workspaces.abandon_runs(session_id)
        await self._workspaces.tidy(session_id)
        if not snapshot:
            return None
        try:
            await self._workspaces.restore(session_id, self._blobs.read(snapshot, 0, 0))
            await self._workspaces.prepare(session_id)
        except (OSError, ValueError, ArtifactNotFound) as problem:
            return Failure(FailureReason.AGENT_ERROR, f"the workspace could not be restored: {problem}")
        return None

    async def _check_in(self, task: Task, token: Token, inputs: PhaseInputs, result: PhaseResult) -> PhaseResult:
        """Note where a later attempt is to go on. After the last phase of work that needs no snapshot."""
        digest = await self._snapshot(task) if token.phase < len(work_of(task.spec)) else ""
        whole = merged(inputs.result, result)

        def note(current: Task) -> tuple[Task, Sequence[Event]]:
            found = replace(whole, findings=current.result.findings)
            return replace(current, checkpoint=Checkpoint(token.phase + 1, found, digest)), ()

        await self._store.transition(task.id, note, token=token)
        return result

    async def _save(self, task: Task, token: Token) -> None:
        """Note what an unfinished phase has brought so far, for a later attempt at it."""
        digest = await self._snapshot(task)

        def note(current: Task) -> tuple[Task, Sequence[Event]]:
            return replace(current, checkpoint=replace(current.checkpoint, snapshot=digest)), ()

        await self._store.transition(task.id, note, token=token)

    async def _snapshot(self, task: Task) -> str:
        """Keep the workspace as it is; its digest."""
        async with self._workspaces.snapshot(task.spec.session_id) as snapshot:
            return (await self._blobs.put(snapshot)).sha256

    async def finish(self, task: Task, outcome: TaskOutcome | Exception) -> Task:
        """Write the end of an attempt. A completion that beats a cancel wins; what broke after a cancel is
        cancelled."""
        await self._work.leave(task)
        now = self._clock.now()

        def end(current: Task) -> tuple[Task, Sequence[Event]]:
            _same_claim(current, task)
            if isinstance(outcome, Exception):
                if current.status is Status.CANCELLING:
                    return endings.ended(endings.kept(current), Status.CANCELLED, now, message=_why(current))
                return endings.failed(endings.kept(current), now, _broken(outcome))
            # Findings were folded in one by one as they were seen.
            whole = replace(current, result=replace(outcome.result, findings=current.result.findings))
            if outcome.failure is None:
                return endings.ended(whole, Status.COMPLETED, now, message=_why(current))
            return endings.failed(whole, now, outcome.failure)

        done = await self._store.transition(task.id, end)
        self.tally.ended(done)
        reason = done.attempts[-1].failure.reason.value if done.attempts[-1].failure else ""
        _log.info("attempt ended", extra={"task_id": task.id, "status": done.status.value, "failure": reason})
        return done

    async def release(self, task: Task) -> None:
        """The end of interrupted work: cancelled if that was asked for, else back in the queue for the next server."""
        await self._work.leave(task)
        now = self._clock.now()

        def back(current: Task) -> tuple[Task, Sequence[Event]]:
            _same_claim(current, task)
            if current.status is Status.CANCELLING:
                return endings.ended(endings.kept(current), Status.CANCELLED, now, message=_why(current))
            return endings.interrupted(current, now, "the server is going away; the task waits for the next one")

        done = await self._store.transition(task.id, back)
        self.tally.ended(done)
        _log.info("attempt interrupted", extra={"task_id": task.id, "status": done.status.value})


_DISK_FULL = Failure(FailureReason.DISK_FULL, "the server's disk is nearly full")


def _broken(error: Exception) -> Failure:
    if is_full(error):
        return _DISK_FULL
    # No more than the kind of error: its text may hold what nobody is to read. The server's log has it.
    message = f"internal error ({type(error).__name__}); the server's log tells more"
    return Failure(FailureReason.AGENT_ERROR, message, retryable=True)


def _why(task: Task) -> str:
    return task.cancellation.reason if task.cancellation else ""


def _same_claim(task: Task, claimed: Task) -> None:
    if task.token.generation != claimed.token.generation:
        raise Fenced(f"task {task.id} was claimed again")
