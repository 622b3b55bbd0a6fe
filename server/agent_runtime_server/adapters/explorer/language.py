"""The words of the flow language: where an element is, what is done, and what is expected, as plain data.

``Text`` is a string with references: ``${uid}`` (unique for each run of a test, ``[a-z0-9]{8,}``), ``${username}``
and ``${password}`` (the sign-in data, which only the environment of a run knows) and ``${name}`` for a text that a
``RememberText`` action kept. A literal ``${`` is written ``$${``.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

_KIND = "kind"
Text = str


class Data(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all flow values: immutable, and strict when read back."""


class Locator(Data, frozen=True, omit_defaults=True):
    """Where an element is, in the words of Playwright's locators."""

    by: Literal["role", "label", "placeholder", "text", "test_id", "css"]
    value: Text
    """The role for ``role``, the text for ``label``, ``placeholder`` and ``text``, else the id or the selector."""
    name: Text | None = None
    """Accessible name; with ``by="role"`` only."""
    exact: bool = True
    level: int | None = None
    """Heading level; with role ``heading`` only."""
    has: Locator | None = None
    """Keep the matches that contain this one."""
    has_text: Text | None = None
    within: Locator | None = None
    """Look inside this element only."""


# --- numbers -----------------------------------------------------------------------------------------------------


class Literally(Data, frozen=True, tag_field=_KIND, tag="literally"):
    """A number known when the flow was written."""

    value: float


class Recall(Data, frozen=True, tag_field=_KIND, tag="recall"):
    """A number that a ``Remember`` action kept."""

    name: str


class NumberIn(Data, frozen=True, tag_field=_KIND, tag="number_in"):
    """The first number, money included, in the text of one element (or the value of a field)."""

    target: Locator


class SumOf(Data, frozen=True, tag_field=_KIND, tag="sum_of"):
    """The sum of the first number in each matching element."""

    target: Locator


class CountOf(Data, frozen=True, tag_field=_KIND, tag="count_of"):
    """How many elements match."""

    target: Locator


class Plus(Data, frozen=True, tag_field=_KIND, tag="plus"):
    """Sum of two numbers."""

    left: Number
    right: Number


class Minus(Data, frozen=True, tag_field=_KIND, tag="minus"):
    """Difference of two numbers."""

    left: Number
    right: Number


class Times(Data, frozen=True, tag_field=_KIND, tag="times"):
    """Product of two numbers."""

    left: Number
    right: Number


Number = Literally | Recall | NumberIn | SumOf | CountOf | Plus | Minus | Times


# --- actions -----------------------------------------------------------------------------------------------------


class Goto(Data, frozen=True, tag_field=_KIND, tag="goto"):
    """Open a path of the app, relative to its base URL: ``/`` or ``/search?q=x``."""

    path: Text


class Click(Data, frozen=True, tag_field=_KIND, tag="click"):
    """Click an element; ``double`` clicks it twice."""

    target: Locator
    double: bool = False


class Hover(Data, frozen=True, tag_field=_KIND, tag="hover"):
    """Move the mouse over an element, as some controls are shown only then."""

    target: Locator


class Fill(Data, frozen=True, tag_field=_KIND, tag="fill"):
    """Replace the text of a field."""

    target: Locator
    value: Text


class Choose(Data, frozen=True, tag_field=_KIND, tag="choose"):
    """Choose an option of a select by its label."""

    target: Locator
    option: Text


class SetChecked(Data, frozen=True, tag_field=_KIND, tag="set_checked"):
    """Tick or clear a checkbox, or choose a radio button."""

    target: Locator
    checked: bool = True


class Press(Data, frozen=True, tag_field=_KIND, tag="press"):
    """Press a key, such as ``Enter``, in an element."""

    target: Locator
    key: str


class Reload(Data, frozen=True, tag_field=_KIND, tag="reload"):
    """Load the page again."""


class Remember(Data, frozen=True, tag_field=_KIND, tag="remember"):
    """Keep a number under a name for ``Recall`` in later steps."""

    name: str
    number: Number


class RememberText(Data, frozen=True, tag_field=_KIND, tag="remember_text"):
    """Keep the text of an element under a name, for ``${name}`` in later texts."""

    name: str
    target: Locator


Action = Goto | Click | Hover | Fill | Choose | SetChecked | Press | Reload | Remember | RememberText


# --- checks ------------------------------------------------------------------------------------------------------


class IsVisible(Data, frozen=True, tag_field=_KIND, tag="is_visible"):
    """The element is on the page and visible."""

    target: Locator


class IsHidden(Data, frozen=True, tag_field=_KIND, tag="is_hidden"):
    """No such element is visible."""

    target: Locator


class HasText(Data, frozen=True, tag_field=_KIND, tag="has_text"):
    """The element's text is, or with ``exact`` off contains, this text."""

    target: Locator
    text: Text
    exact: bool = False


class HasValue(Data, frozen=True, tag_field=_KIND, tag="has_value"):
    """The field holds this text."""

    target: Locator
    value: Text


class EachHasText(Data, frozen=True, tag_field=_KIND, tag="each_has_text"):
    """At least one element matches, and every match contains the text, whatever its case."""

    target: Locator
    text: Text


class IsInvalid(Data, frozen=True, tag_field=_KIND, tag="is_invalid"):
    """The browser's own validation refuses the field's value."""

    target: Locator


class IsChecked(Data, frozen=True, tag_field=_KIND, tag="is_checked"):
    """The checkbox or radio button is in this state."""

    target: Locator
    checked: bool = True


class IsDisabled(Data, frozen=True, tag_field=_KIND, tag="is_disabled"):
    """The control cannot be used."""

    target: Locator


class HasOutline(Data, frozen=True, tag_field=_KIND, tag="has_outline"):
    """The element's accessibility tree has these parts, in this order."""

    target: Locator
    outline: str
    """YAML, as Playwright's ``toMatchAriaSnapshot`` takes it."""


class UrlIs(Data, frozen=True, tag_field=_KIND, tag="url_is"):
    """The path and query of the page's URL match; ``*`` stands for any characters but ``/``."""

    pattern: str


class Equals(Data, frozen=True, tag_field=_KIND, tag="equals"):
    """Two numbers are equal to half a cent."""

    left: Number
    right: Number


class InOrder(Data, frozen=True, tag_field=_KIND, tag="in_order"):
    """The first numbers in the matching elements never fall from one to the next, and are not all the same.

    ``descending``: they never rise.
    """

    target: Locator
    descending: bool = False


Check = (
    IsVisible
    | IsHidden
    | HasText
    | HasValue
    | EachHasText
    | IsInvalid
    | HasOutline
    | IsChecked
    | IsDisabled
    | UrlIs
    | Equals
    | InOrder
)
