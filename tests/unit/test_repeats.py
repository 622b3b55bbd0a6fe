"""Answers that are kept: given again only while nothing has changed, and never too many of them."""

from dataclasses import replace
from datetime import UTC, datetime

from agent_runtime_server.domain.task import Task, TaskSpec, TaskType
from agent_runtime_server.rest.legacy.repeats import Repeats
from agent_runtime_server.rpc.repeats import TaskAnswers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(number: int) -> Task:
    return Task(f"t{number}", TaskSpec(TaskType.PLAN, "http://app.test/", "s", "explorer"), NOW, NOW)


def test_the_answer_for_a_task_is_good_for_one_state_and_one_view() -> None:
    answers, asked = TaskAnswers(), task(1)
    answers.keep(asked, 0, b"full")
    assert answers.find(asked, 0) == b"full"
    assert answers.find(asked, 1) is None
    assert answers.find(replace(asked, sequence=9), 0) is None
    answers.keep(asked, 0, b"x" * 100_000)
    assert answers.find(asked, 0) == b"full", "a long one is not kept"


def test_answers_for_tasks_are_bounded() -> None:
    answers, tasks = TaskAnswers(), [task(number) for number in range(1000)]
    for each in tasks:
        answers.keep(each, 0, each.id.encode())
        assert answers.find(tasks[0], 0) == b"t0", "what is asked for stays"
    kept = [each for each in tasks if answers.find(each, 0)]
    assert kept == [tasks[0], *tasks[-255:]]


def test_a_body_is_good_for_what_it_was_made_of() -> None:
    repeats = Repeats()
    repeats.keep("t1", b"told", b"body")
    assert repeats.find("t1", b"told") == b"body"
    assert repeats.find("t1", b"told more") is None
    assert repeats.find("t2", b"told") is None
    repeats.keep("t3", b"told", b"x" * 100_000)
    assert repeats.find("t3", b"told") is None


def test_bodies_are_bounded() -> None:
    repeats = Repeats()
    for number in range(1000):
        repeats.keep(f"t{number}", b"told", b"body")
    assert [number for number in range(1000) if repeats.find(f"t{number}", b"told")] == list(range(744, 1000))
