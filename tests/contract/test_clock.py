"""What every clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent_runtime_server.adapters import clock as system
from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.ports import Clock
from agent_runtime_server.testing.clock import ManualClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_it_tells_utc_and_never_goes_back(clock: Clock) -> None:
    times = [clock.now() for _ in range(1000)]
    assert all(time.utcoffset() == timedelta() for time in times)
    assert times == sorted(times)
    moments = [clock.monotonic() for _ in range(1000)]
    assert moments == sorted(moments)


def test_the_system_clock_tells_the_time_of_day() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_system_clock_stays_when_the_machine_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()

    class SetBack(datetime):
        @classmethod
        def now(cls, tz: object = None) -> SetBack:
            return cls(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(system, "datetime", SetBack)
    assert clock.now() == before


def test_a_manual_clock_goes_when_it_is_told() -> None:
    clock = ManualClock()
    before, moment = clock.now(), clock.monotonic()
    clock.advance(timedelta(minutes=2))
    assert clock.now() - before == timedelta(minutes=2)
    assert clock.monotonic() - moment == 120
    with pytest.raises(ValueError, match="back"):
        clock.advance(timedelta(seconds=-1))
