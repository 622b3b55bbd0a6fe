"""Signing in, being refused, signing out, and what is closed to strangers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.flow import Expectation, SignInRecipe
from agent_runtime_server.adapters.explorer.forms import is_sign_in
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Fill, Goto, IsHidden, IsVisible, UrlIs
from agent_runtime_server.adapters.explorer.messages import expect_message, message_texts
from agent_runtime_server.adapters.explorer.mine_sign_out import closed_to_strangers, mine_sign_out
from agent_runtime_server.adapters.explorer.mining import Kit, quoted, slug
from agent_runtime_server.adapters.explorer.site import SignIn, Visit
from agent_runtime_server.adapters.explorer.view import Form, View
from agent_runtime_server.adapters.explorer.vocabulary import speaks_of

WRONG_PASSWORD = "Wrong-${uid}"  # noqa: S105 - wrong on purpose

MOST_CLOSED_PAGES = 2


class SignInFailedError(Exception):
    """The app refused the given credentials; the message says what it answered."""


def sign_in_page(visits: Sequence[Visit]) -> tuple[Visit, Form] | None:
    """The page with a form to sign in; one that calls itself so comes first."""
    found = [(visit, form) for visit in visits for form in visit.view.forms if is_sign_in(form) and not form.guarded]

    def rank(each: tuple[Visit, Form]) -> tuple[bool, bool]:
        visit, form = each
        heading = visit.view.heading.name if visit.view.heading else ""
        said = f"{visit.path} {heading} {form.submit.name if form.submit else ''}"
        return not speaks_of("sign_in", said), form.element.in_chrome

    return min(found, key=rank, default=None)


def why_not(visits: Sequence[Visit]) -> str:
    """Why nobody signs in, where there is no ``sign_in_page``."""
    if any(is_sign_in(form) for visit in visits for form in visit.view.forms):
        return "the form to sign in asks for a captcha: the credentials are not used"
    return "no form to sign in was found: the credentials are not used"


async def learn_sign_in(kit: Kit, visit: Visit) -> SignIn:
    """Sign in with the given credentials and learn what shows that it worked.

    Raises:
        SignInFailedError: The app did not let us in.
        LostError: The form cannot be used.
    """
    async with kit.hand() as hand:
        await hand.visit(visit.path)
        form = _form(hand.view)
        username, password = await hand.find(_name_field(form)), await hand.find(form.of_kind("password")[0])
        submit = await hand.find(_submit(form))
        actions = (Goto(visit.path), Fill(username, "${username}"), Fill(password, "${password}"), Click(submit))
        kit.doorkeeper.door = actions[-1]
        effect = await hand.act(*actions[1:])
        if any(is_sign_in(each) for each in hand.view.forms):
            said = "; ".join(message_texts(effect)) or "the form is still there and nothing is said"
            raise SignInFailedError(f"{visit.path} did not accept the given credentials: {said}")
        markers = _markers(effect)
        marker, element = None, None
        for element in (*markers, *([hand.view.heading] if hand.view.heading else [])):
            if (marker := await hand.try_find(element)) is not None:
                break
        if marker is None or element is None or not (effect.navigated or markers):
            raise SignInFailedError(f"{visit.path}: after sending the form nothing shows that one is signed in")
        success = Expectation(check=IsVisible(marker), text=f"{quoted(element)} is shown, as only for signed-in users")
        return SignIn(
            page=visit.path,
            recipe=SignInRecipe(actions=actions, success=success),
            username=username,
            password=password,
            submit=submit,
            markers=tuple(each.name for each in markers),
            landing=kit.site.own(hand.page.url) or kit.site.home,
            state=await hand.page.context.storage_state(),
        )


def _form(view: View) -> Form:
    form = next((each for each in view.forms if is_sign_in(each) and not each.guarded), None)
    if form is None:
        raise LostError("the form to sign in is gone")
    return form


def _name_field(form: Form) -> Element:
    return next(each for each in form.fields if each.kind in ("text", "email", "tel", "number"))


def _submit(form: Form) -> Element:
    if form.submit is None:
        raise LostError("the form to sign in has no button")
    return form.submit


def _markers(effect: Effect) -> list[Element]:
    """Controls that came with the sign-in, the most telling first: sign out, account, then any."""
    new = [
        each for each in effect.appeared_by_role("link", "button") if each.name and not any(map(str.isdigit, each.name))
    ]
    framing = [each for each in new if each.in_chrome] or new

    def rank(each: Element) -> int:
        return next(
            (n for n, concept in enumerate(("sign_out", "account", "orders")) if speaks_of(concept, each.name)), 9
        )

    return sorted(framing, key=rank)


async def mine_sign_in(kit: Kit) -> None:
    """Good and wrong credentials, then out again."""
    known = kit.site.sign_in
    if known is None:
        return
    await _good(kit, known)
    await _wrong_password(kit, known)
    if not kit.doorkeeper.limited:
        await _unknown_user(kit, known)
    if kit.doorkeeper.limited:
        kit.aside(_when_it_is_our_turn(kit, known))
    else:
        await mine_sign_out(kit, known)


async def _when_it_is_our_turn(kit: Kit, known: SignIn) -> None:
    """Where one may sign in only now and then."""
    await _wrong_password(kit, known)
    await mine_sign_out(kit, known)


async def _good(kit: Kit, known: SignIn) -> None:
    async with kit.attempt("signing in with the right password") as hand:
        await hand.step("Open the sign-in page", Goto(known.page))
        await _fill_in(hand, known, "${username}", "${password}", "Sign in with the right user name and password")
        await hand.expect(known.success.text, known.success.check)
        await hand.expect("the form to sign in is gone", IsHidden(known.password))
        kit.keep(hand.flow("sign-in", "Sign-in", "Signs in with the right password", "@auth", "@smoke"), "sign_in")


async def _wrong_password(kit: Kit, known: SignIn) -> None:
    async with kit.attempt("signing in with a wrong password") as hand:
        await hand.step("Open the sign-in page", Goto(known.page))
        title = "Try to sign in with a wrong password"
        effect = await _fill_in(hand, known, "${username}", WRONG_PASSWORD, title)
        await expect_to_stay_out(hand, known, effect)
        flow = hand.flow("wrong-password", "Sign-in", "Refuses a wrong password", "@auth", "@negative")
        kit.keep(flow, "sign_in")


async def _unknown_user(kit: Kit, known: SignIn) -> None:
    async with kit.attempt("signing in as nobody") as hand:
        await hand.step("Open the sign-in page", Goto(known.page))
        name = "nobody+${uid}@example.com" if "@" in kit.username else "nobody${uid}"
        effect = await _fill_in(hand, known, name, "${password}", "Try to sign in as a user who does not exist")
        await expect_to_stay_out(hand, known, effect)
        flow = hand.flow("unknown-user", "Sign-in", "Refuses an unknown user", "@auth", "@negative")
        kit.keep(flow, "sign_in")


async def _fill_in(hand: Hand, known: SignIn, name: str, password: str, title: str) -> Effect:
    return await hand.step(title, Fill(known.username, name), Fill(known.password, password), Click(known.submit))


async def expect_to_stay_out(hand: Hand, known: SignIn, effect: Effect) -> bool:
    """Who tried to sign in is refused; whether that is to be seen. Raises ``LostError`` where that lets in."""
    if await hand.holds(known.success.check):
        raise LostError("the app lets in who should stay out")
    told = await expect_message(hand, effect, "the sign-in is refused with a message")
    stays = await hand.expect("the form to sign in is still there", IsVisible(known.password), outcome=False)
    return told or stays


async def mine_access(kit: Kit) -> None:
    """Pages for signed-in users send a stranger to the sign-in."""
    known = kit.site.sign_in
    if known is None:
        return
    for visit in islice(closed_to_strangers(kit.site), MOST_CLOSED_PAGES):
        name = visit.view.heading.name if visit.view.heading else visit.path
        async with kit.attempt(f"opening {visit.path} without signing in") as hand:
            await hand.step(f"Open {visit.path} without having signed in", Goto(visit.path))
            form = next((each for each in hand.view.forms if is_sign_in(each)), None)
            if form is None:
                raise LostError(f"{visit.path} is open to everyone")
            password = await hand.find(form.of_kind("password")[0])
            await hand.expect("the form to sign in is shown instead", IsVisible(password))
            sign_in_path = known.page.split("?")[0]
            if (kit.site.own(hand.page.url) or "").split("?")[0] == sign_in_path:
                tail = "*" if "?" in hand.page.url else ""
                if "/" not in hand.page.url.partition("?")[2]:
                    await hand.expect("the address is that of the sign-in page", UrlIs(sign_in_path + tail))
            flow = hand.flow(
                f"{slug(name)}-needs-sign-in", "Sign-in", f"“{name}” is closed to strangers", "@auth", "@negative"
            )
            kit.keep(flow, "sign_in", "account")
