"""Who buys, and how a flow about buying begins and ends for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.own_account import join

Buyer = Literal["guest", "own", "known"]
"""Who buys: a stranger, a user whom the flow registers itself, or the one whose sign-in data were given."""


@asynccontextmanager
async def buying(kit: Kit, buyer: Buyer, what: str) -> AsyncIterator[Hand]:
    """A hand for one flow of a buyer; see ``Kit.attempt``."""
    known = buyer == "known"
    async with kit.attempt(what, signed_in=known, changes_account=known) as hand:
        if buyer == "own":
            await join(hand, kit)
        yield hand


def finish(
    kit: Kit, hand: Hand, buyer: Buyer, identity: str, title: str, *tags: str, concepts: tuple[str, ...] = ("checkout",)
) -> None:
    """Keep the steps taken so far as a flow of the checkout."""
    known = buyer == "known"
    flow = hand.flow(identity, "Checkout", title, "@checkout", *tags, session="fresh" if known else "anonymous")
    kit.keep(flow, *concepts, changes_account=known)
