"""What an action did: the page before and after it, compared as a person would."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.view import View


@dataclass(frozen=True, eq=False)
class Effect:
    """A page before and after an action."""

    before: View
    after: View

    @property
    def navigated(self) -> bool:
        """Another path is shown."""
        return self.before.path != self.after.path

    @cached_property
    def appeared(self) -> tuple[Element, ...]:
        """Elements with a role or message that were not there before, in document order."""
        return _more(self.before, self.after)

    @cached_property
    def vanished(self) -> tuple[Element, ...]:
        """Elements with a role that are there no longer."""
        return _more(self.after, self.before)

    @property
    def nothing(self) -> bool:
        """No change that a person could see."""
        return not self.navigated and not self.appeared and not self.vanished

    @cached_property
    def messages(self) -> tuple[Element, ...]:
        """What the page says to the person now and did not say before."""
        old = Counter(each.text for each in self.before.messages)
        return tuple(each for each in self.after.messages if each.text and old[each.text] == 0)

    def appeared_by_role(self, *roles: str) -> list[Element]:
        """The new elements of these roles."""
        return [each for each in self.appeared if each.role in roles]


def _more(one: View, other: View) -> tuple[Element, ...]:
    """What the other view has more than this one."""
    left = Counter(_identity(each) for each in one.elements)
    found: list[Element] = []
    for element in other.elements:
        identity = _identity(element)
        if left[identity] > 0:
            left[identity] -= 1
        elif element.role and element.role != "document":
            found.append(element)
    return tuple(found)


def _identity(element: Element) -> tuple[object, ...]:
    own = (
        element.name
        if element.name or element.role in ("list", "table", "main", "row", "rowgroup")
        else element.own_text
    )
    return element.role, own, element.level, element.landmark.role if element.landmark else ""
