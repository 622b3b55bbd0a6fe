"""Which element of a page a locator meant that does not find it, or not it alone, any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden, fingerprint, same_family
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.similarity import Ranked, clear_winner, rank
from agent_runtime_server.adapters.explorer.view import View

CONTROLS = frozenset(
    {
        "button", "link", "menuitem", "tab", "textbox", "searchbox", "combobox", "spinbutton", "listbox", "slider",
        "checkbox", "radio", "switch", "option",
    }
)  # fmt: skip
"""Roles of elements that are used: what they are called is not what a test asserts."""
SHOWN = 3
"""Candidates that a refusal names."""
_MOST_CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of the search."""

    ranked: Sequence[Ranked[Element]]
    element: Element | None
    """The one that was meant, if that is clear enough."""
    ambiguous: bool
    """The locator finds more than one."""

    @property
    def confidence(self) -> str:
        """How sure it is, in words."""
        best, *others = self.ranked
        second = f"next {others[0].score:.2f}" if others else "nothing else like it"
        return f"likeness {best.score:.2f}, {second}"

    def account(self) -> str:
        """Why nothing was chosen, in words."""
        if not self.ranked:
            return "nothing like it is on the page"
        listed = ", ".join(f"{told(each.element)} {each.score:.2f}" for each in self.ranked[:SHOWN])
        return f"no element is clearly the one that was meant; the likest: {listed}"


def choose(
    among: Sequence[Element],
    view: View,
    locator: Locator,
    was: Fingerprint | None,
    found: Sequence[Element],
    hidden: Hidden,
    *,
    asserted: bool,
) -> Choice:
    """Look among elements of a view for the one that a locator meant.

    ``was`` is what it was like when it was seen, if anybody knows; ``found`` is what the locator finds now. What is
    ``asserted`` to be there counts only when it still says the same, unless it is something to be used.
    """
    was = was or _as_named(locator, hidden)
    asserted = asserted and (locator.by == "text" or was.role not in CONTROLS)
    of_kind = [each for each in found or among if each.role and same_family(was.role, each.role)]
    known = {each: fingerprint(view, each, hidden) for each in of_kind[:_MOST_CANDIDATES]}
    if asserted:
        known = {each: now for each, now in known.items() if _says_the_same(was, now)}
    ranked = rank(was, known, known.__getitem__)
    best = clear_winner(ranked)
    return Choice(ranked, best.element if best else None, len(found) > 1)


def told(element: Element) -> str:
    """An element in words, such as ``button “Save”``."""
    return f"{element.role} “{element.name or element.text[:40]}”"


def _says_the_same(was: Fingerprint, now: Fingerprint) -> bool:
    return (was.name or was.text) == (now.name or now.text)


def _as_named(locator: Locator, hidden: Hidden) -> Fingerprint:
    """As much as a locator itself tells of an element."""
    value = hidden(locator.value)
    match locator.by:
        case "role":
            return Fingerprint(role=locator.value, name=hidden(locator.name or ""), level=locator.level)
        case "label":
            return Fingerprint(role="textbox", name=value)
        case "placeholder":
            return Fingerprint(role="textbox", name=value, placeholder=value)
        case "text":
            return Fingerprint(role="button", name=value)
        case "test_id" | "css":
            return Fingerprint(tokens=(value,))
