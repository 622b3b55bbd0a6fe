import pytest
from google.type.money_pb2 import Money

from agent_runtime import AgentRuntimeClient, InputAlreadyResolved, InputNotFound, pages
from agent_runtime.v1 import service_pb2, task_pb2
from tests.unit.client.fake_service import FakeService, done_task, open_question, serving

ALLOW, REJECT = task_pb2.INPUT_DECISION_ALLOW_ONCE, task_pb2.INPUT_DECISION_REJECT


async def test_questions_are_listed_over_pages_of_one_task_or_of_all() -> None:
    questions = [open_question(f"input-{number}", task_id=f"task-{number % 2 + 1}") for number in range(5)]
    service = FakeService({"task-1": done_task()}, inputs=questions)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        found = [
            request.id
            async for page in pages(lambda token: client.list_input_requests(page_token=token))
            for request in page.inputs
        ]
        page = await client.list_input_requests("task-1", include_resolved=True, page_size=1)
    assert found == ["input-0", "input-1", "input-2", "input-3", "input-4"]
    assert [request.id for request in page.inputs] == ["input-0"]
    assert service.asked(service_pb2.ListInputRequestsRequest)[-1] == service_pb2.ListInputRequestsRequest(
        task_id="task-1", include_resolved=True, page_size=1
    )


async def test_an_answer_is_sent_whole_and_again_when_its_answer_is_lost() -> None:
    service = FakeService(inputs=[open_question()], lose_answers=2)
    budget = task_pb2.Budget(max_cost=Money(currency_code="USD", units=2), max_tokens=5)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        answered = await client.respond_to_input("task-1", "input-1", ALLOW, text="go on", added_budget=budget)
    assert (answered.resolution.decision, answered.resolution.text) == (ALLOW, "go on")
    request = service_pb2.RespondToInputRequest(
        task_id="task-1", input_id="input-1", decision=ALLOW, text="go on", added_budget=budget
    )
    assert service.requests == [request] * 3


async def test_a_question_that_is_answered_or_not_there_is_an_error_of_its_own() -> None:
    async with serving(FakeService(inputs=[open_question()])) as address, AgentRuntimeClient(address) as client:
        await client.respond_to_input("task-1", "input-1", REJECT)
        with pytest.raises(InputAlreadyResolved):
            await client.respond_to_input("task-1", "input-1", ALLOW)
        with pytest.raises(InputNotFound):
            await client.respond_to_input("task-1", "input-2", ALLOW)
