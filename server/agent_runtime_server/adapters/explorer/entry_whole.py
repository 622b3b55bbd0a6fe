"""What a list has for all of its entries: a box that ticks all, views of some, a button that removes ticked ones."""

from __future__ import annotations

from urllib.parse import urlsplit

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.entry_list import ENTRY, SECOND, ListView
from agent_runtime_server.adapters.explorer.entry_look import Look
from agent_runtime_server.adapters.explorer.language import Click, IsChecked, Locator, SetChecked
from agent_runtime_server.adapters.explorer.vocabulary import REMOVE

_TRIED = 3
"""Boxes, and buttons, that are tried."""
_VIEWS_TRIED = 8


async def box_of_all(look: Look) -> None:
    """A box outside of the entries that ticks both."""
    if look.found.box is None or not _alone(look):
        return
    for box in [each for each in look.around() if each.is_field and each.kind == "checkbox"][:_TRIED]:
        target = await _box_locator(look, box)
        if target is None:
            continue
        await look.hand.act(SetChecked(target))
        if await _both(look, checked=True):
            await look.hand.act(SetChecked(target, checked=False))
            if await _both(look, checked=False):
                look.know(box_of_all=target)
                return
        await look.hand.act(SetChecked(target, checked=False))


def _alone(look: Look) -> bool:
    """The list has no entries but those of this survey: what is done to all of them is done to nobody else's."""
    return look.found.rows is not None and len(look.elements(look.found.rows)) == 2


async def _box_locator(look: Look, box: Element) -> Locator | None:
    labels = [each for each in look.hand.view.root.walk() if each.tag == "label"]
    for label in labels:
        if label.text and label.attrs.get("for", "-") == box.attrs.get("id"):
            locator = Locator(by="label", value=label.text)
            if await look.hand.count(locator) == 1:
                return locator
    return await look.hand.try_find(box)


async def _both(look: Look, *, checked: bool) -> bool:
    checks = [IsChecked(look.found.box_for(text), checked) for text in (ENTRY, SECOND)]
    return all([await look.hand.holds(check) for check in checks])


async def ticked(look: Look) -> None:
    """With one entry ticked off: which views there are, and what removes those that are ticked off."""
    if look.found.box is None:
        return
    before = {each.name for each in look.hand.view.buttons}
    await look.hand.act(look.found.tick(ENTRY))
    buttons = [each for each in look.around() if each.is_button]
    clearing = [each for each in buttons if each.name not in before or REMOVE.search(each.name)]
    clearing.sort(key=lambda each: each.name in before)
    targets = [await look.locate(each) for each in clearing[:_TRIED]]
    await _views(look, [each for each in buttons if each not in clearing])
    if look.is_shown(ENTRY) and look.is_shown(SECOND) and _alone(look):
        for target in filter(None, targets):
            await look.hand.act(Click(target))
            if not look.is_shown(ENTRY):
                if look.is_shown(SECOND):
                    look.know(clear=target)
                return


async def _views(look: Look, buttons: list[Element]) -> None:
    """Links and buttons that change which of the two entries are shown, and one that shows both again."""
    links = [each for each in look.around() if each in look.hand.view.links and _leads_here(look, each)]
    tabs = [each for each in look.around() if each.role in ("tab", "radio")]
    choices = (links or tabs or buttons)[:_VIEWS_TRIED]
    targets = [await look.locate(each) for each in choices]
    views: list[ListView] = []
    for element, target in zip(choices, targets, strict=True):
        if target is not None and target != look.found.button:
            await look.hand.act(Click(target))
            views.append(ListView(element.name, target, look.is_shown(ENTRY), look.is_shown(SECOND)))
    partial = [view for view in views if view.shows_ticked != view.shows_open]
    full = [view for view in views if view.shows_ticked and view.shows_open]
    brings_back = [view for view in full if partial and await _brings_back(look, partial[0], view)]
    if brings_back:
        look.know(views=tuple(view for view in views if view in partial or view in brings_back))


async def _brings_back(look: Look, partial: ListView, full: ListView) -> bool:
    """A view shows both entries after one that does not; what has removed an entry has none such."""
    await look.hand.act(Click(partial.target))
    await look.hand.act(Click(full.target))
    return look.is_shown(ENTRY) and look.is_shown(SECOND)


def _leads_here(look: Look, link: Element) -> bool:
    return urlsplit(look.hand.view.target(link)).path == urlsplit(look.hand.view.url).path
