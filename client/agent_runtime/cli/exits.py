"""Exit codes: what the command tells a shell."""

from __future__ import annotations

from enum import IntEnum

from agent_runtime.errors import (
    AgentRuntimeError,
    Conflict,
    DeadlineExceeded,
    Denied,
    InvalidRequest,
    NotFound,
    Unreachable,
)
from agent_runtime.v1 import task_pb2


class ExitCode(IntEnum):
    """How a command ended."""

    GOOD = 0
    FAILED = 1
    """The task, or the server, failed."""
    USAGE = 2
    """The request cannot be right, or not now."""
    UNREACHABLE = 3
    DENIED = 4
    NOT_FOUND = 5
    TESTS_FAILED = 6
    """The task worked, and its tests found something, or it was to run tests and none was selected."""
    CANCELLED = 7
    TIMED_OUT = 124
    """The task was not done in the time that ``wait`` was given; as with timeout(1)."""
    INTERRUPTED = 130


def code_of_task(task: task_pb2.Task) -> ExitCode:
    """How a task that is done ended."""
    if task.status == task_pb2.TASK_STATUS_CANCELLED:
        return ExitCode.CANCELLED
    if task.status != task_pb2.TASK_STATUS_COMPLETED:
        return ExitCode.FAILED
    runs_tests = task.task_type in (task_pb2.TASK_TYPE_RUN, task_pb2.TASK_TYPE_COMPLETE, task_pb2.TASK_TYPE_FIX)
    if runs_tests and task.result.verdict == task_pb2.TEST_VERDICT_NO_TESTS:
        return ExitCode.TESTS_FAILED
    if task.result.verdict == task_pb2.TEST_VERDICT_FAILED:
        return ExitCode.TESTS_FAILED
    return ExitCode.GOOD


def code_of_error(error: AgentRuntimeError) -> ExitCode:
    """What a failed call comes to."""
    match error:
        case Unreachable() | DeadlineExceeded():
            return ExitCode.UNREACHABLE
        case Denied():
            return ExitCode.DENIED
        case NotFound():
            return ExitCode.NOT_FOUND
        case InvalidRequest() | Conflict():
            return ExitCode.USAGE
        case _:
            return ExitCode.FAILED
