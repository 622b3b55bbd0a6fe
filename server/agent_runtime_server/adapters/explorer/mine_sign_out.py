"""Signing out: what only signed-in users see is gone, and one may sign in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.forms import is_sign_in
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Goto, IsHidden, IsVisible, Locator
from agent_runtime_server.adapters.explorer.menus import again, openers
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, quoted
from agent_runtime_server.adapters.explorer.site import SignIn, Site, Visit
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import speaks_of


async def mine_sign_out(kit: Kit, known: SignIn) -> None:
    """Out again: from a session of its own, or where the app limits how often one may sign in, together with that."""
    if kit.doorkeeper.limited:
        await _in_and_out(kit, known)
        return
    async with kit.attempt("signing out", signed_in=True) as hand:
        await hand.step("Open the start page, signed in", Goto(kit.site.home))
        await hand.expect(known.success.text, known.success.check, outcome=False)
        await _leave(kit, hand, known)
        flow = hand.flow("sign-out", "Sign-in", "Signs out", "@auth", session="fresh")
        kit.keep(flow, "sign_out", "sign_in")


async def _in_and_out(kit: Kit, known: SignIn) -> None:
    kit.log("the app limits how often one may sign in: one test signs in and out, the others use a stored session")
    async with kit.attempt("signing in and out") as hand:
        await hand.step("Open the sign-in page", *known.recipe.actions[:1])
        await hand.step("Sign in with the right user name and password", *known.recipe.actions[1:])
        await hand.expect(known.success.text, known.success.check)
        await _leave(kit, hand, known)
        title = "Signs in with the right password, and out again"
        kit.withdraw("sign-in")
        kit.keep(hand.flow("sign-in-and-out", "Sign-in", title, "@auth", "@smoke"), "sign_out", "sign_in")


async def _leave(kit: Kit, hand: Hand, known: SignIn) -> None:
    """The steps that sign out, and what is expected then. Raises ``LostError``."""
    effect = await leave(hand, known)
    await expect_message(hand, effect, "a message says that one is signed out")
    if isinstance(known.success.check, IsVisible):
        await hand.expect("the controls for signed-in users are gone", IsHidden(known.success.check.target))
    for back in _ways_in(hand.view):
        await hand.expect(f"{quoted(back)} is offered again", IsVisible(await hand.find(back)))
        break
    closed = (each for each in closed_to_strangers(kit.site) if not kit.wish.refuses(each.path))
    if (page := next(closed, None)) and (password := await _asked_of_strangers(kit, page)):
        await hand.step(f"Open {page.path}", Goto(page.path))
        await hand.expect("the form to sign in is shown instead", IsVisible(password))


async def _asked_of_strangers(kit: Kit, page: Visit) -> Locator | None:
    """The field for the password that a closed page shows to those who have not signed in; seen by another hand, as the
    page may fail instead."""
    with suppress(LostError):
        async with kit.hand() as stranger:
            await stranger.visit(page.path)
            forms = [each for each in stranger.view.forms if is_sign_in(each)]
            return await stranger.find(forms[0].of_kind("password")[0]) if forms else None
    return None


def closed_to_strangers(site: Site) -> Iterator[Visit]:
    """A page of each kind that only signed-in users were shown."""
    templates = site.templates()
    tried = {templates[each.path] for each in site.good if not each.signed_in}
    for visit in [each for each in site.good if each.signed_in]:
        if (template := templates[visit.path]) not in tried:
            tried.add(template)
            yield visit


async def leave(hand: Hand, known: SignIn) -> Effect:
    """The step that signs out, from wherever one is. Raises ``LostError``."""
    way_out = await _seen_way_out(hand, known)
    effect = await hand.step(f"Click {quoted(way_out)}", Click(await hand.find(way_out)))
    if await hand.holds(known.success.check) and not any(is_sign_in(form) for form in hand.view.forms):
        raise LostError(f"{quoted(way_out)} did not sign out")
    return effect


async def _seen_way_out(hand: Hand, known: SignIn) -> Element:
    """The control that signs out; one more step where it is in a menu. Raises ``LostError``."""
    if found := _way_out(hand.view, known):
        return found
    start = hand.view
    for opener in openers(start):
        closed = again(hand.view, opener)
        target = await hand.try_find(closed) if closed else None
        if target is None:
            continue
        effect = await hand.act(Click(target))
        found = _way_out(hand.view, known)
        await hand.visit(start.path)
        if found and not effect.navigated:
            await hand.step(f"Open the menu “{opener.name or opener.text}”", Click(target))
            if found := _way_out(hand.view, known):
                return found
    raise LostError("no control to sign out was seen")


def _way_out(view: View, known: SignIn) -> Element | None:
    controls = [each for each in view.controls if each.name and not each.is_field]
    said = [each for each in controls if speaks_of("sign_out", f"{each.name} {each.attrs.get('href', '')}")]
    sent = [
        each
        for each in controls
        if each.name in known.markers and each.is_button and (form := view.form_of(each)) and not form.fields
    ]
    return next(iter((*said, *sent)), None)


def _ways_in(view: View) -> list[Element]:
    return [each for each in view.controls if each.name and not each.is_field and speaks_of("sign_in", each.name)]
