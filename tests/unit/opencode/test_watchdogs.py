"""What an agent may take its time for, and what counts against it."""

from __future__ import annotations

import asyncio

from agent_runtime_server.adapters.opencode.watchdogs import Watch, Watchdogs, WatchedMeter
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.testing.asking import Tally

BOUNDS = Watchdogs(silence_seconds=10, tool_seconds=30, model_call_seconds=60)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def watched() -> tuple[Watch, Hands]:
    hands = Hands()
    return Watch(BOUNDS, hands), hands


def test_silence_is_counted_from_the_last_sign_of_work() -> None:
    watch, clock = watched()
    clock.time += 9
    watch.heard()
    clock.time += 9.9
    assert watch.complaint == ""
    clock.time += 0.1
    assert "the agent did nothing for 10 seconds" in watch.complaint


def test_a_tool_may_be_silent_until_its_own_bound() -> None:
    watch, clock = watched()
    watch.tool_started("1", "bash")
    clock.time += 29
    watch.tool_started("1", "bash")
    watch.tool_started("2", "read")
    assert watch.complaint == ""
    clock.time += 1
    assert "the agent's call of bash took longer than 30 seconds" in watch.complaint


def test_after_a_tool_silence_is_counted_again() -> None:
    watch, clock = watched()
    watch.tool_started("1", "bash")
    clock.time += 20
    watch.heard()
    watch.tool_ended("1")
    clock.time += 9
    assert not watch.complaint
    clock.time += 1
    assert "did nothing" in watch.complaint


def test_time_stands_still_while_a_person_is_asked() -> None:
    watch, clock = watched()
    watch.tool_started("1", "bash")
    clock.time += 20
    watch.person_asked()
    watch.person_asked()
    clock.time += 5000
    watch.person_answered()
    assert watch.deadline is None
    assert not watch.complaint
    clock.time += 5000
    watch.person_answered()
    assert watch.deadline == clock.time + 30
    clock.time += 30
    assert watch.complaint


def test_a_call_of_the_model_has_the_gateways_bound() -> None:
    watch, clock = watched()
    watch.model_called()
    clock.time += 60 + 9
    assert not watch.complaint
    watch.model_answered()
    clock.time += 9
    assert not watch.complaint
    clock.time += 1
    assert watch.complaint


async def test_a_meter_that_asks_a_person_stops_the_clock() -> None:
    watch, clock = watched()
    answered = asyncio.Event()

    class Asking(Tally):
        async def admit(self) -> Failure | None:
            await answered.wait()
            return self.failure

    meter = WatchedMeter(Asking(), watch)
    asking = asyncio.create_task(meter.admit())
    await asyncio.sleep(0)
    clock.time += 5000
    assert not watch.complaint
    answered.set()
    assert await asking is None
    clock.time += 60 + 9
    assert not watch.complaint, "the call that was admitted is under way"


async def test_a_meter_that_refuses_leaves_the_clock_running() -> None:
    watch, clock = watched()
    refusal = Failure(FailureReason.BUDGET_EXCEEDED, "spent")
    tally = Tally(refusal)
    meter = WatchedMeter(tally, watch)
    assert await meter.admit() == refusal
    clock.time += 10
    assert watch.complaint
    meter.used(ModelUsage("provider/model"))
    assert tally.calls == [ModelUsage("provider/model")]
    assert not watch.complaint
