"""What a generated test does and expects, as plain data.

The miners write flows, the player acts them out in a browser, the prover leaves actions out, and the printers
turn them into a Markdown plan and Playwright tests. ``model.json`` stores them.
"""

from __future__ import annotations

from typing import Literal

from agent_runtime_server.adapters.explorer.language import Action, Check, Data, Locator

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
    limited: bool = False
    """The app limits how often one may do this, so it is tried again, with what comes before it, until it goes well."""
    tidies: bool = False
    """It puts back what the others have changed, so it is done at the end however they went."""


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
    http_basic: bool = False
    """The app lets nobody in without a user name and a password, see RFC 7617: browsers of tests have to give them."""


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
