"""Forms with one mistake: a wrong value, or a field that is left empty, is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import called, wrong_value
from agent_runtime_server.adapters.explorer.forms import Entry
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import Fill
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.refusals import expect_refusal
from agent_runtime_server.adapters.explorer.view import Form
from agent_runtime_server.adapters.explorer.vocabulary import concepts_in

MOST_WRONG = 2
MOST_BLANK = 3

Choice = Callable[[Sequence[Entry]], Entry | None]


async def mistakes(kit: Kit, place: Place, suite: str) -> None:
    """One mistake at a time: values of a wrong form, then required fields left empty.

    Where no field is marked as required, the first one that is typed into is tried: the app may refuse it by itself.
    """
    wrong = [each for each in place.form.fields if wrong_value(each)]
    for field in wrong[:MOST_WRONG]:
        value = wrong_value(field) or ""
        await spoil(kit, place, _named(field), value, suite, f"“{place.name}” refuses “{value}”{_as(field, wrong)}")
    for field in _must_be_filled(place.form)[:MOST_BLANK]:
        what = f"“{called(field)}”" if called(field) else "a field"
        await spoil(kit, place, _named(field), "", suite, f"“{place.name}” asks for {what}")


def _as(field: Element, wrong: Sequence[Element]) -> str:
    return f" as “{called(field)}”" if len(wrong) > 1 and field.name else ""


def _must_be_filled(form: Form) -> list[Element]:
    typed = [each for each in form.fields if each.kind not in ("checkbox", "radio", "select", "file", "range", "color")]
    return [each for each in typed if each.required] or [each for each in typed if not each.value][:1]


def _named(field: Element) -> Choice:
    name = field.attrs.get("name", "")
    return lambda entries: next((entry for entry in entries if entry.field.attrs.get("name", "") == name), None)


async def spoil(kit: Kit, place: Place, choose: Choice, value: str, suite: str, title: str) -> None:
    """Right data but for one field; ``title`` says what is refused."""
    async with place.attempt(kit, title) as hand:
        form = await place.open(hand)
        entries = await replace(place, lean=False).entries(hand, form)
        entry = choose(entries)
        if entry is None or not isinstance(entry.action, Fill):
            raise LostError("the field is not filled in by typing")
        submit = await place.submit(hand, form)
        await hand.step("Fill in the form", *(each.action for each in place.needed(entries, entry)))
        name = called(entry.field)
        what = f"Change “{name}” to “{value}”" if value else f"Empty “{name}”"
        effect = await hand.step(f"{what} and click “{place.sends}”", Fill(entry.target, value), submit)
        place.again(effect.after)  # another form may have a field of this name
        await expect_refusal(hand, effect, entry.target, entry.field.name)
        flow = hand.flow(f"{slug(suite)}-{slug(title)}", suite, title, "@form", "@negative", session=place.session)
        kit.keep(flow, "form", *concepts_in(f"{suite} {place.name}"), changes_account=place.visit.signed_in)
