"""Tasks of drivers with a model: which driver and model they get, and that the driver never sees a password."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime_server.domain.faults import DriverUnavailable, InvalidField, RuntimeFault
from agent_runtime_server.domain.inputs import InputPolicy
from agent_runtime_server.domain.task import (
    FailureReason,
    NewTask,
    RepairOptions,
    SignIn,
    SignInMethod,
    Status,
    Task,
    TaskType,
)
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator.admission import Admission, Defaults
from agent_runtime_server.testing.clock import ManualClock
from agent_runtime_server.testing.codec import JsonCodec
from agent_runtime_server.testing.driver import ScriptedDriver
from agent_runtime_server.testing.models import IdleModels
from agent_runtime_server.testing.store import MemoryStore
from agent_runtime_server.testing.workspaces import PlainWorkspaces
from tests.orchestrator.house import PLAN, House, asking
from tests.orchestrator.support import NOW

MODEL = "scripted/one"
BUILT_IN = frozenset({TaskType.COMPLETE, TaskType.PLAN, TaskType.GENERATE, TaskType.RUN})


class BuiltIn(ScriptedDriver):
    """Can what needs no model."""

    def task_types(self) -> frozenset[TaskType]:
        """All but repairs and instructions."""
        return BUILT_IN


async def admitted(
    folder: Path, new: NewTask, *, default: str = "explorer", problem: str = "", model: str = MODEL
) -> Task:
    """What becomes of a request on a server with both kinds of driver."""
    drivers = {
        "explorer": BuiltIn(name="explorer"),
        "opencode": ScriptedDriver(name="opencode", signs_in=False, uses_model=True, problem=problem),
    }
    workspaces = PlainWorkspaces(folder)
    models = IdleModels(model, priced=["scripted/priced"])
    admission = Admission(MemoryStore(JsonCodec()), workspaces, drivers, models, ManualClock(NOW), Defaults(default))
    return await admission.admit(new)


def ask(task_type: TaskType = TaskType.PLAN, **spec: object) -> NewTask:
    new = asking(task_type)
    return replace(new, spec=replace(new.spec, **spec))  # type: ignore[arg-type]


async def refusal(folder: Path, new: NewTask, **server: str) -> RuntimeFault:
    with pytest.raises(RuntimeFault) as caught:
        await admitted(folder, new, **server)
    return caught.value


async def test_a_driver_that_can_do_it_is_found_for_what_the_default_one_cannot(tmp_path: Path) -> None:
    custom = ask(TaskType.CUSTOM, instructions="Look around")
    assert (await admitted(tmp_path, ask())).spec.driver == "explorer"
    assert (await admitted(tmp_path, custom)).spec.driver == "opencode"
    assert (await admitted(tmp_path, ask(), default="opencode")).spec.driver == "opencode"


async def test_what_needs_a_model_says_so(tmp_path: Path) -> None:
    for new in (ask(TaskType.CUSTOM, instructions="x"), ask(TaskType.CUSTOM, instructions="x", driver="explorer")):
        fault = await refusal(tmp_path, new, problem="no model is set")
        assert isinstance(fault, DriverUnavailable)
        assert "AGENT_RUNTIME_MODEL" in str(fault)
    repair = ask(TaskType.COMPLETE, repair=RepairOptions(max_rounds=1))
    fault = await refusal(tmp_path, repair)
    assert isinstance(fault, InvalidField)
    assert fault.violations[0].field == "task.configuration.repair.max_rounds"


async def test_a_custom_task_without_instructions_has_nothing_to_do(tmp_path: Path) -> None:
    fault = await refusal(tmp_path, ask(TaskType.CUSTOM, instructions=" "))
    assert fault.violations[0].field == "task.configuration.instructions"


async def test_a_model_is_filled_in_and_checked(tmp_path: Path) -> None:
    mine = ask(driver="opencode", model="scripted/mine")
    assert (await admitted(tmp_path, ask(driver="opencode"))).spec.model == MODEL
    assert (await admitted(tmp_path, mine)).spec.model == "scripted/mine"
    assert (await admitted(tmp_path, ask())).spec.model == "", "the explorer uses none"
    for new in (ask(model="scripted/mine"), ask(driver="opencode", model="other/mine")):
        fault = await refusal(tmp_path, new)
        assert fault.violations[0].field == "task.configuration.agent.model"


async def test_a_budget_in_money_needs_a_price(tmp_path: Path) -> None:
    budget = Budget(max_cost=1)
    fault = await refusal(tmp_path, replace(ask(driver="opencode"), budget=budget))
    assert fault.violations[0].field == "task.budget.max_cost"
    task = await admitted(tmp_path, replace(ask(driver="opencode", model="scripted/priced"), budget=budget))
    assert task.budget == budget


async def test_questions_never_wait_for_ever(tmp_path: Path) -> None:
    task = await admitted(tmp_path, replace(ask(), input_policy=InputPolicy()))
    assert task.input_policy.answer_timeout == Defaults("explorer").answer_timeout


SIGNS_IN = SignIn(SignInMethod.USERNAME_PASSWORD, "ada")


async def carried_out(folder: Path, driver: ScriptedDriver, password: str) -> tuple[House, Task]:
    """A plan of a task that signs in."""
    house = House(folder, driver=driver)
    async with house.working():
        task, _ = await house.tasks.create(replace(ask(sign_in=SIGNS_IN), password=password), None)
        return house, await house.done(task.id)


async def test_the_runtime_signs_in_for_a_driver_that_must_not_see_the_password(tmp_path: Path) -> None:
    driver = ScriptedDriver(PLAN, name="explorer", signs_in=False)
    house, task = await carried_out(tmp_path, driver, "hunter2")
    (job,) = driver.jobs
    (set_up,) = house.set_up.jobs
    assert task.status is Status.COMPLETED
    assert job.password == ""
    assert (set_up.username, set_up.password) == ("ada", "hunter2")
    assert job.storage_state == set_up.storage_state
    assert job.storage_state is not None
    assert not job.storage_state.is_relative_to(job.workspace)
    assert not job.storage_state.exists(), "it is gone with the attempt"
    assert driver.left == [task.id]


async def test_a_driver_that_signs_in_itself_gets_the_password_and_no_set_up(tmp_path: Path) -> None:
    driver = ScriptedDriver(PLAN, name="explorer")
    house, _ = await carried_out(tmp_path, driver, "hunter2")
    assert driver.jobs[0].password == "hunter2"
    assert house.set_up.jobs == []


async def test_a_sign_in_that_fails_ends_the_task_before_the_agent_begins(tmp_path: Path) -> None:
    driver = ScriptedDriver(PLAN, name="explorer", signs_in=False)
    house = House(tmp_path, driver=driver)
    house.set_up.password = "another"
    async with house.working():
        created, _ = await house.tasks.create(replace(ask(sign_in=SIGNS_IN), password="hunter2"), None)
        task = await house.done(created.id)
    assert task.failure is not None
    assert task.failure.reason is FailureReason.SIGN_IN_FAILED
    assert driver.jobs == []
