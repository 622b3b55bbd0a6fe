"""A page as it was seen at one moment: its elements, and what they make together, such as forms and messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from agent_runtime_server.adapters.explorer.captcha import asks_for_a_person
from agent_runtime_server.adapters.explorer.element import Element

_NOT_SENDING = re.compile(r"\b(preview|review|cancel|back|reset|discard|draft|close|more|browse|help)\b", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Form:
    """A form, or what works as one: fields and the button that sends them."""

    element: Element
    fields: tuple[Element, ...]
    buttons: tuple[Element, ...]
    method: str
    action: str
    """Absolute URL that it is sent to."""
    guarded: bool = False
    """It asks whether a person sends it, so nobody here does."""

    @property
    def submit(self) -> Element | None:
        """The button that sends it; one that only shows what would be sent, gives up, or is but a sign such as "+", is
        the last choice."""
        senders = [
            button for button in self.buttons if button.attrs.get("type", "submit").lower() in ("submit", "image")
        ]
        return min(senders or self.buttons, key=lambda each: _hardly_sends(each.name), default=None)

    @property
    def unseen(self) -> tuple[Element, ...]:
        """Fields that must be filled in, are empty, and are shown to nobody: something else is to be used for them."""
        inner = [each for each in self.element.walk() if each.is_field]
        return tuple(each for each in inner if each.required and not each.visible and _is_empty(each))

    def of_kind(self, kind: str) -> tuple[Element, ...]:
        """Its fields of one type."""
        return tuple(each for each in self.fields if each.kind == kind)


def _is_empty(field: Element) -> bool:
    """Nothing is in a field that is not shown; of a list, nothing is chosen."""
    if field.tag != "select":
        return not field.attrs.get("value")
    options = [each for each in field.walk() if each.tag == "option"]
    chosen = next((each for each in options if "selected" in each.attrs), options[0] if options else None)
    return chosen is None or chosen.attrs.get("value") == ""


@dataclass(frozen=True, eq=False)
class View:
    """A page as it was seen at one moment."""

    url: str
    title: str
    root: Element
    sealed: tuple[Element, ...] = ()
    """Closed shadow roots, each as an element below its host. What is in them is none of the elements of the page,
    because no test can reach it."""

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
        """The heading that names the page: the first of the highest level in the main part, or None.

        One in the banner or the navigation names the app."""
        headings = [each for each in self.by_role("heading") if each.name and not each.in_chrome]
        headings = [each for each in headings if each.inside(self.main)] or headings
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

    @cached_property
    def _guarded_loosely(self) -> bool:
        """A guard against robots that stands in the main part beside the forms, whichever of them it is for."""
        beside = [each for each in self.main.walk() if each.visible and each.tag == "iframe" and not _in_form(each)]
        return any(asks_for_a_person(each) for each in beside)

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
            guarded=asks_for_a_person(element) or (self._guarded_loosely and not element.in_chrome),
        )

    def form_of(self, element: Element) -> Form | None:
        """The form that an element belongs to."""
        return next((form for form in self.forms if element.inside(form.element)), None)

    @cached_property
    def messages(self) -> tuple[Element, ...]:
        """What speaks to the person: alerts, status lines, and elements whose class says so."""
        spoken = [each for each in self.elements if each.text and _is_message(each)]
        return tuple(each for each in spoken if not any(each.inside(other) for other in spoken))


def _hardly_sends(name: str) -> bool:
    return bool(_NOT_SENDING.search(name)) or (bool(name) and not any(map(str.isalnum, name)))


def _in_form(element: Element) -> bool:
    return any(above.tag == "form" for above in element.ancestors())


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
