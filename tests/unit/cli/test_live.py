import io
import re
from datetime import UTC, datetime, timedelta

from rich.console import Console

from agent_runtime.cli.live import LiveView
from agent_runtime.v1 import event_pb2, task_pb2
from tests.unit.cli.test_submit_and_watch import every_kind_of_event, made
from tests.unit.client.fake_service import done_task


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(terminal: Terminal) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())


def test_what_happened_scrolls_by_and_the_end_is_a_table() -> None:
    terminal = Terminal()
    with LiveView(terminal) as view:
        for event in every_kind_of_event():
            view.show(event)
        planning = task_pb2.TASK_PHASE_PLANNING
        again = event_pb2.PhaseChange(old_phase=planning, new_phase=planning, activity="tries the search")
        view.show(event_pb2.TaskEvent(phase_change=again))
        view.show(done_task())
    text = shown(terminal)
    assert "✗ test     failed Cart > total (0.0 s): 12 is not 13" in text
    assert "! finding  high broken link: Help" in text
    assert "· phase    planning: looks around" in text
    assert "phase    planning: tries the search" not in text
    assert text.index("finding") < text.index("completed, tests passed")


def test_what_happens_now_stays_below() -> None:
    view = LiveView(Terminal())
    view._live.auto_refresh = False
    for event in every_kind_of_event():
        view.show(event)
    terminal = Terminal()
    Console(file=terminal, width=100).print(view)
    text = shown(terminal)
    assert "planning" in text
    assert "1 failed" in text
    assert "1 findings" in text
    assert "2 of 5 pages" in text
    assert "Cart > empty" in text


def test_a_new_phase_starts_its_progress_anew() -> None:
    view = LiveView(Terminal())
    view.show(event_pb2.TaskEvent(progress=task_pb2.TaskProgress(completed=5, total=5)))
    view.show(event_pb2.TaskEvent(phase_change=event_pb2.PhaseChange(new_phase=task_pb2.TASK_PHASE_RUNNING_TESTS)))
    assert view._progress.total == 0


def test_a_task_that_waits_for_its_next_attempt_says_so() -> None:
    view = LiveView(Terminal())
    failed = made(1, "browser died", retry=True)
    failed.retry_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=100))
    view.show(event_pb2.TaskEvent(attempt_change=failed))
    terminal = Terminal()
    Console(file=terminal, width=100).print(view)
    assert "retry in 1 min" in shown(terminal)
    view.show(event_pb2.TaskEvent(attempt_change=made(2)))
    view.show(event_pb2.TaskEvent(phase_change=event_pb2.PhaseChange(new_phase=task_pb2.TASK_PHASE_PLANNING)))
    terminal = Terminal()
    Console(file=terminal, width=100).print(view)
    assert "planning" in shown(terminal)
    assert "attempt 2" in shown(terminal)
