from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.v1 import event_pb2, input_pb2, service_pb2, task_pb2
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import (
    Event,
    FileChanged,
    LogChunk,
    LogEntry,
    LogLevel,
    LogSource,
    Payload,
    PhaseChanged,
    QueueState,
    StatusChanged,
)
from agent_runtime_server.domain.inputs import (
    ALLOWED,
    InputDecision,
    InputKind,
    InputRequest,
    InputResolution,
)
from agent_runtime_server.domain.results import (
    Artifact,
    ArtifactKind,
    AttemptStatus,
    Finding,
    FindingKind,
    Location,
    Severity,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestStep,
    Verdict,
)
from agent_runtime_server.domain.task import Attempt, Failure, FailureReason, Phase, Progress, Status, TaskResult
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.orchestrator import watch
from agent_runtime_server.rpc.event_codec import PAYLOAD_OF_KIND, ProtoEventCodec, select, split, varint
from agent_runtime_server.rpc.watching import watch_response

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAILURE = Failure(FailureReason.APP_UNREACHABLE, "refused", Phase.PREPARING, retryable=True)
ATTEMPT = TestAttempt(
    1,
    AttemptStatus.TIMED_OUT,
    NOW,
    timedelta(milliseconds=1500),
    (TestError("m", "s", Location("tests/a.spec.ts", 3, 4), "code"),),
    (TestStep("click", "pw:api", timedelta(seconds=1), "boom", 2),),
    ("art",),
    3,
)
ARGUMENTS = {"command": "npm test", "timeout": 1.5, "flags": ["a", None, True, {"deep": {}}]}
CALL = ToolCall(
    "c", "bash", ToolCallState.FAILED, "run tests", ARGUMENTS, "exit code 1", duration=timedelta(milliseconds=2500)
)
ALLOWED_ONCE = InputResolution("i", InputDecision.ALLOW_ONCE, NOW, "well", "user")
PAYLOADS: dict[str, Payload] = {
    "status": StatusChanged(Status.RUNNING, Status.FAILED, "no", FAILURE, TaskResult(Verdict.FAILED)),
    "phase_change": PhaseChanged(Phase.PLANNING, Phase.RUNNING_TESTS, "now"),
    "queue": QueueState(2, 5, "slot"),
    "progress": Progress(1, 9, "test"),
    "attempt_change": Attempt(2, NOW, NOW + timedelta(seconds=1), FAILURE, NOW + timedelta(seconds=6)),
    "log": LogChunk((LogEntry(NOW, LogLevel.WARNING, LogSource.TEST_RUNNER, "hm"),), 7),
    "agent_message": AgentMessage("m", "planner", "I look around", reasoning=True, final=True),
    "tool_call": CALL,
    "usage": ModelUsage("openai/gpt", 100, 20, 5, 40, 3, 1, cost=1_250_000_001),
    "input_requested": InputRequest(
        *("i", "t", InputKind.PERMISSION, "May it?", NOW, NOW + timedelta(hours=1), InputDecision.ABORT),
        ALLOWED[InputKind.PERMISSION],
        CALL,
        ("yes", "no"),
    ),
    "input_resolved": ALLOWED_ONCE,
    "test": TestCase("i", "chromium", ("a", "b"), Location("p", 1, 2), TestOutcome.FLAKY, (ATTEMPT,), ("@x",), 2),
    "artifact": Artifact("a", ArtifactKind.TRACE, "p", "application/zip", 12, "ab", NOW, "t", 2, 1),
    "file": FileChanged("p", 3, "cd", removed=True),
    "finding": Finding("f", FindingKind.SCRIPT_ERROR, Severity.HIGH, "/u", "t", ("one",)),
}


def decode(framed: bytes) -> event_pb2.TaskEvent:
    events = event_pb2.TaskEventBatch.FromString(framed).events
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_every_payload_has_its_field(name: str) -> None:
    event = decode(ProtoEventCodec().encode(Event("t", NOW, PAYLOADS[name], Phase.PLANNING, attempt=3), 42))
    assert event.WhichOneof("payload") == name
    assert (event.sequence, event.task_id, event.event_time.ToDatetime(UTC)) == (42, "t", NOW)
    assert (event.phase, event.attempt) == (2, 3)


def test_details_arrive() -> None:
    def payload(name: str) -> event_pb2.TaskEvent:
        return decode(ProtoEventCodec().encode(Event("t", NOW, PAYLOADS[name]), 1))

    status = payload("status").status
    assert (status.error.status.message, status.error.retryable, status.result.verdict) == ("refused", True, 2)
    change = payload("attempt_change").attempt_change
    assert (change.number, change.error.status.message) == (2, "refused")
    assert (change.retry_time.ToDatetime() - change.start_time.ToDatetime()).total_seconds() == 6
    assert (payload("log").log.entries[0].message, payload("log").log.dropped) == ("hm", 7)
    attempt = payload("test").test.attempts[0]
    assert (attempt.errors[0].location.line, attempt.steps[0].depth, list(attempt.artifact_ids)) == (3, 2, ["art"])
    assert attempt.duration.ToMilliseconds() == 1500
    artifact = payload("artifact").artifact
    assert (artifact.size_bytes, artifact.round, artifact.retry, artifact.test_id) == (12, 2, 1, "t")
    assert payload("file").file.removed
    assert list(payload("finding").finding.steps) == ["one"]


def test_details_of_what_agents_say_do_and_ask_arrive() -> None:
    def payload(name: str) -> event_pb2.TaskEvent:
        return decode(ProtoEventCodec().encode(Event("t", NOW, PAYLOADS[name]), 1))

    message = payload("agent_message").agent_message
    assert (message.message_id, message.agent, message.text) == ("m", "planner", "I look around")
    assert (message.reasoning, message.final) == (True, True)
    call = payload("tool_call").tool_call
    assert (call.call_id, call.tool, call.title, call.output) == ("c", "bash", "run tests", "exit code 1")
    assert (call.state, call.duration.ToMilliseconds()) == (input_pb2.TOOL_CALL_STATE_FAILED, 2500)
    assert MessageToDict(call.arguments) == ARGUMENTS
    usage = payload("usage").usage
    (model,) = usage.models
    assert (model.model, model.input_tokens, model.output_tokens, model.requests) == ("openai/gpt", 100, 20, 1)
    assert (model.reasoning_tokens, model.cache_read_tokens, model.cache_write_tokens) == (5, 40, 3)
    assert (model.cost.currency_code, model.cost.units, model.cost.nanos) == ("USD", 1, 250_000_001)
    assert (usage.cost, usage.cost_estimated) == (model.cost, True)
    asked = payload("input_requested").input_requested
    assert (asked.id, asked.kind, asked.tool_call, list(asked.choices)) == ("i", 1, call, ["yes", "no"])
    assert (asked.default_decision, len(asked.allowed_decisions)) == (task_pb2.INPUT_DECISION_ABORT, 4)
    answer = payload("input_resolved").input_resolved
    assert (answer.input_id, answer.text, answer.resolver) == ("i", "well", "user")
    assert answer.decision == task_pb2.INPUT_DECISION_ALLOW_ONCE


def test_a_model_without_a_price_has_no_cost() -> None:
    usage = decode(ProtoEventCodec().encode(Event("t", NOW, ModelUsage("local/model", 3, 4)), 1)).usage
    assert not usage.HasField("cost")
    assert not usage.cost_estimated
    assert not usage.models[0].HasField("cost")


@given(st.lists(st.sampled_from(list(PAYLOADS)), max_size=12), st.text(max_size=300))
def test_a_batch_splits_where_it_was_joined_and_selects_by_kind(names: list[str], task_id: str) -> None:
    codec = ProtoEventCodec()
    parts = [codec.encode(Event(task_id, NOW, PAYLOADS[name]), n) for n, name in enumerate(names, start=1)]
    framed = b"".join(parts)
    assert list(split(framed)) == parts
    kinds = (event_pb2.TASK_EVENT_KIND_LOG, event_pb2.TASK_EVENT_KIND_FILE)
    wanted = [part if name in {"log", "file"} else b"" for part, name in zip(parts, names, strict=True)]
    assert select(framed, kinds=kinds) == b"".join(wanted)
    assert select(framed, 3, kinds=kinds) == b"".join(wanted[:3])
    assert select(framed, 3, kinds=()) == b"".join(parts[:3])
    assert select(framed, kinds=()) == framed


def test_every_kind_of_event_can_be_selected() -> None:
    named = {kind for kind in event_pb2.TaskEventKind.values() if kind}
    assert set(PAYLOAD_OF_KIND) == named
    assert set(PAYLOAD_OF_KIND.values()) == set(PAYLOADS)


@given(st.integers(min_value=0, max_value=2**40))
def test_varints_are_those_of_protobuf(number: int) -> None:
    event = event_pb2.FileChange(size_bytes=number)
    assert event.SerializeToString() == (b"\x10" + varint(number) if number else b"")


def test_stored_bytes_are_a_watch_response() -> None:
    framed = ProtoEventCodec().encode(Event("t", NOW, PAYLOADS["log"]), 1) * 3
    response = service_pb2.WatchTaskResponse.FromString(watch_response(watch.Events(framed, 3), lambda _: None))
    assert response.WhichOneof("update") == "events"
    assert len(response.events.events) == 3
