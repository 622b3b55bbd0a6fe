"""What every store does with questions to people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_runtime_server.domain.agent import ToolCall, ToolCallState
from agent_runtime_server.domain.event import told
from agent_runtime_server.domain.faults import BadPageToken, InputNotFound, TaskNotFound
from agent_runtime_server.domain.inputs import ALLOWED, InputDecision, InputKind, InputRequest, InputResolution
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.ports import Fenced, Store
from agent_runtime_server.testing.codec import decode
from tests.contract.store_fixtures import EVERYTHING, FIRST, at, create, event, finish, running


def question(input_id: str, task_id: str = "t1", seconds: float = 1) -> InputRequest:
    arguments = {"command": "npx playwright test", "env": {"CI": True, "tries": [1, 2.5, None]}}
    return InputRequest(
        *(input_id, task_id, InputKind.PERMISSION, "May it run this?", at(seconds), at(seconds + 60)),
        *(InputDecision.REJECT, ALLOWED[InputKind.PERMISSION]),
        ToolCall("c1", "bash", ToolCallState.STARTED, "Run the tests", arguments),
    )


def resolution(input_id: str, decision: InputDecision = InputDecision.ALLOW_ONCE) -> InputResolution:
    return InputResolution(input_id, decision, at(5), "well", "user", Budget(7, 8))


async def ask(store: Store, *input_ids: str, task_id: str = "t1") -> None:
    questions = [event(task_id, question(input_id, task_id)) for input_id in input_ids]
    await store.transition(task_id, lambda task: told(task, *questions))


async def answer(store: Store, input_id: str, task_id: str = "t1") -> None:
    await store.transition(task_id, lambda task: told(task, event(task_id, resolution(input_id))))


async def listed(store: Store, task_id: str | None, *, resolved: bool = False, limit: int = 2) -> list[str]:
    """Ids over all pages, of which each knows the total."""
    found: list[str] = []
    token = ""
    while True:
        page = await store.input_requests(task_id, limit, token, resolved=resolved)
        found += (request.id for request in page.items)
        token = page.next_token
        if not token:
            assert page.total == len(found)
            return found
        assert len(page.items) == limit


async def test_a_question_is_kept_whole_with_its_event(store: Store) -> None:
    await running(store)
    await ask(store, "i1")
    assert await store.input_request("t1", "i1") == question("i1")
    task = await store.get("t1")
    assert (task.pending_inputs, task.sequence) == (("i1",), 3)
    kinds = [found.kind for found in decode((await store.read("t1", 2, EVERYTHING)).framed)]
    assert kinds == ["InputRequest"]


async def test_an_answer_is_folded_into_its_question(store: Store) -> None:
    await running(store)
    await ask(store, "i1", "i2")
    await answer(store, "i1")
    assert await store.input_request("t1", "i1") == replace(question("i1"), resolution=resolution("i1"))
    assert await store.input_request("t1", "i2") == question("i2")
    assert (await store.get("t1")).pending_inputs == ("i2",)


async def test_appended_questions_and_answers_are_kept_too(store: Store) -> None:
    await running(store)
    assert await store.append("t1", FIRST, 1, [event("t1", question("i1"))]) == 3
    assert (await store.get("t1")).pending_inputs == ("i1",)
    await store.append("t1", FIRST, 2, [event("t1", resolution("i1"))])
    assert (await store.input_request("t1", "i1")).resolution == resolution("i1")


async def test_the_first_answer_stays(store: Store) -> None:
    await running(store)
    await ask(store, "i1")
    await answer(store, "i1")
    late = event("t1", resolution("i1", InputDecision.REJECT))
    await store.transition("t1", lambda task: told(task, late))
    assert (await store.input_request("t1", "i1")).resolution == resolution("i1")


async def test_a_change_that_is_refused_keeps_no_question(store: Store) -> None:
    task = await running(store)
    stale = replace(task.token, generation=9)
    with pytest.raises(Fenced):
        await store.transition("t1", lambda task: told(task, event("t1", question("i1"))), token=stale)
    with pytest.raises(InputNotFound, match="t1 has no input request i1"):
        await store.input_request("t1", "i1")


async def test_lists_come_in_order_over_tasks_and_pages(store: Store) -> None:
    await running(store, "t1")
    await running(store, "t2")
    await ask(store, "c", "a")
    await ask(store, "b", task_id="t2")
    await ask(store, "d", "e")
    await answer(store, "a")
    await answer(store, "e")
    assert await listed(store, None) == ["c", "b", "d"]
    assert await listed(store, None, resolved=True) == ["c", "a", "b", "d", "e"]
    assert await listed(store, "t1") == ["c", "d"]
    assert await listed(store, "t1", resolved=True, limit=1) == ["c", "a", "d", "e"]
    assert await listed(store, "t2") == ["b"]


async def test_a_page_token_survives_answers_and_is_good_for_its_list_only(store: Store) -> None:
    await running(store)
    await ask(store, "i1", "i2", "i3")
    first = await store.input_requests("t1", 1, "")
    await answer(store, "i1")
    await answer(store, "i2")
    second = await store.input_requests("t1", 1, first.next_token)
    assert [request.id for request in second.items] == ["i3"]
    for task_id, resolved in ((None, False), ("t1", True)):
        with pytest.raises(BadPageToken):
            await store.input_requests(task_id, 1, first.next_token, resolved=resolved)


async def test_unknown_tasks_and_questions_are_not_found(store: Store) -> None:
    await create(store)
    for task_id, fault in (("t1", InputNotFound), ("t9", TaskNotFound)):
        with pytest.raises(fault):
            await store.input_request(task_id, "i1")
    with pytest.raises(TaskNotFound):
        await store.input_requests("t9", 1, "")
    assert await listed(store, "t1") == []


async def test_questions_of_another_task_are_not_found(store: Store) -> None:
    await running(store, "t1")
    await running(store, "t2")
    await ask(store, "i1")
    with pytest.raises(InputNotFound):
        await store.input_request("t2", "i1")


async def test_questions_outlive_their_events_and_go_with_their_task(store: Store) -> None:
    await running(store, "t1")
    await running(store, "t2")
    await ask(store, "i1")
    await ask(store, "i2", task_id="t2")
    await answer(store, "i1")
    await finish(store)
    await store.trim("t1", EVERYTHING)
    assert await listed(store, "t1", resolved=True) == ["i1"]
    await store.delete("t1")
    assert await listed(store, None, resolved=True) == ["i2"]
