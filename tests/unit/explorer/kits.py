"""The means of a miner, for tests that have it work on pages of their own."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.instructions import read_instructions
from agent_runtime_server.adapters.explorer.mining import Kit, Mined
from agent_runtime_server.adapters.explorer.site import Site

NO_BROWSER = cast("Browser", None)


def kit_for(
    browser: Browser, site: str, flows: list[Mined], instructions: str = "", *, may_change_data: bool = False
) -> Kit:
    return Kit(
        browser=browser,
        site=Site.at(f"{site}/"),
        wish=read_instructions(instructions),
        emit=lambda _: None,
        username="ada",
        password="secret",
        until=time.monotonic() + 100,
        may_change_data=may_change_data,
        deliver=flows.append,
        account=asyncio.Lock(),
    )


async def opened(kit: Kit, *paths: str) -> None:
    """Let the kit know pages of its site."""
    async with kit.hand() as hand:
        for path in paths:
            kit.site.add(await hand.visit(path), signed_in=False)
