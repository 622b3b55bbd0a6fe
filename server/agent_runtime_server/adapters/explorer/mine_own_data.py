"""What users say about themselves, such as their names: changed in an account that the flow registers itself, and kept.

What the given user is signed in with, and is called, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import good_value, kind_of
from agent_runtime_server.adapters.explorer.forms import is_registration, is_search, is_sign_in
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Fill, Goto, HasValue
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.own_account import join, may_join
from agent_runtime_server.adapters.explorer.place import also_required
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.templates import pattern
from agent_runtime_server.adapters.explorer.view import Form
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, concepts_in, speaks_of

_TOLD = frozenset({"first_name", "last_name", "name", "company", "street", "city", "title"})
"""Kinds of fields that say something about somebody, and are not what they sign in with."""
_MOST_TOLD = 3


async def mine_own_data(kit: Kit) -> None:
    """The first form in which users change what they have said about themselves."""
    forms = [(visit, form) for visit, form in kit.site.forms() if visit.signed_in and _is_about_oneself(visit, form)]
    forms = [each for each in forms if kit.wants("account", "update", text=f"{each[0].path} {each[0].name}")]
    if not forms or not await may_join(kit):
        return
    visit = forms[0][0]
    async with kit.attempt(f"changing what an account of one's own says on {visit.path}") as hand:
        await join(hand, kit)
        await hand.step(f"Open {visit.path}", Goto(visit.path))
        form = next((each for each in hand.view.forms if _is_about_oneself(visit, each)), None)
        if form is None or form.submit is None:
            raise LostError("the form is gone")
        told = await _told(hand, form)
        others = await also_required(hand, form, [field for field, _ in told])
        submit = Click(await hand.find(form.submit))
        fills = [fill for _, fill in told]
        effect = await hand.step(f"Fill in the form and click “{form.submit.name}”", *fills, *others, submit)
        await expect_message(hand, effect, "the app says so")
        await hand.step(f"Open {visit.path} again", Goto(visit.path))
        for field, fill in told:
            await hand.expect(f"“{field.name}” is what was typed", HasValue(fill.target, fill.value))
        title = f"“{visit.name}” keeps what is changed"
        kit.keep(hand.flow(f"own-data-{slug(visit.name)}", "Account", title, "@form"), "account", "update")
        kit.own_things.add(visit.path)


def _is_about_oneself(visit: Visit, form: Form) -> bool:
    said = f"{visit.path} {visit.label} {visit.name} {form.action}"
    another = is_search(form) or is_sign_in(form) or is_registration(form) or form.of_kind("password")
    about = "account" in concepts_in(said) and not speaks_of("create", said)
    harmless = not another and not ALWAYS_RISKY.search(said) and ":id" not in pattern(visit.path)
    return about and harmless and form.method == "post" and any(map(_tells, form.fields))


def _tells(field: Element) -> bool:
    return field.kind in ("text", "textarea") and kind_of(field) in _TOLD and not field.disabled


async def _told(hand: Hand, form: Form) -> Sequence[tuple[Element, Fill]]:
    """What to type, other than what is there. Raises ``LostError``."""
    fields = [each for each in form.fields if _tells(each) and each.value != good_value(each)]
    if not fields:
        raise LostError("there is nothing else to type")
    return [(each, Fill(await hand.find(each), good_value(each))) for each in fields[:_MOST_TOLD]]
