"""Whatever is sent to the HTTP door, it answers as `/openapi.json` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rest.fuzz import fuzzed


@pytest.mark.timeout(600)
async def test_every_answer_is_as_described(tmp_path: Path) -> None:
    run = await fuzzed(tmp_path, "examples,fuzzing", 6)
    assert run.failures == [], run.output
    assert run.cases >= 200
