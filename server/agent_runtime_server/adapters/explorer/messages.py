"""Expecting what an app says to a person: alerts, status lines, and texts that an action brought."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import IsVisible, Locator
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.perceive import Element, tidy

_LONGEST = 140
_TEXT_TAGS = frozenset({"p", "div", "span", "li", "small", "strong", "em", "td", "dd", "label", "output"})


def message_texts(effect: Effect) -> list[str]:
    """What the page says that it did not say before, short texts only."""
    return [each.text for each in spoken(effect) if len(each.text) <= _LONGEST]


def spoken(effect: Effect) -> list[Element]:
    """New messages, the announced ones first, then new short texts of the main part."""
    announced = sorted(effect.messages, key=lambda each: (each.role not in ("alert", "status"), len(each.text)))
    old = effect.before.root.text
    texts = [
        each
        for each in effect.after.elements
        if each.tag in _TEXT_TAGS
        and each.inside(effect.after.main)
        and each.own_text
        and not any(
            child.visible for child in each.children if child.tag not in ("strong", "em", "b", "i", "a", "span", "code")
        )
        and each.text not in old
        and len(each.text) <= _LONGEST
    ]
    return [*announced, *(each for each in texts if not any(each is one or each.inside(one) for one in announced))]


async def expect_message(
    hand: Hand, effect: Effect, text: str, *, pattern: re.Pattern[str] | None = None, without: str = ""
) -> bool:
    """Expect the first new message that can be named by words that stay; whether there is one.

    Only messages that match the ``pattern`` count. What stands ``without`` is not among the words.
    """
    for element in [each for each in spoken(effect) if not pattern or pattern.search(each.text)][:6]:
        words = standing_words(element.text, without)
        shown = words if words == element.text else f"{words} …"
        for locator in _locators(element, words):
            if await hand.count(locator) == 1 and await hand.expect(f"{text}: “{shown}”", IsVisible(locator)):
                return True
    return False


def _locators(element: Element, words: str) -> list[Locator]:
    if not words:
        return []
    found = [Locator(by="text", value=words, exact=False)]
    if element.role in ("alert", "status", "log", "paragraph", "listitem"):
        found.insert(0, Locator(by="role", value=element.role, has_text=words))
    return found


def standing_words(text: str, without: str = "") -> str:
    """The longest part of a text without numbers, addresses and other things that change from run to run."""
    changing = r"\S*[\d@]\S*" + (rf"|\S*{re.escape(without)}\S*" if without else "")
    parts = [tidy(part).strip(" :-,.(“”\"'") for part in re.split(changing, text)]
    return max(parts, key=len, default="") if any(len(part) > 2 for part in parts) else ""
