"""The live view: what happened scrolls by, what happens now stays below it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent_runtime.cli import agents, describe
from agent_runtime.cli.narration import Narration
from agent_runtime.cli.output import one_line, seconds, word
from agent_runtime.v1 import event_pb2, task_pb2, test_result_pb2
from agent_runtime.watch import WatchUpdate

_REFRESHES_PER_SECOND = 4
_STYLES = {"good": "green", "bad": "red", "doubtful": "yellow", "": ""}
_MARKS = {"good": "✓", "bad": "✗", "doubtful": "!", "": "·"}
_KEPT_LABELS = {"status", "attempt", "agent", "asks", "answer", "finding", "gap"}
_KEPT_IF_BAD = {"log", "tool"}
_BAR_WIDTH = 30
_RECENT_LINES = 6


class LiveView:
    """Shows a watch on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._live = Live(
            self, console=self._console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True, redirect_stdout=False
        )
        self._started: datetime | None = None
        self._phase = ""
        self._recent: deque[str] = deque(maxlen=_RECENT_LINES)
        """What it did just now, newest last."""
        self._progress = task_pb2.TaskProgress()
        self._attempt = task_pb2.TaskAttempt()
        self._tests: dict[tuple[int, str], str] = {}
        self._narration = Narration()
        self._findings = 0
        self._tokens = 0
        self._asked: set[str] = set()
        """Questions that wait for an answer."""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, update: WatchUpdate) -> None:
        """Take in an update; the screen follows at its own pace."""
        if isinstance(update, event_pb2.TaskEvent):
            self._fold(update)
        for line in self._narration.lines(update):
            if self._is_kept(line, update):
                text = Text(f"{_MARKS[line.tone]} ", style=_STYLES[line.tone]).append(f"{line.label:<8} {line.text}")
                self._console.print(text)
        if isinstance(update, task_pb2.Task):
            self._live.stop()
            self._console.print(final_table(update))

    def _is_kept(self, line: describe.Line, update: WatchUpdate) -> bool:
        """Whether a line is to stay on the screen; what a task does just now is not."""
        if isinstance(update, event_pb2.TaskEvent):
            if line.label == "test":
                return update.test.outcome != test_result_pb2.TEST_OUTCOME_UNSPECIFIED
            if line.label == "phase":
                return update.phase_change.old_phase != update.phase_change.new_phase
        return line.label in _KEPT_LABELS or (line.label in _KEPT_IF_BAD and line.tone != "")

    def _fold(self, event: event_pb2.TaskEvent) -> None:
        self._started = self._started or event.event_time.ToDatetime(UTC)
        match event.WhichOneof("payload"):
            case "phase_change":
                if word(event.phase_change, "new_phase") != self._phase:
                    self._progress = task_pb2.TaskProgress()
                self._phase = word(event.phase_change, "new_phase")
                self._note(one_line(event.phase_change.activity))
            case "queue":
                self._note(describe.queue(event.queue))
            case "progress":
                self._progress = event.progress
            case "attempt_change":
                self._attempt = event.attempt_change
                self._progress = task_pb2.TaskProgress()
                if self._attempt.HasField("end_time"):
                    self._phase = ""
            case "log":
                told = [entry for entry in event.log.entries if entry.level != event_pb2.LOG_LEVEL_DEBUG]
                if told:
                    self._note(one_line(told[-1].message))
            case "test":
                state, _ = describe.test_state(event.test)
                self._tests[event.test.round, event.test.id] = state
                self._note(describe.test_title(event.test))
            case "agent_message":
                self._note(agents.said(event.agent_message))
            case "tool_call":
                self._note(agents.tool_call(event.tool_call)[0])
            case "usage":
                self._tokens += agents.tokens(event.usage)
            case "finding":
                self._findings += 1
            case "input_requested":
                self._asked.add(event.input_requested.id)
            case "input_resolved":
                self._asked.discard(event.input_resolved.input_id)

    def __rich__(self) -> Group:
        recent = [Text(f"  {line}", "dim", no_wrap=True, overflow="ellipsis") for line in self._recent]
        return Group(Text(""), self._headline(), self._progress_line(), *recent)

    def _note(self, line: str) -> None:
        if line and (not self._recent or self._recent[-1] != line):
            self._recent.append(line)

    def _headline(self) -> Text:
        started = self._started or datetime.now(UTC)
        elapsed = max((datetime.now(UTC) - started).total_seconds(), 0)
        states = list(self._tests.values())
        parts = [self._phase.replace("_", " ") or self._waiting(), seconds(elapsed)]
        parts += ["waiting for an answer"] if self._asked else []
        parts += [f"attempt {self._attempt.number}"] if self._attempt.number > 1 else []
        parts += [f"{states.count(state)} {state}" for state in ("passed", "failed", "flaky") if state in states]
        parts += [f"{self._findings} findings"] if self._findings else []
        parts += [f"{self._tokens:,} tokens"] if self._tokens else []
        return Text("  ·  ".join(parts), style="bold", no_wrap=True)

    def _waiting(self) -> str:
        if not self._attempt.HasField("retry_time"):
            return "waiting"
        pause = (self._attempt.retry_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()
        return f"retry in {seconds(pause)}" if pause > 0 else "retry"

    def _progress_line(self) -> Table | Text:
        if not self._progress.total:
            return Text("")
        line = Table.grid(padding=(0, 1))
        completed = min(self._progress.completed, self._progress.total)
        bar = ProgressBar(total=self._progress.total, completed=completed, width=_BAR_WIDTH)
        line.add_row(bar, Text(describe.progress(self._progress)))
        return line


def final_table(task: task_pb2.Task) -> Table:
    """Everything about a task that is done."""
    table = Table(show_header=False, border_style=_STYLES[describe.task_tone(task)] or "none")
    for name, value in describe.details(task):
        table.add_row(Text(name, "dim"), Text(value, overflow="fold"))
    return table
