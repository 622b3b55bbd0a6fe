"""The same shop in other words, routes, markup and prices."""

from __future__ import annotations

import pytest

from tests.apps.shop.launch import Shop
from tests.e2e.conftest import COMPLETE_SECONDS, FOCUS, Tables
from tests.line.support import COMPLETE, SIGN_IN, Server, carry_out

LEAST_TESTS = 10


@pytest.mark.timeout(COMPLETE_SECONDS + 100)
@pytest.mark.parametrize(("look", "seed"), [(1, 0), (2, 0), (3, 0), (0, 7)])
async def test_another_look(look: int, seed: int, running: Server, tables: Tables) -> None:
    with Shop() as shop:
        async with running.client() as client:
            done = await carry_out(
                client, COMPLETE, shop.start(look=look, seed=seed), COMPLETE_SECONDS, **FOCUS, **SIGN_IN
            )
    counts = done.task.result.summary
    tables.add(
        f"The shop in look {look}, with seed {seed}",
        ["outcome", "tests", "passed", "findings", "seconds"],
        [(done.verdict, counts.total, counts.expected, len(done.task.result.findings), round(done.seconds))],
    )
    assert done.verdict == "COMPLETED PASSED", done.trouble()
    assert counts.expected == counts.total >= LEAST_TESTS
