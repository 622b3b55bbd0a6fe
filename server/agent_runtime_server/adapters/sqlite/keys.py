"""Idempotency keys: each is kept in the row of what it made, in ``request`` and ``digest``, and goes with it."""

from __future__ import annotations

from agent_runtime_server.domain.faults import RequestIdReused
from agent_runtime_server.ports import IdempotencyKey


def columns_of(key: IdempotencyKey | None) -> tuple[str, bytes] | tuple[None, None]:
    """``request`` and ``digest`` of what a key makes. A method's name holds no slash."""
    return (f"{key.method}/{key.request_id}", key.digest) if key else (None, None)


def check(key: IdempotencyKey, digest: bytes) -> None:
    """Raise RequestIdReused if the key was used with another body."""
    if digest != key.digest:
        raise RequestIdReused(request_id=key.request_id)
