from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import generate_job
from agent_runtime_server.adapters.explorer.plan_text import print_plan
from agent_runtime_server.adapters.explorer.protocol import Done, Failed, Job, Line, Log, Wrote, decode_line
from tests.unit.explorer.samples import MODEL, SEARCH

SEARCH_TEST = "tests/search/search-hit.spec.ts"
CART_TEST = "tests/cart-more/add-to-cart.spec.ts"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "plan.md").write_text(print_plan(MODEL))
    (specs / "model.json").write_bytes(msgspec.json.encode(MODEL))
    return tmp_path


async def generate(workspace: Path) -> list[Line]:
    lines: list[Line] = []
    await generate_job.run(_job(workspace), lines.append)
    return lines


def _job(workspace: Path) -> Job:
    return Job(kind="generate", app_url="http://127.0.0.1:1234/shop?a=1", workspace=str(workspace))


async def test_every_file_is_announced_and_the_same_twice(workspace: Path) -> None:
    lines = await generate(workspace)
    written = {line.path for line in lines if isinstance(line, Wrote)}
    for path in (CART_TEST, SEARCH_TEST, "playwright.config.ts", "tests/fixtures.ts", "tests/auth.setup.ts"):
        assert path in written
    before = {path: (workspace / path).read_text() for path in written}
    assert "page.goto('/shop?a=1')" in before["tests/seed.spec.ts"]
    assert await generate(workspace) == lines
    assert {path: (workspace / path).read_text() for path in written} == before


async def test_without_stored_sessions_there_is_no_set_up(workspace: Path) -> None:
    model = replace(MODEL, flows=(SEARCH,), sign_in=None)
    (workspace / "specs/model.json").write_bytes(msgspec.json.encode(model))
    lines = await generate(workspace)
    assert isinstance(lines[-1], Done)
    assert not (workspace / "tests/auth.setup.ts").exists()
    assert "setup" not in (workspace / "playwright.config.ts").read_text()
    assert "signIn" not in (workspace / "tests/fixtures.ts").read_text()


async def test_what_left_the_plan_is_removed_and_a_persons_tests_are_not_touched(workspace: Path) -> None:
    await generate(workspace)
    own = workspace / "tests/cart-more/own.spec.ts"
    own.write_text("// mine")
    (workspace / "specs/plan.md").write_text(print_plan(replace(MODEL, flows=(SEARCH,))))
    lines = await generate(workspace)
    done = lines[-1]
    assert isinstance(done, Done)
    assert done.test_paths == (SEARCH_TEST,)
    assert not (workspace / CART_TEST).exists()
    assert own.read_text() == "// mine"


async def test_a_persons_test_of_the_same_name_is_not_replaced(workspace: Path) -> None:
    mine = workspace / SEARCH_TEST
    mine.parent.mkdir(parents=True)
    mine.write_text("// mine")
    lines = await generate(workspace)
    assert mine.read_text() == "// mine"
    assert Log("warning", f"not written: {SEARCH_TEST} is there already, and not generated") in lines
    assert isinstance(lines[-1], Done)
    assert SEARCH_TEST not in lines[-1].test_paths


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("specs/plan.md", "there is no specs/plan.md"),
        ("specs/model.json", "specs/model.json is missing: tests come from what an exploration acted out"),
    ],
)
async def test_a_file_that_is_missing(workspace: Path, missing: str, message: str) -> None:
    (workspace / missing).unlink()
    (line,) = [line for line in await generate(workspace) if isinstance(line, Failed)]
    assert line.reason == "nothing_generated"
    assert line.message.startswith(message)


async def test_a_plan_of_which_nothing_is_known(workspace: Path) -> None:
    (workspace / "specs/plan.md").write_text(
        "# Plan\n## Test Scenarios\n### 1. A\n#### 1.1. Own\n**Steps:**\n  1. Fly\n"
    )
    failed = (await generate(workspace))[-1]
    assert failed == Failed(
        "nothing_generated", "the plan has no test that can be written; “Own”: nobody has acted out this test"
    )
    assert not (workspace / "tests").exists()


async def test_the_process_speaks_typed_lines(workspace: Path) -> None:
    code, lines = await _process(msgspec.json.encode(_job(workspace)))
    assert code == 0
    assert isinstance(lines[-1], Done)
    assert (workspace / lines[-1].test_paths[0]).exists()


async def test_the_process_tells_of_every_error(workspace: Path) -> None:
    code, lines = await _process(b'{"kind": "dance"}')
    assert code == 0
    assert isinstance(lines[-1], Failed)
    assert lines[-1].reason == "agent_error"
    (workspace / "tests").write_text("not a folder")
    code, lines = await _process(msgspec.json.encode(_job(workspace)))
    assert code == 0
    assert isinstance(lines[-1], Failed)
    assert lines[-1].reason == "agent_error"


async def _process(job: bytes) -> tuple[int | None, list[Line]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent_runtime_server.adapters.explorer",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    output, _ = await asyncio.wait_for(process.communicate(job + b"\n"), 100)
    return process.returncode, [decode_line(line) for line in output.splitlines()]
