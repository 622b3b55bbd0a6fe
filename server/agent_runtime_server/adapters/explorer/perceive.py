"""What is on a page: Chromium's accessibility tree joined with the facts of the DOM, in two calls.

Roles and names come from the accessibility tree, because tests find elements by them. Types, limits, link targets and
grouping come from the DOM snapshot. Both name each node by its backend id, so the join is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.async_api import CDPSession

_ELEMENT, _TEXT = 1, 3
_OMITTED_TAGS = frozenset({"head", "script", "style", "noscript", "template", "meta", "link", "title"})
_ROLE_NAMES = {
    "LayoutTable": "table",
    "LayoutTableRow": "row",
    "LayoutTableCell": "cell",
    "image": "img",
    "RootWebArea": "document",
    "Date": "textbox",
    "DateTime": "textbox",
    "InputTime": "textbox",
    "ColorWell": "textbox",
}
_NEED_A_NAME = frozenset({"form", "region"})
_NO_ROLE = frozenset({"generic", "none", "sectionheader", "sectionfooter"})
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
    level: int | None = None
    description: str = ""
    """What ``aria-describedby`` and the like add to its name."""
    value: str = ""
    visible: bool = True
    disabled: bool = False
    required: bool = False
    checked: bool = False
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


@dataclass(frozen=True, eq=False)
class Form:
    """A form, or what works as one: fields and the button that sends them."""

    element: Element
    fields: tuple[Element, ...]
    buttons: tuple[Element, ...]
    method: str
    action: str
    """Absolute URL that it is sent to."""

    @property
    def submit(self) -> Element | None:
        """The button that sends it."""
        senders = [
            button for button in self.buttons if button.attrs.get("type", "submit").lower() in ("submit", "image")
        ]
        return next(iter(senders or self.buttons), None)

    def of_kind(self, kind: str) -> tuple[Element, ...]:
        """Its fields of one type."""
        return tuple(each for each in self.fields if each.kind == kind)


@dataclass(frozen=True, eq=False)
class View:
    """A page as it was seen at one moment."""

    url: str
    title: str
    root: Element

    @property
    def path(self) -> str:
        """Path and query, as ``Goto`` takes them."""
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return path + (f"#{parts.fragment}" if parts.fragment.startswith("/") else "")

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """Every visible element, in document order."""
        return tuple(each for each in self.root.walk() if each.visible)

    def by_role(self, *roles: str) -> list[Element]:
        """The visible elements of these roles."""
        return [each for each in self.elements if each.role in roles]

    @cached_property
    def main(self) -> Element:
        """The main landmark, or the whole page where there is none."""
        return next((each for each in self.elements if each.role == "main"), self.root)

    @cached_property
    def heading(self) -> Element | None:
        """The heading that names the page: the first of the highest level in the main part."""
        headings = [each for each in self.by_role("heading") if each.name and not each.in_chrome]
        headings = [each for each in headings if each.inside(self.main)] or headings or self.by_role("heading")
        return min(headings, key=lambda each: each.level or 9, default=None)

    @cached_property
    def links(self) -> tuple[Element, ...]:
        """The links with a target."""
        return tuple(each for each in self.elements if each.role == "link" and "href" in each.attrs)

    def target(self, link: Element) -> str:
        """The absolute URL of a link, without a fragment unless it is a client-side route."""
        url = urljoin(self.url, link.attrs.get("href", "").strip())
        parts = urlsplit(url)
        return url if parts.fragment.startswith("/") else parts._replace(fragment="").geturl()

    @cached_property
    def buttons(self) -> tuple[Element, ...]:
        """The buttons."""
        return tuple(each for each in self.elements if each.is_button)

    @cached_property
    def controls(self) -> tuple[Element, ...]:
        """All that a person can use: links, buttons, fields."""
        return tuple(each for each in self.elements if each.role == "link" or each.is_button or each.is_field)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """The forms that have a button or a field to be seen."""
        return tuple(
            form for each in self.elements if each.tag == "form" if (form := self._form(each)).buttons or form.fields
        )

    def _form(self, element: Element) -> Form:
        identity = element.attrs.get("id")
        members = [
            each for each in self.elements if each.inside(element) or (identity and each.attrs.get("form") == identity)
        ]
        return Form(
            element=element,
            fields=tuple(each for each in members if each.is_field),
            buttons=tuple(each for each in members if each.is_button),
            method=element.attrs.get("method", "get").lower(),
            action=urljoin(self.url, element.attrs.get("action", "")),
        )

    def form_of(self, element: Element) -> Form | None:
        """The form that an element belongs to."""
        return next((form for form in self.forms if element.inside(form.element)), None)

    @cached_property
    def messages(self) -> tuple[Element, ...]:
        """What speaks to the person: alerts, status lines, and elements whose class says so."""
        spoken = [each for each in self.elements if each.text and _is_message(each)]
        return tuple(each for each in spoken if not any(each.inside(other) for other in spoken))


def _is_message(element: Element) -> bool:
    if element.role in ("alert", "status", "log", "alertdialog") or element.attrs.get("aria-live") in (
        "polite",
        "assertive",
    ):
        return True
    words = set(re.split(r"[-_\s]+", f"{element.attrs.get('class', '')} {element.attrs.get('id', '')}".lower()))
    return bool(
        words
        & {
            "alert",
            "alerts",
            "message",
            "messages",
            "flash",
            "notice",
            "toast",
            "error",
            "errors",
            "errorlist",
            "notification",
        }
    )


async def perceive(session: CDPSession, url: str) -> View:
    """Look at the page of a DevTools session. ``url`` is the page's URL."""
    snapshot = await session.send("DOMSnapshot.captureSnapshot", {"computedStyles": ["visibility"]})
    tree = await session.send("Accessibility.getFullAXTree")
    return build_view(url, snapshot, tree)


def build_view(url: str, snapshot: Mapping[str, Any], tree: Mapping[str, Any]) -> View:
    """Join a DOM snapshot with an accessibility tree, as the DevTools protocol gives them."""
    strings: list[str] = snapshot["strings"]
    document = snapshot["documents"][0]
    nodes = document["nodes"]
    shown = _shown(document["layout"], strings)
    spoken = {node["backendDOMNodeId"]: node for node in tree["nodes"] if "backendDOMNodeId" in node}
    checked = set(nodes["inputChecked"]["index"])
    values = {
        index: strings[value]
        for group in ("inputValue", "textValue")
        for index, value in zip(nodes[group]["index"], nodes[group]["value"], strict=True)
    }
    root = Element(tag="#root", attrs={}, role="document")
    built: dict[int, Element] = {}
    for index, (parent, kind) in enumerate(zip(nodes["parentIndex"], nodes["nodeType"], strict=True)):
        above = built.get(parent, root if parent <= 0 else None)
        if above is None:
            continue
        if kind == _TEXT:
            above.parts.append(strings[nodes["nodeValue"][index]])
        elif kind == _ELEMENT:
            tag = strings[nodes["nodeName"][index]].lower()
            if tag in _OMITTED_TAGS or tag.startswith("::"):
                continue
            raw = nodes["attributes"][index]
            element = Element(
                tag=tag,
                attrs={strings[key]: strings[value] for key, value in zip(raw[::2], raw[1::2], strict=True)},
                parent=above,
                visible=index in shown,
                value=values.get(index, ""),
                checked=index in checked,
            )
            _add_speech(element, spoken.get(nodes["backendNodeId"][index]))
            above.parts.append(element)
            built[index] = element
        elif parent >= 0:
            built[index] = above
    return View(url=url, title=tidy(strings[document["title"]]) if document["title"] >= 0 else "", root=root)


def _shown(layout: Mapping[str, Any], strings: list[str]) -> set[int]:
    return {
        index
        for index, styles in zip(layout["nodeIndex"], layout["styles"], strict=True)
        if not styles or strings[styles[0]] == "visible"
    }


def _add_speech(element: Element, node: Mapping[str, Any] | None) -> None:
    element.disabled = "disabled" in element.attrs or element.attrs.get("aria-disabled") == "true"
    element.required = "required" in element.attrs or element.attrs.get("aria-required") == "true"
    if node is None or node.get("ignored"):
        return
    name = tidy(str(node.get("name", {}).get("value", "")))
    role = str(node.get("role", {}).get("value", ""))
    role = _ROLE_NAMES.get(role, role)
    if role in _NO_ROLE or not role.islower() or (role in _NEED_A_NAME and not name):
        return
    element.role, element.name = role, name
    element.description = tidy(str(node.get("description", {}).get("value", "")))
    for fact in node.get("properties", ()):
        if fact["name"] == "level" and role == "heading":
            element.level = int(fact["value"]["value"])
