"""What programs read: the shapes of ``-o json`` as docs/cli.md has them, and plain text into pipes."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, session_pb2, task_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.cli.test_server_commands import Check, put_module
from tests.unit.cli.test_submit_and_watch import every_kind_of_event
from tests.unit.client.fake_service import FakeService, Turn, done_task, open_question

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
MESSAGES: dict[str, type[Message]] = {
    "Task": task_pb2.Task,
    "TaskEvent": event_pb2.TaskEvent,
    "WatchGap": service_pb2.WatchGap,
    "LogEntry": event_pb2.LogEntry,
    "TestCase": test_result_pb2.TestCase,
    "TestSummary": test_result_pb2.TestSummary,
    "Repair": test_result_pb2.Repair,
    "InputRequest": input_pb2.InputRequest,
    "SessionFile": session_pb2.SessionFile,
    "Session": session_pb2.Session,
}
EVIL = "e\x1b[2Jvil\x9b31m\r\n\x07text"


def is_a(document: Any, kind: type[Message]) -> bool:
    """Whether a document is a message of a kind, with no key that it does not have."""
    try:
        ParseDict(document, kind())
    except ParseError:
        return False
    return True


def meets(document: Any, shape: Any) -> bool:
    """Whether a document has a shape: a message's name, a list of one, an object of them, or "…" for any text."""
    match shape:
        case str() if shape in MESSAGES:
            return is_a(document, MESSAGES[shape])
        case str():
            return isinstance(document, str)
        case bool():
            return isinstance(document, bool)
        case float():
            return isinstance(document, float)
        case [inner]:
            return isinstance(document, list) and bool(document) and all(meets(item, inner) for item in document)
        case dict():
            return set(document) == set(shape) and all(meets(document[key], inner) for key, inner in shape.items())
    raise AssertionError(shape)


def documented() -> dict[str, list[Any]]:
    """For each command the shapes of what it prints."""
    rows = DOCS.read_text().split("| command | prints |")[1].split("\n\n")[0].splitlines()[2:]
    shapes: dict[str, list[Any]] = {}
    for commands, prints in (row.strip("| ").split(" | ") for row in rows):
        plain = prints.removeprefix("one a line:").replace("`", "")
        whole = re.sub(rf"\b({'|'.join(MESSAGES)})\b", r'"\1"', plain)
        for command in commands.replace("`", "").split(", "):
            shapes[command] = json.loads(f"[{whole}]")
    return shapes


@pytest.fixture
def full(service: FakeService, tmp_path: Path) -> FakeService:
    """A server with one of everything, and a file here."""
    service.sessions["s"] = session_pb2.Session(id="s")
    service.files = {"specs/plan.md": b"# Plan"}
    service.tests = [test_result_pb2.TestCase(id="t", title_path=["Cart"])]
    service.tasks["task-1"].result.repairs.add(test_id="t")
    service.inputs = [open_question()]
    service.trimmed = 2
    service.http_url = ""
    (tmp_path / "new.txt").write_text("new")
    return service


ARGUMENTS = {
    "submit": ("submit", "plan", "--app-url", "http://shop.test/"),
    "list": ("list",),
    "answer": ("answer", "task-1", "--allow"),
    "logs --follow": ("logs", "--follow", "task-1"),
    "upload": ("upload", "s", "new.txt"),
    "sessions": ("sessions",),
    "sessions create": ("sessions", "create"),
    "sessions get": ("sessions", "get", "s"),
    "sessions delete": ("sessions", "delete", "s"),
    "update": ("update", "task-1", "--priority", "1"),
    "health": ("health",),
    "doctor": ("doctor",),
    "test-api": ("test-api",),
}


@pytest.mark.parametrize(("name", "shapes"), documented().items())
@pytest.mark.usefixtures("full")
def test_json_is_as_documented(
    command: Command, name: str, shapes: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_module(monkeypatch, "agent_runtime_server.doctor", check=lambda: [Check("node", ok=True, version="22")])
    ran = command(*ARGUMENTS.get(name, (name, "task-1")), "-o", "json")
    if name in ("watch", "logs --follow"):
        lines = [json.loads(line) for line in ran.out.splitlines()]
        assert all(any(meets(line, shape) for line in lines) for shape in shapes)
        assert all(any(meets(line, shape) for shape in shapes) for line in lines)
    else:
        assert meets(json.loads(ran.out), shapes[0])


def test_every_command_with_json_is_documented(run: Command) -> None:
    found = set()
    for line in run("--help").out.split("Commands:")[1].splitlines():
        name = line.split()[0] if line.strip() else ""
        if name and name not in ("serve", "demo") and "text|json" in run(name, "--help").out:
            found.add(name)
    assert found | {"sessions"} == {name.split()[0] for name in documented()}


def test_names_are_those_of_the_contract_and_long_numbers_are_texts(command: Command, service: FakeService) -> None:
    service.tasks["task-1"].sequence = 8
    document = json.loads(command("get", "task-1", "-o", "json").out)
    assert document["sequence"] == "8"
    assert document["task_type"] == "TASK_TYPE_COMPLETE"


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "task-1"),
        ("list",),
        ("watch", "task-1"),
        ("logs", "task-1"),
        ("logs", "-f", "task-1"),
        ("results", "task-1"),
        ("inputs", "--all"),
        ("answer", "task-1", "--reject", "--text", EVIL),
        ("files", "task-1"),
        ("sessions",),
        ("wait", "task-1"),
        ("submit", "plan", "--app-url", "http://shop.test/", "--watch"),
        ("--help",),
        ("sessions", "--help"),
        ("fly",),
        ("get", EVIL),
    ],
    ids=lambda arguments: " ".join(arguments[:2]).replace(EVIL, "evil"),
)
def test_pipes_get_plain_text(
    command: Command, service: FakeService, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("GITHUB_ACTIONS", "1")
    task = evil_task()
    service.tasks = {task.id: task}
    asks = event_pb2.TaskEvent(input_requested=open_question(f"i{EVIL}", prompt=EVIL))
    says = event_pb2.TaskEvent(agent_message=event_pb2.AgentMessage(message_id="m", agent=EVIL, text=EVIL))
    does = event_pb2.TaskEvent(tool_call=input_pb2.ToolCall(tool=EVIL, title=f"t{EVIL}", output=EVIL, state=3))  # type: ignore[arg-type]
    service.events = [*every_kind_of_event(), asks, says, does, event_pb2.TaskEvent()]
    service.events[-1].log.entries.add(message=EVIL, level=event_pb2.LOG_LEVEL_INFO)
    service.events[-1].event_time.FromSeconds(1)
    for sequence, event in enumerate(service.events, 1):
        event.sequence = sequence
    service.files = {f"tests/{EVIL}": b""}
    service.tests = [test_result_pb2.TestCase(id="t", title_path=[EVIL])]
    service.inputs = [open_question(f"i{EVIL}", prompt=EVIL, choices=[EVIL])]
    service.sessions["s"] = session_pb2.Session(id="s", active_task_id=EVIL)
    service.turns.append(Turn(3, "reset"))
    ran = command(*arguments)
    text = ran.out + ran.err
    assert text
    assert [character for character in text if unicodedata.category(character) == "Cc" and character != "\n"] == []


def evil_task() -> task_pb2.Task:
    task = done_task()
    task.configuration.app_url = f"http://shop.test/{EVIL}"
    task.labels["note"] = EVIL
    task.current_activity = EVIL
    task.cancellation.reason = EVIL
    task.result.findings.add(title=EVIL, url=EVIL)
    task.result.repairs.add(test_id=EVIL, explanation=EVIL, reviewer=EVIL)
    task.usage.models.add(model=EVIL, input_tokens=1)
    task.configuration.agent.model = EVIL
    task.attempts.add(number=1).error.status.message = EVIL
    task.attempts[0].end_time.FromSeconds(1)
    task.attempts.add(number=2)
    return task
