import json

import pytest
from google.type.money_pb2 import Money

from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, task_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, open_question

ALLOW, ALWAYS, REJECT, ABORT, ANSWER = (
    *(task_pb2.INPUT_DECISION_ALLOW_ONCE, task_pb2.INPUT_DECISION_ALLOW_FOR_TASK),
    *(task_pb2.INPUT_DECISION_REJECT, task_pb2.INPUT_DECISION_ABORT, task_pb2.INPUT_DECISION_ANSWER),
)


@pytest.fixture(autouse=True)
def asking(service: FakeService) -> FakeService:
    """Three questions: the newest task's only one, and two of another, of which one is answered."""
    service.tasks["task-1"].pending_input_ids.append("input-1")
    answered = open_question("input-2", task_id="task-2")
    answered.resolution.CopyFrom(input_pb2.InputResolution(decision=REJECT, text="not\nnow", resolver="user"))
    choosing = open_question(
        "input-3",
        task_id="task-2",
        kind=input_pb2.INPUT_KIND_QUESTION,
        prompt="Which\ncoupon?",
        choices=["SPRING", "AUTUMN"],
    )
    service.inputs.extend([open_question(), answered, choosing])
    return service


def test_inputs_shows_what_waits_for_an_answer(command: Command) -> None:
    ran = command("inputs")
    assert ran.code == 0
    header, first, second = ran.out.splitlines()
    assert header.split() == ["TASK", "INPUT", "KIND", "ANSWER", "QUESTION"]
    assert first.split("  ") == [
        *("task-1", "input-1", "permission", "open; reject at 2027-01-15 08:00:00Z", "May it call bash?")
    ]
    assert second.split()[:3] == ["task-2", "input-3", "question"]
    assert second.endswith("Which | coupon? (SPRING | AUTUMN)")


def test_inputs_of_a_task_with_the_answered_ones(command: Command, asking: FakeService) -> None:
    asking.tasks["task-2"] = asking.tasks["task-1"]
    ran = command("inputs", "task-2", "--all")
    assert "reject, by user: not | now" in ran.out
    assert "task-1" not in ran.out
    document = json.loads(command("inputs", "@latest", "-o", "json").out)
    assert [request["id"] for request in document["inputs"]] == ["input-1"]
    assert document["inputs"][0]["allowed_decisions"][0] == "INPUT_DECISION_ALLOW_ONCE"


@pytest.mark.parametrize(
    ("options", "decision", "text"),
    [
        (["--allow"], ALLOW, ""),
        (["--allow-for-task"], ALWAYS, ""),
        (["--reject", "--text", "use npm ci"], REJECT, "use npm ci"),
        (["--abort"], ABORT, ""),
        (["--text", "SPRING"], ANSWER, "SPRING"),
    ],
)
def test_answer_takes_the_only_open_question(
    command: Command, asking: FakeService, options: list[str], decision: int, text: str
) -> None:
    ran = command("answer", "@latest", *options)
    assert ran.code == 0, ran.err
    [sent] = asking.asked(service_pb2.RespondToInputRequest)
    assert (sent.task_id, sent.input_id, sent.decision, sent.text) == ("task-1", "input-1", decision, text)
    assert not sent.HasField("added_budget")
    assert ran.out.startswith("input-1: ")
    assert ran.out.rstrip().endswith("by user" + (f": {text}" if text else ""))


def test_answer_raises_a_budget(command: Command, asking: FakeService) -> None:
    ran = command("answer", "task-1", "input-1", "--allow", "--add-cost", "2.5", "--add-tokens", "1000", "-o", "json")
    assert json.loads(ran.out)["resolution"]["decision"] == "INPUT_DECISION_ALLOW_ONCE"
    [sent] = asking.asked(service_pb2.RespondToInputRequest)
    expected = Money(currency_code="USD", units=2, nanos=500_000_000)
    assert sent.added_budget == task_pb2.Budget(max_cost=expected, max_tokens=1000)
    assert not asking.asked(service_pb2.ListInputRequestsRequest), "a question that is named is not looked for"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "one of --allow, --allow-for-task, --text, --reject, --abort"),
        (["--allow", "--reject"], "one of --allow"),
        (["--allow", "--add-cost", "much"], "'much' is not an amount of US dollars"),
        (["--allow", "--add-cost", "-1"], "'-1' is not an amount of US dollars"),
        (["--allow", "--add-cost", "1e30"], "'1e30' is not an amount of US dollars"),
        (["--allow", "--add-cost", "inf"], "'inf' is not an amount of US dollars"),
    ],
)
def test_answer_wants_one_decision(command: Command, asking: FakeService, options: list[str], told: str) -> None:
    ran = command("answer", "task-1", *options)
    assert ran.code == 2
    assert told in ran.err
    assert not asking.asked(service_pb2.RespondToInputRequest)


def test_answer_without_an_open_question_is_exit_5(command: Command, asking: FakeService) -> None:
    asking.inputs.clear()
    ran = command("answer", "task-1", "--allow")
    assert (ran.code, ran.err) == (5, "error: task task-1 has no open question\n")


def test_answer_with_several_open_questions_lists_them(command: Command, asking: FakeService) -> None:
    asking.inputs.append(open_question("input-4"))
    ran = command("answer", "task-1", "--allow")
    assert ran.code == 2
    assert "input-1  May it call bash?" in ran.err
    assert "input-4  May it call bash?" in ran.err


def test_another_answer_later_is_exit_2_and_the_same_one_is_good(command: Command) -> None:
    assert command("answer", "task-1", "input-1", "--allow").code == 0
    assert command("answer", "task-1", "input-1", "--allow").code == 0
    ran = command("answer", "task-1", "input-1", "--reject")
    assert (ran.code, ran.err) == (2, "error: answered already\n")


def test_get_says_that_a_task_asks(command: Command) -> None:
    assert "asks      1 open question: agent-runtime inputs task-1" in command("get", "task-1").out


def test_watch_says_what_is_asked_and_how_to_answer(command: Command, service: FakeService) -> None:
    asks, answer = event_pb2.TaskEvent(sequence=9), event_pb2.TaskEvent(sequence=10)
    for event in (asks, answer):
        event.event_time.FromSeconds(1_800_000_000)
    asks.input_requested.CopyFrom(service.inputs[0])
    answer.input_resolved.CopyFrom(service.inputs[1].resolution)
    service.events += [asks, answer]
    lines = command("watch", "task-1").out.splitlines()
    until = "until 2027-01-15 08:00:00Z: agent-runtime answer task-1 input-1 --allow | --reject | --abort"
    assert lines[-4:-1] == [
        "08:00:00Z  asks      May it call bash?",
        f"08:00:00Z  asks      {until}",
        "08:00:00Z  answer    reject, by user: not | now",
    ]
