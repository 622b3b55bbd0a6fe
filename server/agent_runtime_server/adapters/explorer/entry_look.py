"""What a survey of a list works with: the page, the two entries in it, and what is known by now."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.entry_list import EntryList, reworded
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.locators import candidates, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.scopes import row_of
from agent_runtime_server.adapters.explorer.view import View


class Look:
    """A page with a list. It tells ``ENTRY`` and other texts by the ``uid`` that they have in this page."""

    def __init__(self, hand: Hand, found: EntryList, uid: str) -> None:
        self.hand = hand
        self.found = found
        self._uid = uid

    def know(self, **pieces: object) -> None:
        """Add to what is known of the list."""
        self.found = dataclasses.replace(self.found, **pieces)  # type: ignore[arg-type]

    def text(self, text: str) -> str:
        """A text as it is in the page."""
        return text.replace("${uid}", self._uid)

    def elements(self, locator: Locator) -> list[Element]:
        """What a locator finds in the page as last seen."""
        return matches(self.hand.view, reworded(locator, "${uid}", self._uid))

    def is_shown(self, text: str) -> bool:
        """An entry is in the page as last seen."""
        return bool(self.elements(self.found.of(text, self.found.shown)))

    def row(self, text: str) -> Element | None:
        """What holds an entry."""
        rows = self.elements(self.found.of(text, self.found.row)) if self.found.row else []
        return rows[-1] if rows else None

    def around(self) -> Iterator[Element]:
        """What is not part of an entry."""
        for each in self.hand.view.elements:
            row = each if each.role == "listitem" else row_of(each)
            if self._uid not in each.text and (row is None or self._uid not in row.text):
                yield each

    async def locate(self, element: Element) -> Locator | None:
        """How an element is found whatever numbers it has."""
        for locator in steady(self.hand.view, element):
            if matches(self.hand.view, locator) == [element] and await self.hand.count(locator) == 1:
                return locator
        return None


def steady(view: View, element: Element) -> Iterator[Locator]:
    """Locators for an element whose words stay while its numbers change; markup comes last."""
    known = [each for each in candidates(view, element) if not has_digits(each)]
    yield from (each for each in known if each.by != "css")
    for word in re.findall(r"[^\W\d_]{3,}", element.text):
        yield Locator(by="text", value=word, exact=False)
    yield from (each for each in known if each.by == "css")
