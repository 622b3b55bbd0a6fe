"""Admission: what is asked becomes a task with every default filled in, or is refused at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent_runtime_server.domain.faults import (
    DriverUnavailable,
    InvalidField,
    NothingToWorkOn,
)
from agent_runtime_server.domain.inputs import InputPolicy
from agent_runtime_server.domain.pipeline import PhaseKind, work_of
from agent_runtime_server.domain.task import NewTask, RetryPolicy, Task, TaskSpec, TaskType, Timeouts
from agent_runtime_server.domain.usage import Budget
from agent_runtime_server.orchestrator.ids import new_id
from agent_runtime_server.ports import AgentDriver, Clock, Models, Store, Workspaces


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a task gets that does not ask for anything else."""

    driver: str
    """Used for what it can do; the first other driver that can do a type of task does that."""
    timeouts: Timeouts = Timeouts(timedelta(days=1), timedelta(hours=2), timedelta(days=2))
    retry_policy: RetryPolicy = RetryPolicy(3, timedelta(seconds=5), timedelta(minutes=5), 2.0)
    ttl: timedelta = timedelta(days=30)
    answer_timeout: timedelta = timedelta(hours=1)


def timeouts_in_force(asked: Timeouts, default: Timeouts) -> Timeouts:
    """Timeouts with the defaults filled in."""
    return Timeouts(asked.queue or default.queue, asked.run or default.run, asked.total or default.total)


def policy_in_force(asked: RetryPolicy, default: RetryPolicy) -> RetryPolicy:
    """A retry policy with the defaults filled in. Raises InvalidField."""
    initial = asked.initial_backoff or default.initial_backoff
    if asked.max_backoff and asked.max_backoff < initial:
        raise InvalidField.of("task.retry_policy.max_backoff", f"is shorter than the initial backoff of {initial}")
    return RetryPolicy(
        asked.max_attempts or default.max_attempts,
        initial,
        asked.max_backoff or max(default.max_backoff, initial),
        asked.multiplier or default.multiplier,
    )


def expiry_in_force(asked: datetime | None, now: datetime) -> datetime | None:
    """A moment of expiration that is not over yet. Raises InvalidField."""
    if asked is not None and asked <= now:
        raise InvalidField.of("task.expire_time", "is in the past")
    return asked


def input_policy_in_force(asked: InputPolicy, default_timeout: timedelta) -> InputPolicy:
    """An input policy with the default filled in."""
    return replace(asked, answer_timeout=asked.answer_timeout or default_timeout)


class Admission:
    """Makes tasks of what callers ask for."""

    def __init__(
        self,
        store: Store,
        workspaces: Workspaces,
        drivers: Mapping[str, AgentDriver],
        models: Models,
        clock: Clock,
        defaults: Defaults,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._drivers = drivers
        self._models = models
        self._clock = clock
        self.defaults = defaults

    async def admit(self, new: NewTask) -> Task:
        """The task that is asked for, not stored yet. Raises what is wrong with it."""
        now = self._clock.now()
        task_id = new_id(now)
        asked = new.spec.session_id
        if new.spec.from_task_id:
            asked = (await self._store.get(new.spec.from_task_id)).spec.session_id
        driver = self._driver_for(new.spec)
        self._require_driver(new.spec, driver)
        model = self._model_for(new.spec, driver, new.budget)
        spec = replace(new.spec, driver=driver, session_id=asked or task_id, model=model)
        await self._require_material(spec, new_session=not asked)
        return Task(
            task_id,
            spec,
            create_time=now,
            update_time=now,
            priority=new.priority,
            labels=new.labels,
            timeouts=timeouts_in_force(new.timeouts, self.defaults.timeouts),
            retry_policy=policy_in_force(new.retry_policy, self.defaults.retry_policy),
            budget=new.budget,
            input_policy=input_policy_in_force(new.input_policy, self.defaults.answer_timeout),
            expire_time=expiry_in_force(new.expire_time, now),
            ttl=new.ttl or self.defaults.ttl,
        )

    def _driver_for(self, spec: TaskSpec) -> str:
        """The driver asked for, else the default one, else one that can do what the default one cannot."""
        default = self.defaults.driver
        if spec.driver or default not in self._drivers or _can(self._drivers[default], spec):
            return spec.driver or default
        others = (name for name, driver in self._drivers.items() if _can(driver, spec))
        return next(others, default)

    def _model_for(self, spec: TaskSpec, driver: str, budget: Budget) -> str:
        """The model of a task whose driver uses one. Raises InvalidField."""
        if not self._drivers[driver].uses_model:
            if spec.model:
                raise InvalidField.of("task.configuration.agent.model", f"driver {driver} uses no model")
            return ""
        model = spec.model or self._models.default_model
        if model and not (state := self._models.availability(model)).available:
            raise InvalidField.of("task.configuration.agent.model", state.message)
        if budget.max_cost and model and not self._models.has_price(model):
            raise InvalidField.of("task.budget.max_cost", f"the server knows no price of {model}; use max_tokens")
        return model

    def _require_driver(self, spec: TaskSpec, name: str) -> None:
        driver = self._drivers.get(name)
        if driver is None:
            known = ", ".join(sorted(self._drivers))
            raise InvalidField.of("task.configuration.agent.driver", f"no driver is named {name!r}; there is: {known}")
        if work_of(spec)[0] is PhaseKind.RUN:
            return
        if spec.task_type is TaskType.CUSTOM and not spec.instructions.strip():
            raise InvalidField.of("task.configuration.instructions", "is required: a custom task does what they say")
        if spec.task_type not in driver.task_types():
            raise DriverUnavailable(
                f"driver {name} has no {spec.task_type.value} tasks: they need an LLM agent, so set a model on "
                "the server (AGENT_RUNTIME_MODEL) or name driver opencode",
                driver=name,
            )
        if PhaseKind.FIX in work_of(spec) and TaskType.FIX not in driver.task_types():
            raise InvalidField.of("task.configuration.repair.max_rounds", f"driver {name} cannot repair tests")
        state = driver.availability()
        if not state.available:
            raise DriverUnavailable(f"driver {name} cannot be used here: {state.message}", driver=name)

    async def _require_material(self, spec: TaskSpec, *, new_session: bool) -> None:
        """Refuse at once what cannot work; while an earlier task of the session is unfinished, the start decides."""
        if not new_session and await self._store.session_tasks(spec.session_id):
            return
        what = await missing_material(self._workspaces, spec)
        if what:
            raise NothingToWorkOn(f"{'a new session' if new_session else f'session {spec.session_id}'} has {what}")


async def missing_material(workspaces: Workspaces, spec: TaskSpec) -> str:
    """What a task would miss in its session; empty when it can work."""
    first = work_of(spec)[0]
    if first is PhaseKind.GENERATE and not await workspaces.has_plan(spec.session_id):
        return "no plan to generate tests from"
    if first in (PhaseKind.RUN, PhaseKind.FIX) and not await workspaces.has_tests(spec.session_id):
        return "no tests"
    return ""


def _can(driver: AgentDriver, spec: TaskSpec) -> bool:
    return spec.task_type in driver.task_types() and driver.availability().available
