"""A line of 50 MB, bytes that are no text, 100,000 lines a second: merged, bounded, counted; and calls are answered."""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from agent_runtime.client import AgentRuntimeClient
from tests.contract.runner_fixtures import IMPORT
from tests.e2e.conftest import Tables
from tests.e2e.invariants import assert_settled, read_whole
from tests.e2e.lives import SUITE, GatedPage, upload
from tests.line.support import RUN, Server, carry_out, server

END_SECONDS = 300.0
MIB = 1 << 20

pytestmark = pytest.mark.timeout(600)

LONG_LINE_BYTES = 50 * MIB
FLOOD_SECONDS = 5
MOST_GROWTH = 200 * MIB
"""How much larger the server may get while it takes in a flood."""
FLOOD = f"""
import fs from 'node:fs';
const write = (text: string | Uint8Array) => process.stdout.write(text);
export const longLine = () => write('x'.repeat({LONG_LINE_BYTES}) + '\\n');
export const noText = () => write(Buffer.from([0x61, 0xff, 0xfe, 0x80, 0xc3, 0x28, 0x0a]));
export const manyLines = async () => {{
  let lines = 0;
  for (const began = Date.now(); Date.now() - began < {FLOOD_SECONDS * 1000}; ) {{
    for (const due = (Date.now() - began) * 100; lines < due; lines += 1) write(`line ${{lines}}\\n`);
    await new Promise((done) => setTimeout(done, 1));
  }}
  fs.writeFileSync('printed.txt', String(lines));
}};
"""
IN_TESTS = {
    "tests/flood.ts": FLOOD,
    "tests/flood.spec.ts": IMPORT
    + """
import { longLine, manyLines, noText } from './flood';
test('a long line', () => { longLine(); });
test('no text', () => { noText(); });
test('many lines', async () => { await manyLines(); });
test('more', async ({ page }) => { await page.goto('/'); });
""",
}
IN_SET_UP = {
    **SUITE,
    "tests/flood.ts": FLOOD,
    "set-up.ts": """
import { longLine, manyLines, noText } from './tests/flood';
export default async () => { longLine(); noText(); await manyLines(); };
""",
    "playwright.config.ts": "export default { testDir: './tests', globalSetup: './set-up.ts' };",
}


@dataclass
class Pulse:
    """How a server was while something else went on."""

    sizes: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """Bytes of memory more than at first, at most."""
        return max(self.sizes) - self.sizes[0]


@contextlib.asynccontextmanager
async def pulse_of(running: Server, client: AgentRuntimeClient) -> AsyncIterator[Pulse]:
    """Look at a server's memory, and how long it takes to answer, again and again."""
    pulse = Pulse()
    process = psutil.Process(running.pid)

    async def feel() -> None:
        while True:
            pulse.sizes.append(process.memory_info().rss)
            began = time.monotonic()
            await client.list_tasks()
            pulse.waits.append(time.monotonic() - began)
            await asyncio.sleep(0.05)

    feeling = asyncio.create_task(feel())
    try:
        yield pulse
    finally:
        feeling.cancel()
        await asyncio.wait({feeling})


@pytest.mark.parametrize("where", ["in tests", "in the set-up"])
async def test_a_flood_of_output(where: str, tmp_path: Path, tables: Tables) -> None:
    with server(tmp_path, slots=1) as running, GatedPage().served() as url:
        async with running.client() as client:
            files = {"in tests": IN_TESTS, "in the set-up": IN_SET_UP}[where]
            session = await upload(client, files, tmp_path / "suite")
            warm = await carry_out(
                client, RUN, url, END_SECONDS, session_id=await upload(client, SUITE, tmp_path / "warm")
            )
            assert warm.verdict == "COMPLETED PASSED", warm.trouble()
            async with pulse_of(running, client) as pulse:
                followed = await carry_out(client, RUN, url, END_SECONDS, session_id=session)
            assert followed.verdict == "COMPLETED PASSED", followed.trouble()
            read = await read_whole(running, client, followed.id)
            assert_settled(running)
    messages = [entry.message for chunk in read.said("log") for entry in chunk.entries]
    printed = int((running.workspaces / session / "printed.txt").read_text())
    kept = sum(bool(re.search(r"line \d+$", text)) for text in messages)
    rows = [
        ("lines printed in a second", f"{printed / FLOOD_SECONDS:.0f}"),
        ("lines kept in all", kept),
        ("lines counted as dropped", read.dropped),
        ("longest message, characters", max(map(len, messages))),
        ("the server's memory grew by at most, MiB", f"{pulse.growth / MIB:.0f}"),
        ("median of another call, ms", f"{statistics.median(pulse.waits) * 1000:.1f}"),
        ("longest of another call, ms", f"{max(pulse.waits) * 1000:.0f}"),
        ("events", read.task.sequence),
    ]
    tables.add(f"A flood of output {where}", ["what", "measured"], rows)
    assert printed >= 50_000 * FLOOD_SECONDS
    assert any("\N{REPLACEMENT CHARACTER}" in text for text in messages)
    assert any("xxxx" in text for text in messages)
    assert max(map(len, messages)) < 128 * 1024
    assert kept + read.dropped >= printed, "what is not kept is counted"
    assert pulse.growth < MOST_GROWTH
    assert statistics.median(pulse.waits) < 0.25
    assert max(pulse.waits) < 3
