"""What is on a page: Chromium's accessibility tree joined with the facts of the DOM, in two calls.

Roles and names come from the accessibility tree, because tests find elements by them. Types, limits, link targets and
grouping come from the DOM snapshot. Both name each node by its backend id, so the join is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from playwright.async_api import CDPSession

from agent_runtime_server.adapters.explorer.element import Element, tidy
from agent_runtime_server.adapters.explorer.view import View

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


async def perceive(session: CDPSession, url: str) -> View:
    """Look at the page of a DevTools session. ``url`` is the page's URL."""
    snapshot = await session.send("DOMSnapshot.captureSnapshot", {"computedStyles": ["visibility", "cursor"]})
    tree = await session.send("Accessibility.getFullAXTree")
    return build_view(url, snapshot, tree)


def build_view(url: str, snapshot: Mapping[str, Any], tree: Mapping[str, Any]) -> View:
    """Join a DOM snapshot with an accessibility tree, as the DevTools protocol gives them."""
    strings: list[str] = [*snapshot["strings"], ""]  # an index of -1 is no string
    document = snapshot["documents"][0]
    nodes = document["nodes"]
    shown = _shown(document["layout"], strings)
    closed = _in_closed_roots(nodes["shadowRootType"], strings)
    spoken = {node["backendDOMNodeId"]: node for node in tree["nodes"] if "backendDOMNodeId" in node}
    checked = {*nodes["inputChecked"]["index"], *nodes.get("optionSelected", {}).get("index", ())}
    values = {
        index: strings[value]
        for group in ("inputValue", "textValue")
        for index, value in zip(nodes[group]["index"], nodes[group]["value"], strict=True)
    }
    root = Element(tag="#root", attrs={}, role="document")
    sealed: dict[int, Element] = {}
    built: dict[int, Element] = {}
    for index, (parent, kind) in enumerate(zip(nodes["parentIndex"], nodes["nodeType"], strict=True)):
        above = built.get(parent, root if parent <= 0 else None)
        if above is None:
            continue
        if index in closed and parent not in closed:
            above = sealed.setdefault(parent, Element(tag="#shadow", attrs={}, parent=above))
        if kind == _TEXT:
            above.parts.append(strings[nodes["nodeValue"][index]])
        elif kind == _ELEMENT:
            tag = strings[nodes["nodeName"][index]].lower()
            if tag in _OMITTED_TAGS or tag.startswith("::"):
                continue
            raw = nodes["attributes"][index]
            element = Element(
                tag=tag,
                attrs={
                    strings[key]: strings[value] if value >= 0 else ""
                    for key, value in zip(raw[::2], raw[1::2], strict=True)
                },
                parent=above,
                visible=index in shown,
                area=shown[index].area if index in shown else 0.0,
                grabbed=index in shown and shown[index].grabbed,
                value=values.get(index, ""),
                checked=index in checked,
            )
            _add_speech(element, spoken.get(nodes["backendNodeId"][index]))
            above.parts.append(element)
            built[index] = element
        elif parent >= 0:
            built[index] = above
    _add_labels(built.values())
    _take_style_off(built.values())
    _fold(built.values())
    return View(url=url, title=tidy(strings[document["title"]]), root=root, sealed=tuple(sealed.values()))


def _add_labels(elements: Iterable[Element]) -> None:
    """What is written in the label of each field: one that names it, or one around it."""
    identified = {each.attrs["id"]: each for each in elements if each.is_field and "id" in each.attrs}
    for label in [each for each in elements if each.tag == "label"]:
        around = next((each for each in label.walk() if each.tag == "input" and each.is_field), None)
        field = identified.get(label.attrs["for"]) if "for" in label.attrs else around
        if field is not None and not field.label:
            field.label = label.text


def _take_style_off(elements: Iterable[Element]) -> None:
    """Names as they are written, which is how tests look for them: a style sheet may show them in capital letters."""
    for element in elements:
        if not element.name or "aria-label" in element.attrs or "aria-labelledby" in element.attrs:
            continue
        text = element.label if element.is_field else element.text
        if not text or text in element.name:
            continue
        before, same, after = element.name.casefold().partition(text.casefold())
        if same and len(before + same + after) == len(element.name) and len(same) == len(text):
            element.name = element.name[: len(before)] + text + element.name[len(before) + len(same) :]


def _fold(elements: Iterable[Element]) -> None:
    """What is in closed details is not shown, though it may have a place in the layout."""
    for details in elements:
        if details.tag == "details" and "open" not in details.attrs:
            summary = next((each for each in details.children if each.tag == "summary"), None)
            for child in details.children:
                if child is not summary:
                    for each in child.walk():
                        each.visible = False


class _Box(NamedTuple):
    area: float
    grabbed: bool


def _shown(layout: Mapping[str, Any], strings: list[str]) -> dict[int, _Box]:
    return {
        index: _Box(bounds[2] * bounds[3], bool(styles) and strings[styles[1]] in ("grab", "grabbing", "move"))
        for index, styles, bounds in zip(layout["nodeIndex"], layout["styles"], layout["bounds"], strict=True)
        if not styles or strings[styles[0]] == "visible"
    }


def _in_closed_roots(types: Mapping[str, Any], strings: list[str]) -> set[int]:
    return {index for index, kind in zip(types["index"], types["value"], strict=True) if strings[kind] == "closed"}


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
