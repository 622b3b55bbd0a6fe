"""Calls about the questions that agents put to people."""

from __future__ import annotations

from agent_runtime.connection import Connection
from agent_runtime.v1 import input_pb2, service_pb2, task_pb2

ALL_TASKS = "-"
"""Stands for every task."""


class InputCalls(Connection):
    """Reads questions, and answers them."""

    async def list_input_requests(
        self,
        task_id: str = ALL_TASKS,
        *,
        include_resolved: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> service_pb2.ListInputRequestsResponse:
        """A page of questions that wait for an answer, of one task or of all, oldest first; of answered ones too if
        ``include_resolved``."""
        request = service_pb2.ListInputRequestsRequest(
            task_id=task_id, include_resolved=include_resolved, page_size=page_size, page_token=page_token
        )
        return await self._ask(self._tasks.ListInputRequests, request)

    async def respond_to_input(
        self,
        task_id: str,
        input_id: str,
        decision: task_pb2.InputDecision.ValueType,
        *,
        text: str = "",
        added_budget: task_pb2.Budget | None = None,
    ) -> input_pb2.InputRequest:
        """Answer a question with one of its ``allowed_decisions``, and return it as it is kept.

        ``text`` is the answer, or why it is a rejection. For a spent budget that is allowed, ``added_budget`` is what
        comes on top; without it as much again as the budget is. The first answer wins: another one later fails with
        ``InputAlreadyResolved``, the same one does not.
        """
        request = service_pb2.RespondToInputRequest(
            task_id=task_id, input_id=input_id, decision=decision, text=text, added_budget=added_budget
        )
        return (await self._ask(self._tasks.RespondToInput, request)).input
