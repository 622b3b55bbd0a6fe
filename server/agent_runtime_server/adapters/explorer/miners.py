"""All miners, in their order, and how they share the time that there is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from agent_runtime_server.adapters.explorer import (
    mine_account,
    mine_auth,
    mine_cart,
    mine_catalogue,
    mine_checkout,
    mine_choices,
    mine_entries,
    mine_filters,
    mine_forms,
    mine_own_data,
    mine_pages,
    mine_password,
    mine_registration,
    mine_search,
    mine_settings,
    mine_surroundings,
)
from agent_runtime_server.adapters.explorer.mining import Kit, OutOfTimeError
from agent_runtime_server.adapters.explorer.protocol import Log

Miner = Callable[[Kit], Awaitable[None]]
MINERS: tuple[tuple[Miner, frozenset[str]], ...] = (
    (mine_auth.mine_sign_in, frozenset({"sign_in", "sign_out"})),
    (mine_auth.mine_access, frozenset({"sign_in", "account"})),
    (mine_search.mine_search, frozenset({"search"})),
    (mine_cart.mine_cart, frozenset({"cart"})),
    (mine_checkout.mine_checkout, frozenset({"checkout", "orders"})),
    (mine_catalogue.mine_catalogue, frozenset({"browse", "filter"})),
    (mine_account.mine_wishes, frozenset({"wishes", "account"})),
    (mine_account.mine_things, frozenset({"create", "account"})),
    (mine_password.mine_password, frozenset({"account"})),
    (mine_own_data.mine_own_data, frozenset({"account", "form"})),
    (mine_registration.mine_registration, frozenset({"register"})),
    (mine_entries.mine_entries, frozenset({"create", "edit", "remove", "filter", "form"})),
    (mine_pages.mine_navigation, frozenset({"navigation"})),
    (mine_surroundings.mine_surroundings, frozenset({"navigation"})),
    (mine_pages.mine_smoke, frozenset({"navigation"})),
    (mine_choices.mine_choices, frozenset({"filter", "form"})),
    (mine_forms.mine_forms, frozenset({"form"})),
    (mine_filters.mine_filters, frozenset({"filter", "form"})),
    (mine_settings.mine_settings, frozenset({"form"})),
)
"""In the order in which they run when nothing is asked for. Pages are seen before forms fill them."""
OF_PAGES = frozenset({mine_pages.mine_navigation, mine_surroundings.mine_surroundings, mine_pages.mine_smoke})


async def mine(
    kit: Kit, miners: Sequence[tuple[Miner, frozenset[str]]], for_pages: float
) -> list[tuple[Miner, frozenset[str]]]:
    """Have miners work; those that lost something while the app answered with errors. ``for_pages`` is in seconds."""
    shaken, cut = [], []
    until, pages = kit.until, None
    concerned = [each for each in miners if kit.wish.concerns(each[1])]
    kit.until -= for_pages if any(miner in OF_PAGES for miner, _ in concerned) else 0.0
    for miner, concepts in sorted(concerned, key=lambda each: kit.wish.rank(each[1])):
        if miner in OF_PAGES:
            pages = pages or replace(kit, until=time.monotonic() + for_pages, behind=lambda: 0.0)
            kit.until = until
        worker = pages if pages is not None and miner in OF_PAGES else kit
        before = worker.shaken
        if not await _in_time(miner, worker):
            cut.append(miner)
        if worker.shaken > before:
            shaken.append((miner, concepts))
    kit.until = until
    # Flows may have left more time than was kept for pages.
    left = [miner for miner in cut if not (miner in OF_PAGES and await _in_time(miner, kit))]
    kit.site.truncated = kit.site.truncated or bool(left)
    return shaken


async def _in_time(miner: Miner, kit: Kit) -> bool:
    try:
        await miner(kit)
    except OutOfTimeError as error:
        kit.emit(Log("warning", f"the time is over before: {error}"))
        return False
    return True
