"""Forms of any kind: right data is taken, wrong data refused; registration with its own mistakes; choices that stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent_runtime_server.adapters.explorer.checkout_walk import fill_entries
from agent_runtime_server.adapters.explorer.currency import amounts
from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import (
    Action,
    Choose,
    Click,
    Fill,
    Goto,
    HasValue,
    IsVisible,
    Locator,
    Skipped,
    UrlIs,
)
from agent_runtime_server.adapters.explorer.forms import (
    Entry,
    is_registration,
    is_search,
    is_sign_in,
    wrong_value,
)
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.locators import row_of
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.perceive import Element, Form, View
from agent_runtime_server.adapters.explorer.refusals import expect_refusal
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, RISKY, concepts_in

MOST_FORMS = 3
MOST_CHOICES = 2


@dataclass(frozen=True, eq=False)
class _Place:
    """A form on a page, to be found again when the page is opened anew."""

    visit: Visit
    form: Form

    @property
    def session(self) -> Literal["anonymous", "fresh"]:
        return "fresh" if self.visit.signed_in else "anonymous"

    @property
    def name(self) -> str:
        """What the form is called: by its button, else by the page."""
        submit = self.form.submit
        heading = self.visit.view.heading
        return (submit.name if submit else "") or (heading.name if heading else self.visit.path)

    def again(self, view: View) -> Form:
        names = [each.attrs.get("name", each.name) for each in self.form.fields]
        for form in view.forms:
            if [each.attrs.get("name", each.name) for each in form.fields] == names:
                return form
        raise LostError("the form is gone")


async def mine_registration(kit: Kit) -> None:
    """A new account; and what is refused: passwords that differ, an address that is taken, a missing field."""
    places = [_Place(visit, form) for visit, form in kit.site.forms() if is_registration(form) and not visit.signed_in]
    for place in places[:1]:
        await _register(kit, place)
        await _differing_passwords(kit, place)
        await _taken(kit, place)
        await _mistakes(kit, place, "Registration")


async def _register(kit: Kit, place: _Place) -> None:
    async with kit.attempt("registering") as hand:
        effect = await _send(hand, place, "Fill in the form for a new account")
        if any(is_registration(form) for form in hand.view.forms):
            raise LostError("the app did not take the registration")
        await expect_message(hand, effect, "the new user is greeted")
        marker = kit.site.sign_in.success if kit.site.sign_in else None
        if marker is None or not await hand.expect(marker.text, marker.check):
            await _expect_arrival(hand, effect)
        kit.keep(hand.flow("register", "Registration", "Registers a new user", "@auth", "@form"), "register")


async def _differing_passwords(kit: Kit, place: _Place) -> None:
    if len(place.form.of_kind("password")) == 2:

        def repeat(entries: Sequence[Entry]) -> Entry | None:
            return [entry for entry in entries if entry.field.kind == "password"][-1]

        await _spoil(kit, place, repeat, "Another-${uid}", "Registration", "Refuses passwords that differ")


async def _taken(kit: Kit, place: _Place) -> None:
    wanted = "email" if "@" in kit.username else "username"
    if kit.username and kit.site.sign_in:

        def name(entries: Sequence[Entry]) -> Entry | None:
            return next((entry for entry in entries if entry.kind == wanted), None)

        await _spoil(kit, place, name, "${username}", "Registration", "Refuses a user who is registered already")


async def mine_forms(kit: Kit) -> None:
    """The other forms with something to type."""
    done = 0
    for visit, form in list(kit.site.forms()):
        place = _Place(visit, form)
        typed = [each for each in form.fields if each.kind not in ("checkbox", "radio", "number", "select", "search")]
        if not typed or form.submit is None or is_search(form) or is_sign_in(form) or is_registration(form):
            continue
        if row_of(form.element) is not None or done == MOST_FORMS or amounts(form.element.text):
            continue
        said = f"{place.name} {visit.path} {form.action}"
        if not kit.wants("form", *concepts_in(said), text=said):
            continue
        if ALWAYS_RISKY.search(said) or (
            RISKY.search(place.name) and not kit.may_change_data and not kit.wish.weight(said)
        ):
            kit.site.skipped.append(Skipped(f"the form “{place.name}” on {visit.path}", "sending it may do harm"))
            kit.log(f"not sending the form “{place.name}” on {visit.path}: it may do harm")
            continue
        if visit.signed_in and any(each.value for each in typed) and not kit.may_change_data:
            kit.site.skipped.append(
                Skipped(f"the form “{place.name}” on {visit.path}", "it would change the user's own data")
            )
            kit.log(f"not sending the form “{place.name}” on {visit.path}: it would change the user's own data")
            continue
        done += 1
        await _valid(kit, place)
        await _mistakes(kit, place, "Forms")


async def _valid(kit: Kit, place: _Place) -> None:
    async with kit.attempt(f"sending “{place.name}”", signed_in=place.visit.signed_in) as hand:
        effect = await _send(hand, place, f"Fill in the form and click “{place.name}”")
        _require_taken(hand.view, place)
        await _expect_created(hand)
        if not await expect_message(hand, effect, "the app answers"):
            await _expect_arrival(hand, effect)
        identity = f"form-{slug(place.name)}"
        flow = hand.flow(identity, "Forms", f"“{place.name}” takes right data", "@form", session=place.session)
        kit.keep(flow, "form", *concepts_in(place.name), changes_account=place.visit.signed_in)


async def _send(hand: Hand, place: _Place, title: str) -> Effect:
    """Two steps: open the page, and fill in and send the form."""
    await hand.step(f"Open {place.visit.path}", Goto(place.visit.path))
    form = place.again(hand.view)
    entries = await fill_entries(hand, form, {})
    return await hand.step(title, *(entry.action for entry in entries), await _submit(hand, form))


async def _submit(hand: Hand, form: Form) -> Action:
    if form.submit is None:
        raise LostError("the form has no button")
    return Click(await hand.find(form.submit))


def _require_taken(view: View, place: _Place) -> None:
    try:
        again = place.again(view)
    except LostError:
        return
    typed = [each for each in again.fields if each.kind not in ("checkbox", "radio", "select", "number", "date")]
    empty_at_first = {each.attrs.get("name") for each in place.form.fields if not each.value}
    kept = [each for each in typed if each.value and each.attrs.get("name") in empty_at_first]
    if kept or any(each.attrs.get("aria-invalid") == "true" for each in again.fields):
        raise LostError("the app did not take what was filled in")


async def _expect_created(hand: Hand) -> None:
    """Expect that what was typed is now on the page."""
    locator = Locator(by="text", value="${uid}", exact=False)
    if await hand.count(locator) == 1:
        await hand.expect("what was typed is on the page", IsVisible(locator))


async def _expect_arrival(hand: Hand, effect: Effect) -> None:
    """Expect the page that the form led to."""
    if effect.navigated:
        await hand.expect_heading(effect, "the page that follows has the heading")


Choice = Callable[[Sequence[Entry]], Entry | None]


async def _mistakes(kit: Kit, place: _Place, suite: str) -> None:
    """One mistake: a wrong value where a field has a form of its own, else a required field left empty."""
    wrong = [each for each in place.form.fields if wrong_value(each)]
    blank = [each for each in place.form.fields if each.required and each.kind not in ("checkbox", "radio", "select")]
    if wrong:
        value = wrong_value(wrong[0]) or ""
        await _spoil(kit, place, _named(wrong[0]), value, suite, f"“{place.name}” refuses “{value}”")
    elif blank:
        title = f"“{place.name}” asks for {blank[0].name or blank[0].attrs.get('name', 'a field')}"
        await _spoil(kit, place, _named(blank[0]), "", suite, title)


def _named(field: Element) -> Choice:
    name = field.attrs.get("name", "")
    return lambda entries: next((entry for entry in entries if entry.field.attrs.get("name", "") == name), None)


async def _spoil(kit: Kit, place: _Place, choose: Choice, value: str, suite: str, title: str) -> None:
    async with kit.attempt(title, signed_in=place.visit.signed_in) as hand:
        await hand.step(f"Open {place.visit.path}", Goto(place.visit.path))
        form = place.again(hand.view)
        entries = await fill_entries(hand, form, {})
        entry = choose(entries)
        if entry is None or not isinstance(entry.action, Fill):
            raise LostError("the field is not filled in by typing")
        submit = await _submit(hand, form)
        await hand.step("Fill in the form", *(each.action for each in entries))
        what = f"Empty “{entry.field.name}”" if not value else f"Change “{entry.field.name}” to “{value}”"
        effect = await hand.step(f"{what} and click “{place.name}”", Fill(entry.target, value), submit)
        await expect_refusal(hand, effect, entry.target, entry.field.name)
        flow = hand.flow(f"{slug(suite)}-{slug(title)}", suite, title, "@form", "@negative", session=place.session)
        kit.keep(flow, "form", *concepts_in(f"{suite} {place.name}"), changes_account=place.visit.signed_in)


async def mine_choices(kit: Kit) -> None:
    """Forms of one select: sorting a list, choosing a language. What was chosen stays chosen."""
    done = 0
    for visit, form in list(kit.site.forms()):
        if (
            [each.kind for each in form.fields] != ["select"]
            or visit.signed_in
            or done == MOST_CHOICES
            or "?" in visit.path
        ):
            continue
        if row_of(form.element) is not None or not kit.wants("filter", text=form.fields[0].name):
            continue
        done += 1
        await _choose(kit, _Place(visit, form))


async def _choose(kit: Kit, place: _Place) -> None:
    name = place.form.fields[0].name or place.name
    async with kit.attempt(f"choosing another “{name}”") as hand:
        await hand.step(f"Open {place.visit.path}", Goto(place.visit.path))
        form = place.again(hand.view)
        field = form.fields[0]
        options = [each for each in field.walk() if each.tag == "option" and each.text]
        other = next(
            (
                each
                for each in options
                if each.attrs.get("value", each.text) != field.value and each.text != field.value
            ),
            None,
        )
        if other is None or len(options) < 2:
            raise LostError("there is nothing else to choose")
        other = options[1] if other is options[0] and len(options) > 2 else other
        target = await hand.find(field)
        actions: list[Action] = [Choose(target, other.text)]
        if form.submit is not None:
            actions.append(await _submit(hand, form))
        effect = await hand.step(f"Choose “{other.text}” as “{name}”", *actions)
        path = kit.site.own(hand.page.url)
        if effect.navigated and path is not None:
            await hand.expect("the address says so", UrlIs(path))
        await hand.expect(f"“{other.text}” stays chosen", HasValue(target, other.attrs.get("value", other.text)))
        if not effect.nothing:
            await expect_message(hand, effect, "the app answers")
        flow = hand.flow(f"choose-{slug(name)}", "Choices", f"“{name}” can be chosen and stays", "@form")
        kit.keep(flow, "filter", "form")
