"""Forms of one select, such as sorting a list: what was chosen stays chosen."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import Action, Choose, UrlIs
from agent_runtime_server.adapters.explorer.may_send import may_be_sent
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.other_choices import other_choices
from agent_runtime_server.adapters.explorer.place import Place, choose_back_if_shared
from agent_runtime_server.adapters.explorer.scopes import row_of

MOST_CHOICES = 2


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
        place = Place(visit, form)
        if may_be_sent(kit, place, "filter"):
            done += 1
            await _choose(kit, place)


async def _choose(kit: Kit, place: Place) -> None:
    name = place.form.fields[0].name or place.name
    async with kit.attempt(f"choosing another “{name}”") as hand:
        form = await (await place.reached(kit)).open(hand)
        (choice, *_), (check, *_), back = await other_choices(hand, form.fields)
        assert isinstance(choice, Choose)
        keeps = form.method == "post"
        if keeps and check is None:
            raise LostError("it could not be seen for whom something else is chosen")
        actions: list[Action] = [choice]
        if form.submit is not None:
            actions.append(await place.submit(hand, form))
        effect = await hand.step(f"Choose “{choice.option}” as “{name}”", *actions)
        path = kit.site.own(hand.page.url)
        if effect.navigated and path is not None:
            await hand.expect("the address says so", UrlIs(path))
        if check is not None:
            await hand.expect(f"“{choice.option}” stays chosen", check)
        if not effect.nothing:
            await expect_message(hand, effect, "the app answers")
        if keeps and check is not None:
            await choose_back_if_shared(hand, kit, place, [check], back)
        flow = hand.flow(f"choose-{slug(name)}", "Choices", f"“{name}” can be chosen and stays", "@form")
        kit.keep(flow, "filter", "form")
