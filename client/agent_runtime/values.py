"""Values of Python as messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import task_pb2


def duration(seconds: float) -> Duration:
    """A length of time."""
    message = Duration()
    message.FromTimedelta(timedelta(seconds=seconds))
    return message


def set_expiration(task: task_pb2.Task, ttl: float | None, expire_time: datetime | None) -> None:
    """Set when a task may be removed, if either is given. ValueError for both, and for a moment without time zone."""
    if ttl is not None and expire_time is not None:
        raise ValueError("ttl and expire_time exclude each other")
    if ttl is not None:
        task.ttl.CopyFrom(duration(ttl))
    if expire_time is not None:
        if expire_time.tzinfo is None:
            raise ValueError("expire_time has no time zone")
        moment = Timestamp()
        moment.FromDatetime(expire_time)
        task.expire_time.CopyFrom(moment)


def sign_in(username: str, password: str) -> task_pb2.SignIn | None:
    """How to sign in, if either is given."""
    if not username and not password:
        return None
    method = task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD
    return task_pb2.SignIn(method=method, username=username, password=password)
