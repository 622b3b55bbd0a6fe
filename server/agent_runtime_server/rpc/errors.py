"""Faults as google.rpc.Status: the one place that maps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from agent_runtime_server.domain.faults import Code, FieldViolation, RuntimeFault
from agent_runtime_server.local_calls import STATUS_KEY
from agent_runtime_server.rpc.results_codec import duration

DOMAIN = "agent-runtime"
_GRPC_CODE = {code.value[0]: code for code in grpc.StatusCode}


class Internal(RuntimeFault):
    """The server met an error of its own; its log tells more."""

    code, reason = Code.INTERNAL, "INTERNAL"


def status_of(fault: RuntimeFault) -> status_pb2.Status:
    """The status that tells a fault: always ErrorInfo; BadRequest with every bad field; RetryInfo when retry helps."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=fault.metadata),
    ]
    if fault.violations:
        details.append(_bad_request(fault.violations))
    if fault.retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration(fault.retry_after)))
    status = status_pb2.Status(code=fault.code.value, message=str(fault))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    fields = [
        error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
        for violation in violations
    ]
    return error_details_pb2.BadRequest(field_violations=fields)


async def abort(context: grpc.aio.ServicerContext[Any, Any], fault: RuntimeFault) -> NoReturn:
    """End a call with a fault."""
    status = status_of(fault)
    await context.abort(_GRPC_CODE[status.code], status.message, ((STATUS_KEY, status.SerializeToString()),))
    raise AssertionError("abort raises")
