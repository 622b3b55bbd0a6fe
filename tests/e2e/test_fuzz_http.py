"""The HTTP door under thousands of requests, made from its own description."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Tables
from tests.rest.fuzz import NEVER_REACHED, fuzzed

LEAST_CASES = 2000


@pytest.mark.timeout(1800)
async def test_every_answer_is_as_described(tmp_path: Path, tables: Tables) -> None:
    run = await fuzzed(tmp_path, "examples,coverage,fuzzing", 20)
    tables.add(
        "Requests made from the description of the HTTP API, with schemathesis",
        ["operations", "reached", "requests", "not as described"],
        [(run.operations, len(run.reached), run.cases, len(run.failures))],
    )
    assert run.failures == [], run.output
    assert run.cases >= LEAST_CASES
    assert len(run.reached) == run.operations - len(NEVER_REACHED), run.reached
