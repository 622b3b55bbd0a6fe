import json
import os
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money

from agent_runtime.cli.describe import outcome
from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, task_pb2, test_result_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService, Turn, done_task, serving_in_thread

UNSET = ("timeouts", "retry_policy", "budget", "input_policy", "ttl", "expire_time")
SUBMIT = ("submit", "complete", "--app-url", "http://shop.test/")


def test_submit_prints_the_task(command: Command, service: FakeService) -> None:
    service.tasks.clear()
    ran = command(*SUBMIT)
    assert (ran.code, ran.out) == (0, "task task-1 is pending; follow it: agent-runtime watch task-1\n")
    assert command(*SUBMIT, "-q").out == "task-2\n"
    assert json.loads(command(*SUBMIT, "-o", "json").out)["status"] == "TASK_STATUS_PENDING"


def test_submit_sends_its_options(command: Command, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    options = ("--instructions", "cart", "--username", "u", "--password-env", "SHOP_PASSWORD", "--priority", "1")
    ran = command(*SUBMIT, *options, "--session", "s", "--driver", "explorer")
    task = service.asked(service_pb2.CreateTaskRequest)[0].task
    assert task.task_type == task_pb2.TASK_TYPE_COMPLETE
    assert (task.session_id, task.priority, task.configuration.agent.driver) == ("s", 1, "explorer")
    assert (task.configuration.sign_in.username, task.configuration.sign_in.password) == ("u", "s3cret")
    assert "s3cret" not in ran.out + ran.err


def test_submit_sends_what_a_run_and_the_machinery_take(command: Command, service: FakeService) -> None:
    ran = command(
        *(
            "submit",
            "run",
            "--app-url",
            "http://shop.test/",
            "--from-task",
            "task-0",
            "--on-session-conflict",
            "reject",
        ),
        *("--label", "team=shop", "--label", "note=a=b", "--ttl", "1h30m", "--max-attempts", "2"),
        *("--queue-timeout", "90", "--run-timeout", "2m", "--total-timeout", "1d"),
        *("--test-path", "tests/a.spec.ts", "--test-path", "tests/b", "--grep", "cart", "--retries", "1"),
        *("--workers", "2", "--project", "chromium"),
    )
    assert ran.code == 0
    (request,) = service.asked(service_pb2.CreateTaskRequest)
    task = request.task
    assert request.on_session_conflict == service_pb2.SESSION_CONFLICT_POLICY_REJECT
    assert (task.from_task_id, task.labels) == ("task-0", {"team": "shop", "note": "a=b"})
    assert (task.ttl.seconds, task.retry_policy.max_attempts) == (5400, 2)
    timeouts = task.timeouts
    found = [timeouts.queue_timeout.seconds, timeouts.run_timeout.seconds, timeouts.total_timeout.seconds]
    assert found == [90, 120, 86400]
    assert task.configuration.run == task_pb2.TestRunOptions(
        test_paths=["tests/a.spec.ts", "tests/b"], grep="cart", retries=1, workers=2, projects=["chromium"]
    )


def test_submit_leaves_unset_what_is_not_given(command: Command, service: FakeService) -> None:
    command(*SUBMIT)
    task = service.asked(service_pb2.CreateTaskRequest)[0].task
    assert [task.HasField(name) for name in UNSET] == [False] * len(UNSET)
    assert [task.configuration.HasField(name) for name in ("run", "sign_in", "repair")] == [False] * 3


def test_submit_sends_what_an_llm_agent_takes(command: Command, service: FakeService) -> None:
    ran = command(
        *("submit", "fix", "--app-url", "http://shop.test/", "--model", "openai/gpt", "--max-turns", "30"),
        *("--repair-rounds", "2", "--review-assertions", "--max-cost", "2.50", "--max-tokens", "1000"),
        *("--ask-at-limit", "--allow", "bash:npm *", "--allow", "webfetch", "--allow", "bash:curl http://a:1/*"),
        *("--deny", "bash:npm publish*", "--deny", "*", "--answer-timeout", "10m"),
    )
    assert ran.code == 0, ran.err
    task = service.asked(service_pb2.CreateTaskRequest)[0].task
    assert task.task_type == task_pb2.TASK_TYPE_FIX
    assert (task.configuration.agent.model, task.configuration.agent.max_turns) == ("openai/gpt", 30)
    assert task.configuration.repair == task_pb2.RepairOptions(max_rounds=2, review_assertion_changes=True)
    cost = Money(currency_code="USD", units=2, nanos=500_000_000)
    assert task.budget == task_pb2.Budget(max_cost=cost, max_tokens=1000, ask_at_limit=True)
    reject, allow = task_pb2.INPUT_DECISION_REJECT, task_pb2.INPUT_DECISION_ALLOW_ONCE
    assert task.input_policy.default_decision == reject
    assert task.input_policy.answer_timeout.seconds == 600
    assert [(rule.tool, rule.argument_pattern, rule.decision) for rule in task.input_policy.rules] == [
        ("bash", "npm publish*", reject),
        ("bash", "npm *", allow),
        ("webfetch", "", allow),
        ("bash", "curl http://a:1/*", allow),
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--review-assertions", "--accept-assertions"), "exclude each other"),
        (("--allow", "*", "--deny", "*"), "exclude each other"),
        (("--ask-at-limit",), "--ask-at-limit goes with"),
        (("--max-cost", "much"), "is not an amount of US dollars"),
        (("--deny", ":x"), "is not TOOL or TOOL:PATTERN"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    command: Command, service: FakeService, options: tuple[str, ...], told: str
) -> None:
    ran = command("submit", "fix", "--app-url", "http://shop.test/", *options)
    assert ran.code == 2
    assert told in " ".join(ran.err.replace("│", " ").split())
    assert not service.asked(service_pb2.CreateTaskRequest)


def test_retry(command: Command, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    assert command("retry", "task-1").out == "task task-2 is pending; follow it: agent-runtime watch task-2\n"
    sign_in = ("--username", "u", "--password-env", "SHOP_PASSWORD")
    assert command("retry", "task-1", "--from-phase", "running_tests", "--failed-only", "-q", *sign_in).code == 0
    plain, partly = service.asked(service_pb2.RetryTaskRequest)
    assert (plain.from_phase, plain.failed_tests_only, plain.HasField("sign_in")) == (0, False, False)
    assert (partly.from_phase, partly.failed_tests_only) == (task_pb2.TASK_PHASE_RUNNING_TESTS, True)
    assert (partly.sign_in.username, partly.sign_in.password) == ("u", "s3cret")
    assert command("retry", "other").code == 5


def test_watch_prints_one_line_an_event_into_a_pipe(command: Command, service: FakeService) -> None:
    service.turns.append(Turn(3, "unavailable"))
    lines = command("watch", "task-1").out.splitlines()
    assert lines[0] == "08:00:01Z  log       info agent: line 1"
    assert lines[4] == "08:00:05Z  status    running"
    assert lines[8].endswith("done      completed, tests passed: 3 tests, 3 passed, 0 failed")
    assert len(lines) == 9


def test_watch_as_json_is_one_object_a_line(command: Command, service: FakeService) -> None:
    service.trimmed = 2
    documents = [json.loads(line) for line in command("watch", "task-1", "-o", "json", "--after", "1").out.splitlines()]
    assert documents[0]["gap"]["last_missing"] == "2"
    assert [document["sequence"] for document in documents[1:-1]] == ["3", "4", "5", "6", "7", "8"]
    assert documents[1]["log"]["entries"][0]["log_time"] == "2027-01-15T08:00:03Z"
    assert documents[-1]["task"]["id"] == "task-1"


def test_submit_and_wait_print_the_end_only(command: Command, service: FakeService) -> None:
    service.tasks["task-2"] = done_task("task-2")
    assert json.loads(command(*SUBMIT, "--wait", "-o", "json").out)["result"]["verdict"] == "TEST_VERDICT_PASSED"
    assert command(*SUBMIT, "--wait").out.startswith("task      task-2\n")


def made(number: int, error: str = "", *, retry: bool = False) -> task_pb2.TaskAttempt:
    """An attempt that has begun, or ended with an error."""
    attempt = task_pb2.TaskAttempt(number=number)
    if error:
        attempt.end_time.FromSeconds(1_800_000_000)
        attempt.error.reason, attempt.error.status.message = task_pb2.FAILURE_REASON_WORKER_LOST, error
    if retry:
        attempt.retry_time.FromSeconds(1_800_000_010)
    return attempt


def tool_call(state: input_pb2.ToolCallState.ValueType, **fields: Any) -> input_pb2.ToolCall:
    return input_pb2.ToolCall(call_id="c", tool="browser_click", title="click Buy", state=state, **fields)


def usage(cost: Money | None = None) -> task_pb2.Usage:
    model = task_pb2.ModelUsage(model="openai/gpt", input_tokens=12_000, output_tokens=345, requests=7)
    return task_pb2.Usage(models=[model], cost=cost, cost_estimated=cost is not None)


def every_kind_of_event() -> list[event_pb2.TaskEvent]:
    payloads = [
        {"status": event_pb2.StatusChange(new_status=task_pb2.TASK_STATUS_RUNNING)},
        {"attempt_change": made(1)},
        {"attempt_change": made(1, "browser died", retry=True)},
        {"attempt_change": made(2, "browser died")},
        {"queue": task_pb2.QueueState(position=2, length=3, waiting_for="a slot")},
        {"phase_change": event_pb2.PhaseChange(new_phase=task_pb2.TASK_PHASE_PLANNING, activity="looks around")},
        {"progress": task_pb2.TaskProgress(completed=2, total=5, unit="pages")},
        {"agent_message": event_pb2.AgentMessage(message_id="r", agent="planner", text="hm", reasoning=True)},
        {"agent_message": event_pb2.AgentMessage(message_id="m", agent="planner", text="I look\nat ")},
        {"agent_message": event_pb2.AgentMessage(message_id="m", agent="planner", text="the cart")},
        {"tool_call": tool_call(input_pb2.TOOL_CALL_STATE_STARTED)},
        {"tool_call": tool_call(input_pb2.TOOL_CALL_STATE_SUCCEEDED, duration=Duration(seconds=2), output="found")},
        {
            "tool_call": tool_call(
                input_pb2.TOOL_CALL_STATE_FAILED, duration=Duration(seconds=3), output="no such\nlink"
            )
        },
        {"tool_call": tool_call(input_pb2.TOOL_CALL_STATE_DENIED)},
        {"usage": usage()},
        {"log": event_pb2.LogChunk(dropped=7)},
        {
            "test": test_result_pb2.TestCase(
                id="t",
                title_path=["Cart", "total"],
                outcome=test_result_pb2.TEST_OUTCOME_UNEXPECTED,
                attempts=[
                    test_result_pb2.TestAttempt(errors=[test_result_pb2.TestError(message="12 is not 13\n at x")])
                ],
            )
        },
        {"test": test_result_pb2.TestCase(id="u", title_path=["Cart", "empty"])},
        {"artifact": {"kind": 5, "path": "artifacts/a.png", "size_bytes": 1500}},
        {"file": event_pb2.FileChange(path="tests/a.spec.ts", removed=True)},
        {
            "finding": test_result_pb2.Finding(
                kind=test_result_pb2.FINDING_KIND_BROKEN_LINK,
                severity=test_result_pb2.FINDING_SEVERITY_HIGH,
                title="Help",
                url="http://shop.test/help",
            )
        },
        {},
    ]
    return [event_pb2.TaskEvent(sequence=n, **payload) for n, payload in enumerate(payloads, 1)]  # type: ignore[arg-type]


def test_every_kind_of_event_has_its_words(command: Command, service: FakeService) -> None:
    service.events = every_kind_of_event()
    lines = [line.split("  ", 1)[1] for line in command("watch", "task-1").out.splitlines()]
    assert lines[:-1] == [
        "status    running",
        "attempt   1 started",
        "attempt   1 failed, worker_lost: browser died; next try in 10.0 s",
        "attempt   2 failed, worker_lost: browser died",
        "queue     place 2 of 3, waiting for a slot",
        "phase     planning: looks around",
        "progress  2 of 5 pages",
        "agent     planner: I look",
        "agent     planner: at the cart",
        "tool      browser_click: click Buy (2.0 s)",
        "tool      browser_click: click Buy (3.0 s), failed: no such | link",
        "tool      browser_click: click Buy, denied",
        "log       7 lines were dropped",
        "test      failed Cart > total (0.0 s): 12 is not 13 | at x",
        "test      running Cart > empty",
        "artifact  screenshot artifacts/a.png (1.5 kB)",
        "file      tests/a.spec.ts removed",
        "finding   high broken link: Help (http://shop.test/help)",
        "event     of a kind that this client does not know",
    ]


def test_lines_of_agents_are_told_whole(command: Command, service: FakeService) -> None:
    """Each message in its own lines, long ones cut, the last one also when nobody has ended it."""
    pieces = [("m", "a"), ("m", "b\n\n"), ("n", "x" * 1500), ("o", "last ")]
    service.events = [
        event_pb2.TaskEvent(
            sequence=n, agent_message=event_pb2.AgentMessage(message_id=message, agent="fixer", text=text)
        )
        for n, (message, text) in enumerate(pieces, 1)
    ]
    lines = [line.split("  ", 1)[1] for line in command("watch", "task-1").out.splitlines()]
    assert lines[:-1] == [
        "agent     fixer: ab",
        f"agent     fixer: {'x' * 1000}",
        f"agent     fixer: {'x' * 500}",
        "agent     fixer: last",
    ]


def repaired_task() -> task_pb2.Task:
    """A task that is done, with three repairs, and what they cost."""
    task = done_task()
    task.task_type = task_pb2.TASK_TYPE_FIX
    task.configuration.agent.model = "openai/gpt"
    task.budget.max_tokens = 20_000
    task.usage.CopyFrom(usage(Money(currency_code="USD", nanos=42_100_000)))
    add = task.result.repairs.add
    add(
        test_id="t0",
        verdict=test_result_pb2.REPAIR_VERDICT_REPAIRED,
        cause=test_result_pb2.REPAIR_CAUSE_LOCATOR,
        explanation="the button is called Buy",
    )
    app_defect = test_result_pb2.REPAIR_VERDICT_APP_DEFECT
    add(test_id="t1", verdict=app_defect, cause=test_result_pb2.REPAIR_CAUSE_APP_DEFECT)
    add(
        test_id="t2",
        verdict=test_result_pb2.REPAIR_VERDICT_REPAIRED,
        cause=test_result_pb2.REPAIR_CAUSE_ASSERTION,
        assertion_changed=True,
        reviewer="user",
    )
    return task


def test_the_end_tells_repairs_and_what_they_cost(command: Command, service: FakeService) -> None:
    service.tasks["task-1"] = repaired_task()
    repairs = [
        "repaired (locator) test t0: the button is called Buy",
        "app defect test t1",
        "repaired (assertion), assertion changed, reviewed by user test t2",
    ]
    used = "12,345 tokens (12,000 in, 345 out) in 7 calls, $0.0421 estimated; openai/gpt"
    lines = [line.split("  ", 1)[1] for line in command("watch", "task-1", "--after", "8").out.splitlines()]
    assert lines[:-1] == [*(f"repair    {text}" for text in repairs), f"usage     {used}"]
    shown = [tuple(line.split(maxsplit=1)) for line in command("get", "task-1").out.splitlines()]
    for row in [*(("repair", text) for text in repairs), ("usage", used), ("budget", "20,000 tokens")]:
        assert row in shown


def watch_all(service: FakeService, output: str) -> list[str]:
    """The first two lines of a watch of all tasks."""
    with serving_in_thread(service) as address:
        watching = subprocess.Popen(
            [
                *(sys.executable, "-m", "agent_runtime.cli.main", "--server", address),
                *("watch", "--all", "--filter", 'labels.team = "shop"', "-o", output),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert watching.stdout is not None
        lines = [watching.stdout.readline().rstrip() for _ in range(2)]
        watching.terminate()
        watching.communicate(timeout=60)
    return lines


def test_watch_all_tells_of_every_task(service: FakeService) -> None:
    failed = event_pb2.TaskEvent(task_id="task-2", sequence=4)
    failed.status.new_status = task_pb2.TASK_STATUS_FAILED
    failed.event_time.FromSeconds(1_800_000_000)
    service.tasks["task-1"].update_time.FromSeconds(1_800_000_000)
    service.feed = [service.tasks["task-1"], failed]
    assert watch_all(service, "text") == [
        f"08:00:00Z  task-1  task      complete http://shop.test/: {outcome(service.tasks['task-1'])}",
        "08:00:00Z  task-2  status    failed",
    ]
    as_it_stands, event = map(json.loads, watch_all(service, "json"))
    assert (as_it_stands["task"]["id"], event["task_id"]) == ("task-1", "task-2")
    assert service.asked(service_pb2.WatchTasksRequest)[0].filter == 'labels.team = "shop"'
