"""Expecting what an app says to a person: alerts, status lines, and texts that an action brought."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.element import Element, tidy
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.language import HasText, IsVisible, Locator
from agent_runtime_server.adapters.explorer.scopes import scopes_around, within

MOST_MESSAGES = 6
"""Messages of one effect that are tried."""
MOST_SCOPES = 3
"""Parts of the page in which a message is looked for that is said twice."""
_LONGEST = 140
_TIME_GONE_BY = re.compile(r"\b(second|minute|hour|day|moment)s?\s+ago\b", re.IGNORECASE)
_MARKS = " :-,.(“”\"'\u00d7\u2715\u2716"
_PAIRS = (("'", "'"), ('"', '"'), ("“", "”"), ("(", ")"))
_INLINE = frozenset({"strong", "em", "b", "i", "a", "span", "code"})
_NOWHERE = ("", "#", "javascript:void(0)", "javascript:;")
_TEXT_TAGS = frozenset({"p", "div", "span", "li", "small", "strong", "em", "td", "dd", "label", "output"})


def message_texts(effect: Effect) -> list[str]:
    """What the page says that it did not say before, short texts only."""
    announced, others = _spoken(effect)
    return [each.text for each in (*announced, *others) if len(each.text) <= _LONGEST]


def _spoken(effect: Effect) -> tuple[list[Element], list[Element]]:
    """New messages, as roles and classes tell them, and other new short texts of the main part."""
    announced = sorted(effect.messages, key=lambda each: (each.role not in ("alert", "status"), len(each.text)))
    said = [part for each in announced for part in _sentences(each)]
    old = effect.before.root.text
    texts = [
        each
        for each in effect.after.elements
        if _is_sentence(each) and each.inside(effect.after.main) and each.text not in old and len(each.text) <= _LONGEST
    ]
    return said, [each for each in texts if not any(each is one or each.inside(one) for one in announced)]


def _sentences(message: Element) -> list[Element]:
    """What a message says, without the controls that stand in it; the message itself where it is one sentence."""
    inner = [each for each in message.walk() if each is not message and each.visible and _is_sentence(each)]
    return inner if message.role not in ("alert", "status") and not message.own_text and inner else [message]


def _is_sentence(element: Element) -> bool:
    return (
        element.tag in _TEXT_TAGS
        and any(map(str.isalnum, element.own_text))
        and not any(child.visible for child in element.children if child.tag not in _INLINE)
    )


async def expect_message(
    hand: Hand, effect: Effect, text: str, *, pattern: re.Pattern[str] | None = None, without: str = ""
) -> bool:
    """Expect the first new message that can be named by words that stay; whether there is one.

    Only messages that match the ``pattern`` count. What stands ``without`` is not among the words.
    """
    announced, others = _spoken(effect)
    twice: list[HasText] = []
    for element in [each for each in announced if _is_said(each, pattern)][:MOST_MESSAGES]:
        words = standing_words(_without_controls(element), without)
        if not words:
            continue
        if await _expect_alone(hand, effect, element, words, text):
            return True
        if await hand.count(_locators(element, words)[-1]) > 1:
            twice.append(HasText(await _around(hand, effect, element), words))
    for check in twice:
        if await hand.expect(f"{text}: “{check.text}”, more than once", check):
            return True
    for element in [each for each in others if _is_said(each, pattern)][:MOST_MESSAGES]:
        words = standing_words(_without_controls(element), without)
        # One word may be a part of anything that a page tells.
        if " " in words and await _expect_alone(hand, effect, element, words, text):
            return True
    return False


async def _expect_alone(hand: Hand, effect: Effect, element: Element, words: str, text: str) -> bool:
    """Expect a message that is said once, on the page or in some part of it."""
    shown = words if words == _without_controls(element) else f"{words} …"
    plain = _locators(element, words)
    scoped = [within(each, scope) for scope in scopes_around(effect.after, element) for each in plain[-1:]]
    for locator in (*plain, *scoped[:MOST_SCOPES]):
        if await hand.count(locator) == 1 and await hand.expect(f"{text}: “{shown}”", IsVisible(locator)):
            return True
    return False


def _without_controls(message: Element) -> str:
    """What it says, without the buttons, and the links that lead nowhere, at its beginning and end."""
    pieces = list(_pieces(message))
    said = [at for at, (text, presses) in enumerate(pieces) if text.strip() and not presses]
    return tidy("".join(text for text, _ in pieces[said[0] : said[-1] + 1])) if said else ""


def _pieces(element: Element) -> Iterator[tuple[str, bool]]:
    """The texts in it, in order, and whether each is that of something to press."""
    for part in element.parts:
        if isinstance(part, str):
            yield part, False
        elif part.is_button or (part.role == "link" and part.attrs.get("href", "") in _NOWHERE):
            yield part.text, True
        else:
            yield from _pieces(part)


async def _around(hand: Hand, effect: Effect, message: Element) -> Locator:
    """The main part of the page, if the message is in it; else the page."""
    main = Locator(by="role", value="main")
    inside = any(above is effect.after.main and above.role == "main" for above in message.ancestors())
    return main if inside and await hand.count(main) == 1 else Locator(by="css", value="body")


def other_than(text: str) -> re.Pattern[str]:
    """What does not repeat this text."""
    return re.compile(rf"^(?!.*{re.escape(text)})", re.DOTALL)


def _is_said(element: Element, pattern: re.Pattern[str] | None) -> bool:
    """It speaks to the person, of what is looked for; what stands in a row is data, and how long ago something was
    differs each time."""
    if pattern and not pattern.search(element.text):
        return False
    return not _TIME_GONE_BY.search(element.text) and not any(
        above.role in ("row", "cell", "gridcell") for above in (element, *element.ancestors())
    )


def _locators(element: Element, words: str) -> list[Locator]:
    found = [Locator(by="text", value=words, exact=False)]
    if element.role in ("alert", "status", "log", "paragraph", "listitem"):
        found.insert(0, Locator(by="role", value=element.role, has_text=words))
    return found


def standing_words(text: str, without: str = "") -> str:
    """The longest part of a text without numbers, addresses and other things that change from run to run."""
    changing = r"\S*[\d@]\S*" + (rf"|\S*{re.escape(without)}\S*" if without else "")
    parts = [_trimmed(tidy(part)) for part in re.split(changing, text)]
    return max(parts, key=len, default="") if any(len(part) > 2 for part in parts) else ""


def _trimmed(part: str) -> str:
    """Without the marks around it, but for a quotation mark or bracket whose other one is within."""
    inner = part.strip(_MARKS)
    before = part[: part.find(inner)]
    opened = (opening for opening, closing in _PAIRS if before.endswith(opening) and inner.count(closing) == 1)
    return next(opened, "") + inner
