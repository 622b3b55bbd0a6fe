"""The flow language: what a generated test does and expects, as plain data.

The miners write flows, the player acts them out in a browser, the prover leaves actions out, and the printers
turn them into a Markdown plan and Playwright tests. ``model.json`` stores them.

``Text`` is a string with references: ``${uid}`` (unique for each run of a test, ``[a-z0-9]{8,}``), ``${username}``
and ``${password}`` (the sign-in data, which only the environment of a run knows) and ``${name}`` for a text that a
``Remember`` action kept. A literal ``${`` is written ``$${``.
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


# --- what elements are known by ------------------------------------------------------------------------------------


class Fingerprint(Data, frozen=True):
    """What an element was like when it was seen, to find it again when its locator finds it no more.

    Numbers in texts that have letters are written ``#``, and what is new in each run as references.
    """

    role: str = ""
    name: str = ""
    level: int | None = None
    placeholder: str = ""
    text: str = ""
    """What it says, if that is not its name."""
    landmark: str = ""
    headings: tuple[str, ...] = ()
    """What it stands under, nearest first."""
    around: tuple[str, ...] = ()
    """Roles of what it is in, nearest first."""
    row: str = ""
    """What names the row, item or card that it is in."""
    neighbours: tuple[str, ...] = ()
    """Names of the controls just before and after it."""
    others: tuple[str, ...] = ()
    """Names of the other elements of its kind on the page, the nearest first: they never are it."""
    tokens: tuple[str, ...] = ()
    """Words of its ``id``, ``name``, ``type``, ``href`` and test id, sorted."""
    order: int = 0
    """Which one of its kind it is in its form, list or landmark, from 0."""


class Located(Data, frozen=True):
    """An element that a flow acts on or looks at."""

    locator: Locator
    fingerprint: Fingerprint


# --- flows -------------------------------------------------------------------------------------------------------


class Proof(Data, frozen=True):
    """What showed that an expectation can fail."""

    left_out: str
    """The action that was left out, in words, such as ``click button "Add to cart"``."""
    failure: str
    """How the expectation failed then, one line."""


class Expectation(Data, frozen=True):
    """One assertion, with the words that the plan uses for it."""

    check: Check
    text: str
    outcome: bool = True
    """It was false before the step's actions, which made it true, and the flow is about it."""
    proof: Proof | None = None


class Step(Data, frozen=True):
    """One step of a plan: things to do, then things to expect."""

    title: str
    actions: tuple[Action, ...] = ()
    expectations: tuple[Expectation, ...] = ()


class Flow(Data, frozen=True):
    """One test."""

    id: str
    """Stable, kebab-case, unique in the model; also the name of the test's file."""
    suite: str
    """Describe title, such as ``Cart``."""
    title: str
    steps: tuple[Step, ...]
    tags: tuple[str, ...] = ()
    """Such as ``@smoke``, ``@auth``, ``@form``, ``@cart``, ``@negative``."""
    session: Literal["anonymous", "stored", "fresh"] = "anonymous"
    """``stored``: starts from the storage state of the set-up project; for flows that only read. ``fresh``: signs in by
    itself first, so that what it changes in its session meets no other test."""
    elements: tuple[Located, ...] = ()
    """What its elements were like when they were seen, as far as a locator finds just one."""
    patient: bool = False
    """It signs in where the app limits how often one may do that, so it is acted out again until it is let in."""
    bare: bool = False
    """What it expects is on other pages too, so nothing but a blank page can stand in for the one that it opens first,
    and where it only opens pages, for each of them."""


class SignInRecipe(Data, frozen=True):
    """How to sign in, for the set-up project and for ``fresh`` flows."""

    actions: tuple[Action, ...]
    success: Expectation
    limited: bool = False
    """The app limits how often one may sign in: tests have to wait for their turn."""


class Skipped(Data, frozen=True):
    """Something the explorer did not cover, and why."""

    what: str
    why: str


class Model(Data, frozen=True):
    """What the explorer learnt of an app: the content of ``specs/model.json``."""

    app_url: str
    title: str
    overview: str
    flows: tuple[Flow, ...]
    sign_in: SignInRecipe | None = None
    findings: tuple[Seen, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    pages: tuple[str, ...] = ()
    """URL templates seen, such as ``/product/:id``, sorted."""
    truncated: bool = False
    """The safety stop on time ended the exploration."""
    one_at_a_time: bool = False
    """The app fails where several things are done at the same time: tests run one after the other."""


Severity = Literal["low", "medium", "high"]
SeenKind = Literal[
    "server_error",
    "broken_link",
    "missing_resource",
    "script_error",
    "dead_button",
    "silent_rejection",
    "accessibility",
    "unlabelled_control",
]


class Seen(Data, frozen=True):
    """Something wrong or doubtful in the app; see ``Finding`` in the domain."""

    kind: SeenKind
    severity: Severity
    url: str
    title: str
    steps: tuple[str, ...] = ()
