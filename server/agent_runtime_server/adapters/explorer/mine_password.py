"""Another password, for an account that the flow registers itself: from then on that one lets in.

The page is opened here and nowhere else: the crawl leaves it alone, for it never changes what the given user signs in
with.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import NEW_PASSWORD
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Fill, Goto
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mine_auth import expect_to_stay_out
from agent_runtime_server.adapters.explorer.mine_sign_out import leave
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.own_account import join, may_join
from agent_runtime_server.adapters.explorer.site import SignIn
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import CHANGES_PASSWORD

OTHER_PASSWORD = "Other-Pass-${uid}"  # noqa: S105 - made up for an account that a test registers


async def mine_password(kit: Kit) -> None:
    """The password of one's own account is changed, and the new one lets in."""
    known, path = kit.site.sign_in, _page(kit)
    if known is None or path is None or kit.doorkeeper.limited or not await may_join(kit):
        return
    async with kit.attempt("changing the password of an account of one's own") as hand:
        await join(hand, kit)
        await hand.step(f"Open {path}", Goto(path))
        passwords, send = _form(hand.view)
        # The last two are the new one and its repetition; one before them asks for what it was.
        new = [Fill(await hand.find(each), OTHER_PASSWORD) for each in passwords[-2:]]
        old = [Fill(await hand.find(each), NEW_PASSWORD) for each in passwords[:-2]]
        effect = await hand.step("Change the password", *old, *new, Click(await hand.find(send)))
        await expect_message(hand, effect, "the app says so")
        await leave(hand, known)
        await _try_the_old_one(hand, kit, known)
        await _return(hand, kit, known)
        flow = hand.flow("own-password", "Account", "A changed password is the one that lets in", "@auth", "@form")
        kit.keep(flow, "account", "update")
        # The crawl has told that it leaves the page alone.
        kit.site.skipped[:] = [each for each in kit.site.skipped if f"({path})" not in each.what]


def _page(kit: Kit) -> str | None:
    """Where a link of a signed-in user's pages changes the password, if the instructions allow that."""
    for visit in [each for each in kit.site.good if each.signed_in]:
        for link in visit.view.links:
            path = kit.site.own(visit.view.target(link))
            said = f"{link.name} {path}"
            if path and CHANGES_PASSWORD.search(link.name or path) and kit.wants("account", "update", text=said):
                return path
    return None


def _form(view: View) -> tuple[Sequence[Element], Element]:
    """The fields for passwords, and the button that sends them. Raises ``LostError``."""
    for form in view.forms:
        passwords = form.of_kind("password")
        if len(passwords) in (2, 3) and len(_typed(form)) == len(passwords) and form.submit is not None:
            return passwords, form.submit
    raise LostError("no form to change the password was seen")


def _typed(form: Form) -> list[Element]:
    return [each for each in form.fields if each.kind in ("text", "email", "tel", "password")]


async def _try_the_old_one(hand: Hand, kit: Kit, known: SignIn) -> None:
    """The old password does not let in any more. Raises ``LostError``."""
    effect = await hand.step("Try to sign in with the old password", *_signing_in(kit, known, NEW_PASSWORD))
    if not await expect_to_stay_out(hand, known, effect):
        raise LostError("nothing shows that the old password is refused")


def _signing_in(kit: Kit, known: SignIn, password: str) -> list[Action]:
    return [
        Goto(known.page),
        Fill(known.username, _own_name(kit)),
        Fill(known.password, password),
        Click(known.submit),
    ]


async def _return(hand: Hand, kit: Kit, known: SignIn) -> None:
    """Sign in with the new password. Raises ``LostError``."""
    await hand.step("Sign in with the new password", *_signing_in(kit, known, OTHER_PASSWORD))
    if not await hand.expect(known.success.text, known.success.check):
        raise LostError("the new password does not let in")


def _own_name(kit: Kit) -> str:
    """What the flow signs in as: the e-mail address or the name that it registered, as the app takes."""
    typed = [each.value for each in kit.joining or () if isinstance(each, Fill) and each.value != NEW_PASSWORD]
    by_address = "@" in kit.username
    name = next((value for value in typed if "${uid}" in value and ("@" in value) == by_address), None)
    if name is None:
        raise LostError("nothing that was registered is what one signs in with")
    return name
