import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

import agent_runtime
from agent_runtime import AgentRuntimeClient, AgentRuntimeError, FieldViolation, InvalidRequest, errors
from agent_runtime.v1 import error_pb2
from tests.unit.client.fake_service import FakeService, reason, serving


async def raised(code: grpc.StatusCode, message: str, *details: object) -> AgentRuntimeError:
    """What a client raises when a call fails like this, as often as it may be tried."""
    service = FakeService()
    service.failures.extend([(code, message, details)] * 4)  # type: ignore[list-item]
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        with pytest.raises(AgentRuntimeError) as caught:
            await client.get_task("task-1")
    return caught.value


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("TASK_NOT_FOUND", agent_runtime.TaskNotFound),
        ("REQUEST_ID_REUSED", agent_runtime.RequestIdReused),
        ("QUEUE_FULL", agent_runtime.QueueFull),
        ("SEQUENCE_AHEAD", agent_runtime.SequenceAhead),
    ],
)
async def test_the_reason_decides_not_the_code(name: str, kind: type[AgentRuntimeError]) -> None:
    error = await raised(grpc.StatusCode.ABORTED, "says why", reason(name, task_id="t"))
    assert type(error) is kind
    assert (str(error), error.reason, error.metadata) == ("says why", name, {"task_id": "t"})


def test_every_reason_of_the_contract_has_a_class() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.DESCRIPTOR.values_by_name}
    assert set(errors._BY_REASON) == names - {"UNSPECIFIED"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, agent_runtime.Unreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, agent_runtime.DeadlineExceeded),
        (grpc.StatusCode.UNAUTHENTICATED, agent_runtime.Denied),
        (grpc.StatusCode.PERMISSION_DENIED, agent_runtime.Denied),
        (grpc.StatusCode.ABORTED, agent_runtime.Conflict),
        (grpc.StatusCode.NOT_FOUND, agent_runtime.NotFound),
        (grpc.StatusCode.UNIMPLEMENTED, agent_runtime.ServerFailed),
    ],
)
async def test_without_a_reason_the_code_decides(code: grpc.StatusCode, kind: type[AgentRuntimeError]) -> None:
    assert type(await raised(code, "no details")) is kind


async def test_the_message_lists_every_bad_field() -> None:
    bad = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field="task.priority", description="must be at most 5"),
            error_details_pb2.BadRequest.FieldViolation(field="task.task_type", description="is required"),
        ]
    )
    error = await raised(grpc.StatusCode.INVALID_ARGUMENT, "2 fields are wrong", reason("INVALID_FIELD"), bad)
    assert isinstance(error, InvalidRequest)
    assert str(error) == "2 fields are wrong\n  task.priority: must be at most 5\n  task.task_type: is required"
    assert error.violations[0] == FieldViolation("task.priority", "must be at most 5")


async def test_retry_after_comes_from_retry_info() -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    error = await raised(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", reason("QUEUE_FULL"), retry)
    assert error.retry_after == 2.5


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = {word for line in errors.__doc__.splitlines() for word in line.split() if word.isidentifier()}
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert classes <= drawn
