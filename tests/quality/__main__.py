"""``python -m tests.quality [--mutants N] [--runs N]``: how good the explorer's suite of the shop is.

It is scored beside a suite that only looks at titles; the tables are printed in Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from agent_runtime.v1 import task_pb2
from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import toolchain
from tests.line.support import COMPLETE, SIGN_IN, carry_out, server
from tests.quality import baseline
from tests.quality.changes import Change
from tests.quality.mutants import reached, sample
from tests.quality.proxy import Exchange, Proxy, before
from tests.quality.scoring import Examiner, Scores
from tests.quality.suites import Suite
from tests.quality.tables import tables_of
from tests.quality.truth import shop as truth

SEED = 1
WORKERS = 2
GENERATING_SECONDS = 900.0
_TITLE = re.compile(r"<title>([^<]*)</title>")
_ACCOUNT = {"TEST_USERNAME": CUSTOMER_EMAIL, "TEST_PASSWORD": CUSTOMER_PASSWORD}


async def main(mutants: int, runs: int) -> None:
    """Make a suite, score it beside the other one, and print."""
    with tempfile.TemporaryDirectory(prefix="quality-") as name, Shop() as shop:
        folder, url = Path(name), shop.start()
        port = int(url.rstrip("/").rpartition(":")[2])
        begin = time.monotonic()
        generated = await _generated(url, folder)
        took = time.monotonic() - begin
        async with before(url) as proxy:
            chosen, titles = await _truth(proxy, mutants)
            baseline.write(folder / "titles", url, titles)
            scores = []
            for called, suite in (("explorer", generated), ("titles only", Suite(folder / "titles"))):
                examiner = Examiner(suite, toolchain(), proxy, lambda: _restart(shop, port), workers=WORKERS)
                scores.append(await _scores(called, examiner, chosen, runs))
    print(tables_of("shop", scores, chosen, took))


def _restart(shop: Shop, port: int) -> None:
    shop.start(port=port)


async def _generated(url: str, folder: Path) -> Suite:
    """The suite that a task of the default driver makes."""
    with server(folder / "server") as running:
        async with running.client() as client:
            made = await carry_out(client, COMPLETE, url, GENERATING_SECONDS, **SIGN_IN)
        if made.task.status != task_pb2.TASK_STATUS_COMPLETED:
            raise SystemExit(f"no suite was made: {made.trouble()}")
        return Suite(running.workspaces / made.task.session_id, _ACCOUNT).copied(folder / "explorer")


async def _truth(proxy: Proxy, count: int) -> tuple[list[Change], dict[str, str]]:
    """Mutants that the listed flows reach, and the titles of pages that everybody can open, by path."""
    async with open_browser() as browser:
        found = await reached(browser, proxy, truth.FLOWS)
    chosen = sample((change for changes in found.values() for change in changes), count, SEED)
    return chosen, await _titles(proxy.base_url, proxy.exchanges)


async def _titles(base_url: str, exchanges: Sequence[Exchange]) -> dict[str, str]:
    paths = sorted({each.path for each in exchanges if each.method == "GET" and each.media_type == "text/html"})
    titles: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=base_url) as client:
        for path in paths:
            answer = await client.get(path)
            if answer.status_code == httpx.codes.OK and (title := _TITLE.search(answer.text)):
                titles[path] = title[1]
    return titles


async def _scores(called: str, examiner: Examiner, mutants: Sequence[Change], runs: int) -> Scores:
    sound = (await examiner.healthy()).passed
    tried = []
    async for one in examiner.mutation(mutants, sound):
        print(f"{called}: {one.mutant.id}: {one.caught_by or 'LIVES'}", file=sys.stderr)
        tried.append(one)
    stability = await examiner.stability(runs)
    return Scores(called, len(sound), stability, tuple(tried), await examiner.false_alarms(sound))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.quality", description=__doc__)
    parser.add_argument("--mutants", type=int, default=28)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    asyncio.run(main(options.mutants, options.runs))
