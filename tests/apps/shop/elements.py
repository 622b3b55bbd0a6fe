"""HTML as values: text is escaped unless it is already HTML."""

from collections.abc import Iterable
from html import escape

VOID = frozenset({"img", "input", "link", "meta"})


class Html(str):
    """A string that is markup."""

    __slots__ = ()


Child = str | None | Iterable[str | None]


def element(tag: str, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element. A child may be text, HTML, a list of both, or None for nothing.

    Attributes are written with `_` for `-`, and one at the end for Python's own words (`class_`, `for_`).
    True gives a bare attribute; None and False give none.
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    return Html(opening if tag in VOID else f"{opening}{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """The children one after another, without an element round them."""
    return Html("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    match child:
        case None:
            return ""
        case Html():
            return child
        case str():
            return escape(child)
        case _:
            return "".join(_child(part) for part in child)


def _attribute(name: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
