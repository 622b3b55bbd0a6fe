"""Messages as JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.v1 import artifact_pb2, event_pb2, input_pb2, service_pb2, task_pb2
from agent_runtime_server.rest.json_in import from_json, from_query
from agent_runtime_server.rest.json_out import to_json, to_value
from agent_runtime_server.rest.problems import BadRequest, Violation
from tests.rest.messages import messages

KINDS = [
    GetMessageClass(descriptor)
    for file in (service_pb2, task_pb2, event_pb2)
    for descriptor in file.DESCRIPTOR.message_types_by_name.values()
]


def task(data: str | bytes) -> task_pb2.Task:
    """A task from JSON."""
    message = task_pb2.Task()
    from_json(data.encode() if isinstance(data, str) else data, message, "task")
    return message


def violations(data: str | bytes) -> list[Violation]:
    """What is wrong with JSON that is to be a task."""
    with pytest.raises(BadRequest) as caught:
        task(data)
    assert (caught.value.http, caught.value.status.code) == (400, 3)
    return caught.value.violations


@settings(max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(KINDS).flatmap(messages))
def test_what_comes_out_goes_in_again(message: Message) -> None:
    again = type(message)()
    from_json(to_json(message), again)
    assert again == message
    by_library = type(message)()
    json_format.Parse(_with_long_enums(message), by_library)
    assert by_library == message


def _with_long_enums(message: Message) -> str:
    """Proto JSON as the library writes it, of what our JSON says apart from enums."""
    ours, theirs = to_value(message), json_format.MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(_merged(ours, theirs))


def _merged(ours: Any, theirs: Any) -> Any:
    """Ours, with the library's texts where it has texts; every key of the library is one of ours."""
    if isinstance(theirs, dict):
        assert theirs.keys() <= ours.keys()
        return {key: _merged(ours[key], value) for key, value in theirs.items()}
    if isinstance(theirs, list):
        return [_merged(one, other) for one, other in zip(ours, theirs, strict=True)]
    if isinstance(theirs, str) and isinstance(ours, str):
        return theirs
    return ours


def test_names_numbers_and_enums() -> None:
    progress = task_pb2.TaskProgress(completed=1, total=2)
    message = task_pb2.Task(
        id="t",
        task_type=task_pb2.TASK_TYPE_COMPLETE,
        status=task_pb2.TASK_STATUS_AWAITING_INPUT,
        sequence=2**62,
        labels={"a": "b"},
        progress=progress,
    )
    value = json.loads(to_json(message))
    assert value["task_type"] == "complete"
    assert value["status"] == "awaiting_input"
    assert value["current_phase"] == "unspecified"
    assert value["sequence"] == 2**62
    assert value["labels"] == {"a": "b"}
    assert value["progress"] == {"completed": 1, "total": 2, "unit": ""}


def test_what_is_unset_is_left_out_where_that_is_known() -> None:
    value = to_value(task_pb2.Task())
    assert not {"configuration", "result", "expire_time", "create_time"} & value.keys()
    assert (value["done"], value["priority"], value["attempts"], value["labels"]) == (False, 0, [], {})
    assert "after_sequence" not in to_value(service_pb2.WatchTaskRequest(task_id="t"))
    assert to_value(service_pb2.WatchTaskRequest(after_sequence=0))["after_sequence"] == 0
    assert list(to_value(event_pb2.TaskEvent(log=event_pb2.LogChunk())))[-1] == "log"


def test_what_only_goes_in_does_not_come_out() -> None:
    made = task('{"configuration": {"sign_in": {"username": "u", "password": "secret"}}, "ttl": "5s"}')
    assert made.configuration.sign_in.password == "secret"
    assert b"secret" not in to_json(made)
    assert b"ttl" not in to_json(made)
    assert to_value(made)["configuration"]["sign_in"] == {"method": "unspecified", "username": "u"}


def test_numbers_that_no_name_is_known_of_stay_numbers() -> None:
    made = task_pb2.Task(status=99)  # type: ignore[arg-type]
    assert to_value(made)["status"] == 99


def test_well_known_types() -> None:
    chunk = artifact_pb2.FileChunk(data=b"\x00\xff")
    assert to_value(chunk)["data"] == "AP8="
    arguments = Struct()
    arguments.update({"path": "a.ts", "lines": [1, None, {"x": True}]})
    call = to_value(input_pb2.ToolCall(arguments=arguments))
    assert call["arguments"] == {"path": "a.ts", "lines": [1, None, {"x": True}]}
    error = task_pb2.TaskError()
    error.status.details.add().Pack(error_details_pb2.ErrorInfo(reason="X", domain="d"))
    error.status.details.append(AnyMessage(type_url="type.googleapis.com/a.b.C", value=b"\x01"))
    error.status.details.add().Pack(Timestamp(seconds=1))
    assert to_value(error)["status"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X", "domain": "d", "metadata": {}},
        {"@type": "type.googleapis.com/a.b.C", "value": "AQ=="},
        {"@type": "type.googleapis.com/google.protobuf.Timestamp", "value": "1970-01-01T00:00:01Z"},
    ]
    assert to_value(task_pb2.RetryPolicy(backoff_multiplier=float("inf")))["backoff_multiplier"] == "Infinity"


@pytest.mark.parametrize("nanos", [0, 5_000_000, 5_000, 5])
def test_times_are_written_as_proto_json_writes_them(nanos: int) -> None:
    moment = Timestamp(seconds=int(datetime(2030, 1, 31, tzinfo=UTC).timestamp()), nanos=nanos)
    assert to_value(task_pb2.Task(create_time=moment))["create_time"] == moment.ToJsonString()


@pytest.mark.parametrize("written", ['"run"', '"TASK_TYPE_RUN"', "4"])
def test_enums_are_taken_in_three_forms(written: str) -> None:
    assert task(f'{{"task_type": {written}}}').task_type == task_pb2.TASK_TYPE_RUN


def test_numbers_may_be_text_as_in_proto_json() -> None:
    assert task('{"sequence": "9007199254740993", "priority": 2.0}').sequence == 2**53 + 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"\xff{}", "body"),
        ("", "body"),
        ("{", "body"),
        ("[]", "task"),
        ("null", "task"),
        ('"x"', "task"),
        ('{"priority": NaN}', "body"),
        ('{"priority": -Infinity}', "body"),
        ('{"id": "a", "id": "b"}', "body"),
        ('{"configuration": {"app_url": "a", "app_url": "b"}}', "body"),
        ("[" * 100_000, "body"),
        ('{"a":' * 50_000, "body"),
        ('{"priority": ' + "9" * 5000 + "}", "body"),
        ("\ufeff{}", "body"),
        ('{"nope": 1}', "task.nope"),
        ('{"taskType": "run"}', "task.taskType"),
        ('{"task_type": {}}', "task.task_type"),
        ('{"task_type": "jump"}', "task.task_type"),
        ('{"task_type": true}', "task.task_type"),
        ('{"task_type": 1e99}', "task.task_type"),
        ('{"task_type": 99999999999}', "task.task_type"),
        ('{"priority": 1.5}', "task.priority"),
        ('{"priority": 3000000000}', "task.priority"),
        ('{"priority": 1e400}', "task.priority"),
        ('{"priority": "1e3"}', "task.priority"),
        ('{"priority": true}', "task.priority"),
        ('{"sequence": 9223372036854775808}', "task.sequence"),
        ('{"done": 1}', "task.done"),
        ('{"id": 1}', "task.id"),
        ('{"id": "\\ud800"}', "task.id"),
        ('{"labels": []}', "task.labels"),
        ('{"labels": {"a": 1}}', "task.labels['a']"),
        ('{"attempts": {}}', "task.attempts"),
        ('{"attempts": [null]}', "task.attempts[0]"),
        ('{"pending_input_ids": ["a", 2]}', "task.pending_input_ids[1]"),
        ('{"configuration": []}', "task.configuration"),
        ('{"configuration": {"run": {"test_paths": [[]]}}}', "task.configuration.run.test_paths[0]"),
        ('{"retry_policy": {"backoff_multiplier": 1e999}}', "task.retry_policy.backoff_multiplier"),
        ('{"retry_policy": {"backoff_multiplier": ' + "9" * 400 + "}}", "task.retry_policy.backoff_multiplier"),
        ('{"retry_policy": {"backoff_multiplier": "2"}}', "task.retry_policy.backoff_multiplier"),
        ('{"ttl": 5}', "task.ttl"),
        ('{"ttl": "5"}', "task.ttl"),
        ('{"ttl": "99999999999999999s"}', "task.ttl"),
        ('{"expire_time": "tomorrow"}', "task.expire_time"),
        ('{"expire_time": "9999-99-99T00:00:00Z"}', "task.expire_time"),
        ('{"expire_time": "2030-01-01T00:00:00Z", "ttl": "5s"}', "task.ttl"),
        ('{"error": {"status": {"details": [{"@type": "x"}]}}}', "task.error.status.details[0]"),
        ('{"error": {"status": {"details": [5]}}}', "task.error.status.details[0]"),
    ],
)
def test_what_is_wrong_is_named(data: str | bytes, field: str) -> None:
    assert [violation.field for violation in violations(data)] == [field]


def test_everything_wrong_is_listed() -> None:
    found = violations('{"a": 1, "priority": "x", "configuration": {"app_url": 5, "sign_in": {"b": 2}}}')
    assert [violation.field for violation in found] == [
        "task.a",
        "task.priority",
        "task.configuration.app_url",
        "task.configuration.sign_in.b",
    ]


def test_what_nobody_reads_to_its_end_is_not_told_to_its_end() -> None:
    names = [f"unknown_{number}" for number in range(1000)]
    assert [violation.field for violation in violations(json.dumps(dict.fromkeys(names, 1)))] == [
        f"task.{name}" for name in names[:100]
    ]
    (violation,) = violations(json.dumps({"x" * 3_000_000: 1}))
    assert violation.field == "task." + "x" * 200


def test_names_that_are_no_text_are_told_as_they_are() -> None:
    (violation,) = violations('{"\\ud800": 1}')
    assert violation.field == "task.\\ud800"
    (violation,) = violations('{"labels": {"\\ud800": 1}}')
    assert violation.field.encode()


def test_one_of_very_many_names_that_is_there_twice_is_found_at_once() -> None:
    many = ",".join(f'"n{number}":1' for number in range(300_000))
    (violation,) = violations(f'{{{many},"n299999":1}}')
    assert violation == Violation("body", "is no JSON: n299999 is there twice")


def test_null_is_as_if_it_were_not_there() -> None:
    assert task('{"id": null, "configuration": null}') == task_pb2.Task()
    assert task('{"configuration": {}}').HasField("configuration")


def test_a_query_is_typed_by_its_fields() -> None:
    request = service_pb2.WatchTaskRequest()
    pairs = [("after_sequence", "7"), ("kinds", "log"), ("kinds", "8"), ("heartbeat_interval", "2.5s")]
    from_query(pairs, request)
    assert (request.after_sequence, list(request.kinds)) == (7, [6, 8])
    assert request.heartbeat_interval.ToMilliseconds() == 2500
    update = service_pb2.UpdateTaskRequest()
    from_query([("update_mask", "labels,timeouts.runTimeout"), ("task.priority", "2")], update)
    assert (list(update.update_mask.paths), update.task.priority) == (["labels", "timeouts.run_timeout"], 2)
    sent = service_pb2.CreateTaskRequest()
    from_query([("validate_only", "true"), ("task.retry_policy.backoff_multiplier", "1.5")], sent)
    assert (sent.validate_only, sent.task.retry_policy.backoff_multiplier) == (True, 1.5)


@pytest.mark.parametrize(
    ("kind", "pairs", "field"),
    [
        (service_pb2.ListTasksRequest, [("page_size", "x")], "page_size"),
        (service_pb2.ListTasksRequest, [("page_size", "")], "page_size"),
        (service_pb2.ListTasksRequest, [("page_size", "1"), ("page_size", "2")], "page_size"),
        (service_pb2.ListTasksRequest, [("size", "1")], "size"),
        (service_pb2.ListTasksRequest, [("", "1")], ""),
        (service_pb2.ListTasksRequest, [("view.full", "1")], "view.full"),
        (service_pb2.WatchTaskRequest, [("kinds", "jump")], "kinds"),
        (service_pb2.CreateTaskRequest, [("validate_only", "1")], "validate_only"),
        (service_pb2.CreateTaskRequest, [("task", "{}")], "task"),
        (service_pb2.CreateTaskRequest, [("task.labels", "a")], "task.labels"),
        (service_pb2.CreateTaskRequest, [("task.labels.value", "a")], "task.labels.value"),
        (service_pb2.CreateTaskRequest, [("task.attempts", "a")], "task.attempts"),
        (service_pb2.CreateTaskRequest, [("task.ttl.seconds", "1")], "task.ttl.seconds"),
        (service_pb2.UpdateTaskRequest, [("update_mask", "a b")], "update_mask"),
        (service_pb2.WaitTaskRequest, [("timeout", "soon")], "timeout"),
    ],
)
def test_what_is_wrong_in_a_query_is_named(kind: type[Message], pairs: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_query(pairs, kind())
    assert [violation.field for violation in caught.value.violations] == [field]
