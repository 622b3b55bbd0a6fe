"""One element of a page, with its accessible role and name, and the facts of the DOM about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LANDMARKS = frozenset(
    {"banner", "navigation", "main", "complementary", "contentinfo", "search", "dialog", "alertdialog"}
)
CHROME = frozenset({"banner", "navigation", "contentinfo", "complementary"})
FIELD_TAGS = frozenset({"input", "textarea", "select"})
_PRESSED = frozenset({"submit", "button", "image", "reset"})


def tidy(text: str) -> str:
    """The text with every run of white space as one space, as tests compare it."""
    return re.sub(r"[\s\u200b\u00ad]+", " ", text).strip()


@dataclass(eq=False, slots=True, weakref_slot=True)
class Element:
    """One element of the page, with its accessible role and name where it has them."""

    tag: str
    attrs: Mapping[str, str]
    parent: Element | None = None
    role: str = ""
    name: str = ""
    label: str = ""
    """For a field: what is written in its ``label``."""
    level: int | None = None
    description: str = ""
    """What ``aria-describedby`` and the like add to its name."""
    value: str = ""
    visible: bool = True
    disabled: bool = False
    required: bool = False
    checked: bool = False
    """It is ticked, or the chosen one of its kind."""
    area: float = 0.0
    """How much of the page it takes up, in square pixels."""
    grabbed: bool = False
    """The mouse pointer says that it is moved by dragging."""
    parts: list[str | Element] = field(default_factory=list)
    """Texts and child elements in order."""
    _text: str | None = None

    @property
    def children(self) -> list[Element]:
        """The child elements, in order."""
        return [part for part in self.parts if isinstance(part, Element)]

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self) -> Iterator[Element]:
        """The elements around it, nearest first."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    @property
    def text(self) -> str:
        """All text in it, tidied."""
        if self._text is None:
            self._text = tidy(self._raw())
        return self._text

    def _raw(self) -> str:
        return "".join(part if isinstance(part, str) else part._raw() for part in self.parts)

    @property
    def own_text(self) -> str:
        """The text directly in it, without that of its children."""
        return tidy(" ".join(part for part in self.parts if isinstance(part, str)))

    @property
    def written(self) -> str:
        """Its name without the marks that a style sheet adds, such as the asterisk of a required field or an icon."""
        text = self.label if self.is_field else self.text
        if not text or text not in self.name:
            return self.name
        before, _, after = self.name.partition(text)
        return self.name if any(map(str.isalnum, before + after)) else text

    @property
    def classes(self) -> tuple[str, ...]:
        """Its CSS classes, in order."""
        return tuple(self.attrs.get("class", "").split())

    @property
    def kind(self) -> str:
        """For a field: its type, ``select`` or ``textarea``, lower case."""
        return self.attrs.get("type", "text").lower() if self.tag == "input" else self.tag

    @property
    def is_field(self) -> bool:
        """It takes a value from a person: not a button, not hidden."""
        return self.tag in FIELD_TAGS and self.kind not in _PRESSED and self.kind != "hidden"

    @property
    def is_button(self) -> bool:
        """It is pressed to do something, links aside."""
        return self.role == "button" and self.kind != "file"

    @property
    def controls(self) -> list[Element]:
        """The links, buttons and fields below it."""
        return [each for each in self.walk() if each.role == "link" or each.is_button or each.is_field]

    @property
    def landmark(self) -> Element | None:
        """The nearest landmark around it."""
        return next((above for above in self.ancestors() if above.role in LANDMARKS), None)

    @property
    def in_chrome(self) -> bool:
        """It belongs to what surrounds every page: banner, navigation, footer."""
        return any(above.role in CHROME for above in (self, *self.ancestors()))

    def inside(self, other: Element) -> bool:
        """It is below the other element."""
        return any(above is other for above in self.ancestors())
