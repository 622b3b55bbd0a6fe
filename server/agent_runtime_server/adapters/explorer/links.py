"""Links that the walk did not follow: asked for by a GET each, so that those which lead nowhere are found."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from urllib.parse import urljoin

from agent_runtime_server.adapters.explorer.findings import (
    NO_ANSWER,
    NO_FAULT,
    Emit,
    how_to_get_there,
    status_of,
    tell_response,
)
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.protocol import Activity, Log
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, BadResponse
from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.templates import pattern

MOST_LINKS = 80
AT_ONCE = 4
LEAST_SECONDS = 10.0


async def check_links(hand: Hand, site: Site, emit: Emit, until: float) -> None:
    """Ask for the links that were offered and not followed, of each kind the first ones.

    ``until`` is on the monotonic clock; a few seconds are taken in any case.
    """
    until = max(until, time.monotonic() + LEAST_SECONDS)
    paths = _each_kind_first([path for path in site.offered if "#" not in path])
    if not paths:
        return
    emit(Activity(f"Checking {len(paths[:MOST_LINKS])} links"))
    free = asyncio.Semaphore(AT_ONCE)

    async def status(path: str) -> int:
        async with free:
            return await status_of(hand, urljoin(site.app_url, path)) if time.monotonic() < until else NO_ANSWER

    async def settled(path: str, first: int) -> int:
        """A bad answer counts when it comes a second time, to a link that is asked for alone."""
        if first < 400:
            return first
        second = await status(path)
        if first >= SERVER_ERROR and NO_ANSWER < second < 400:
            hand.turns.stumbled(f"GET {path}")
        return second

    firsts = await asyncio.gather(*map(status, paths[:MOST_LINKS]))
    statuses = [await settled(path, first) for path, first in zip(paths, firsts, strict=False)]
    for path, answered in zip(paths, statuses, strict=False):
        offered = site.offered.pop(path)
        if answered >= 400 and answered not in NO_FAULT:
            way = how_to_get_there(path, offered.label, offered.source)
            tell_response(site, emit, BadResponse(urljoin(site.app_url, path), "GET", answered, is_page=True), way)
    if left := len(paths) - sum(answered > NO_ANSWER for answered in statuses):
        emit(Log("info", f"{left} more links were not checked"))


def _each_kind_first(paths: list[str]) -> list[str]:
    """The first of each kind, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    ranked = []
    for path in paths:
        kind = pattern(path)
        ranked.append((seen[kind], path))
        seen[kind] += 1
    return [path for _, path in sorted(ranked, key=lambda each: each[0])]
