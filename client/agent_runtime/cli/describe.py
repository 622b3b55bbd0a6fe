"""Descriptions: what events, tests and tasks are in words, for every kind of output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from agent_runtime.cli import agents, asking
from agent_runtime.cli.output import one_line, seconds, size, word
from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, task_pb2, test_result_pb2
from agent_runtime.watch import WatchUpdate


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a watch. ``tone`` is "good", "bad", "doubtful" or ""."""

    time: datetime
    label: str
    text: str
    tone: str = ""


_STATUS_TONES = {
    task_pb2.TASK_STATUS_COMPLETED: "good",
    task_pb2.TASK_STATUS_FAILED: "bad",
    task_pb2.TASK_STATUS_CANCELLED: "doubtful",
    task_pb2.TASK_STATUS_CANCELLING: "doubtful",
}
_LOG_TONES = {event_pb2.LOG_LEVEL_ERROR: "bad", event_pb2.LOG_LEVEL_WARNING: "doubtful"}
_OUTCOMES = {
    test_result_pb2.TEST_OUTCOME_EXPECTED: ("passed", "good"),
    test_result_pb2.TEST_OUTCOME_UNEXPECTED: ("failed", "bad"),
    test_result_pb2.TEST_OUTCOME_FLAKY: ("flaky", "doubtful"),
    test_result_pb2.TEST_OUTCOME_SKIPPED: ("skipped", ""),
}


def lines(update: WatchUpdate) -> Iterator[Line]:
    """The lines that tell an update: one for most, one for each log line, none for what others sum up."""
    match update:
        case event_pb2.TaskEvent():
            yield from _event_lines(update)
        case service_pb2.WatchGap():
            reason = word(update, "reason")
            text = f"events {update.first_missing} to {update.last_missing} are not kept any more ({reason})"
            yield Line(datetime.now(UTC), "gap", text, "doubtful")
        case task_pb2.Task():
            time = update.end_time.ToDatetime(UTC)
            for made in update.result.repairs:
                yield Line(time, "repair", *agents.repair(made))
            if used := agents.usage(update.usage):
                yield Line(time, "usage", used)
            yield Line(time, "done", outcome(update), task_tone(update))


def standing(task: task_pb2.Task) -> Line:
    """The line that tells where a task stands."""
    text = f"{word(task, 'task_type')} {one_line(task.configuration.app_url)}: {outcome(task)}"
    return Line(task.update_time.ToDatetime(UTC), "task", text, task_tone(task))


def _event_lines(event: event_pb2.TaskEvent) -> Iterator[Line]:
    time = event.event_time.ToDatetime(UTC)
    match event.WhichOneof("payload"):
        case "status":
            change = event.status
            text = word(change, "new_status")
            reason = change.error.status.message or change.message
            yield Line(
                time,
                "status",
                f"{text}: {one_line(reason)}" if reason else text,
                _STATUS_TONES.get(change.new_status, ""),
            )
        case "phase_change":
            text = word(event.phase_change, "new_phase")
            activity = one_line(event.phase_change.activity)
            yield Line(time, "phase", f"{text}: {activity}" if activity else text)
        case "queue":
            yield Line(time, "queue", queue(event.queue))
        case "progress":
            yield Line(time, "progress", progress(event.progress))
        case "attempt_change":
            yield Line(time, "attempt", *attempt(event.attempt_change))
        case "log":
            if event.log.dropped:
                yield Line(time, "log", f"{event.log.dropped} lines were dropped", "doubtful")
            for entry in event.log.entries:
                yield log_line(entry)
        case "agent_message":
            yield said_line(time, event.agent_message)
        case "tool_call":
            if event.tool_call.state != input_pb2.TOOL_CALL_STATE_STARTED:
                yield Line(time, "tool", *agents.tool_call(event.tool_call))
        case "usage":
            pass  # one for each call of a model: the task has the sum
        case "test":
            yield _test_line(time, event.test)
        case "artifact":
            artifact = event.artifact
            kind = word(artifact, "kind")
            yield Line(time, "artifact", f"{kind} {one_line(artifact.path)} ({size(artifact.size_bytes)})")
        case "file":
            path = one_line(event.file.path)
            yield Line(
                time, "file", f"{path} removed" if event.file.removed else f"{path} ({size(event.file.size_bytes)})"
            )
        case "finding":
            yield Line(time, "finding", finding(event.finding), "doubtful")
        case "input_requested":
            for text in (asking.question(event.input_requested), asking.how_to_answer(event.input_requested)):
                yield Line(time, "asks", text, "doubtful")
        case "input_resolved":
            yield Line(time, "answer", *asking.resolution(event.input_resolved))
        case _:
            yield Line(time, "event", "of a kind that this client does not know")


def said_line(time: datetime, message: event_pb2.AgentMessage) -> Line:
    """What an agent says."""
    return Line(time, "agent", agents.said(message))


def log_line(entry: event_pb2.LogEntry) -> Line:
    """A log line with its level and source."""
    level = word(entry, "level")
    source = word(entry, "source")
    text = f"{level} {source}: {one_line(entry.message)}"
    return Line(entry.log_time.ToDatetime(UTC), "log", text, _LOG_TONES.get(entry.level, ""))


def _test_line(time: datetime, test: test_result_pb2.TestCase) -> Line:
    result, tone = test_state(test)
    took = sum(attempt.duration.ToTimedelta().total_seconds() for attempt in test.attempts)
    text = f"{result} {test_title(test)}" + (f" ({seconds(took)})" if test.attempts else "")
    errors = [error.message for attempt in test.attempts for error in attempt.errors]
    if tone == "bad" and errors:
        text += f": {one_line(errors[-1])[:300]}"
    return Line(time, "test", text, tone)


def test_state(test: test_result_pb2.TestCase) -> tuple[str, str]:
    """The word and the tone of a test: its outcome, or that it still runs."""
    return _OUTCOMES.get(test.outcome, ("running" if len(test.attempts) < 2 else "retrying", ""))


def test_title(test: test_result_pb2.TestCase) -> str:
    """The titles of a test, outermost first."""
    return one_line(" > ".join(filter(None, test.title_path)))


def finding(found: test_result_pb2.Finding) -> str:
    """A finding with its kind, weight and place."""
    kind = word(found, "kind").replace("_", " ")
    severity = word(found, "severity")
    return one_line(f"{severity} {kind}: {found.title} ({found.url})")


def queue(state: task_pb2.QueueState) -> str:
    """A place in the queue."""
    waits = f", waiting for {one_line(state.waiting_for)}" if state.waiting_for else ""
    return f"place {state.position} of {state.length}{waits}"


def attempt(made: task_pb2.TaskAttempt) -> tuple[str, str]:
    """How an attempt at a task went, in words, and its tone."""
    if not made.HasField("end_time"):
        return f"{made.number} started", ""
    if not made.HasField("error"):
        return f"{made.number} ended", ""
    text = f"{made.number} failed, {word(made.error, 'reason')}: {one_line(made.error.status.message)}"
    if made.HasField("retry_time"):
        pause = (made.retry_time.ToDatetime() - made.end_time.ToDatetime()).total_seconds()
        return f"{text}; next try in {seconds(max(pause, 0))}", "doubtful"
    return text, "bad"


def _attempts(task: task_pb2.Task) -> Iterator[str]:
    """All attempts as things stand: no pauses that are over; those that ended before their end were interrupted."""
    for number, made in enumerate(task.attempts, start=1):
        passed = number < len(task.attempts)
        waits = task.status == task_pb2.TASK_STATUS_PENDING
        if made.HasField("end_time") and not made.HasField("error") and (passed or waits):
            yield f"{made.number} interrupted, not counted"
            continue
        told = task_pb2.TaskAttempt()
        told.CopyFrom(made)
        if not waits or passed:
            told.ClearField("retry_time")
        yield attempt(told)[0]


def progress(state: task_pb2.TaskProgress) -> str:
    """How far along a phase is."""
    return f"{state.completed} of {state.total or '?'} {one_line(state.unit)}".rstrip()


def outcome(task: task_pb2.Task) -> str:
    """How a task ended, or where it stands, in one line."""
    text = word(task, "status")
    if task.status == task_pb2.TASK_STATUS_FAILED:
        reason = word(task.error, "reason")
        return one_line(f"{text}, {reason}: {task.error.status.message}")
    if task.result.verdict and task.task_type not in (task_pb2.TASK_TYPE_PLAN, task_pb2.TASK_TYPE_GENERATE):
        text += f", tests {word(task.result, 'verdict')}"
    return f"{text}: {summary(task.result.summary)}" if task.result.HasField("summary") else text


def summary(counts: test_result_pb2.TestSummary) -> str:
    """Counts of tests; those that are zero and not of interest are left out."""
    parts = [f"{counts.total} tests", f"{counts.expected} passed", f"{counts.unexpected} failed"]
    parts += [f"{counts.flaky} flaky"] if counts.flaky else []
    parts += [f"{counts.skipped} skipped"] if counts.skipped else []
    return ", ".join(parts)


def task_tone(task: task_pb2.Task) -> str:
    """The tone of a task's status and verdict."""
    if task.result.verdict == task_pb2.TEST_VERDICT_FAILED:
        return "bad"
    return _STATUS_TONES.get(task.status, "")


def details(task: task_pb2.Task) -> list[tuple[str, str]]:
    """Everything about a task that a person wants at a glance, as names and values."""
    rows = [
        ("task", task.id),
        ("type", word(task, "task_type")),
        ("app", task.configuration.app_url),
        ("session", task.session_id),
        ("status", outcome(task)),
    ]
    rows.append(("labels", ", ".join(f"{key}={value}" for key, value in sorted(task.labels.items()))))
    rows.append(("retry of", task.retry_of_task_id))
    if len(task.attempts) > 1 or any(made.HasField("retry_time") for made in task.attempts):
        rows += [("attempt", text) for text in _attempts(task)]
    if task.status == task_pb2.TASK_STATUS_PENDING and task.HasField("queue"):
        rows.append(("queue", queue(task.queue)))
    if not task.done and task.current_phase:
        rows.append(("phase", word(task, "current_phase")))
        rows.append(("activity", task.current_activity))
    if task.pending_input_ids:
        rows.append(("asks", asking.count(task)))
    rows += [("repair", agents.repair(made)[0]) for made in task.result.repairs]
    rows += [("finding", finding(found)) for found in task.result.findings]
    rows += [("plan", task.result.plan_artifact_id), ("report", task.result.report_artifact_id)]
    rows += [("model", task.configuration.agent.model), ("budget", agents.budget(task.budget))]
    rows.append(("usage", agents.usage(task.usage)))
    if task.HasField("cancellation"):
        rows.append(("cancelled", task.cancellation.reason))
    rows.append(("created", task.create_time.ToJsonString()))
    if task.HasField("start_time") and task.HasField("end_time"):
        took = task.end_time.ToDatetime() - task.start_time.ToDatetime()
        rows.append(("took", seconds(took.total_seconds())))
    if task.HasField("expire_time"):
        rows.append(("expires", task.expire_time.ToJsonString()))
    return [(name, one_line(value)) for name, value in rows if value]
