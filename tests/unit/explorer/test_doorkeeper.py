"""Whoever signs in too often waits, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from agent_runtime_server.adapters.explorer.doorkeeper import WINDOW_SECONDS, Doorkeeper
from agent_runtime_server.adapters.explorer.language import Click, Goto, Locator

DOOR = Click(Locator(by="role", value="button", name="Log in"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    return clock


def keeper(clock: Clock) -> Doorkeeper:
    made = Doorkeeper(clock)
    made.door = DOOR
    return made


async def test_nobody_waits_where_the_app_has_no_limit(clock: Clock) -> None:
    made = keeper(clock)
    for _ in range(50):
        await made.before(DOOR)
    assert not made.heard("This password is wrong.")
    assert clock.slept == []
    assert not made.limited


async def test_after_a_refusal_attempts_wait_until_the_first_ones_are_forgotten(clock: Clock) -> None:
    made = keeper(clock)
    for _ in range(4):
        await made.before(DOOR)
        clock.now += 1
    assert made.heard("Too many failed attempts.")
    assert made.limited
    await made.before(DOOR)
    # Three were let in, the fourth was refused: the next may come when two of the four are long ago.
    assert clock.slept == [WINDOW_SECONDS - 4, 1.0]
    await made.before(Goto("/"))
    assert len(clock.slept) == 2


async def test_those_who_wait_at_the_same_time_come_in_one_after_the_other(clock: Clock) -> None:
    made = keeper(clock)
    await made.before(DOOR)
    await made.before(DOOR)
    made.heard("Please wait 1 minute.")
    await asyncio.gather(made.before(DOOR), made.before(DOOR), made.before(DOOR))
    assert clock.now == 100.0 + 3 * WINDOW_SECONDS


@pytest.mark.parametrize(
    "said",
    [
        "Too many failed login attempts.",
        "Rate limit exceeded",
        "Your account has been locked",
        "Account is temporarily blocked",
        "Try again in 5 minutes",
    ],
)
def test_how_apps_say_that_it_was_too_often(said: str) -> None:
    assert Doorkeeper().heard(said)


@pytest.mark.parametrize("said", ["Wrong password. Try again.", "Only 2 attempts left.", "Please sign in."])
def test_a_plain_refusal_is_no_limit(said: str) -> None:
    assert not Doorkeeper().heard(said)
