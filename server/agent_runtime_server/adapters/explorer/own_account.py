"""An account that a flow makes for itself: what it does there meets nobody else's data, and no other flow."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.checkout_walk import fill_entries
from agent_runtime_server.adapters.explorer.forms import is_registration
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Goto
from agent_runtime_server.adapters.explorer.mining import Kit

TITLE = "Register a new user"


async def may_join(kit: Kit) -> bool:
    """Whether flows can register a user of their own and are signed in then; tried out once."""
    if kit.joining is None:
        shaken = kit.shaken
        learnt = await _learn(kit)
        if kit.shaken > shaken and not learnt:
            return False  # the app has failed: it may go well another time
        kit.joining = learnt
    return bool(kit.joining)


async def join(hand: Hand, kit: Kit) -> None:
    """The step that registers a new user, who is signed in from then on.

    Raises:
        LostError: The app does not offer that.
    """
    if not await may_join(kit):
        raise LostError("nobody can register and be signed in at once")
    assert kit.joining is not None
    assert kit.site.sign_in is not None
    await hand.step(TITLE, *kit.joining)
    # Whoever goes on before the answer has come is not signed in.
    success = kit.site.sign_in.success
    await hand.expect(success.text, success.check, outcome=False)


async def _learn(kit: Kit) -> tuple[Action, ...]:
    """How to register; nothing where it cannot be done, is not wanted, or leaves one signed out."""
    marker = kit.site.sign_in.success.check if kit.site.sign_in else None
    places = [visit for visit, form in kit.site.forms() if is_registration(form) and not visit.signed_in]
    if marker is None or not places or "register" in kit.wish.refused:
        return ()
    async with kit.attempt("being a user of one's own") as hand:
        await hand.visit(places[0].path)
        form = next((each for each in hand.view.forms if is_registration(each)), None)
        if form is None or form.submit is None:
            raise LostError("the form to register is gone")
        entries = await fill_entries(hand, form, {})
        submit = Click(await hand.find(form.submit))
        actions = (Goto(places[0].path), *(entry.action for entry in entries), submit)
        await hand.act(*actions[1:])
        if await hand.holds(marker):
            return actions
        raise LostError("a new user is not signed in at once")
    return ()
