"""The status machine, as one table."""

from __future__ import annotations

from agent_runtime_server.domain.task import Status

MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.CANCELLED, Status.FAILED}),
    Status.RUNNING: frozenset(
        {Status.PENDING, Status.AWAITING_INPUT, Status.CANCELLING, Status.COMPLETED, Status.FAILED}
    ),
    Status.AWAITING_INPUT: frozenset({Status.RUNNING, Status.PENDING, Status.CANCELLING, Status.FAILED}),
    Status.CANCELLING: frozenset({Status.CANCELLED, Status.COMPLETED, Status.FAILED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class IllegalMove(Exception):
    """The status machine has no such move."""

    def __init__(self, old: Status, new: Status) -> None:
        super().__init__(f"no move from {old.value} to {new.value}")


def move(old: Status, new: Status) -> Status:
    """``new``, if a task may go there from ``old``; raises IllegalMove otherwise."""
    if new not in MOVES[old]:
        raise IllegalMove(old, new)
    return new
