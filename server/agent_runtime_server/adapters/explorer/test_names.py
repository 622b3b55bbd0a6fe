"""Names for what a test says more than once: locators, outlines, and what it remembers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import Flow, Step
from agent_runtime_server.adapters.explorer.language import (
    CountOf,
    Data,
    HasOutline,
    InOrder,
    IsInvalid,
    Locator,
    NumberIn,
    RememberText,
    SumOf,
)
from agent_runtime_server.adapters.explorer.text import names_in, remembered

HELPERS = ("amount", "amounts", "order", "refused", "sum", "textOf")
"""What ``tests/support.ts`` offers to tests."""

GIVEN: Mapping[str, str] = {"uid": "uid", "username": "credentials.username", "password": "credentials.password"}
"""Expressions of what a test knows from its beginning."""
_TAKEN = frozenset({"page", "uid", "credentials", "test", "expect", "cleanUp", "signedInState", *HELPERS})
_WORTH_A_NAME = 40
"""Length, in characters, from which a locator that is used twice gets a name."""
_TOO_LONG_INSIDE = 60
"""Length, in characters, from which a locator gets a name rather than stand inside of a call."""
_USES_HELPER = (NumberIn, SumOf, CountOf, RememberText, IsInvalid, InOrder)
_NAME_WORDS = 4
_SUFFIXES = {
    "button": "Button",
    "checkbox": "Checkbox",
    "combobox": "Select",
    "heading": "Heading",
    "link": "Link",
    "listitem": "Item",
    "row": "Row",
    "searchbox": "Field",
    "spinbutton": "Field",
    "textbox": "Field",
}
_THINGS = ("row", "listitem", "article")
"""Roles of what is called as something in it is."""


class Names:
    """The names of one test's constants, no two alike."""

    def __init__(self, flow: Flow, *, constants: bool) -> None:
        """``constants``: what is said more than once gets a name at all."""
        self._flow = flow
        self._taken = set(_TAKEN)
        self.locators: dict[tuple[str, ...], str] = self._repeated_locators() if constants else {}
        """By the calls that they stand for."""
        self.outlines: dict[str, str] = self._repeated_outlines() if constants else {}

    def free(self, wanted: str) -> str:
        """This name, or with a number if it is taken already."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}{number}", number + 1
        self._taken.add(name)
        return name

    def shortened(self, calls: Sequence[str]) -> list[str]:
        """The same calls, beginning with a constant where there is one for as many of them as can be."""
        for end in range(len(calls), 0, -1):
            if name := self.locators.get(tuple(calls[:end])):
                return [name, *calls[end:]]
        return list(calls)

    def _repeated_locators(self) -> dict[tuple[str, ...], str]:
        """Long locators used more than once, or inside of other calls, that need nothing which a step finds out."""
        counts: Counter[tuple[str, ...]] = Counter()
        found: dict[tuple[str, ...], Locator] = {}
        for locator, inside in _targets(self._flow.steps):
            if (form := _form_around(locator)) and names_in(form) <= GIVEN.keys():
                calls = tuple(typescript.chain(form, GIVEN))
                counts[calls] += 1
                found.setdefault(calls, form)
            if names_in(locator) <= GIVEN.keys():
                calls = tuple(typescript.chain(locator, GIVEN))
                counts[calls] += 2 if inside and len("".join(calls)) >= _TOO_LONG_INSIDE else 1
                found.setdefault(calls, locator)
        names = {}
        beginnings = (calls[:end] for calls in found for end in range(1, len(calls) + 1))
        # What others begin with comes before them.
        for calls in dict.fromkeys(each for each in beginnings if each in found):
            words = _name_of(found[calls])
            if words and counts[calls] > 1 and len("".join(calls)) >= _WORTH_A_NAME:
                names[calls] = self.free(words)
        return names

    def _repeated_outlines(self) -> dict[str, str]:
        checks = [each.check for step in self._flow.steps for each in step.expectations]
        outlines = [check for check in checks if isinstance(check, HasOutline)]
        counts = Counter(check.outline for check in outlines)
        names: dict[str, str] = {}
        for check in outlines:
            if counts[check.outline] > 1 and check.outline not in names:
                words = _name_of(check.target)
                names[check.outline] = self.free(f"{words}Outline" if words else "outline")
        return names


def _targets(data: object, inside: bool = False) -> Iterator[tuple[Locator, bool]]:
    """Each locator that actions and checks use, as often as they do; ``inside`` if it is an argument of a helper."""
    if isinstance(data, Locator):
        yield data, inside
    elif isinstance(data, Data):
        for field in data.__struct_fields__:
            yield from _targets(getattr(data, field), isinstance(data, _USES_HELPER))
    elif isinstance(data, tuple):
        for value in data:
            yield from _targets(value)


def _form_around(locator: Locator) -> Locator | None:
    """The form that something is looked for in, where it is told by a button or a field in it."""
    scope = locator.within
    return scope if scope is not None and (scope.by, scope.value) == ("css", "form") and scope.has else None


def _name_of(locator: Locator) -> str:
    """A name for a locator's constant, such as ``addToCartButton``; empty if it has no words."""
    if locator.has is not None and (locator.by, locator.value) == ("css", "form"):
        control = (locator.has.name or locator.has.value).lower().split()[:_NAME_WORDS]
        return typescript.identifier(" ".join([*control, "form"]))
    kind = locator.value if locator.by == "role" else "textbox" if locator.by in ("label", "placeholder") else "text"
    words = (locator.name if locator.by == "role" else locator.value) or locator.has_text or ""
    if not words and locator.has is not None:
        words = locator.has.name or locator.has.value
    if locator.by in ("css", "test_id") or not _identifier(words):
        return _by_its_place(locator, kind) if locator.by == "role" else ""
    return _identifier(words, _suffix(kind))


def _by_its_place(locator: Locator, kind: str) -> str:
    """A name for what has no words of its own: by those of what it is in, such as ``entryCheckbox``."""
    place = locator.within
    said = (place.has_text or place.name) if place is not None else ""
    if not said and place is not None and place.has is not None and place.value in _THINGS:
        said = place.has.name
    return _identifier(said or "", _suffix(kind)) if _identifier(said or "") else _identifier(_suffix(kind))


def _suffix(kind: str) -> str:
    return _SUFFIXES.get(kind, kind.capitalize())


def _identifier(said: str, suffix: str = "") -> str:
    """The first words of a text, without its references, and a last word of ours."""
    words = re.sub(r"\$\{\w+\}", " ", said).lower().split()[:_NAME_WORDS]
    return typescript.identifier(" ".join([*words, suffix]))


def tried_together(steps: Sequence[Step]) -> int:
    """How many of the first steps are tried until they go well: up to the last that the app limits, and on to where
    nothing is needed any more that they remember."""
    count = max((number for number, step in enumerate(steps, 1) if step.limited), default=0)
    while count and remembered(steps[:count]).keys() & names_in(tuple(steps[count:])):
        count += 1
    return count
