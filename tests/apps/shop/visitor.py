"""A visitor without a browser: reads pages and fills in forms by their labels, over HTTP with cookies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

REPLY_SECONDS = 60
TOLD_APART = frozenset({"h1", "h2", "h3", "p", "th", "td", "li", "title", "a", "button", "label"})


@dataclass
class Form:
    action: str = ""
    method: str = "get"
    button: str = ""
    values: dict[str, str] = field(default_factory=dict)
    """What would be sent as the form stands."""
    controls: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By label: the control's name and, where it is a box to tick, the value that it sends."""


@dataclass
class Page:
    address: str
    status: int = 0
    body: str = ""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The text of the elements, by tag and by role."""
    links: dict[str, str] = field(default_factory=dict)
    forms: list[Form] = field(default_factory=list)

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    def all(self, kind: str) -> list[str]:
        """The texts of the elements with this tag or role."""
        return self.texts.get(kind, [])

    def row(self, heading: str) -> list[str]:
        """The cells of the table row with this heading."""
        after = self.body.partition(f">{heading}</th>")[2].partition("</tr>")[0]
        return _read(Page("", body=after)).all("td")

    def form(self, button: str, number: int = 0) -> Form:
        """One of the forms with this button, counted from 0."""
        return [form for form in self.forms if form.button == button][number]


class Visitor:
    """Someone with cookies of their own, who is on one page at a time."""

    def __init__(self, url: str) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.page = Page(url)
        self.open("/")

    def open(self, path: str, data: Mapping[str, str] | None = None) -> Page:
        """Go to a page; with data, by a POST. An error page is a page too."""
        self.page = _read(self._fetch(path, data))
        return self.page

    def follow(self, link: str) -> Page:
        return self.open(self.page.links[link])

    def submit(self, button: str, values: Mapping[str, str | bool] | None = None, *, number: int = 0) -> Page:
        """Fill in controls by their labels and press the button; True ticks a box or chooses a radio button."""
        form = self.page.form(button, number)
        sent = dict(form.values)
        for label, value in (values or {}).items():
            name, ticked = form.controls[label]
            sent[name] = ticked if value is True else str(value)
        if form.method == "post":
            return self.open(form.action, sent)
        return self.open(f"{form.action}?{urlencode(sent)}")

    def json(self, path: str, data: Mapping[str, str] | None = None) -> Any:
        """The answer to a script; the visitor stays on the page."""
        return json.loads(self._fetch(path, data, Accept="application/json").body)

    def _fetch(self, path: str, data: Mapping[str, str] | None, **headers: str) -> Page:
        body = None if data is None else urlencode(data).encode()
        request = Request(urljoin(self.page.address, path), body, headers)
        try:
            answer = self._opener.open(request, timeout=REPLY_SECONDS)
        except HTTPError as error:
            answer = error
        with answer:
            return Page(answer.url, answer.status, answer.read().decode())


def _read(page: Page) -> Page:
    reader = _Reader(page)
    reader.feed(page.body)
    reader.close()
    return page


class _Reader(HTMLParser):
    """Fills a page's texts, links and forms from its HTML."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._form = Form()
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._ids: dict[str, tuple[str, str]] = {}
        self._wrapped: tuple[str, str] | None = None
        self._select = ""
        self._in_option = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._form = Form(attributes["action"], attributes.get("method", "get"))
                self._page.forms.append(self._form)
            case "label":
                self._wrapped = None
            case "input" | "select" | "textarea":
                self._control(tag, attributes)
            case "option":
                self._in_option = True
                if "selected" in attributes or self._select not in self._form.values:
                    self._form.values[self._select] = attributes["value"]
        if tag in TOLD_APART or "role" in attributes:
            self._open.append((tag, attributes, []))

    def handle_data(self, data: str) -> None:
        if not self._in_option:
            for _, _, text in self._open:
                text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "option":
            self._in_option = False
        elif tag == "form":
            self._label_by_id()
        if not self._open or self._open[-1][0] != tag:
            return
        _, attributes, parts = self._open.pop()
        text = "".join(parts).strip()
        for kind in {tag, attributes.get("role", tag)}:
            self._page.texts.setdefault(kind, []).append(text)
        if tag == "a":
            self._page.links.setdefault(text, attributes["href"])
        elif tag == "button":
            self._form.button = text
        elif tag == "label" and self._wrapped:
            self._form.controls[text] = self._wrapped
        elif tag == "label":
            self._form.controls[text] = (f"#{attributes['for']}", "")

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        name, kind = attributes["name"], attributes.get("type", tag)
        value = attributes.get("value", "")
        self._wrapped = (name, value)
        self._ids[f"#{attributes.get('id', '')}"] = (name, value)
        if tag == "select":
            self._select = name
        elif kind not in ("radio", "checkbox") or "checked" in attributes:
            self._form.values[name] = value

    def _label_by_id(self) -> None:
        for label, (name, _) in self._form.controls.items():
            self._form.controls[label] = self._ids.get(name, self._form.controls[label])
