from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

import agent_runtime
from agent_runtime import AgentRuntimeClient, channel, pages
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


async def test_so_is_a_lost_answer_to_retry_and_to_the_making_of_a_session() -> None:
    service = FakeService({"task-1": done_task()}, lose_answers=2)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        task = await client.retry_task("task-1")
        service.lose_answers = 2
        session = await client.create_session()
    assert (task.id, task.retry_of_task_id, session.id) == ("task-2", "task-1", "session-1")
    assert (len(service.requests), len(service.tasks), len(service.sessions)) == (6, 2, 1)
    assert len({request.request_id for request in service.requests}) == 2  # type: ignore[attr-defined]


async def test_two_creates_are_two_tasks() -> None:
    async with serving(FakeService()) as address, AgentRuntimeClient(address) as client:
        first = await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
        second = await client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test")
    assert first.id != second.id


async def test_create_sends_what_it_was_given() -> None:
    service = FakeService()
    timeouts, policy = task_pb2.TaskTimeouts(), task_pb2.RetryPolicy(max_attempts=4)
    timeouts.run_timeout.FromSeconds(60)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        await client.create_task(
            task_pb2.TASK_TYPE_RUN,
            "http://shop.test",
            instructions="only the cart",
            username="u",
            password="p",
            session_id="s",
            labels={"team": "shop"},
            priority=2,
            driver="explorer",
            run=task_pb2.TestRunOptions(grep="cart"),
            timeouts=timeouts,
            retry_policy=policy,
            ttl=3600.5,
            on_session_conflict=service_pb2.SESSION_CONFLICT_POLICY_REJECT,
        )
    sent = service.requests[0]
    assert isinstance(sent, service_pb2.CreateTaskRequest)
    assert sent.on_session_conflict == service_pb2.SESSION_CONFLICT_POLICY_REJECT
    expected = task_pb2.Task(
        task_type=task_pb2.TASK_TYPE_RUN,
        session_id="s",
        labels={"team": "shop"},
        priority=2,
        timeouts=timeouts,
        retry_policy=policy,
        ttl=Duration(seconds=3600, nanos=500_000_000),
        configuration=task_pb2.TaskConfiguration(
            app_url="http://shop.test",
            instructions="only the cart",
            agent=task_pb2.AgentOptions(driver="explorer"),
            run=task_pb2.TestRunOptions(grep="cart"),
            sign_in=task_pb2.SignIn(method=task_pb2.SIGN_IN_METHOD_USERNAME_PASSWORD, username="u", password="p"),
        ),
    )
    assert sent.task == expected


async def test_create_sends_what_an_llm_agent_takes() -> None:
    service = FakeService()
    repair = task_pb2.RepairOptions(max_rounds=2)
    budget = task_pb2.Budget(max_tokens=1000, ask_at_limit=True)
    policy = task_pb2.InputPolicy(default_decision=task_pb2.INPUT_DECISION_REJECT)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        await client.create_task(
            task_pb2.TASK_TYPE_FIX,
            "http://shop.test",
            model="openai/gpt",
            max_turns=9,
            repair=repair,
            budget=budget,
            input_policy=policy,
        )
    (sent,) = service.asked(service_pb2.CreateTaskRequest)
    assert sent.task == task_pb2.Task(
        task_type=task_pb2.TASK_TYPE_FIX,
        budget=budget,
        input_policy=policy,
        configuration=task_pb2.TaskConfiguration(
            app_url="http://shop.test",
            agent=task_pb2.AgentOptions(model="openai/gpt", max_turns=9),
            repair=repair,
        ),
    )


async def test_create_on_another_tasks_session_with_a_moment_to_expire() -> None:
    service = FakeService()
    moment = datetime(2027, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        task = await client.create_task(
            task_pb2.TASK_TYPE_RUN, "http://shop.test", from_task_id="task-0", expire_time=moment, validate_only=True
        )
        with pytest.raises(ValueError, match="exclude each other"):
            await client.create_task(task_pb2.TASK_TYPE_RUN, "http://shop.test", ttl=1, expire_time=moment)
        with pytest.raises(ValueError, match="no time zone"):
            await client.update_task("task-1", expire_time=datetime(2027, 1, 1))
    assert (task.id, task.from_task_id, task.expire_time.ToJsonString()) == ("", "task-0", "2027-01-02T01:04:00Z")
    assert service.tasks == {}


async def test_an_update_sends_and_names_what_is_given_only() -> None:
    service = FakeService({"task-1": done_task()})
    service.tasks["task-1"].timeouts.run_timeout.FromSeconds(5)
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        task = await client.update_task("task-1", labels={}, priority=0, ttl=9, reset=["timeouts"])
        assert not task.HasField("timeouts")
        with pytest.raises(agent_runtime.EtagMismatch):
            await client.update_task("task-1", priority=1, etag="old")
        assert (await client.update_task("task-1", priority=1, etag=task.etag)).priority == 1
        budget, policy = task_pb2.Budget(max_tokens=5), task_pb2.InputPolicy()
        task = await client.update_task("task-1", budget=budget, input_policy=policy)
        assert (task.budget, task.HasField("input_policy")) == (budget, True)
    first, _, last, limits = service.asked(service_pb2.UpdateTaskRequest)
    assert list(limits.update_mask.paths) == ["budget", "input_policy"]
    assert list(first.update_mask.paths) == ["labels", "priority", "ttl", "timeouts"]
    assert list(last.update_mask.paths) == ["priority"]


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


async def test_calls_that_end_a_task() -> None:
    service = FakeService({"task-1": done_task(), "task-2": task_pb2.Task(id="task-2")})
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        with pytest.raises(agent_runtime.TaskNotDone):
            await client.delete_task("task-2")
        await client.delete_task("task-1")
        await client.delete_task("task-1", allow_missing=True)
        with pytest.raises(agent_runtime.TaskNotFound):
            await client.delete_task("task-1")
        await client.cancel_task("task-2", mode=task_pb2.CANCEL_MODE_FORCE, grace_period=0)
        await client.cancel_task("task-2")
    forced, plain = service.asked(service_pb2.CancelTaskRequest)
    assert (forced.mode, forced.HasField("grace_period")) == (task_pb2.CANCEL_MODE_FORCE, True)
    assert (plain.mode, plain.HasField("grace_period")) == (task_pb2.CANCEL_MODE_UNSPECIFIED, False)


async def test_retry_sends_what_it_was_given() -> None:
    service = FakeService({"task-1": done_task()})
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        await client.retry_task(
            "task-1",
            from_phase=task_pb2.TASK_PHASE_RUNNING_TESTS,
            failed_tests_only=True,
            username="u",
            password="p",
        )
    (sent,) = service.asked(service_pb2.RetryTaskRequest)
    assert (sent.from_phase, sent.failed_tests_only) == (task_pb2.TASK_PHASE_RUNNING_TESTS, True)
    assert (sent.sign_in.username, sent.sign_in.password) == ("u", "p")


async def test_lists_send_their_filters() -> None:
    service = FakeService({"task-1": done_task()})
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        await client.list_tasks(filter="status = RUNNING", order_by="create_time")
        await client.list_test_results("task-1", filter="outcome = FLAKY")
        await client.list_artifacts("task-1", filter="kind = TRACE")
    assert [request.filter for request in service.requests] == [  # type: ignore[attr-defined]
        "status = RUNNING",
        "outcome = FLAKY",
        "kind = TRACE",
    ]
    assert service.asked(service_pb2.ListTasksRequest)[0].order_by == "create_time"


async def test_a_sessions_life() -> None:
    service = FakeService()
    async with serving(service) as address, AgentRuntimeClient(address) as client:
        made = await client.create_session("mine")
        with pytest.raises(agent_runtime.SessionExists):
            await client.create_session("mine")
        assert (await client.get_session("mine")) == made
        assert [session.id for session in (await client.list_sessions()).sessions] == ["mine"]
        service.sessions["mine"].active_task_id = "task-1"
        with pytest.raises(agent_runtime.SessionBusy):
            await client.delete_session("mine")
        service.sessions["mine"].active_task_id = ""
        await client.delete_session("mine")
        await client.delete_session("mine", allow_missing=True)
        with pytest.raises(agent_runtime.SessionNotFound):
            await client.get_session("mine")


def test_there_is_a_method_for_every_call() -> None:
    names = [method.name for service in service_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods]
    snake = ["".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_") for name in names]
    snake[snake.index("watch_task")] = "watch"
    snake[snake.index("write_session_file")] = "upload_session_file"
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


def test_no_stream_is_retried_behind_the_back_of_who_resumes_it() -> None:
    config: Any = channel._SERVICE_CONFIG
    plain = {
        (name["service"], name["method"])
        for entry in config["methodConfig"]
        if "retryPolicy" not in entry
        for name in entry["name"]
    }
    streams = {
        (service.full_name, method.name)
        for service in service_pb2.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.client_streaming or method.server_streaming
    }
    assert plain == streams
