"""``order_by`` of lists of tasks."""

from __future__ import annotations

from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.domain.filters import AllOf, Comparison, Filter
from agent_runtime_server.ports import TaskOrder

_BY_END = (TaskOrder.ENDED, TaskOrder.ENDED_DESC)


def order_of(text: str, where: Filter | None) -> TaskOrder:
    """The order that a text means, for tasks that match a filter. Raises InvalidField."""
    words = " ".join(text.split())
    try:
        order = TaskOrder(words) if words else TaskOrder.CREATED_DESC
    except ValueError:
        known = ", ".join(order.value for order in TaskOrder)
        raise InvalidField.of("order_by", f"is none of: {known}") from None
    if order in _BY_END and not _says_done(where):
        raise InvalidField.of("order_by", "is end_time, which only tasks that are done have: filter by done = true")
    return order


def _says_done(where: Filter | None) -> bool:
    if isinstance(where, AllOf):
        return any(_says_done(operand) for operand in where.operands)
    return isinstance(where, Comparison) and (where.field, where.operator, where.value) == ("done", "=", True)
