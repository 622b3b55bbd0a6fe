import io
import re
from datetime import UTC, datetime, timedelta

from rich.console import Console

from agent_runtime.cli.live import LiveView
from agent_runtime.v1 import event_pb2, input_pb2, task_pb2
from tests.unit.cli.test_submit_and_watch import every_kind_of_event, made, tool_call
from tests.unit.client.fake_service import done_task, open_question


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
    assert "· agent    planner: at the cart" in text
    assert "! tool     browser_click: click Buy (3.0 s), failed: no such | link" in " ".join(text.split("\n"))
    assert "· tool" not in text
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
    assert "12,345 tokens" in text
    assert "Cart > empty" in text


def test_what_an_agent_says_and_does_now_stays_below() -> None:
    view = LiveView(Terminal())
    view._live.auto_refresh = False
    view.show(
        event_pb2.TaskEvent(
            agent_message=event_pb2.AgentMessage(message_id="r", agent="planner", text="I wonder", reasoning=True)
        )
    )
    view.show(event_pb2.TaskEvent(tool_call=tool_call(input_pb2.TOOL_CALL_STATE_STARTED)))
    terminal = Terminal()
    Console(file=terminal, width=100).print(view)
    assert "planner: I wonder" in shown(terminal)
    assert "browser_click: click Buy" in shown(terminal)


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


def test_a_task_that_asks_says_so_until_it_has_its_answers() -> None:
    terminal = Terminal()
    view = LiveView(terminal)

    def resolved(name: str, decision: task_pb2.InputDecision.ValueType) -> input_pb2.InputResolution:
        return input_pb2.InputResolution(input_id=name, decision=decision, resolver="user")

    def headline() -> str:
        printed = Terminal()
        Console(file=printed, width=100).print(view)
        return shown(printed)

    view._live.auto_refresh = False
    for name in ("one", "two"):
        view.show(event_pb2.TaskEvent(input_requested=open_question(name)))
    view.show(event_pb2.TaskEvent(input_resolved=resolved("two", task_pb2.INPUT_DECISION_REJECT)))
    assert "waiting for an answer" in headline()
    view.show(event_pb2.TaskEvent(input_resolved=resolved("one", task_pb2.INPUT_DECISION_ALLOW_ONCE)))
    assert "waiting for an answer" not in headline()
    text = " ".join(shown(terminal).split())
    assert "! asks May it call bash?" in text
    assert "agent-runtime answer task-1 one --allow | --reject | --abort" in text
    assert "✓ answer allow once" in text
