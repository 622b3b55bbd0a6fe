"""A new account, and what is refused: passwords that differ, an address that is taken, a missing field."""

from __future__ import annotations

from collections.abc import Sequence

from agent_runtime_server.adapters.explorer.forms import Entry, is_registration
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mine_forms import expect_arrival
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.mistakes import mistakes, spoil
from agent_runtime_server.adapters.explorer.place import Place


async def mine_registration(kit: Kit) -> None:
    """A new account; and what is refused: passwords that differ, an address that is taken, a missing field."""
    places = [Place(visit, form) for visit, form in kit.site.forms() if is_registration(form) and not visit.signed_in]
    for place in places[:1]:
        await _register(kit, place)
        await _differing_passwords(kit, place)
        await _taken(kit, place)
        await mistakes(kit, place, "Registration")


async def _register(kit: Kit, place: Place) -> None:
    async with kit.attempt("registering") as hand:
        effect, _ = await place.send(hand, "Fill in the form for a new account")
        if any(is_registration(form) for form in hand.view.forms):
            raise LostError("the app did not take the registration")
        await expect_message(hand, effect, "the new user is greeted")
        marker = kit.site.sign_in.success if kit.site.sign_in else None
        if marker is None or not await hand.expect(marker.text, marker.check):
            await expect_arrival(hand, effect)
        kit.keep(hand.flow("register", "Registration", "Registers a new user", "@auth", "@form"), "register")


async def _differing_passwords(kit: Kit, place: Place) -> None:
    if len(place.form.of_kind("password")) == 2:

        def repeat(entries: Sequence[Entry]) -> Entry | None:
            return [entry for entry in entries if entry.field.kind == "password"][-1]

        await spoil(kit, place, repeat, "Another-${uid}", "Registration", "Refuses passwords that differ")


async def _taken(kit: Kit, place: Place) -> None:
    wanted = "email" if "@" in kit.username else "username"
    if kit.username and kit.site.sign_in:

        def name(entries: Sequence[Entry]) -> Entry | None:
            return next((entry for entry in entries if entry.kind == wanted), None)

        await spoil(kit, place, name, "${username}", "Registration", "Refuses a user who is registered already")
