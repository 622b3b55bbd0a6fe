"""Seeing that a form asks whether a person sends it: what guards against robots is neither solved nor gone round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_runtime_server.adapters.explorer.element import Element

_LONGEST_QUESTION = 160
_ATTRIBUTES = ("class", "id", "name", "src", "title", "alt", "for", "placeholder", "aria-label", "autocomplete")
_BY_NAME = re.compile(
    r"captcha|turnstile|geetest|funcaptcha|arkoselabs|friendly-?challenge|anti-?(spam|robot|bot)\b", re.IGNORECASE
)
_NUMBER = r"(\d+|zero|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_SUM = rf"{_NUMBER}\s*(\+|-|\u2212|\*|\u00d7|\bx\b|plus|minus|times)\s*{_NUMBER}\b"
_SAID = re.compile(
    r"captcha|\b(not|no|aren.t) a (ro)?bot\b|\bare you (a )?(human|(ro)?bot)"
    r"|\b(prove|show|verify|confirm)\b.{0,20}\bhuman\b"
    r"|\b(type|enter|copy|write|repeat)\b.{0,30}\b(characters|letters|digits|code|text|words?|numbers?)\b"
    r".{0,30}\b(see|shown|picture|image|above)\b"
    rf"|\b(what is|how much is|solve|calculate)\W+{_SUM}|\b{_SUM}\s*(=|\?)",
    re.IGNORECASE,
)


def asks_for_a_person(part: Element) -> bool:
    """Something in this part of a page is there to keep robots out."""
    return any(_keeps_robots_out(each) for each in part.walk())


def _keeps_robots_out(element: Element) -> bool:
    if any(_BY_NAME.search(element.attrs.get(name, "")) for name in _ATTRIBUTES):
        return True
    said = (element.name, element.attrs.get("placeholder", ""), element.attrs.get("alt", ""), element.own_text)
    return element.tag not in ("textarea", "option") and any(
        len(words) <= _LONGEST_QUESTION and _SAID.search(words) for words in said
    )
