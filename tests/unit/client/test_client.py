import subprocess
import sys
from pathlib import Path

import grpc
import pytest

import agent_runtime
from agent_runtime import AgentRuntimeClient, pages
from agent_runtime.channel import parse_address
from agent_runtime.v1 import service_pb2, service_pb2_grpc, task_pb2
from tests.unit.client.fake_service import FakeService, done_task, log_events, reason, serving


async def test_a_lost_answer_to_create_is_asked_for_again_under_one_request_id() -> None:
    service = FakeService(lose_answers=2)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        task = await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
    ids = {request.request_id for request in service.asked(service_pb2.CreateTaskRequest)}
    assert (len(service.requests), len(ids), len(service.tasks)) == (3, 1, 1)
    assert task.id == "task-1"


async def test_two_creates_are_two_tasks() -> None:
    async with serving(FakeService()) as address, AgentRuntimeClient(address) as client:
        first = await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
        second = await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
    assert first.id != second.id


async def test_create_sends_what_it_was_given() -> None:
    service = FakeService()
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        await client.create_task(
            task_pb2.TASK_TYPE_RUN,
            "http://shop.test",
            instructions="only the cart",
            username="u",
            password="p",
            session_id="s",
            priority=2,
            driver="explorer",
            run=task_pb2.TestRunOptions(grep="cart"),
        )
    sent = service.requests[0]
    assert isinstance(sent, service_pb2.CreateTaskRequest)
    assert (sent.task.task_type, sent.task.session_id, sent.task.priority) == (task_pb2.TASK_TYPE_RUN, "s", 2)
    configuration = sent.task.configuration
    assert (configuration.app_url, configuration.instructions) == ("http://shop.test", "only the cart")
    assert (configuration.agent.driver, configuration.run.grep) == ("explorer", "cart")
    sign_in = configuration.sign_in
    assert (sign_in.method, sign_in.username, sign_in.password) == (
        task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD,
        "u",
        "p",
    )


async def test_a_refusal_is_not_tried_again() -> None:
    service = FakeService()
    service.failures.append((grpc.StatusCode.RESOURCE_EXHAUSTED, "full", (reason("QUEUE_FULL"),)))
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        with pytest.raises(agent_runtime.QueueFull):
            await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
    assert len(service.requests) == 1


async def test_pages_follow_their_tokens() -> None:
    service = FakeService({f"task-{n}": done_task(f"task-{n}") for n in range(5)})
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        fetched = [page async for page in pages(lambda token: client.list_tasks(page_token=token))]
    assert [task.id for page in fetched for task in page.tasks] == list(service.tasks)
    assert len(fetched) == 3


async def test_unary_calls() -> None:
    service = FakeService({"task-1": done_task()}, log_events(3))
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        assert (await client.get_task("task-1")).done
        assert (await client.wait_task("task-1", timeout=1)).met
        assert (await client.cancel_task("task-1", reason="enough")).status == task_pb2.TASK_STATUS_COMPLETED
        assert [event.sequence for event in (await client.list_task_events("task-1", after_sequence=1)).events] == [
            2,
            3,
        ]
        assert (await client.get_server_info()).version == "1.2.3"
        assert await client.check_health() == "SERVING"
        assert await client.check_health("readiness") == "NOT_SERVING"
        with pytest.raises(agent_runtime.NotFound):
            await client.check_health("nothing")


def test_there_is_a_method_for_every_call() -> None:
    names = [method.name for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods]
    snake = ["".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_") for name in names]
    snake[snake.index("watch_task")] = "watch"
    assert [name for name in snake if not callable(getattr(AgentRuntimeClient, name, None))] == []
    assert service_pb2_grpc.AgentRuntimeStub is not None


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("127.0.0.1:50051", "dns:///127.0.0.1:50051"),
        ("some.host:1", "dns:///some.host:1"),
        ("[::1]:50051", "dns:///[::1]:50051"),
        ("unix:/run/agent.sock", "unix:/run/agent.sock"),
    ],
)
def test_addresses(address: str, target: str) -> None:
    assert parse_address(address) == target


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":1", "host:0", "host:65536", "http://host:1", "::1:5", "unix:"]
)
def test_bad_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        AgentRuntimeClient(address)


def test_exports_are_those_that_are_meant() -> None:
    public = {
        name
        for name, value in vars(agent_runtime).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("agent_runtime")
    }
    assert public <= set(agent_runtime.__all__)
    assert sorted(agent_runtime.__all__) == sorted(set(agent_runtime.__all__))
    assert all(hasattr(agent_runtime, name) for name in agent_runtime.__all__)
    assert {name for name in vars(agent_runtime.errors) if isinstance(vars(agent_runtime.errors)[name], type)} - {
        "Iterator",
        "Mapping",
        "Sequence",
    } <= set(agent_runtime.__all__)


def test_importing_the_client_stays_light() -> None:
    script = "import sys, agent_runtime; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    client = Path(agent_runtime.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(client)}, capture_output=True, text=True, check=True
    )
    heavy = {"rich", "typer", "agent_runtime_server", "playwright", "protovalidate", "msgspec", "hypothesis"}
    assert "agent_runtime" in found.stdout.split()
    assert heavy & set(found.stdout.split()) == set()
