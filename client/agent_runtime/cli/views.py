"""Views of a watch for pipes, programs and nobody; the one for a terminal is in ``live``."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, TextIO

import typer

from agent_runtime.cli.describe import Line, lines, standing
from agent_runtime.cli.narration import Narration
from agent_runtime.cli.output import Format, as_dict, print_json_line
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from agent_runtime.watch import WatchUpdate


class View(Protocol):
    """Shows the updates of one watch; a context manager."""

    def show(self, update: WatchUpdate) -> None:
        """Show the next update."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Shows nothing."""

    def show(self, update: WatchUpdate) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PlainLines(Silent):
    """One line for each event: time (UTC), label, text."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._narration = Narration()

    def show(self, update: WatchUpdate) -> None:
        """Write the update's lines."""
        for line in self._narration.lines(update):
            typer.echo(f"{line.time:%H:%M:%SZ}  {line.label:<8}  {line.text}", file=self._stream)


class PlainTasks(PlainLines):
    """One line for each event of any task: time (UTC), the task's id, label, text."""

    def show(self, update: WatchUpdate) -> None:
        """Write the update's lines."""
        match update:
            case event_pb2.TaskEvent():
                for line in lines(update):
                    self._tell(update.task_id, line)
            case task_pb2.Task():
                self._tell(update.id, standing(update))

    def _tell(self, task_id: str, line: Line) -> None:
        typer.echo(f"{line.time:%H:%M:%SZ}  {task_id}  {line.label:<8}  {line.text}", file=self._stream)


class JsonLines(Silent):
    """One JSON object for each event; a gap as ``{"gap": ...}``, a task as ``{"task": ...}``."""

    def show(self, update: WatchUpdate) -> None:
        """Write the update as one line."""
        match update:
            case event_pb2.TaskEvent():
                print_json_line(as_dict(update))
            case service_pb2.WatchGap():
                print_json_line({"gap": as_dict(update)})
            case task_pb2.Task():
                print_json_line({"task": as_dict(update)})


def choose_view(output: Format, stream: TextIO) -> View:
    """The view that suits an output: JSON lines if asked for, live on a terminal, else plain lines."""
    if output is Format.JSON:
        return JsonLines()
    if stream.isatty():
        from agent_runtime.cli.live import LiveView

        return LiveView(stream)
    return PlainLines(stream)
