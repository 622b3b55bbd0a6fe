import asyncio
import contextlib
import inspect
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, assert_type

import pytest

from agent_runtime import AgentRuntimeClient, Backoff, SyncAgentRuntimeClient, TaskNotFound, WatchUpdate
from agent_runtime.v1 import event_pb2, service_pb2, task_pb2
from tests.unit.client.fake_service import FakeService, Turn, done_task, log_events, serving_in_thread


@pytest.fixture
def service() -> FakeService:
    return FakeService({"task-1": done_task()}, log_events(1000))


@pytest.fixture
def client(service: FakeService) -> Iterator[SyncAgentRuntimeClient]:
    with (
        serving_in_thread(service) as address,
        SyncAgentRuntimeClient(address, backoff=Backoff(0.001, 0.002)) as made,
    ):
        yield made


def public(kind: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_every_method_of_the_client_is_there_with_the_same_parameters() -> None:
    theirs, ours = public(AgentRuntimeClient), public(SyncAgentRuntimeClient)
    assert set(ours) == set(theirs)
    for name, method in theirs.items():
        assert inspect.signature(ours[name]).parameters == inspect.signature(method).parameters, name  # type: ignore[arg-type]
        assert not inspect.iscoroutinefunction(inspect.unwrap(ours[name], stop=lambda _: True))  # type: ignore[arg-type]
    assert inspect.signature(SyncAgentRuntimeClient) == inspect.signature(AgentRuntimeClient)


def test_a_type_checker_sees_the_real_signatures(client: SyncAgentRuntimeClient) -> None:
    """Checked by mypy, which runs over the tests too: an ignore that is not needed is an error."""
    assert_type(client.get_task("task-1"), task_pb2.Task)
    assert_type(client.watch("task-1"), Generator[WatchUpdate, None, None])
    if TYPE_CHECKING:
        client.get_task(1)  # type: ignore[arg-type]
        client.get_task("task-1", service_pb2.TASK_VIEW_FULL)  # type: ignore[call-arg]


def test_calls_answer_and_raise(client: SyncAgentRuntimeClient) -> None:
    assert client.get_task("task-1").done
    with pytest.raises(TaskNotFound):
        client.get_task("other")


def test_an_iterator_yields_all_in_order(client: SyncAgentRuntimeClient, service: FakeService) -> None:
    service.turns = deque([Turn(300, "cut"), Turn(1, "reset")])
    updates = list(client.watch("task-1"))
    assert [update.sequence for update in updates[:-1]] == list(range(1, 1001))  # type: ignore[union-attr]
    assert updates[-1] == done_task()


def test_an_iterator_raises_after_what_it_has_yielded(client: SyncAgentRuntimeClient, service: FakeService) -> None:
    service.turns.append(Turn(5, "deleted"))
    updates = client.watch("task-1")
    assert len(list(itertools.islice(updates, 5))) == 5
    with pytest.raises(TaskNotFound):
        next(updates)


def test_an_iterator_that_nobody_reads_runs_ahead_by_a_bound(
    client: SyncAgentRuntimeClient,
) -> None:
    made: list[int] = []

    async def endless() -> AsyncGenerator[int, None]:
        for n in itertools.count():
            made.append(n)
            yield n

    items = client._background.iterate(endless())
    assert next(items) == 0
    for _ in range(20):
        client.get_task("task-1")
    assert len(made) <= 200
    items.close()


def test_closing_an_iterator_closes_its_stream(client: SyncAgentRuntimeClient, service: FakeService) -> None:
    service.turns.append(Turn(3, "stall"))
    updates = client.watch("task-1")
    next(updates)
    assert service.stalled.wait(60)
    updates.close()
    assert service.stalled_ended.wait(60)


def test_several_threads_may_use_it(client: SyncAgentRuntimeClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: sum(1 for _ in client.watch("task-1")), range(8)))
    assert counts == [1001] * 8


def test_after_close_it_says_so(client: SyncAgentRuntimeClient) -> None:
    updates = client.watch("task-1")
    next(updates)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.get_task("task-1")
    with pytest.raises(RuntimeError, match="the client is closed"):
        next(client.watch("task-1"))
    assert "agent-runtime-client" not in {thread.name for thread in threading.enumerate()}
    updates.close()


def test_a_call_that_waits_when_it_is_closed_says_so(client: SyncAgentRuntimeClient, service: FakeService) -> None:
    service.turns.append(Turn(1, "stall"))
    updates = client.watch("task-1")
    next(updates)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, updates)
        client.close()
        with pytest.raises(RuntimeError, match=r"the client (was closed during the call|is closed)"):
            waiting.result(60)


def test_a_bad_address_is_an_error_and_leaves_no_thread() -> None:
    with pytest.raises(ValueError, match="address"):
        SyncAgentRuntimeClient("nonsense")
    with contextlib.suppress(StopIteration):
        next(t for t in threading.enumerate() if t.name == "agent-runtime-client").join(60)


async def test_it_works_inside_a_running_loop_which_it_blocks(service: FakeService) -> None:
    with serving_in_thread(service) as address, SyncAgentRuntimeClient(address) as client:
        assert asyncio.get_running_loop().is_running()
        assert client.get_task("task-1").done


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
from agent_runtime import SyncAgentRuntimeClient
client = SyncAgentRuntimeClient(sys.argv[1])
try:
    for update in client.watch("task-1"):
        print(update.sequence, flush=True)
except KeyboardInterrupt:
    print("interrupted", client.get_task("task-1").id, flush=True)
"""


def test_an_interrupt_ends_the_call_and_a_client_left_open_does_not_keep_the_program(service: FakeService) -> None:
    service.turns.append(Turn(3, "stall"))
    with serving_in_thread(service) as address:
        running = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert running.stdout is not None
        try:
            for n in range(1, 4):
                assert running.stdout.readline() == f"{n}\n"
            assert service.stalled.wait(60)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (out, err, running.returncode) == ("interrupted task-1\n", "", 0)
    assert service.stalled_ended.wait(60)


def test_it_sees_a_task_from_its_making_to_its_end(client: SyncAgentRuntimeClient, service: FakeService) -> None:
    service.events.clear()
    service.tasks.clear()
    task = client.create_task(task_pb2.TASK_TYPE_PLAN, "http://shop.test", labels={"team": "shop"})
    assert not client.wait_task(task.id, timeout=0).met
    assert [type(update) for update in client.watch(task.id)] == [task_pb2.Task]
    assert client.list_tasks().tasks[0].labels == {"team": "shop"}
    service.feed = [done_task(), event_pb2.TaskEvent(task_id="task-1", sequence=9)]
    feed = client.watch_tasks()
    assert [next(feed), next(feed)] == service.feed
    feed.close()
    assert service.asked(service_pb2.CreateTaskRequest)
