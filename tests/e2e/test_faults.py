"""A suite made on the healthy shop finds the faults of an unhealthy one."""

from __future__ import annotations

import pytest

from tests.apps.shop import FAULTS
from tests.apps.shop.launch import Shop
from tests.e2e.conftest import Tables
from tests.line.support import RUN, SIGN_IN, Followed, Server, carry_out

RUN_SECONDS = 600
LEAST_CAUGHT = 4


@pytest.mark.timeout(5000)
async def test_the_suite_catches_faults(running: Server, healthy: Followed, tables: Tables) -> None:
    seen: dict[str, Followed] = {}
    with Shop() as shop:
        async with running.client() as client:
            again = {"session_id": healthy.task.session_id, **SIGN_IN}
            for fault in FAULTS:
                seen[fault] = await carry_out(client, RUN, shop.start([fault]), RUN_SECONDS, **again)
            seen["none"] = await carry_out(client, RUN, shop.start(), RUN_SECONDS, **again)
    tables.add(
        "The suite of the healthy shop, run again on each fault",
        ["fault", "outcome", "tests", "failed", "seconds"],
        [
            (fault, done.verdict, counts.total, counts.unexpected, round(done.seconds))
            for fault, done in seen.items()
            if (counts := done.task.result.summary)
        ],
    )
    assert seen["none"].verdict == "COMPLETED PASSED", seen["none"].trouble()
    assert {done.verdict for done in seen.values()} <= {"COMPLETED PASSED", "COMPLETED FAILED"}
    caught = [fault for fault in FAULTS if seen[fault].verdict == "COMPLETED FAILED"]
    assert len(caught) >= LEAST_CAUGHT, caught
